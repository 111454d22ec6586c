"""Own tasks that leave their traces in files, which outlive a crash of the database and of Redis alike."""

import time
from pathlib import Path
from typing import Any

from celery import shared_task

from jobs.ledger_task import Attempt, LedgerTask

QUEUE = "opsconsole"
_TYPES: dict[str, dict[str, Any]] = {
    "tests.mark": {"max_attempts": 3},
    "tests.mark_once": {"task": "tests.mark", "at_most_once": True, "max_attempts": 1},
    "tests.hold": {"max_attempts": 3},
    "tests.hold_once": {"task": "tests.hold", "at_most_once": True, "max_attempts": 1},
}
TYPES = {name: {"task": name, "queue": QUEUE, "in_core": False, **more} for name, more in _TYPES.items()}


class Traces:
    """What tasks have left in a folder, by the names that they were given.

    Args:
        folder: theirs; it must exist.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def began(self, name: str) -> int:
        """How often a task of that name has begun."""
        return self._lines(f"{name}.began")

    def done(self, name: str) -> int:
        """How often a task of that name has taken effect."""
        return self._lines(f"{name}.done")

    def let_go(self, name: str) -> None:
        """Let the task that waits under that name go on."""
        (self.folder / f"{name}.go").touch()

    def may_go(self, name: str) -> bool:
        return (self.folder / f"{name}.go").exists()

    def leave(self, file: str, attempt: Attempt) -> None:
        # One write each: nothing is lost between several processes.
        with (self.folder / file).open("a") as traces:
            traces.write(f"{attempt.job_id}\n")

    def _lines(self, file: str) -> int:
        path = self.folder / file
        return len(path.read_text().splitlines()) if path.exists() else 0


@shared_task(base=LedgerTask, name="tests.mark")
def mark(attempt: Attempt, folder: str, name: str) -> dict[str, Any]:
    traces = Traces(Path(folder))
    traces.leave(f"{name}.began", attempt)
    traces.leave(f"{name}.done", attempt)
    return {"marked": 1}


@shared_task(base=LedgerTask, name="tests.hold")
def hold(attempt: Attempt, folder: str, name: str) -> dict[str, Any]:
    traces = Traces(Path(folder))
    traces.leave(f"{name}.began", attempt)
    while not traces.may_go(name):
        attempt.check()
        time.sleep(0.02)
    traces.leave(f"{name}.done", attempt)
    return {"held": 1}
