"""The console's processes as children of a test, against the test's database and Redis."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from devserver.child import dying_with_parent, kill_session, stop
from tests.waiting import PATIENCE, wait_until

PROJECT = Path(__file__).resolve().parent.parent


class Child:
    """One process, with all that it prints in a log file."""

    def __init__(self, name: str, argv: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        """Start it.

        Args:
            name: For failures.
            argv: Arguments of this Python.
            environment: On top of the test's own.
            log: Where its lines go.
        """
        self.name = name
        self.log = log
        with log.open("ab") as file:
            self.process = subprocess.Popen(
                [sys.executable, *argv],
                env={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
                cwd=PROJECT,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=dying_with_parent(signal.SIGTERM),  # noqa: PLW1509 - it calls one function of the C library
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    @property
    def output(self) -> str:
        """Return the process's output so far; only whole lines while it runs."""
        running = self.running
        text = self.log.read_text(encoding="utf-8", errors="replace")
        return text[: text.rfind("\n") + 1] if running else text

    def wait_for(self, pattern: str | re.Pattern[str], *, timeout: float = PATIENCE) -> None:
        """Wait until it has printed something; fails at once when it ends before."""

        def printed() -> bool:
            # Asked first: what it printed before it ended is there when it has ended.
            running = self.running
            if re.search(pattern, self.output):
                return True
            if not running:
                raise AssertionError(f"{self.name} ended with {self.process.returncode}:\n{self.output[-5000:]}")
            return False

        try:
            wait_until(printed, timeout=timeout)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.name} did not print {pattern!r}:\n{self.output[-5000:]}") from None

    def ask_to_stop(self) -> None:
        """Ask it to stop, without waiting."""
        if self.running:
            self.process.send_signal(signal.SIGTERM)

    def stop(self, *, grace: float = PATIENCE) -> bool:
        """Ask it to stop and wait; returns whether it did so in time."""
        return stop(self.process, signal.SIGTERM, grace=grace)

    def kill(self) -> None:
        """Kill it and all that it started, as a crash would."""
        kill_session(self.process)
        self.process.wait()
