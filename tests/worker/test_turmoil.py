"""Everything that can happen to jobs, all at once and at random: nothing is lost and nothing stays behind."""

import random
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import pytest

from identities.operations import backfill_conversations
from jobs import attempts, losses, operations, sweeper
from jobs.attempts import Claim, Hold
from jobs.models import ACTIVE_STATUSES, Dispatch, Job
from opsconsole.errors import OpsError
from tests.cast import OPERATOR, make_identity
from tests.worker.at_once import at_once
from tests.worker.conftest import Leave, Submit
from tests.worker.faults import claim, let_run_out

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("no_deadlock"),
    pytest.mark.slow,
]

PEOPLE = 12
DOINGS = 30

Doing = Callable[[random.Random], Any]
SWEEPS: tuple[Callable[[], Any], ...] = (
    sweeper.expire_leases,
    sweeper.redispatch_due,
    sweeper.publish_due,
    losses.republish_unclaimed,
    sweeper.settle_ended,
    sweeper.keep_late_results,
    losses.let_go_of_ended,
    losses.free_places,
)


def some_job(rng: random.Random) -> int:
    return rng.choice(list(Job.objects.values_list("pk", flat=True)) or [0])


def cancel(rng: random.Random) -> None:
    operations.cancel_job(some_job(rng), actor=OPERATOR)


def retry(rng: random.Random) -> None:
    operations.retry_job(some_job(rng), actor=OPERATOR, confirm=True)


def set_failed(rng: random.Random) -> None:
    operations.fail_job(some_job(rng), actor=OPERATOR, reason="it is stuck")


def backfill(rng: random.Random) -> None:
    backfill_conversations(actor=OPERATOR)


def work(rng: random.Random) -> None:
    """Do what the console's worker does with a message, which may be any one that was ever sent."""
    dispatches = list(Dispatch.objects.filter(in_core=False).order_by("-pk")[:8])
    if not dispatches:
        return
    one = rng.choice(dispatches)
    held = attempts.claim(
        job_id=one.job_id, dispatch_id=one.pk, task_id=str(one.task_id), task=one.task, worker="worker@host"
    )
    if held is not None:
        end(held, rng)


def end(held: Claim, rng: random.Random) -> None:
    match rng.choice(["return", "raise", "stop", "die"]):
        case "return":
            attempts.complete(held, {"counted": 1})
        case "raise":
            attempts.fail(held, error="it broke")
        case "stop" if attempts.renew(held) is Hold.CANCEL_REQUESTED:
            attempts.cancel(held)


def sweep(rng: random.Random) -> None:
    let_run_out("lease_until", "next_attempt_at", "publication_lease_until", "check_at", "late_check_at")
    for step in SWEEPS:
        step()


def test_no_job_is_lost_and_no_attempt_stays_behind(submit: Submit, leave_result: Leave) -> None:
    for _ in range(3):
        make_identity()

    def work_in_core(rng: random.Random) -> None:
        if published := list(Dispatch.objects.filter(in_core=True).exclude(published_at=None).order_by("-pk")[:6]):
            result = rng.choice([{"status": "success", "messages_synced": 1}, {"status": "error", "error": "down"}])
            leave_result(rng.choice(published), result)

    doings: list[Doing] = [
        lambda rng: submit("tests.count", name=str(rng.randrange(5))),
        lambda rng: submit("tests.count_once", name=str(rng.randrange(5))),
        *(backfill, cancel, cancel, set_failed, retry, retry, work, work, work, work_in_core, sweep, sweep),
    ]

    def live(seed: int) -> None:
        rng = random.Random(seed)
        for _ in range(DOINGS):
            with suppress(OpsError):
                rng.choice(doings)(rng)

    assert at_once([partial(live, seed) for seed in range(PEOPLE)]) == [None] * PEOPLE

    bring_to_an_end(leave_result)
    assert not Job.objects.filter(status__in=ACTIVE_STATUSES).exists()
    assert not Job.objects.exclude(dedupe_key=None).exists()
    assert not Dispatch.objects.filter(ended_at=None).exists()
    assert not Dispatch.objects.exclude(next_attempt_at=None).exists()
    assert not Dispatch.objects.filter(holds_place=True).exists()
    for job in Job.objects.all():
        newest = Dispatch.objects.filter(job_id=job.pk).latest("pk")
        assert (job.status, newest.outcome) in {
            ("done", "done"),
            ("failed", "failed"),
            ("failed", "unknown"),
            ("cancelled", "cancelled"),
            # Cancelled while it waited for its next attempt.
            ("cancelled", "retrying"),
        }


def bring_to_an_end(leave_result: Leave) -> None:
    """Have everything that is left run and succeed."""
    for _ in range(40):
        sweep(random.Random(0))
        for dispatch in Dispatch.objects.filter(ended_at=None, started_at=None).exclude(published_at=None):
            if not dispatch.in_core:
                attempts.complete(claim(dispatch.job_id), {"counted": 1})
        for dispatch in Dispatch.objects.filter(in_core=True, returned_at=None).exclude(published_at=None):
            leave_result(dispatch, {"status": "success", "messages_synced": 1})
        if (
            not Dispatch.objects.filter(ended_at=None).exists()
            and not Dispatch.objects.filter(holds_place=True).exists()
        ):
            return
