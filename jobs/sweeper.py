"""The sweeper: hands over what is waiting, settles what has ended, and keeps what pages read up to date.

The sweeper is a process of its own (`manage.py run_sweeper`). Any number may run at once, and none needs the broker to
run. An idle tick makes a fixed number of queries, none of them over the whole ledger. Each duty has a time limit in a
tick. When the limit is reached, the next duty has its turn, and the rest is left for the next tick.
"""

import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import timedelta
from functools import partial
from itertools import chain
from queue import Empty, SimpleQueue
from typing import Any, Final
from uuid import UUID

import structlog
from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now

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
    retry_rules,
    settling,
    worker_retries,
)
from jobs.at_work import AtWork
from jobs.budget import Budget, Clock
from jobs.dispatching import PUBLICATION_LEASE, create_next_dispatch, lease_end
from jobs.gateway import Workers
from jobs.models import FAILED, RETRYING, Dispatch, Job, WorkerReport
from jobs.open_attempts import OpenAttempts, carrying_on
from opsconsole import failpoints
from opsconsole.audit import Actor
from opsconsole.errors import Unavailable

logger = structlog.get_logger(__name__)

TICK_SECONDS: Final = 2.0
BATCH_SIZE: Final = 500
# Small, because each receiver may take a while for each of them.
TOLD_AT_ONCE: Final = 100
# Each of them is looked up in the core's result back end.
LATE_BATCH_SIZE: Final = 200
ASK_WORKERS_EVERY_SECONDS: Final = 3.0
ASK_TASKS_EVERY_SECONDS: Final = 30.0
TIDY_EVERY_SECONDS: Final = 15.0
# The time limit of a duty in a tick. Other applications' steps have their own limits.
DUTY_SECONDS: Final = 1.0
# Longer, because people and queued jobs wait for a job to be settled.
SETTLE_SECONDS: Final = 3.0
# Shorter, because no one waits for it.
TELL_SECONDS: Final = 0.5
# The least time for sending messages in a tick, even if finding them took all of the duty's time.
LEAST_PUBLISHING_SECONDS: Final = 0.1
# How long after the database was away no lease ends: its holders try to renew it every few seconds.
LEASES_HELD_FOR_SECONDS: Final = 10.0
# A report must outlive the time for which the sweeper waits for the worker.
FORGET_WORKERS_AFTER: Final = losses.WORKER_ALIVE + timedelta(minutes=1)
MAX_NAMESAKES: Final = 100
# How often, and how long, the result of an attempt that ended before its task is looked for.
LATE_CHECK_EVERY: Final = timedelta(seconds=5)
RESULTS_EXPIRE_AFTER: Final = timedelta(days=1)

# A duty's name in the log, its function, and its time limit in a tick, in seconds.
Duty = tuple[str, Callable[[Budget], object], float]


