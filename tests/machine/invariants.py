"""What must be true after every step, whatever has happened so far."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import connection
from django.db.models import Q
from django.db.models.functions import Now

from jobs import counts, ledger, losses
from jobs.filters import JobFilter
from jobs.models import ACTIVE_STATUSES, CANCELLED, DONE, ENDED_STATUSES, FAILED, Dispatch, Job
from tests.machine.workers import WorkersAtWork

INGEST = "ingest."


@dataclass
class Memory:
    """What the checks remember of the steps before.

    Attributes:
        statuses: each job's, after the step before.
        changed_by_hand: jobs whose rows somebody changed behind the console's back.
        accepted: jobs that the console has submitted, or queued again for an operator.
        runs_allowed: how often each at-most-once job may be published or claimed at the most.
        published: how often a message was sent for a job.
        retried: the job that this step's operator retries.
        set_failed: the job that this step's operator sets failed.
        cancelled: the job that this step's operator cancels.
    """

    statuses: dict[int, str] = field(default_factory=dict)
    changed_by_hand: set[int] = field(default_factory=set)
    accepted: set[int] = field(default_factory=set)
    runs_allowed: Counter[int] = field(default_factory=Counter)
    published: Counter[int] = field(default_factory=Counter)
    retried: int | None = None
    set_failed: int | None = None
    cancelled: int | None = None


@dataclass(frozen=True)
class Ledger:
    """The rows as they are now: jobs by id, and each job's attempts, oldest first."""

    jobs: Mapping[int, Job]
    attempts: Mapping[int, list[Dispatch]]


def check(memory: Memory, workers: WorkersAtWork) -> Ledger:
    """Check all of them, and return the rows that were looked at.

    Raises:
        AssertionError: one doesn't hold; says which.
    """
    jobs = {job.pk: job for job in Job.objects.all()}
    dispatches: dict[int, list[Dispatch]] = defaultdict(list)
    for dispatch in Dispatch.objects.order_by("pk"):
        dispatches[dispatch.job_id].append(dispatch)
    check_one_active_job_per_work(jobs, memory)
    check_statuses(jobs, dispatches, memory)
    check_attempts(jobs, dispatches, memory)
    check_at_most_once(jobs, dispatches, memory, workers)
    check_one_ingest_task_per_identity(workers)
    check_foreign_jobs(dispatches, memory)
    check_counts(jobs)
    return Ledger(jobs, dispatches)


def check_one_active_job_per_work(jobs: Mapping[int, Job], memory: Memory) -> None:
    """Invariant 2: two submits of the same work while one is active give one job."""
    active = Counter(
        ledger.dedupe_key(job.queue_name, job.job_type, job.payload_json)
        for job in jobs.values()
        if job.status in ACTIVE_STATUSES and job.pk not in memory.changed_by_hand
    )
    assert not [key for key, n in active.items() if n > 1], "The same work is active twice."
    held = [job for job in jobs.values() if job.status in ENDED_STATUSES and job.pk not in memory.changed_by_hand]
    assert not [job.pk for job in held if job.dedupe_key], "A job that has ended keeps its key."


def check_statuses(jobs: Mapping[int, Job], dispatches: Mapping[int, list[Dispatch]], memory: Memory) -> None:
    """Invariants 4 and 6: nothing leaves a terminal state but by an operator's retry of a failed job."""
    for job_id, job in jobs.items():
        before, now = memory.statuses.get(job_id), job.status
        if before == now or before is None or job_id in memory.changed_by_hand:
            continue
        if before in ENDED_STATUSES:
            assert before == FAILED, f"Job {job_id} was {before} and is {now}."
            assert job_id == memory.retried, f"Job {job_id} had failed, and is {now} though nobody retried it."
        if now == CANCELLED and job_id != memory.cancelled:
            asked = any(one.cancel_requested_at for one in dispatches[job_id][-1:])
            assert asked, f"Job {job_id} is cancelled, and nobody asked for it."
    memory.statuses = {job_id: job.status for job_id, job in jobs.items()}


