"""The sweeper: hands over what is waiting, settles what has ended, and keeps what pages read up to date.

A process of its own (`manage.py run_sweeper`). Any number of them may run at once; it needs no broker to run. A tick
does a fixed number of queries when nothing is to be done, none of them over the whole ledger.
"""

import logging
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from queue import Empty, SimpleQueue
from typing import Final
from uuid import UUID

from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction
from django.db.models.functions import Now
from django.utils import timezone

from jobs import catalog, counts, gateway, handover, ledger, progress, settling
from jobs.dispatching import PUBLICATION_LEASE, create_next_dispatch
from jobs.gateway import Workers
from jobs.models import FAILED, RETRYING, Dispatch, Job, WorkerReport
from opsconsole.audit import Actor
from opsconsole.errors import Unavailable

logger = logging.getLogger(__name__)

TICK_SECONDS: Final = 2.0
BATCH_SIZE: Final = 500
ASK_WORKERS_EVERY_SECONDS: Final = 3.0
ASK_TASKS_EVERY_SECONDS: Final = 30.0
FORGET_WORKERS_AFTER: Final = timedelta(minutes=10)


class Sweeper:
    """One sweeper process's state between its ticks: when it last asked the workers, and the answer to come."""

    def __init__(self) -> None:
        self._answers: SimpleQueue[Workers | None] = SimpleQueue()
        self._asking = False
        self._asked_at = self._asked_tasks_at = float("-inf")

    def run(self, stop: threading.Event, *, tick_seconds: float = TICK_SECONDS) -> None:
        """Tick until `stop` is set; outlives every failure of the database and the broker."""
        while not stop.is_set():
            started = time.monotonic()
            self.tick()
            stop.wait(max(0.0, tick_seconds - (time.monotonic() - started)))

    def tick(self) -> None:
        """Do once what there is to do; a step that fails is logged and tried again in the next tick."""
        for step in (redispatch_due, publish_due, self._read_workers, _settle_and_publish, counts.refresh):
            try:
                step()
            except Unavailable as error:
                logger.warning("%s: %s", step.__name__, error.message)
            except (DatabaseError, InterfaceError) as error:
                logger.warning("%s: %s", step.__name__, (str(error).splitlines() or [repr(error)])[0])
                if not connection.is_usable():
                    connection.close()
                    return
            except Exception:
                # Whatever one row or one worker's answer is like, the rest of the work has to go on.
                logger.exception("%s failed", step.__name__)

    def _read_workers(self) -> None:
        """Ask the workers in the background, since their answers take a second or more; use the last answer."""
        with suppress(Empty):
            answer = self._answers.get_nowait()
            self._asking = False
            if answer is not None:
                note_workers(answer)
        now = time.monotonic()
        if self._asking or now - self._asked_at < ASK_WORKERS_EVERY_SECONDS:
            return
        registered = now - self._asked_tasks_at >= ASK_TASKS_EVERY_SECONDS
        if registered or Dispatch.objects.filter(ended_at=None, in_core=True).exclude(published_at=None).exists():
            self._asked_at = now
            self._asked_tasks_at = now if registered else self._asked_tasks_at
            self._asking = True
            # A daemon, so that an answer that is still out doesn't hold up the end of the process.
            threading.Thread(target=self._ask, kwargs={"registered": registered}, daemon=True).start()

    def _ask(self, *, registered: bool) -> None:
        answer = None
        try:
            answer = gateway.ask_workers(registered=registered)
        except Unavailable as error:
            logger.warning("the workers can't be asked: %s", error.message)
        except Exception:
            logger.exception("the workers can't be asked")
        finally:
            self._answers.put(answer)


def publish_due() -> int:
    """Publish what is committed, not published, and whose turn it is; return how many were handed over."""
    published = 0
    while due := handover.lease_due():
        # Well within the leases just taken, so that nobody else starts on them meanwhile.
        handed_over = handover.hand_over(due, within=PUBLICATION_LEASE.total_seconds() / 2)
        published += handed_over.published
        if handed_over.broker_down:
            # Its lease holders wait for the next tick; there is no use in trying the rest now.
            return published
    return published


def redispatch_due() -> int:
    """Make the next attempt of every job of ours whose time has come; return how many."""
    due = Dispatch.objects.filter(next_attempt_at__lte=Now()).order_by("next_attempt_at")[:BATCH_SIZE]
    return sum(_redispatch(dispatch) for dispatch in list(due))


