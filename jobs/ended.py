"""Attempts that have ended, told to whoever keeps a history of them.

What receivers write and that the attempt has been told is one transaction, so each end is told once in effect: a
process that dies in between has told nothing. A result that comes after its attempt had ended is told once more.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import structlog
from django.db import InterfaceError, OperationalError, transaction

from jobs import catalog, payloads
from jobs.budget import Budget
from jobs.models import Dispatch, Job
from opsconsole import cut_json, failpoints
from opsconsole.fields import parse_json

logger = structlog.get_logger(__name__)

BATCH_SIZE: Final = 500
# How often an attempt is told, in one process, of which a receiver can make nothing.
MAX_TRIES: Final = 3

_TOLD_OF: Final = (
    "id",
    "job_id",
    "queue",
    "task",
    "kwargs_json",
    "outcome",
    "started_at",
    "ended_at",
    "returned_at",
    "result",
    "error",
    "requested_by",
    "via",
)


@dataclass(frozen=True, kw_only=True)
class EndedAttempt:
    """An attempt that has ended, as it is known now.

    Attributes:
        dispatch_id: which one.
        job_id: its job, which may be gone.
        job_type: of its job; empty where the job is gone and no type of the catalog has its task.
        payload: of its job, any JSON value; only the ids in it if it is long. Its keyword arguments if the job is gone.
        queue: where it was sent.
        task: the Celery task's name.
        outcome: one of jobs.models.Outcome: how the attempt ended, whatever its task did afterwards.
        started_at: when it began, where that is known.
        ended_at: when it ended.
        returned_at: when its task returned after it had ended; None where it didn't.
        result: what its task returned, redacted and bounded.
        error: what went wrong, redacted.
        requested_by: who asked for it.
        via: through what.
    """

    dispatch_id: int
    job_id: int
    job_type: str
    payload: Any
    queue: str
    task: str
    outcome: str
    started_at: datetime | None
    ended_at: datetime
    returned_at: datetime | None
    result: Any
    error: str | None
    requested_by: str
    via: str


Receiver = Callable[[Sequence[EndedAttempt]], None]

_receivers: list[Receiver] = []
_failures: Counter[int] = Counter()


def register(receiver: Receiver) -> None:
    """Have a receiver told of every attempt that ends, within the transaction that marks it as told.

    It has to be idempotent: an attempt can be told again, changed or not.
    """
    if receiver not in _receivers:
        _receivers.append(receiver)


def tell(limit: int = BATCH_SIZE, *, budget: Budget | None = None) -> int:
    """Tell the receivers of attempts that have ended, oldest first; one query when there is none.

    An attempt that a receiver can't handle doesn't hold up the others. After a few tries it is given up and logged. Any
    number of sweepers may do this at once, each with other attempts.

    Args:
        limit: the maximum number of attempts.
        budget: the time limit for telling of them one by one, after telling of all together has failed.

    Returns:
        How many attempts are finished: told, or given up.
    """
    untold = Dispatch.objects.filter(ended_at__isnull=False, told=False).order_by("pk")
    if not untold.values("pk")[:1]:
        return 0
    with transaction.atomic():
        rows = list(untold.select_for_update(skip_locked=True).values(*_TOLD_OF)[:limit])
        told = _deliver(_attempts(rows), budget or Budget())
        Dispatch.objects.filter(pk__in=told).update(told=True)
        failpoints.reach("tell.before_commit")
    return len(told)


def _attempts(rows: Sequence[dict[str, Any]]) -> list[EndedAttempt]:
    found = Job.objects.filter(pk__in={row["job_id"] for row in rows}).annotate(payload=payloads.expression())
    jobs = {
        pk: (job_type, cut_json.parse(payload).value)
        for pk, job_type, payload in found.values_list("pk", "job_type", "payload")
    }
    attempts = []
    for row in rows:
        arguments = row.pop("kwargs_json")
        job_type, payload = jobs.get(row["job_id"]) or _remembered(row["task"], arguments)
        attempts.append(EndedAttempt(dispatch_id=row.pop("id"), job_type=job_type, payload=payload, **row))
    return attempts


def _remembered(task: str, arguments: str) -> tuple[str, Any]:
    """Return the type and the payload of an attempt whose job is gone, as far as the attempt itself says."""
    job_type = catalog.type_of(task)
    return (job_type.name if job_type else ""), parse_json(arguments or "null")


def _deliver(attempts: Sequence[EndedAttempt], budget: Budget) -> list[int]:
    """Return the ids of those that need not be told any more."""
    if len(attempts) > 1 and _is_received(attempts):
        return [attempt.dispatch_id for attempt in attempts]
    done = []
    for attempt in attempts:
        if _is_received([attempt]) or _is_hopeless(attempt):
            done.append(attempt.dispatch_id)
        if budget.is_spent:
            break
    return done


def _is_received(attempts: Sequence[EndedAttempt]) -> bool:
    """Tell all receivers; whether none of them failed. What they have written stays only then."""
    try:
        with transaction.atomic():
            for receiver in _receivers:
                receiver(attempts)
    except (OperationalError, InterfaceError):
        # That is the database's state, not the attempts': all of them are told later.
        raise
    except Exception:
        logger.exception("attempts.not_received", dispatches=[attempt.dispatch_id for attempt in attempts[:10]])
        return False
    for attempt in attempts:
        _failures.pop(attempt.dispatch_id, None)
    return True


def _is_hopeless(attempt: EndedAttempt) -> bool:
    """Note that an attempt could not be told; whether that was so often that it is let go of."""
    _failures[attempt.dispatch_id] += 1
    if _failures[attempt.dispatch_id] < MAX_TRIES:
        return False
    del _failures[attempt.dispatch_id]
    logger.error("attempt.not_told", job=attempt.job_id, dispatch=attempt.dispatch_id, tries=MAX_TRIES)
    return True
