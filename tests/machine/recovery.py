"""All faults end: then everything that was accepted ends, or is stuck and can be set failed. Nothing is lost."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from jobs import counts, losses, operations, sweeper
from jobs.models import ACTIVE_STATUSES, Dispatch, Job
from tests.cast import OPERATOR
from tests.machine import invariants
from tests.machine.broker import CORE_QUEUES
from tests.machine.faults import Fault
from tests.machine.workers import WorkersAtWork

if TYPE_CHECKING:
    from tests.machine.state_machine import LifeOfJobs

ROUNDS = 100
ROUND_SECONDS = 12
# So many rounds without anything that ends, and an operator looks at what is stuck.
PATIENCE = 10


@contextmanager
def patched(target: Any, name: str, value: Any) -> Iterator[None]:
    with patch.object(target, name, value):
        yield


def tick(workers: WorkersAtWork) -> None:
    """Do what a sweeper's tick does, with the workers' answer at once."""
    sweeper.expire_leases()
    sweeper.settle_ended()
    sweeper.redispatch_due()
    sweeper.publish_due()
    losses.republish_unclaimed()
    sweeper.note_workers(workers.answer())
    sweeper.keep_late_results()
    tidy()
    counts.refresh(max_age_seconds=0)


def tidy() -> None:
    losses.let_go_of_ended()
    losses.free_places()


def check(machine: "LifeOfJobs") -> None:
    """Let all faults end, and check that nothing was lost.

    Raises:
        AssertionError: a job neither ends nor is stuck, or something is held for ever.
    """
    machine.answer, machine.remembered, machine.slow_submitters = None, [], []
    excused = _may_be_stuck(machine)
    quiet, left = 0, _active(machine)
    for _ in range(ROUNDS):
        _round(machine)
        machine.all_invariants_hold()
        now = _active(machine)
        quiet = quiet + 1 if now == left else 0
        left = now
        if not left and not Dispatch.objects.filter(ended_at=None).exists():
            break
        if quiet >= PATIENCE:
            quiet = 0
            if not _operator_sets_stuck_jobs_failed(machine, excused):
                # Retries wait for an hour at the most; a task is stuck after two.
                machine.time_passes(7_300)
    assert not left, f"Neither ended nor stuck: {_described(left)}"
    machine.time_passes(16 * 60)
    _round(machine)
    assert not Dispatch.objects.filter(ended_at=None).exists(), "An attempt is open for ever."
    assert not Dispatch.objects.filter(holds_place=True).exists(), "A place is held for ever."
    assert not Dispatch.objects.exclude(next_attempt_at=None).exists(), "An attempt is due for ever."


def _round(machine: "LifeOfJobs") -> None:
    """Have every worker end what it holds, then the sweeper tick once, then time pass."""
    workers = machine.workers
    for run in list(workers.own_running):
        workers.own_beats(run, with_progress=False)
        workers.own_ends(run, "success")
    for message in list(workers.own_given):
        workers.own_claims(message)
    while given := workers.own_takes():
        workers.own_claims(given)
    for core_run in list(workers.core_running):
        workers.core_ends(core_run, "success")
    for core_message in list(workers.core_given):
        workers.core_begins(core_message)
    for queue in CORE_QUEUES:
        while taken := workers.core_takes(queue):
            workers.core_begins(taken)
    counts.refresh(max_age_seconds=0)
    with machine._publishing(Fault.NONE):
        tick(workers)
    machine.time_passes(ROUND_SECONDS)


def _active(machine: "LifeOfJobs") -> list[int]:
    mine = Job.objects.filter(pk__in=machine.memory.accepted, status__in=ACTIVE_STATUSES)
    return list(mine.order_by("pk").values_list("pk", flat=True))


def _may_be_stuck(machine: "LifeOfJobs") -> set[int]:
    """Return the jobs that only an operator can end: changed by hand, or their core task was lost as it ran."""
    workers = machine.workers
    lost = {
        one.job_id
        for one in Dispatch.objects.filter(ended_at=None, in_core=True)
        if not workers.know(str(one.task_id))
        and (str(one.task_id) in workers.begun or one.publications >= losses.MAX_PUBLICATIONS)
    }
    return machine.memory.changed_by_hand | lost


def _operator_sets_stuck_jobs_failed(machine: "LifeOfJobs", excused: set[int]) -> bool:
    stuck = sorted(invariants.stuck_jobs() & machine.memory.accepted)
    for job_id in stuck:
        assert job_id in excused, f"Stuck for no reason: {_described([job_id])}"
        operations.fail_job(job_id, actor=OPERATOR, reason="lost")
    return bool(stuck)


def _described(job_ids: list[int]) -> str:
    jobs = Job.objects.filter(pk__in=job_ids).values("pk", "job_type", "status", "attempts", "next_run_at")
    attempts = Dispatch.objects.filter(job_id__in=job_ids).values()
    return f"{list(jobs)} with {list(attempts)}"
