"""The sweeper: hands over what is waiting, settles what has ended, and keeps what pages read up to date.

A process of its own (`manage.py run_sweeper`). Any number of them may run at once; it needs no broker to run. A tick
does a fixed number of queries when nothing is to be done, none of them over the whole ledger.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from queue import Empty, SimpleQueue
from typing import Any, Final
from uuid import UUID

import structlog
from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now
from django.utils import timezone

from jobs import (
    attempts,
    background,
    catalog,
    counts,
    ended,
    gateway,
    handover,
    ledger,
    losses,
    progress,
    retry_rules,
    settling,
    worker_retries,
)
from jobs.dispatching import PUBLICATION_LEASE, create_next_dispatch, lease_end
from jobs.gateway import Workers
from jobs.models import FAILED, RETRYING, Dispatch, Job, WorkerReport
from opsconsole import failpoints
from opsconsole.audit import Actor
from opsconsole.errors import Unavailable

logger = structlog.get_logger(__name__)

TICK_SECONDS: Final = 2.0
BATCH_SIZE: Final = 500
ASK_WORKERS_EVERY_SECONDS: Final = 3.0
ASK_TASKS_EVERY_SECONDS: Final = 30.0
TIDY_EVERY_SECONDS: Final = 15.0
# How long a tick goes on telling of attempts that have ended, where there are many.
TELL_FOR_SECONDS: Final = 0.5
# How long after the database was away no lease ends: its holders try to renew it every few seconds.
LEASES_HELD_FOR_SECONDS: Final = 10.0
# Not before it is no longer waited for.
FORGET_WORKERS_AFTER: Final = losses.WORKER_ALIVE + timedelta(minutes=1)
MAX_NAMESAKES: Final = 100
# How often, and how long, the result of an attempt that ended before its task is looked for.
LATE_CHECK_EVERY: Final = timedelta(seconds=5)
RESULTS_EXPIRE_AFTER: Final = timedelta(days=1)


class Sweeper:
    """One sweeper process's state between its ticks: when it last asked the workers, and the answer to come."""

    def __init__(self) -> None:
        self._answers: SimpleQueue[Workers | None] = SimpleQueue()
        self._asking = False
        self._asked_at = self._asked_tasks_at = self._tidied_at = self._database_away_at = float("-inf")
        self._began_at: dict[str, float] = {}

    def run(self, stop: threading.Event, *, tick_seconds: float = TICK_SECONDS) -> None:
        """Tick until `stop` is set; outlives every failure of the database and the broker."""
        while not stop.is_set():
            started = time.monotonic()
            self.tick()
            stop.wait(max(0.0, tick_seconds - (time.monotonic() - started)))

    def tick(self) -> None:
        """Do once what there is to do; a step that fails is logged and tried again in the next tick."""
        steps = (
            self._expire_leases,
            redispatch_due,
            publish_due,
            losses.republish_unclaimed,
            self._read_workers,
            _settle_and_publish,
            keep_late_results,
            tell_ended,
            self._tidy,
            counts.refresh,
        )
        for name, step in (*((step.__name__, step) for step in steps), *self._steps_of_others()):
            try:
                step()
            except Unavailable as error:
                logger.warning("sweeper.step_put_off", step=name, error=error.message)
            except (DatabaseError, InterfaceError) as error:
                logger.warning("sweeper.step_failed", step=name, error=(str(error).splitlines() or [repr(error)])[0])
                if isinstance(error, OperationalError | InterfaceError):
                    # Also where the connection is a new one by now: nobody could renew a lease meanwhile.
                    self._database_away_at = time.monotonic()
                if not connection.is_usable():
                    connection.close()
                    return
            except Exception:
                # Whatever one row or one worker's answer is like, the rest of the work has to go on.
                logger.exception("sweeper.step_failed", step=name)

    def _steps_of_others(self) -> Iterator[tuple[str, Callable[[], object]]]:
        """Return what other applications want done and whose time has come; each is noted as begun when it is."""
        for step in background.registered():
            now = time.monotonic()
            if now - self._began_at.get(step.name, float("-inf")) >= step.every_seconds:
                self._began_at[step.name] = now
                yield step.name, step.run

    def _expire_leases(self) -> None:
        """End own attempts whose worker is gone; not yet where none of them could say that it is still there."""
        if time.monotonic() - self._database_away_at >= LEASES_HELD_FOR_SECONDS:
            expire_leases()

    def _tidy(self) -> None:
        if time.monotonic() - self._tidied_at >= TIDY_EVERY_SECONDS:
            self._tidied_at = time.monotonic()
            losses.let_go_of_ended()
            losses.free_places()

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
        missing_from = losses.suspicious_queues()
        watched = Dispatch.objects.filter(ended_at=None, in_core=True).exclude(published_at=None)
        if registered or missing_from or watched.exists():
            self._asked_at = now
            self._asked_tasks_at = now if registered else self._asked_tasks_at
            self._asking = True
            # A daemon, so that an answer that is still out doesn't hold up the end of the process.
            question = {
                "registered": registered,
                "scheduled": worker_retries.are_there(),
                "missing_from": missing_from,
            }
            threading.Thread(target=self._ask, kwargs=question, daemon=True).start()

    def _ask(self, **question: Any) -> None:
        answer = None
        try:
            answer = gateway.ask_workers(**question)
        except Unavailable as error:
            logger.warning("sweeper.workers_not_asked", error=error.message)
        except Exception:
            logger.exception("sweeper.workers_not_asked")
        finally:
            self._answers.put(answer)


