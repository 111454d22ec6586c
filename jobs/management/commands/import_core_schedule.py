"""`manage.py import_core_schedule`: have the console's beat start what the core's own beat starts."""

from typing import Any

from django.core.management.base import CommandParser

from jobs.schedules.core_schedule import import_core_schedule
from opsconsole.commands import OperationCommand


class Command(OperationCommand):
    """Makes the entries of the core's schedule that are missing."""

    help = (
        "Make the entries of the core's own schedule as periodic tasks of the console, so that each run is a job. "
        "What is there already stays as it is."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        super().add_arguments(parser)
        parser.add_argument("--disabled", action="store_true", help="make them switched off")
        parser.add_argument("--dry-run", action="store_true", help="only say what would be made")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make what is missing, and say so."""
        enabled, dry_run = not options["disabled"], options["dry_run"]
        with self.refusals():
            imported = import_core_schedule(
                enabled=enabled, dry_run=dry_run, actor=self.actor(), reason=options["reason"]
            )
        for name in imported.there:
            self.stdout.write(f"There already, and left as it is: {name}")
        verb = "Would be made" if dry_run else "Made"
        for name in imported.made:
            self.stdout.write(f"{verb}, {'on' if enabled else 'off'}: {name}")
        if not imported.made:
            self.stdout.write("Nothing to do: all of the core's entries are there.")
        if imported.left:
            self.stdout.write(f"Not started by this console: {', '.join(imported.left)}.")
            self.stdout.write(
                "Keep the core's own beat running to start them. Until you stop it, entries that are on here run twice."
            )
            self.stdout.write("Stop the core's own beat once all of its entries are on here.")
        elif dry_run:
            self.stdout.write("After the import, you can stop the core's own beat.")
        else:
            self.stdout.write("Stop the core's own beat now: while it runs too, everything is started by both.")