class Sweeper:
    """One sweeper process's state between its ticks: when it last asked the workers, and the answer to come.

    Args:
        clock: returns the current time in seconds; used for the duties' time limits.
    """

    def __init__(self, *, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._open_attempts = OpenAttempts()
        self._at_work = AtWork()
        self._answers: SimpleQueue[Workers | None] = SimpleQueue()
        self._asking = False
        self._asked_at = self._asked_tasks_at = self._tidied_at = self._database_away_at = float("-inf")
        self._began_at: dict[str, float] = {}

    def run(self, stop: threading.Event, *, tick_seconds: float = TICK_SECONDS) -> None:
        """Tick until `stop` is set; outlives every failure of the database and the broker."""
        self._at_work.begin(stop)
        while not stop.is_set():
            started = time.monotonic()
            if not self.tick():
                stop.wait(max(0.0, tick_seconds - (time.monotonic() - started)))

    def tick(self) -> bool:
        """Do all duties once. A duty that fails is logged and tried again in the next tick.

        Returns:
            Whether a duty reached its time limit, so that the next tick should follow at once.
        """
        more = False
        duties: tuple[Duty, ...] = (
            ("expire_leases", self._expire_leases, DUTY_SECONDS),
            # Settling frees places for waiting jobs, so it comes before publishing them.
            ("settle_ended", self._open_attempts.settle, SETTLE_SECONDS),
            ("redispatch_due", redispatch_due, DUTY_SECONDS),
            ("publish_due", publish_due, DUTY_SECONDS),
            ("republish_unclaimed", losses.republish_unclaimed, DUTY_SECONDS),
            ("read_workers", self._read_workers, DUTY_SECONDS),
            ("observe_progress", self._open_attempts.observe, DUTY_SECONDS),
            ("keep_late_results", keep_late_results, DUTY_SECONDS),
            ("tell_ended", tell_ended, TELL_SECONDS),
            ("tidy", partial(_without_budget, self._tidy), math.inf),
            ("refresh_counts", partial(_without_budget, counts.refresh), math.inf),
        )
        for name, do, seconds in chain(duties, self._steps_of_others()):
            budget = Budget(seconds, clock=self._clock)
            try:
                do(budget)
                more |= budget.is_spent
            except Unavailable as error:
                logger.warning("sweeper.step_put_off", step=name, error=error.message)
            except (DatabaseError, InterfaceError) as error:
                logger.warning("sweeper.step_failed", step=name, error=(str(error).splitlines() or [repr(error)])[0])
                if isinstance(error, OperationalError | InterfaceError):
                    # Also where the connection is a new one by now: nobody could renew a lease meanwhile.
                    self._database_away_at = time.monotonic()
                if not connection.is_usable():
                    connection.close()
                    return False
            except Exception:
                # Whatever one row or one worker's answer is like, the rest of the work has to go on.
                logger.exception("sweeper.step_failed", step=name)
        self._at_work.note_tick()
        return more

    def _steps_of_others(self) -> Iterator[Duty]:
        """Yield the steps of other applications that are due. Each counts as begun when it is yielded."""
        for step in background.registered():
            now = time.monotonic()
            if now - self._began_at.get(step.name, float("-inf")) >= step.every_seconds:
                self._began_at[step.name] = now
                yield step.name, partial(_without_budget, step.run), math.inf

    def _expire_leases(self, budget: Budget) -> None:
        """End own attempts whose worker is gone; not yet where none of them could say that it is still there."""
        if time.monotonic() - self._database_away_at >= LEASES_HELD_FOR_SECONDS:
            expire_leases(budget)

    def _tidy(self) -> None:
        if time.monotonic() - self._tidied_at >= TIDY_EVERY_SECONDS:
            self._tidied_at = time.monotonic()
            losses.let_go_of_ended()
            losses.free_places()

    def _read_workers(self, budget: Budget) -> None:
        """Ask the workers in the background, since their answers take a second or more; use the last answer."""
        with suppress(Empty):
            answer = self._answers.get_nowait()
            self._asking = False
            if answer is not None:
                note_workers(answer, budget)
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


def _without_budget(do: Callable[[], object], _: Budget) -> None:
    """Do a duty that limits itself. If it is slow, it still finishes, so the next tick needn't follow at once."""
    do()


def expire_leases(budget: Budget | None = None) -> int:
    """End own attempts whose worker is gone; return how many."""
    return attempts.expire(limit=BATCH_SIZE, budget=budget)


def publish_due(budget: Budget | None = None) -> int:
    """Publish dispatches that are committed, unpublished and due; return how many were handed over."""
    budget = budget or Budget()
    published = 0
    while due := handover.lease_due():
        failpoints.reach("sweep.leased")
        # Well within the leases just taken, so that nobody else starts on them meanwhile.
        within = budget.part(PUBLICATION_LEASE.total_seconds() / 2, least=LEAST_PUBLISHING_SECONDS)
        handed_over = handover.hand_over(due, budget=within)
        published += handed_over.published
        if handed_over.broker_down or budget.is_spent:
            # Without a broker, the rest can't be published either.
            return published
    return published


def redispatch_due(budget: Budget | None = None) -> int:
    """Make the next attempt of each of the console's jobs that is due; return how many."""
    budget, made = budget or Budget(), 0
    # A type that only another console's catalog knows is that console's to run again.
    unknown = Exists(Job.objects.filter(pk=OuterRef("job_id")).exclude(job_type__in=catalog.titles()))
    due = Dispatch.objects.filter(~unknown, next_attempt_at__lte=Now()).order_by("next_attempt_at")
    for dispatch in list(due.only("job_id", "requested_by")[:BATCH_SIZE]):
        with carrying_on(dispatch):
            made += _redispatch(dispatch)
        if budget.is_spent:
            break
    return made


def settle_ended() -> int:
    """Settle all core jobs whose results have come, and note the others' progress; return how many were settled.

    Raises:
        Unavailable: the core's result back end does not answer.
    """
    attempts_now = OpenAttempts()
    settled = attempts_now.settle(Budget())
    attempts_now.observe(Budget())
    return settled


def keep_late_results(budget: Budget | None = None) -> int:
    """Keep the results of tasks that ended after their attempts; return how many.

    Raises:
        Unavailable: the core's result back end does not answer.
    """
    budget = budget or Budget()
    due = Dispatch.objects.filter(late_check_at__lte=Now()).order_by("late_check_at")
    batch = list(due.defer("kwargs_json", "publish_error", "result", "traceback")[:LATE_BATCH_SIZE])
    if not batch:
        return 0
    states = gateway.read_states(str(dispatch.task_id) for dispatch in batch)
    kept, seen = 0, []
    for dispatch in batch:
        seen.append(dispatch.pk)
        with carrying_on(dispatch):
            state = states.get(str(dispatch.task_id))
            if state is not None and state.is_ended:
                kept += settling.keep_late_result(dispatch, state)
        if budget.is_spent:
            break
    waiting = Dispatch.objects.filter(pk__in=seen, returned_at=None)
    waiting.filter(ended_at__lt=Now() - RESULTS_EXPIRE_AFTER).update(late_check_at=None)
    waiting.exclude(late_check_at=None).update(late_check_at=lease_end(LATE_CHECK_EVERY))
    return kept


def tell_ended(budget: Budget | None = None) -> int:
    """Tell the receivers of attempts that have ended; return how many attempts were told."""
    budget, told = budget or Budget(), 0
    while count := ended.tell(TOLD_AT_ONCE, budget=budget):
        told += count
        if count < TOLD_AT_ONCE or budget.is_spent:
            break
    return told


def note_workers(workers: Workers, budget: Budget | None = None) -> None:
    """Store the workers' answers: which tasks have started, and which workers are alive.

    Args:
        workers: the answers.
        budget: the time limit for sending lost tasks again; none by default.
    """
    if workers.active:
        # The console's own tasks say so themselves: a worker tells of one also before it has claimed its attempt.
        open_ones = Dispatch.objects.filter(ended_at=None, worker=None, in_core=True)
        running = open_ones.filter(task_id__in=_uuids(workers.active))
        for dispatch in running:
            settling.mark_started(dispatch, workers.active[str(dispatch.task_id)])
    worker_retries.note_workers(workers)
    losses.note_unknown(workers, budget)
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