def check_attempts(jobs: Mapping[int, Job], dispatches: Mapping[int, list[Dispatch]], memory: Memory) -> None:
    """Each active job has one attempt that is open or due; each that has ended has none."""
    for job_id, attempts in dispatches.items():
        open_ones = [one for one in attempts if one.ended_at is None]
        due = [one for one in attempts if one.next_attempt_at is not None]
        assert len(open_ones) <= 1, f"Job {job_id} has {len(open_ones)} open attempts."
        assert open_ones in ([], attempts[-1:]), f"Job {job_id} has an open attempt that is not its newest one."
        job = jobs.get(job_id)
        if job is None or job_id in memory.changed_by_hand:
            continue
        if job.status in ACTIVE_STATUSES:
            assert len(open_ones) + len(due) == 1, (
                f"Job {job_id} is {job.status} with {len(open_ones)} open attempts and {len(due)} due."
            )
            assert job.attempts <= job.max_attempts, f"Job {job_id} has been tried {job.attempts} times."
        else:
            assert not due, f"Job {job_id} is {job.status}, and its next attempt is still to come."
            # The core writes the rows of its sends itself; their attempts end when that is noticed.
            assert not open_ones or attempts[-1].task.startswith("message."), (
                f"Job {job_id} is {job.status}, and its attempt is open."
            )
        for one in open_ones:
            assert one.in_core or (one.started_at is None) == (one.lease_until is None), "Claimed without a lease."
        assert job.status != DONE or job.last_error is None or attempts[-1].task.startswith("message.")


def check_at_most_once(
    jobs: Mapping[int, Job], dispatches: Mapping[int, list[Dispatch]], memory: Memory, workers: WorkersAtWork
) -> None:
    """Invariant 7: an at-most-once job is never run again without an explicit confirmation."""
    for job_id, attempts in dispatches.items():
        if not any(one.at_most_once for one in attempts):
            continue
        allowed = memory.runs_allowed[job_id]
        assert len(attempts) <= allowed, f"Job {job_id} has {len(attempts)} attempts; {allowed} were asked for."
        assert memory.published[job_id] <= allowed, f"Job {job_id} was published {memory.published[job_id]} times."
        assert workers.claims[job_id] <= allowed, f"Job {job_id} was claimed {workers.claims[job_id]} times."


def check_one_ingest_task_per_identity(workers: WorkersAtWork) -> None:
    """Invariant 13, by what queues and workers really hold; a copy of a task that has returned doesn't count."""
    held = [*workers.broker.waiting(), *workers.core_given, *(run.message for run in workers.core_running)]
    by_identity: dict[Any, set[str]] = defaultdict(set)
    for message in held:
        if message.task.startswith(INGEST) and message.task_id not in workers.returned:
            by_identity[message.kwargs["identity_id"]].add(message.task_id)
    for identity, task_ids in by_identity.items():
        if len(task_ids) <= 1:
            continue
        # After so long the task of a job that was cancelled is taken to be over.
        long_ago = Q(ended_at__lt=Now() - losses.PLACE_HELD_FOR)
        forgotten = Dispatch.objects.filter(long_ago, task_id__in=task_ids).count()
        assert len(task_ids) - forgotten <= 1, f"{len(task_ids)} ingest tasks of identity {identity} are with Celery."


def check_foreign_jobs(dispatches: Mapping[int, list[Dispatch]], memory: Memory) -> None:
    """Invariant 11: jobs that the console did not create are never handed over by it, but for an operator's retry."""
    assert set(dispatches) <= memory.accepted, f"Handed over: {set(dispatches) - memory.accepted}, by nobody's wish."
    assert set(memory.published) <= memory.accepted


def check_counts(jobs: Mapping[int, Job]) -> None:
    """The counted snapshot and what was changed since are what there is."""
    known = {status: n for status, n in counts.current().by_status.items() if n}
    real = dict(Counter(job.status for job in jobs.values()))
    assert known == real, f"There are {real}; the console says {known}."


def stuck_jobs() -> set[int]:
    """Return the jobs that the console shows as stuck."""
    conditions, params = JobFilter(stuck=True).conditions()
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT id FROM jobs WHERE {' AND '.join(conditions)}", params)
        return {pk for (pk,) in cursor.fetchall()}
