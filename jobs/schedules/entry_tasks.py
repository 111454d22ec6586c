"""Entry tasks: what beat may start. Each calls an operation, so that every run of a schedule is a job of the ledger.

An application registers its own here; what a person starts by “run now” is then the same operation, in that person's
name.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog

from jobs.receipts import Submitted
from jobs.schedules.arguments import bind
from opsconsole.audit import Actor, Entity, record_refusal
from opsconsole.errors import OpsError

logger = structlog.get_logger(__name__)

# The audit log's action of what starts a schedule's work.
RUN: Final = "schedule.run"


@dataclass(frozen=True, kw_only=True)
class EntryTask:
    """A task that beat may start.

    Attributes:
        task: the Celery task's name.
        title: what it does, for people.
        parameters: the keyword arguments that it takes, in the order in which it takes them as positional ones.
        start: the operation: takes the arguments, and `actor` and `reason`; None when there was nothing to do. It
            writes its refusals to the audit log, also those of arguments of a wrong kind.
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


def begin(request: Any, positional: Sequence[Any], arguments: Mapping[str, Any]) -> None:
    """Do what a message to an entry task asks for: the whole body of its Celery task.

    A refusal is logged and written to the audit log, and that is all: the same message could only be refused again.

    Args:
        request: the Celery task's request, which knows the task's name and who sent the message.
        positional: the message's arguments.
        arguments: its keyword arguments.
    """
    task = str(request.task)
    schedule = vars(request).get("periodic_task_name")
    actor = Actor.system("beat" if schedule else "task")
    entry_task = _registered[task]
    try:
        bound = bind(entry_task.parameters, positional, arguments)
    except OpsError as refusal:
        asked = {"task": task, "schedule": schedule, "args": list(positional), "kwargs": dict(arguments)}
        record_refusal(refusal, actor=actor, action=RUN, entity=Entity(type="periodictask"), request=asked)
        _log(refusal, task)
        return
    try:
        entry_task.start(**bound, actor=actor, reason="")
    except OpsError as refusal:
        _log(refusal, task)


def _log(refusal: OpsError, task: str) -> None:
    # The schedule's name is what somebody has typed; the audit log has it, redacted.
    logger.error("schedule.refused", task=task, code=refusal.code, reason=refusal.message)
