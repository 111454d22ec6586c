"""`manage.py backfill_conversations`: import the full history of identities."""

from typing import Any

from django.core.management.base import CommandParser

from identities.operations import backfill_conversations
from opsconsole.commands import OperationCommand


class Command(OperationCommand):
    """Starts backfills from a shell."""

    help = "Import the full history of the named identities, or of all active ones."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        super().add_arguments(parser)
        parser.add_argument("identity_id", type=int, nargs="*", help="none for all active identities")

    def handle(self, *args: Any, **options: Any) -> None:
        """Start the backfill and say what happened."""
        with self.refusals():
            submitted = backfill_conversations(
                identity_ids=options["identity_id"] or None, actor=self.actor(), reason=options["reason"]
            )
        self.stdout.write(f"Run {submitted.run_id}: {submitted.message}")
