"""`manage.py run_sweeper`: the process that hands over, settles and tidies."""

import signal
import threading
from typing import Any

import structlog
from django.core.management.base import BaseCommand, CommandParser

from jobs.sweeper import TICK_SECONDS, Sweeper
from opsconsole.log_context import acting

logger = structlog.get_logger(__name__)


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
        with acting(name="sweeper", via="sweeper"):
            logger.info("Sweeper started.", tick_seconds=options["tick"])
            Sweeper().run(stop, tick_seconds=options["tick"])
            logger.info("Sweeper stopped.")
