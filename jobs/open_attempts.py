"""Rounds over the open attempts of core tasks: what has ended is settled, and how far the others are is noted.

Thousands may be open for hours, most of them in a queue. Of each only its id is read, until its task says something.
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

# So many are looked up in the database, and in the core's result back end, at once.
BATCH_SIZE: Final = 200
# Counting what has arrived takes a query for each.
OBSERVED_AT_ONCE: Final = 20
# What may be long, and says nothing of how an attempt goes on.
_UNREAD: Final = ("kwargs_json", "publish_error", "result", "traceback")


class OpenAttempts:
    """How far one sweeper has come in its rounds. One that has used up its time goes on there the next time."""

    def __init__(self) -> None:
        self._settled_to = self._observed_to = 0

    def settle(self, budget: Budget) -> int:
        """Settle what has ended, and note what tasks report, to the end of the round; return how many were settled.

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
        """Count what has arrived for tasks that run and report nothing, to the end of the round."""
        # What runs past any time limit isn't observed any more: counting what has arrived since costs more each time.
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
    """Log what goes wrong with one dispatch: one row must not keep the others waiting."""
    try:
        yield
    except (OperationalError, InterfaceError, Unavailable):
        raise
    except Exception:
        logger.exception("attempt.not_settled", job=dispatch.job_id, dispatch=dispatch.pk)


def note_started(dispatch: Dispatch) -> None:
    """Note that a task must have started, since it reports progress, though no worker has told of it yet."""
    if dispatch.started_at is None:
        settling.mark_started(dispatch, gateway.ActiveTask(task_id=str(dispatch.task_id), worker="", started_at=None))


def _awaited() -> QuerySet[Dispatch]:
    return Dispatch.objects.filter(ended_at=None, in_core=True).exclude(published_at=None).order_by("pk")


def _heed(dispatch: Dispatch, state: gateway.TaskState) -> int:
    """Write down what a task says of itself; 1 when its attempt was settled."""
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