def expire_leases() -> int:
    """End own attempts whose worker is gone; return how many."""
    return attempts.expire(limit=BATCH_SIZE)


def publish_due() -> int:
    """Publish what is committed, not published, and whose turn it is; return how many were handed over."""
    published = 0
    while due := handover.lease_due():
        failpoints.reach("sweep.leased")
        # Well within the leases just taken, so that nobody else starts on them meanwhile.
        handed_over = handover.hand_over(due, within=PUBLICATION_LEASE.total_seconds() / 2)
        published += handed_over.published
        if handed_over.broker_down:
            # Its lease holders wait for the next tick; there is no use in trying the rest now.
            return published
    return published


def redispatch_due() -> int:
    """Make the next attempt of every job of ours whose time has come; return how many."""
    # A type that only another console's catalog knows is that console's to run again.
    unknown = Exists(Job.objects.filter(pk=OuterRef("job_id")).exclude(job_type__in=catalog.titles()))
    due = Dispatch.objects.filter(~unknown, next_attempt_at__lte=Now()).order_by("next_attempt_at")[:BATCH_SIZE]
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
                elif state is not None and state.is_retry:
                    worker_retries.note_failed_try(dispatch, state)
                elif not _has_told(dispatch, state) and dispatch.started_at is not None:
                    silent.append(dispatch)
    # What runs past any time limit is not watched any more: counting what has arrived since costs more each time.
    oldest = timezone.now() - timedelta(seconds=catalog.longest_core_limit())
    if watched := [dispatch for dispatch in silent if dispatch.started_at and dispatch.started_at > oldest]:
        progress.observe_all(watched)
    return settled


def _has_told(dispatch: Dispatch, state: gateway.TaskState | None) -> bool:
    """Note what a task that has not ended says of itself; whether it has told how far it is."""
    if state is None or state.state not in {"STARTED", "PROGRESS"}:
        return False
    note_started(dispatch)
    if dispatch.retrying_since is not None:
        worker_retries.note_running(dispatch)
    return state.state == "PROGRESS" and progress.report(dispatch, state.result)


def keep_late_results() -> int:
    """Keep what tasks leave behind whose attempts had ended before them; return how many.

    Raises:
        Unavailable: the core's result back end does not answer.
    """
    batch = list(Dispatch.objects.filter(late_check_at__lte=Now()).order_by("late_check_at")[:BATCH_SIZE])
    if not batch:
        return 0
    states = gateway.read_states(str(dispatch.task_id) for dispatch in batch)
    kept = 0
    for dispatch in batch:
        with _carrying_on(dispatch):
            state = states.get(str(dispatch.task_id))
            if state is not None and state.is_ended:
                kept += settling.keep_late_result(dispatch, state)
    waiting = Dispatch.objects.filter(pk__in=[one.pk for one in batch], returned_at=None)
    waiting.filter(ended_at__lt=Now() - RESULTS_EXPIRE_AFTER).update(late_check_at=None)
    waiting.exclude(late_check_at=None).update(late_check_at=lease_end(LATE_CHECK_EVERY))
    return kept


def tell_ended() -> int:
    """Tell whoever keeps a history of the attempts that have ended; return how many were told."""
    until, told = time.monotonic() + TELL_FOR_SECONDS, 0
    while count := ended.tell(BATCH_SIZE):
        told += count
        if count < BATCH_SIZE or time.monotonic() > until:
            break
    return told


@contextmanager
def _carrying_on(dispatch: Dispatch) -> Iterator[None]:
    """Log what goes wrong with one dispatch: one row must not keep the others from being settled."""
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


def note_workers(workers: Workers) -> None:
    """Keep what the workers answered: which tasks have started, and who is there."""
    if workers.active:
        # The console's own tasks say so themselves: a worker tells of one also before it has claimed its attempt.
        open_ones = Dispatch.objects.filter(ended_at=None, worker=None, in_core=True)
        running = open_ones.filter(task_id__in=_uuids(workers.active))
        for dispatch in running:
            settling.mark_started(dispatch, workers.active[str(dispatch.task_id)])
    worker_retries.note_workers(workers)
    losses.note_unknown(workers)
    if workers.tasks:
        WorkerReport.objects.bulk_create(
            [
                # By the database's clock, as everything that is compared with it.
                WorkerReport(
                    hostname=name[:255],
                    number=number,
                    queues=workers.queues.get(name, []),
                    tasks=tasks,
                    seen_at=Now(),
                )
                # In one order, or two sweepers that were answered in different ones could wait for each other.
                for name, tasks in sorted(workers.tasks.items())
                for number in range(1, min(workers.namesakes.get(name, 1), MAX_NAMESAKES) + 1)
            ],
            update_conflicts=True,
            unique_fields=["hostname", "number"],
            update_fields=["queues", "tasks", "seen_at"],
        )
        WorkerReport.objects.filter(seen_at__lt=Now() - FORGET_WORKERS_AFTER).delete()


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
            transaction.set_rollback(True)
            return False
        if not isinstance(job.payload_json, dict) and not job_type.payload_argument:
            # Somebody has changed it: without arguments its task would do something else than was asked for.
            ledger.transition(job.pk, allowed=(RETRYING,), to=FAILED, last_error=retry_rules.NO_OBJECT, dedupe_key=None)
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
