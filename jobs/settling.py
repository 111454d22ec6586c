"""Settling core jobs: the core's worker knows nothing of the ledger, so the console writes what became of them.

Each transition is one transaction: the conditional UPDATE of the job first, then of its dispatch. A job that somebody
else has ended meanwhile keeps its status; what its task returned is still kept in the attempt's history.
"""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import structlog
from django.db import transaction
from django.db.models import Value
from django.db.models.functions import Coalesce, Greatest, Least, Now

from jobs import catalog, ledger, progress
from jobs.dispatching import lease_end
from jobs.gateway import ActiveTask, TaskState
from jobs.handover import CHECK_AFTER
from jobs.models import ACTIVE_STATUSES, DONE, FAILED, QUEUED, RETRYING, RUNNING, Dispatch, Job, Outcome
from jobs.outcomes import Verdict, judge
from jobs.retry_rules import AMBIGUOUS
from opsconsole import failpoints
from opsconsole.redaction import redact, redact_text

logger = structlog.get_logger(__name__)

MAX_RESULT_BYTES: Final = 64 * 1024
MAX_TRACEBACK_LENGTH: Final = 20_000


def mark_started(dispatch: Dispatch, task: ActiveTask) -> bool:
    """Note that a worker is running the task of a dispatch: its job is running, with one attempt more.

    Returns:
        Whether this call changed anything.
    """
    started_at = task.started_at or Now()
    writes_row = writes_its_row(dispatch)
    with transaction.atomic():
        # Lock the job first. Then change the attempt: only the call that changes it may make the job's transition.
        if not ledger.lock_unless_held(dispatch.job_id):
            return False
        open_attempt = Dispatch.objects.filter(pk=dispatch.pk, ended_at=None)
        # A worker's clock may be off: an attempt starts after it was published, and not in the future. Where whoever
        # sent it died before it could say so, it starts after it was asked for.
        started = open_attempt.filter(started_at=None).update(
            started_at=Least(Greatest(started_at, Coalesce("published_at", "requested_at")), Now()),
            # Whoever sent it may have died before it could say so.
            published_at=Coalesce("published_at", Now()),
            check_at=Coalesce("check_at", lease_end(CHECK_AFTER)),
        )
        named = open_attempt.filter(worker=None).update(worker=task.worker[:255]) if task.worker else 0
        if started and not writes_row:
            ledger.transition(dispatch.job_id, allowed=(QUEUED, RETRYING), to=RUNNING, add_attempt=True)
    return bool(started or named)


def settle(dispatch: Dispatch, state: TaskState) -> bool:
    """Write what became of a task that has ended into its job and its dispatch.

    Args:
        dispatch: the attempt, still open.
        state: what the core's result back end says; it has ended.

    Returns:
        Whether this call settled it; False when another sweeper was quicker, or somebody holds the row.
    """
    # Before it is judged: an error may quote a message, and its text is known for one only by its key.
    state = replace(state, result=redact(state.result))
    verdict = _judged(dispatch, state)
    error = redact_text(verdict.error) if verdict.error else None
    with transaction.atomic():
        if not ledger.lock_unless_held(dispatch.job_id):
            return False
        status, delay = _move_job(dispatch, verdict)
        outcome = Outcome.RETRYING if status == RETRYING else verdict.outcome
        settled = Dispatch.objects.filter(pk=dispatch.pk, ended_at=None).update(
            ended_at=_ended_at(state),
            outcome=outcome,
            result=bounded_result(state.result) if state.state == "SUCCESS" else None,
            error=error,
            traceback=redact_text(state.traceback)[-MAX_TRACEBACK_LENGTH:] if state.traceback else None,
            next_attempt_at=Now() + Value(timedelta(seconds=delay)) if delay is not None else None,
            holds_place=False,
            check_at=None,
            unknown_since=None,
            retrying_since=None,
            **progress.at_the_end(dispatch, outcome, state.result),
        )
        failpoints.reach("settle.before_commit")
        if not settled:
            transaction.set_rollback(True)
            return False
    logger.info("attempt.ended", job=dispatch.job_id, dispatch=dispatch.pk, outcome=str(outcome))
    return True


