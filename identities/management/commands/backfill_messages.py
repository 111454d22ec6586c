"""`manage.py backfill_messages`: import the messages of conversations."""

from typing import Any

from django.core.management.base import CommandParser

from identities.choosing import MAX_CONVERSATIONS
from identities.operations import backfill_messages
from opsconsole.commands import OperationCommand


class Command(OperationCommand):
    """Starts backfills of conversations from a shell."""

    help = f"Import the messages of 1 to {MAX_CONVERSATIONS} conversations."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        super().add_arguments(parser)
        parser.add_argument("conversation_id", type=int, nargs="+")

    def handle(self, *args: Any, **options: Any) -> None:
        """Start the backfill and say what happened."""
        with self.refusals():
            submitted = backfill_messages(
                conversation_ids=options["conversation_id"], actor=self.actor(), reason=options["reason"]
            )
        self.stdout.write(f"Run {submitted.run_id}: {submitted.message}")
