"""`manage.py run_sweeper`: the process that hands over, settles and tidies."""

import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from jobs.sweeper import TICK_SECONDS, Sweeper


class Command(BaseCommand):
    """Runs the sweeper until it is told to stop."""

    help = "Hand over waiting jobs, settle those that have ended; runs until SIGTERM. Any number may run at once."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("--tick", type=float, default=TICK_SECONDS, metavar="SECONDS", help="seconds between ticks")

    def handle(self, *args: Any, **options: Any) -> None:
        """Tick until SIGTERM or SIGINT."""
        stop = threading.Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: stop.set())
        self.stdout.write("Sweeper started.")
        self.stdout.flush()
        Sweeper().run(stop, tick_seconds=options["tick"])
        self.stdout.write("Sweeper stopped.")
