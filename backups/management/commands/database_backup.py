"""`manage.py database_backup`: dump the database in this process."""

from typing import Any

from backups.foreground import Watch, back_up_now
from backups.models import DATABASE
from opsconsole.commands import OperationCommand


class Command(OperationCommand):
    """Makes a backup from a shell."""

    help = "Dump the database into the backups folder, in this process: no worker and no broker is needed."

    def handle(self, *args: Any, **options: Any) -> None:
        """Make it and say what was made."""
        with self.refusals():
            made = back_up_now(DATABASE, Watch(), actor=self.actor(), reason=options["reason"])
        self.stdout.write(made)