def keep_late_result(dispatch: Dispatch, state: TaskState) -> bool:
    """Keep what became of the task of an attempt that had ended before it; its job stays as it is.

    The attempt is told once more: what it was may look different now.

    Returns:
        Whether this call kept it.
    """
    verdict = judge(replace(state, result=redact(state.result)))
    kept: dict[str, Any] = {"returned_at": _ended_at(state), "late_check_at": None, "told": False}
    if state.state == "SUCCESS":
        kept["result"] = bounded_result(state.result)
    elif dispatch.error is None and state.state != "REVOKED":
        kept["error"] = redact_text(verdict.error or "")
    if state.traceback and state.state != "REVOKED":
        kept["traceback"] = redact_text(state.traceback)[-MAX_TRACEBACK_LENGTH:]
    return bool(Dispatch.objects.filter(pk=dispatch.pk, returned_at=None).update(holds_place=False, **kept))


def bounded_result(result: Any) -> Any:
    """Return what a task returned, redacted, or a sentence in its place when it is too big to keep."""
    try:
        text = json.dumps(result, default=str)
    except Exception:  # noqa: BLE001 -- an object's own `__str__` may raise anything
        return {"note": "The result can't be written as JSON and was not kept."}
    if len(text) > MAX_RESULT_BYTES:
        return {"note": f"The result is larger than {MAX_RESULT_BYTES:,} bytes and was not kept."}
    return redact(json.loads(text))


def _judged(dispatch: Dispatch, state: TaskState) -> Verdict:
    """Return how an attempt ended; of one that may take effect only once and has not returned, nobody knows."""
    verdict = judge(state)
    if not dispatch.at_most_once or state.state == "SUCCESS" or (verdict.error or "").startswith(AMBIGUOUS):
        return verdict
    # It may have acted before it was killed; what the message says of itself can be from the attempt before.
    return replace(verdict, error=f"{AMBIGUOUS} {verdict.error}")


def _ended_at(state: TaskState) -> Any:
    """Return, as an SQL expression, when a task ended: after it began, and not in the future."""
    return Least(Greatest(state.ended_at or Now(), Coalesce("started_at", "published_at", "requested_at")), Now())


def _move_job(dispatch: Dispatch, verdict: Verdict) -> tuple[str | None, int | None]:
    """Return the job's status now, None where somebody else has ended it, and seconds until its next attempt."""
    if dispatch.started_at is None:
        # Nobody saw it start: the attempt counts now.
        ledger.transition(dispatch.job_id, allowed=(QUEUED, RETRYING), to=RUNNING, add_attempt=True)
    status, delay = DONE, None
    values: dict[str, Any] = {"last_error": None, "dedupe_key": None}
    if verdict.is_failure:
        status, delay = _after_failure(dispatch, verdict)
        values = {"last_error": redact_text(verdict.error or "")[: ledger.MAX_ERROR_LENGTH]}
        if status == FAILED:
            values["dedupe_key"] = None
    # A partial success is done; its errors stand in the attempt, as the core clears the row's.
    before = ledger.transition(dispatch.job_id, allowed=ACTIVE_STATUSES, to=status, run_again_in=delay, **values)
    return (None, None) if before is None else (status, delay)


def _after_failure(dispatch: Dispatch, verdict: Verdict) -> tuple[str, int | None]:
    """Return whether a failed attempt's job is retried, and in how many seconds."""
    job = Job.objects.filter(pk=dispatch.job_id).values("attempts", "max_attempts").first()
    if job is None or verdict.permanent or dispatch.at_most_once or job["attempts"] >= job["max_attempts"]:
        return FAILED, None
    return RETRYING, ledger.retry_delay_seconds(job["attempts"])


def writes_its_row(dispatch: Dispatch) -> bool:
    """Return whether the core's worker writes the ledger row of an attempt's job itself."""
    job_type = _type_of(dispatch)
    return job_type is not None and job_type.core_writes_row


def _type_of(dispatch: Dispatch) -> catalog.JobType | None:
    name = Job.objects.filter(pk=dispatch.job_id).values_list("job_type", flat=True).first()
    return catalog.find(name) if name else None
