"""Whoever watches a backup or a restore test: a job's attempt, or a person at a shell."""

from collections.abc import Callable
from typing import Protocol


class Reporter(Protocol):
    """Is told how far the work is, and says when it shall end; `jobs.ledger_task.Attempt` is one."""

    def progress(self, current: int, total: int | None = None, unit: str = "items") -> None:
        """Say how far the work is; raises where it shall end."""

    def check(self) -> None:
        """Go on, or raise where the work shall end."""

    def on_stop(self, stop: Callable[[], object]) -> None:
        """Have a function called when the work shall end: to end a child process."""
