"""Follows core tasks that their own worker retries (`self.retry`).

Between two tries, the result back end has the state RETRY and the error. A worker keeps the task until it is due.
All tries are one attempt of the job. The job is retrying while it waits, and running again during the next try. The
state stays RETRY during the next try, so only the workers' answers show that the task runs.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from jobs import ledger, losses, settling
from jobs.dispatching import lease_end
from jobs.gateway import ActiveTask, TaskState, Workers
from jobs.handover import CHECK_AFTER
from jobs.models import ACTIVE_STATUSES, RETRYING, RUNNING, Dispatch
from jobs.outcomes import exception_text
from opsconsole.redaction import redact, redact_text

BATCH_SIZE: Final = 500
NO_REASON: Final = "The task asked to be retried and gave no reason."


def are_there() -> bool:
    """Return whether any open attempt has had a failed try; one query."""
    return bool(_tried().exists())


def note_failed_try(dispatch: Dispatch, state: TaskState) -> bool:
    """Note that a try has failed and that its worker will make another. The job becomes retrying, with the error.

    Args:
        dispatch: the attempt, still open.
        state: the task's state in the core's result back end; RETRY.

    Returns:
        Whether this call changed anything; False for an error that is known already, as the next try may be running.
    """
    said = exception_text(replace(state, result=redact(state.result))) if state.result else NO_REASON
    error = redact_text(said)[: ledger.MAX_ERROR_LENGTH]
    if dispatch.error == error:
        return False
    if dispatch.started_at is None:
        # No worker reported this try, but the task must have run to fail.
        settling.mark_started(dispatch, ActiveTask(task_id=str(dispatch.task_id), worker="", started_at=None))
    traceback = redact_text(state.traceback)[-settling.MAX_TRACEBACK_LENGTH :] if state.traceback else None
    news = ~Q(error=error) | Q(error=None)
    return _wait(dispatch, news, next_try_at=None, error=error, traceback=traceback)


def note_running(dispatch: Dispatch, *, worker: str = "") -> bool:
    """Note that a worker is making the next try of an attempt. The job becomes running again.

    Args:
        dispatch: the attempt, still open.
        worker: the worker's name, if it is known.

    Returns:
        Whether this call changed anything.
    """
    values = {"worker": worker[:255]} if worker else {}
    writes_row = settling.writes_its_row(dispatch)
    with transaction.atomic():
        if not ledger.lock_unless_held(dispatch.job_id):
            return False
        waiting = Dispatch.objects.filter(pk=dispatch.pk, ended_at=None).exclude(retrying_since=None)
        changed = waiting.update(retrying_since=None, check_at=lease_end(CHECK_AFTER), unknown_since=None, **values)
        if changed and not writes_row:
            ledger.transition(dispatch.job_id, allowed=(RETRYING,), to=RUNNING)
    return bool(changed)


def note_workers(workers: Workers) -> None:
    """Note which attempts with a failed try run again, and which wait and until when.

    An attempt counts as waiting if its task runs nowhere and all workers that could have it have answered.

    Args:
        workers: what the workers answered.
    """
    tried = list(_tried().select_related("job").order_by("pk")[:BATCH_SIZE])
    everywhere = losses.listening(workers) if tried else set()
    for dispatch in tried:
        task_id = str(dispatch.task_id)
        if task_id in workers.active:
            note_running(dispatch, worker=workers.active[task_id].worker)
        elif task_id in workers.scheduled:
            _note_time(dispatch, workers.scheduled[task_id])
        elif dispatch.retrying_since is None and dispatch.queue in everywhere:
            _wait(dispatch, Q(retrying_since=None), next_try_at=None)


def _tried() -> Any:
    # An open attempt has an error only from a failed try.
    return Dispatch.objects.filter(ended_at=None, in_core=True, error__isnull=False).exclude(published_at=None)


def _note_time(dispatch: Dispatch, next_try_at: datetime | None) -> None:
    if dispatch.retrying_since is None:
        _wait(dispatch, Q(retrying_since=None), next_try_at=next_try_at)
    elif settling.writes_its_row(dispatch):
        # The core's worker writes the row, so the console can't store the time there.
        return
    elif next_try_at is not None and dispatch.job.next_run_at != next_try_at:
        _wait(dispatch, Q(), next_try_at=next_try_at, retrying_since=dispatch.retrying_since)


def _wait(dispatch: Dispatch, unless_known: Q, *, next_try_at: datetime | None, **values: Any) -> bool:
    """Set an attempt and its job to wait for the next try, if the attempt is still open and this is news.

    Args:
        dispatch: the attempt.
        unless_known: a condition on the attempt that is false if the wait is stored already.
        next_try_at: when the next try is due, if that is known.
        values: other columns of the attempt to set.

    Returns:
        Whether this call changed anything.
    """
    writes_row = settling.writes_its_row(dispatch)
    with transaction.atomic():
        if not ledger.lock_unless_held(dispatch.job_id):
            return False
        waits = Dispatch.objects.filter(unless_known, pk=dispatch.pk, ended_at=None).update(
            **{"retrying_since": Now(), "check_at": lease_end(CHECK_AFTER), "unknown_since": None, **values}
        )
        if waits and not writes_row:
            error = {"last_error": values["error"]} if "error" in values else {}
            moved = ledger.transition(
                dispatch.job_id, allowed=ACTIVE_STATUSES, to=RETRYING, run_again_at=next_try_at, **error
            )
            if moved is None:
                # The job has been ended, or another application gave it a status of its own.
                transaction.set_rollback(True)
                return False
    return bool(waits)