def settle_ended() -> int:
    """Settle core jobs whose results have come, and note progress; return how many were settled.

    Raises:
        Unavailable: the core's result back end does not answer.
    """
    settled, last = 0, 0
    silent: list[Dispatch] = []
    while batch := list(
        Dispatch.objects.filter(ended_at=None, in_core=True, pk__gt=last)
        .exclude(published_at=None)
        .order_by("pk")[:BATCH_SIZE]
    ):
        last = batch[-1].pk
        states = gateway.read_states(str(dispatch.task_id) for dispatch in batch)
        for dispatch in batch:
            with _carrying_on(dispatch):
                state = states.get(str(dispatch.task_id))
                if state is not None and state.is_ended:
                    settled += settling.settle(dispatch, state)
                elif not _has_told(dispatch, state) and dispatch.started_at is not None:
                    silent.append(dispatch)
    # What runs past any time limit is not watched any more: counting what has arrived since costs more each time.
    oldest = timezone.now() - timedelta(seconds=catalog.TWO_HOURS)
    if watched := [dispatch for dispatch in silent if dispatch.started_at and dispatch.started_at > oldest]:
        progress.observe_all(watched)
    return settled


def _has_told(dispatch: Dispatch, state: gateway.TaskState | None) -> bool:
    """Note what a task that has not ended says of itself; whether it has told how far it is."""
    if state is None or state.state not in {"STARTED", "PROGRESS"}:
        return False
    note_started(dispatch)
    return state.state == "PROGRESS" and progress.report(dispatch, state.result)


@contextmanager
def _carrying_on(dispatch: Dispatch) -> Iterator[None]:
    """Log what goes wrong with one dispatch: one row must not keep the others from being settled."""
    try:
        yield
    except (OperationalError, InterfaceError, Unavailable):
        raise
    except Exception:
        logger.exception("dispatch %s could not be settled", dispatch.pk)


def note_started(dispatch: Dispatch) -> None:
    """Note that a task must have started, since it reports progress, though no worker has told of it yet."""
    if dispatch.started_at is None:
        settling.mark_started(dispatch, gateway.ActiveTask(task_id=str(dispatch.task_id), worker="", started_at=None))


def note_workers(workers: Workers) -> None:
    """Keep what the workers answered: which tasks have started, and who is there."""
    if workers.active:
        running = Dispatch.objects.filter(ended_at=None, worker=None, task_id__in=_uuids(workers.active))
        for dispatch in running:
            settling.mark_started(dispatch, workers.active[str(dispatch.task_id)])
    if workers.tasks:
        WorkerReport.objects.bulk_create(
            [
                WorkerReport(
                    hostname=name[:255], queues=workers.queues.get(name, []), tasks=tasks, seen_at=timezone.now()
                )
                for name, tasks in workers.tasks.items()
            ],
            update_conflicts=True,
            unique_fields=["hostname"],
            update_fields=["queues", "tasks", "seen_at"],
        )
        WorkerReport.objects.filter(seen_at__lt=timezone.now() - FORGET_WORKERS_AFTER).delete()


def _settle_and_publish() -> None:
    if settle_ended():
        # What ended made room for those that waited for it.
        publish_due()


def _redispatch(dispatch: Dispatch) -> bool:
    with transaction.atomic():
        job = Job.objects.select_for_update(skip_locked=True).filter(pk=dispatch.job_id).first()
        if job is None:
            # Another sweeper has it, or the core has deleted it.
            if not Job.objects.filter(pk=dispatch.job_id).exists():
                Dispatch.objects.filter(pk=dispatch.pk).update(next_attempt_at=None)
            return False
        mine = Dispatch.objects.filter(pk=dispatch.pk).exclude(next_attempt_at=None).update(next_attempt_at=None)
        if not mine or job.status != RETRYING:
            # Another sweeper was quicker, or somebody changed the job meanwhile: then it is not ours to run.
            return False
        job_type = catalog.find(job.job_type)
        if job_type is None:
            ledger.transition(job.pk, allowed=(RETRYING,), to=FAILED, last_error=job.last_error, dedupe_key=None)
            return False
        # It is still for whoever asked for the first attempt.
        actor = Actor(name=dispatch.requested_by, via="sweeper", kind="system")
        create_next_dispatch(job_id=job.pk, payload=job.payload_json, job_type=job_type, actor=actor)
        Dispatch.objects.filter(job_id=job.pk, ended_at=None).update(publication_lease_until=Now())
    return True


def _uuids(names: Iterable[str]) -> list[UUID]:
    # Task ids of others need not be UUIDs; ours are.
    found = []
    for name in names:
        with suppress(ValueError):
            found.append(UUID(name))
    return found
