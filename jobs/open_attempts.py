"""Goes through the open attempts of core tasks in rounds, settles those that have ended and notes others' progress.

Thousands may be open for hours, most of them still in a queue. A round reads only their ids, and the whole attempt once
the result back end knows its task.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final

import structlog
from django.db import InterfaceError, OperationalError
from django.db.models import QuerySet
from django.utils import timezone

from jobs import catalog, gateway, payloads, progress, settling, worker_retries
from jobs.budget import Budget
from jobs.models import Dispatch, Job
from opsconsole import cut_json
from opsconsole.errors import Unavailable

logger = structlog.get_logger(__name__)

# How many attempts one query and one request to the core's result back end look up.
BATCH_SIZE: Final = 200
# Smaller, because observing takes a query for each attempt.
OBSERVED_AT_ONCE: Final = 20
# Columns that may be long and that settling and observing don't need.
_UNREAD: Final = ("kwargs_json", "publish_error", "result", "traceback")


class OpenAttempts:
    """One sweeper's positions in its rounds. A round that runs out of time continues there in the next tick."""

    def __init__(self) -> None:
        self._settled_to = self._observed_to = 0

    def settle(self, budget: Budget) -> int:
        """Settle attempts that have ended, and note the progress that tasks report, until the end of the round.

        Args:
            budget: the time limit. At least one attempt is handled.

        Returns:
            How many attempts were settled.

        Raises:
            Unavailable: the core's result back end does not answer.
        """
        settled = 0
        after, self._settled_to = self._settled_to, 0
        while batch := list(_awaited().filter(pk__gt=after).values_list("pk", "task_id")[:BATCH_SIZE]):
            states = gateway.read_states(str(task_id) for _, task_id in batch)
            said = {pk: states[str(task_id)] for pk, task_id in batch if str(task_id) in states}
            attempts = _awaited().filter(pk__in=said).defer(*_UNREAD) if said else ()
            for dispatch in attempts:
                with carrying_on(dispatch):
                    settled += _heed(dispatch, said[dispatch.pk])
                if budget.is_spent:
                    self._settled_to = dispatch.pk
                    return settled
            after = batch[-1][0]
            if len(batch) < BATCH_SIZE:
                break
            if budget.is_spent:
                self._settled_to = after
                break
        return settled

    def observe(self, budget: Budget) -> None:
        """Count the rows that have arrived for running tasks that report no progress, until the end of the round."""
        # Tasks past every time limit aren't observed any more: counting costs more the longer ago they started.
        oldest = timezone.now() - timedelta(seconds=catalog.longest_core_limit())
        running = _awaited().filter(started_at__gt=oldest).defer(*_UNREAD)
        silent = running.exclude(progress_source=progress.REPORTED)
        after, self._observed_to = self._observed_to, 0
        while batch := list(silent.filter(pk__gt=after)[:OBSERVED_AT_ONCE]):
            payloads_of = self._payloads(batch)
            for dispatch in batch:
                progress.observe(dispatch, payloads_of.get(dispatch.job_id))
            after = batch[-1].pk
            if len(batch) < OBSERVED_AT_ONCE:
                break
            if budget.is_spent:
                self._observed_to = after
                break

    @staticmethod
    def _payloads(dispatches: Iterable[Dispatch]) -> dict[int, Any]:
        jobs = Job.objects.filter(pk__in=[dispatch.job_id for dispatch in dispatches])
        found = jobs.annotate(payload=payloads.expression()).values_list("pk", "payload")
        return {pk: cut_json.parse(payload).value for pk, payload in found}


@contextmanager
def carrying_on(dispatch: Dispatch) -> Iterator[None]:
    """Log an error in handling one dispatch, so that it doesn't keep the others waiting."""
    try:
        yield
    except (OperationalError, InterfaceError, Unavailable):
        raise
    except Exception:
        logger.exception("attempt.not_settled", job=dispatch.job_id, dispatch=dispatch.pk)


def note_started(dispatch: Dispatch) -> None:
    """Note that a task has started: the result back end says so, though no worker has named the task yet."""
    if dispatch.started_at is None:
        settling.mark_started(dispatch, gateway.ActiveTask(task_id=str(dispatch.task_id), worker="", started_at=None))


def _awaited() -> QuerySet[Dispatch]:
    return Dispatch.objects.filter(ended_at=None, in_core=True).exclude(published_at=None).order_by("pk")


def _heed(dispatch: Dispatch, state: gateway.TaskState) -> int:
    """Act on the state of a task in the result back end; return 1 if that settled its attempt, otherwise 0."""
    if state.is_ended:
        return int(settling.settle(dispatch, state))
    if state.is_retry:
        worker_retries.note_failed_try(dispatch, state)
    if state.state in {"STARTED", "PROGRESS"}:
        note_started(dispatch)
        if dispatch.retrying_since is not None:
            worker_retries.note_running(dispatch)
    if state.state == "PROGRESS":
        progress.report(dispatch, state.result)
    return 0
