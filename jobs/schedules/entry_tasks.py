"""Entry tasks: what beat may start. Each calls an operation, so that every run of a schedule is a job of the ledger.

An application registers its own here; what a person starts by “run now” is then the same operation, in that person's
name.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from jobs.receipts import Submitted


@dataclass(frozen=True, kw_only=True)
class EntryTask:
    """A task that beat may start.

    Attributes:
        task: the Celery task's name.
        title: what it does, for people.
        parameters: the keyword arguments that it takes, in the order in which it takes them as positional ones.
        start: the operation: takes the arguments, and `actor` and `reason`; None when there was nothing to do.
    """

    task: str
    title: str
    parameters: tuple[str, ...]
    start: Callable[..., Submitted | None]


_registered: dict[str, EntryTask] = {}


def register(entry_task: EntryTask) -> None:
    """Say what stands behind an entry task."""
    _registered[entry_task.task] = entry_task


def find(task: str) -> EntryTask | None:
    """Return what stands behind a task, or None when it is no entry task."""
    return _registered.get(task)


def registered() -> Mapping[str, EntryTask]:
    """Return all entry tasks by name."""
    return _registered
