"""`manage.py sync_identities`: fetch what is new for identities."""

from typing import Any

from django.core.management.base import CommandParser

from identities.operations import sync_identities
from opsconsole.commands import OperationCommand


class Command(OperationCommand):
    """Starts syncs from a shell."""

    help = "Fetch what is new for the named identities, or for all active ones."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        super().add_arguments(parser)
        parser.add_argument("identity_id", type=int, nargs="*", help="none for all active identities")

    def handle(self, *args: Any, **options: Any) -> None:
        """Start the syncs and say what happened."""
        with self.refusals():
            submitted = sync_identities(
                identity_ids=options["identity_id"] or None, actor=self.actor(), reason=options["reason"]
            )
        self.stdout.write(f"Run {submitted.run_id}: {submitted.message}")
