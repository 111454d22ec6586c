"""`manage.py restore_test`: restore a backup in this process and compare it with what was backed up."""

from typing import Any

from django.core.management.base import CommandParser

from backups.foreground import Watch, try_restore_now
from opsconsole.commands import OperationCommand


class Command(OperationCommand):
    """Tests a restore from a shell."""

    help = (
        "Restore a backup, in a scratch database if it is one of the database, and compare it with what was backed up. "
        "It is done in this process: no worker and no broker is needed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        super().add_arguments(parser)
        parser.add_argument(
            "backup_run_id", type=int, nargs="?", help="none for the newest one, of the database if there is one"
        )
        parser.add_argument(
            "--all-files", action="store_true", help="compare all attachments of a snapshot, not just some"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Test it and say how it went."""
        with self.refusals():
            verdict = try_restore_now(
                options["backup_run_id"],
                Watch(),
                all_files=options["all_files"],
                actor=self.actor(),
                reason=options["reason"],
            )
        self.stdout.write(verdict)
