"""An own task's hold on its job: claim, lease, end.

The dispatch is the fence: only a job's newest one can be claimed, and only once, so a message that comes twice, late
or after a cancel changes nothing. Each transition is one transaction, the job first and then its dispatch; where either
doesn't change, neither does. Leases run by the database's clock: how a worker's clock goes makes no difference.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Any, Final
from uuid import UUID

import structlog
from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef
from django.db.models.functions import Coalesce, Now

from jobs import ledger, progress
from jobs.budget import Budget
from jobs.dispatching import closing, lease_end
from jobs.models import CANCELLED, DONE, FAILED, QUEUED, RETRYING, RUNNING, Dispatch, Job, Outcome
from jobs.settling import MAX_TRACEBACK_LENGTH, bounded_result
from opsconsole import failpoints
from opsconsole.redaction import redact_text
from opsconsole.row_ids import row_id

logger = structlog.get_logger(__name__)

LEASE: Final = timedelta(seconds=45)
WORKER_LOST: Final = "The worker was lost: its lease ran out."
OUTCOME_UNKNOWN: Final = "AMBIGUOUS: The worker was lost while it ran; the outcome is unknown."


class Hold(Enum):
    """Whether an attempt still has its job."""

    HELD = "held"
    CANCEL_REQUESTED = "cancel requested"
    LOST = "lost"


@dataclass(frozen=True, kw_only=True)
class Claim:
    """An attempt that a worker has claimed."""

    job_id: int
    dispatch_id: int


def claim(*, job_id: Any, dispatch_id: Any, task_id: str, task: str, worker: str) -> Claim | None:
    """Claim the attempt that a message is about; its job is then running, with one attempt more.

    Args:
        job_id: as the message's header says.
        dispatch_id: as the message's header says.
        task_id: the message's Celery id, which must be the attempt's.
        task: the task's name, which must be the attempt's.
        worker: who claims it.

    Returns:
        None when there is nothing to claim: the attempt was claimed before, has ended or is not the job's newest one,
        the job has been cancelled, or the headers don't belong together.
    """
    job, dispatch, message = row_id(job_id), row_id(dispatch_id), _uuid(task_id)
    if job is None or dispatch is None or message is None:
        return None
    with transaction.atomic():
        before = ledger.transition(job, allowed=(QUEUED, RETRYING), to=RUNNING, add_attempt=True)
        mine = before and Dispatch.objects.filter(
            pk=dispatch, job_id=job, task_id=message, task=task, started_at=None, ended_at=None
        ).update(
            # Whoever sent it may not have known whose task it is: its catalog lacks the type.
            in_core=False,
            started_at=Now(),
            lease_until=lease_end(LEASE),
            worker=worker[:255],
            # Whoever sent it may not have come to say so, or have died before.
            published_at=Coalesce("published_at", Now()),
            check_at=None,
        )
        if not mine:
            transaction.set_rollback(True)
            return None
    failpoints.reach("claim.claimed")
    return Claim(job_id=job, dispatch_id=dispatch)


def renew(held: Claim) -> Hold:
    """Say that whoever claimed an attempt is alive, and learn whether it shall go on; one statement."""
    return _renew(held, "", [])


def report(held: Claim, *, current: int, total: int | None, unit: str) -> Hold:
    """Keep how far an attempt has come; says also that its worker is alive, as `renew` does."""
    return _renew(
        held,
        ", progress_current = %s, progress_total = %s, progress_unit = %s, progress_source = %s, progress_at = now()",
        [current, total, redact_text(unit)[: progress.MAX_UNIT_LENGTH], progress.REPORTED],
    )


def complete(held: Claim, result: Any) -> bool:
    """End an attempt whose task has returned: its job is done, also when its cancellation came too late.

    Returns:
        False when the attempt had lost its job before, to the end of its lease or to somebody's change by hand.
    """
    kept = bounded_result(result)
    with transaction.atomic():
        before = ledger.transition(held.job_id, allowed=(RUNNING,), to=DONE, last_error=None, dedupe_key=None)
        open_one = Dispatch.objects.filter(pk=held.dispatch_id, ended_at=None)
        # `F`: a task that is done has done all that it counted.
        mine = before and open_one.update(
            ended_at=Now(),
            outcome=Outcome.DONE,
            result=kept,
            lease_until=None,
            holds_place=False,
            progress_current=Coalesce(F("progress_total"), F("progress_current")),
        )
        failpoints.reach("complete.before_commit")
        if not mine:
            transaction.set_rollback(True)
    if not mine:
        _let_go(held, result=kept)
    return bool(mine)


def fail(held: Claim, *, error: str, traceback: str | None = None, permanent: bool = False) -> str | None:
    """End an attempt whose task has failed: its job is retried while it has attempts left, else failed.

    Where its cancellation was asked for, it is cancelled. A type that may take effect only once is never retried.

    Args:
        held: the attempt.
        error: what went wrong; redacted here.
        traceback: where; redacted here.
        permanent: no retry can mend it.

    Returns:
        The job's status now, or None when the attempt had lost its job before.
    """
    return _end_badly(held, error=error, traceback=traceback, permanent=permanent)


def cancel(held: Claim) -> bool:
    """End an attempt whose cancellation was asked for, once its task has stopped; False when it had lost its job."""
    return _end_badly(held, error=None) == CANCELLED


def expire(*, limit: int, budget: Budget | None = None) -> int:
    """End the attempts whose lease has expired, since their worker must be gone.

    Their jobs are retried, or cancelled if that was requested. A job that may take effect only once becomes failed:
    how far it got is unknown. Any number of sweepers may do this at once.

    Args:
        limit: the maximum number of attempts.
        budget: the time limit; without one by default. At least one attempt is ended.

    Returns:
        How many attempts were ended.
    """
    budget = budget or Budget()
    over = Dispatch.objects.filter(ended_at=None, lease_until__lt=Now()).order_by("lease_until")
    expired = 0
    for pk, job_id in over.values_list("pk", "job_id")[:limit]:
        held = Claim(job_id=job_id, dispatch_id=pk)
        status = _end_badly(held, error=WORKER_LOST, lost=True)
        expired += status is not None
        if status is None and not Job.objects.filter(pk=job_id, status=RUNNING).exists():
            _let_go(held)
        if budget.is_spent:
            break
    return expired


def _renew(held: Claim, sets: str, values: list[Any]) -> Hold:
    with connection.cursor() as cursor:
        # A row that somebody changed by hand is not this attempt's any more.
        cursor.execute(
            f"""
            UPDATE jobs_dispatch d SET lease_until = now() + make_interval(secs => %s){sets}
              FROM jobs
             WHERE d.id = %s AND d.ended_at IS NULL AND jobs.id = d.job_id AND jobs.status = %s
            RETURNING d.cancel_requested_at IS NOT NULL
            """,
            [LEASE.total_seconds(), *values, held.dispatch_id, RUNNING],
        )
        row = cursor.fetchone()
    if row is None:
        return Hold.LOST
    return Hold.CANCEL_REQUESTED if row[0] else Hold.HELD


def _end_badly(
    held: Claim, *, error: str | None, traceback: str | None = None, permanent: bool = False, lost: bool = False
) -> str | None:
    """End an attempt whose task has not returned; `error` is None when it stopped because it was told to."""
    with transaction.atomic():
        # Of many whose worker is lost, one whose row somebody holds must not keep the others waiting.
        job = _lock(held, skip_locked=lost)
        open_ones = Dispatch.objects.filter(pk=held.dispatch_id, ended_at=None)
        if lost:
            # It may have been renewed since it was found.
            open_ones = open_ones.filter(lease_until__lt=Now())
        dispatch = open_ones.select_for_update().first()
        if job is None or dispatch is None:
            return None
        status, outcome, delay = _after(job, dispatch, permanent=permanent or error is None, lost=lost)
        shown = None if status == CANCELLED and error is None else redact_text(error or "Cancelled.")
        if lost and dispatch.at_most_once and status == FAILED:
            shown = OUTCOME_UNKNOWN
        values: dict[str, Any] = {"last_error": shown[: ledger.MAX_ERROR_LENGTH] if shown else None}
        if status != RETRYING:
            values["dedupe_key"] = None
        if not ledger.transition(held.job_id, allowed=(RUNNING,), to=status, run_again_in=delay, **values):
            return None
        ended = closing(
            outcome,
            error=shown,
            traceback=redact_text(traceback)[-MAX_TRACEBACK_LENGTH:] if traceback else None,
            lease_until=None,
        )
        if delay is not None:
            ended["next_attempt_at"] = lease_end(timedelta(seconds=delay))
        open_ones.update(**ended)
    return status


def _after(job: Job, dispatch: Dispatch, *, permanent: bool, lost: bool) -> tuple[str, Outcome, int | None]:
    """Return what becomes of a job whose attempt ended badly: its status, the outcome, seconds until the next."""
    if dispatch.cancel_requested_at is not None:
        return CANCELLED, Outcome.CANCELLED, None
    if dispatch.at_most_once:
        return FAILED, Outcome.UNKNOWN if lost else Outcome.FAILED, None
    if permanent or job.attempts >= job.max_attempts:
        return FAILED, Outcome.FAILED, None
    return RETRYING, Outcome.RETRYING, ledger.retry_delay_seconds(job.attempts)


def _uuid(task_id: str) -> UUID | None:
    """Return a message's task id, or None for one that no attempt has: anybody can send a message."""
    try:
        return UUID(task_id)
    except ValueError:
        return None


def _lock(held: Claim, *, skip_locked: bool) -> Job | None:
    """Lock the attempt's job before its dispatch, the order that everybody keeps to."""
    found = Job.objects.select_for_update(skip_locked=skip_locked).filter(pk=held.job_id)
    return found.only("id", "attempts", "max_attempts").first()


def _let_go(held: Claim, **values: Any) -> None:
    """End an attempt that has lost its job to somebody's change by hand, keeping what it returned."""
    # Not by a join: the row itself may be gone.
    running = Job.objects.filter(pk=OuterRef("job_id"), status=RUNNING)
    left = Dispatch.objects.filter(~Exists(running), pk=held.dispatch_id, ended_at=None)
    if left.update(**closing(Outcome.SUPERSEDED, lease_until=None, **values)):
        logger.warning("attempt.lost_its_job", job=held.job_id, dispatch=held.dispatch_id)
