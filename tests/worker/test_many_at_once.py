"""Many who want the same thing at the same moment, in threads: one wins, and nobody waits in a circle."""

import random
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from identities.operations import backfill_conversations
from jobs import attempts, catalog, operations, sweeper
from jobs.attempts import Claim, Hold
from jobs.gateway import Workers
from jobs.models import (
    CANCELLED,
    DONE,
    FAILED,
    RETRYING,
    RUNNING,
    Dispatch,
    Job,
    Run,
    WorkerReport,
)
from jobs.receipts import Cancelled, Retried, SetFailed
from opsconsole.audit import Entity
from opsconsole.errors import Conflict
from tests.cast import OPERATOR, make_identity, make_job
from tests.waiting import wait_until
from tests.worker.at_once import Calls, at_once, crowd
from tests.worker.conftest import Leave, Submit
from tests.worker.faults import claim, let_run_out, messages

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("no_deadlock"),
    pytest.mark.slow,
]

THREADS = 50
ROUNDS = 10


def outcomes_of(results: list[Any]) -> Counter[str]:
    """Count what came of the calls, by the names of the types of what was returned or raised."""
    return Counter(type(result).__name__ for result in results)


# --- one job, many callers ----------------------------------------------------------------------------------------


def test_of_fifty_who_retry_a_failed_job_one_wins() -> None:
    job = make_job(payload={"provider_id": "reddit"})
    results = at_once([partial(operations.retry_job, job.pk, actor=OPERATOR)] * THREADS)

    assert outcomes_of(results) == {Retried.__name__: 1, Conflict.__name__: THREADS - 1}
    assert Dispatch.objects.count() == 1
    assert [message["job_id"] for message in messages("ingest")] == [job.pk]


def test_of_two_failed_jobs_with_the_same_work_one_is_retried() -> None:
    for _ in range(ROUNDS):
        pair = [make_job(payload={"provider_id": "reddit"}), make_job(payload={"provider_id": "reddit"})]
        results = at_once([partial(operations.retry_job, job.pk, actor=OPERATOR) for job in pair] * 5)

        assert outcomes_of(results) == {Retried.__name__: 1, Conflict.__name__: 9}
        Job.objects.update(status=DONE, dedupe_key=None)


def test_fifty_who_submit_the_same_work_share_one_job() -> None:
    alice = make_identity("Alice")
    results = at_once([partial(backfill_conversations, identity_ids=[alice.pk], actor=OPERATOR)] * THREADS)

    assert {result.job_ids for result in results} == {(Job.objects.get().pk,)}
    assert sum(not result.already_active for result in results) == 1
    assert Run.objects.count() == THREADS
    assert Dispatch.objects.count() == len(messages("ingest")) == 1


def test_whoever_submits_the_same_works_in_another_order_does_not_wait_for_ever() -> None:
    requests = [
        operations.JobRequest(job_type=catalog.REDOWNLOAD_ATTACHMENTS, payload={"limit": limit})
        for limit in range(1, 21)
    ]

    def submit(shuffled: list[operations.JobRequest]) -> Any:
        return operations.submit_run(
            operation="tests.trigger", title="A test", requests=shuffled, actor=OPERATOR, entity=Entity(type="job")
        )

    orders = [random.Random(seed).sample(requests, len(requests)) for seed in range(10)]
    results = at_once([partial(submit, order) for order in orders])

    assert len({result.job_ids for result in results}) == 1
    assert Job.objects.count() == Dispatch.objects.count() == len(requests)


# --- cancel -------------------------------------------------------------------------------------------------------


def try_to_claim(job_id: int) -> Claim | None:
    dispatch = Dispatch.objects.get(job_id=job_id)
    return attempts.claim(
        job_id=job_id, dispatch_id=dispatch.pk, task_id=str(dispatch.task_id), task=dispatch.task, worker="w"
    )


def test_a_job_that_fifty_cancel_while_a_worker_claims_it_is_cancelled_or_runs_never_both(submit: Submit) -> None:
    with crowd(THREADS) as do:
        ends = Counter(_end_of_one_that_is_claimed_and_cancelled(submit, do, number) for number in range(ROUNDS))
    assert ends.total() == ROUNDS


def _end_of_one_that_is_claimed_and_cancelled(submit: Submit, do: Callable[[Calls], list[Any]], number: int) -> bool:
    job_id = submit("tests.count", name=str(number))
    calls: list[Callable[[], Any]] = [partial(operations.cancel_job, job_id, actor=OPERATOR)] * (THREADS - 1)
    # Now early, now late among the others.
    calls.insert(number * 4, partial(try_to_claim, job_id))
    results = do(calls)

    held = results.pop(number * 4)
    assert outcomes_of(results) == {Cancelled.__name__: 1, Conflict.__name__: THREADS - 2}
    job, dispatch = Job.objects.get(pk=job_id), Dispatch.objects.get(job_id=job_id)
    if held is None:
        assert (job.status, job.attempts, dispatch.started_at) == (CANCELLED, 0, None)
    else:
        assert (job.status, job.attempts) == (RUNNING, 1)
        assert dispatch.cancel_requested_at is not None
        assert attempts.renew(held) is Hold.CANCEL_REQUESTED
        assert attempts.cancel(held)
    assert Job.objects.get(pk=job_id).status == CANCELLED
    return held is not None


def test_a_job_that_is_cancelled_while_it_completes_is_done_or_cancelled(submit: Submit) -> None:
    for number in range(ROUNDS):
        job_id = submit("tests.count", name=str(number))
        held = claim(job_id)
        completed, *_ = at_once(
            [
                partial(attempts.complete, held, {"counted": 1}),
                *[partial(operations.cancel_job, job_id, actor=OPERATOR)] * 9,
            ]
        )

        assert completed is True
        assert Job.objects.get(pk=job_id).status == DONE
        assert Dispatch.objects.get(job_id=job_id).outcome == "done"


def test_a_core_job_that_is_cancelled_while_it_is_settled_is_done_or_cancelled_and_its_result_is_kept(
    leave_result: Leave,
) -> None:
    for _ in range(ROUNDS):
        backfill_conversations(identity_ids=[make_identity().pk], actor=OPERATOR)
        dispatch = Dispatch.objects.latest("pk")
        leave_result(dispatch, {"status": "success", "messages_synced": 3})
        *_, cancelled = at_once(
            [
                sweeper.settle_ended,
                sweeper.settle_ended,
                partial(operations.cancel_job, dispatch.job_id, actor=OPERATOR),
            ]
        )
        let_run_out("late_check_at")
        sweeper.keep_late_results()

        job = Job.objects.get(pk=dispatch.job_id)
        dispatch.refresh_from_db()
        if isinstance(cancelled, Conflict):
            assert (job.status, job.attempts, dispatch.outcome) == (DONE, 1, "done")
        else:
            assert (job.status, job.attempts, dispatch.outcome) == (CANCELLED, 0, "cancelled")
        assert dispatch.result == {"status": "success", "messages_synced": 3}
        assert not dispatch.holds_place


def test_a_job_that_is_set_failed_while_its_heart_beats_again_either_fails_or_goes_on(submit: Submit) -> None:
    for number in range(ROUNDS):
        job_id = submit("tests.count", name=str(number))
        held = claim(job_id)
        let_run_out("lease_until")
        results = at_once(
            [
                *[partial(operations.fail_job, job_id, actor=OPERATOR, reason="it is dead")] * 5,
                *[partial(attempts.renew, held)] * 5,
            ]
        )

        failures, beats = results[:5], results[5:]
        if any(isinstance(failure, SetFailed) for failure in failures):
            assert outcomes_of(failures) == {SetFailed.__name__: 1, Conflict.__name__: 4}
            assert attempts.renew(held) is Hold.LOST
            assert not attempts.complete(held, {})
            assert Job.objects.get(pk=job_id).status == FAILED
        else:
            assert set(beats) == {Hold.HELD}
            assert attempts.complete(held, {})
            assert Job.objects.get(pk=job_id).status == DONE


def test_a_lease_that_is_renewed_while_it_is_ended_is_held_or_lost(submit: Submit) -> None:
    for number in range(ROUNDS):
        job_id = submit("tests.count", name=str(number))
        held = claim(job_id)
        let_run_out("lease_until")
        *beats, first, second = at_once(
            [*[partial(attempts.renew, held)] * 3, *[partial(attempts.expire, limit=10)] * 2]
        )

        assert first + second in (0, 1)
        expired = bool(first + second)
        assert Job.objects.get(pk=job_id).status == (RETRYING if expired else RUNNING)
        assert (attempts.renew(held) is Hold.LOST) is expired
        if not expired:
            assert set(beats) == {Hold.HELD}
        attempts.complete(held, {})
        Job.objects.update(status=DONE, dedupe_key=None)
        Dispatch.objects.update(next_attempt_at=None)


def test_a_message_that_comes_to_twenty_workers_is_claimed_by_one(submit: Submit) -> None:
    for number in range(ROUNDS):
        job_id = submit("tests.count", name=str(number))
        claims = at_once([partial(try_to_claim, job_id)] * 20)

        assert sum(held is not None for held in claims) == 1
        assert Job.objects.get(pk=job_id).attempts == 1


# --- sweepers -----------------------------------------------------------------------------------------------------


def test_two_sweepers_that_were_answered_in_different_orders_do_not_wait_for_each_other() -> None:
    names = [f"worker-{number}" for number in range(1_500)]

    def note(order: list[str]) -> None:
        answer = Workers(answered=frozenset(order), tasks={name: ["a task"] for name in order})
        for _ in range(4):
            sweeper.note_workers(answer)

    assert at_once([lambda: note(names), lambda: note(names[::-1])]) == [None, None]
    assert WorkerReport.objects.count() == len(names)


def test_the_next_attempt_is_made_once_however_many_sweepers_there_are(submit: Submit) -> None:
    for number in range(ROUNDS):
        job_id = submit("tests.count", name=str(number))
        attempts.fail(claim(job_id), error="it broke")
        let_run_out("next_attempt_at")
        assert sum(at_once([sweeper.redispatch_due] * 5)) == 1
        assert Dispatch.objects.filter(job_id=job_id).count() == 2


def test_of_one_identity_one_job_at_a_time_is_handed_over_whoever_asks_and_whoever_sweeps(
    leave_result: Leave, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whoever submits leaves all of it to the sweepers, at once.
    monkeypatch.setattr(operations, "HAND_OVER_SECONDS", 0.0)
    alice = make_identity("Alice")
    jobs = 20
    together: list[int] = []

    def submit(number: int) -> None:
        payload = {"provider_id": "reddit", "identity_id": alice.pk, "number": number}
        operations.submit_run(
            operation="sync.trigger",
            title="Sync Alice",
            requests=[operations.JobRequest(job_type=catalog.SYNC, payload=payload)],
            actor=OPERATOR,
            entity=Entity(type="identity", id=alice.pk),
        )

    def sweep() -> bool:
        sweeper.settle_ended()
        sweeper.publish_due()
        return Job.objects.filter(status=DONE).count() == jobs

    done: set[str] = set()

    def work() -> bool:
        # The core's worker: it has one at a time, so all that are in the queue or in its hands are too many.
        waiting = [message["id"] for message in messages("ingest") if message["id"] not in done]
        together.append(len(waiting))
        for task_id in waiting:
            leave_result(Dispatch.objects.get(task_id=task_id), {"status": "success", "messages_synced": 1})
            done.add(task_id)
        return len(done) == jobs

    until = [partial(wait_until, condition) for condition in (sweep, sweep, work)]
    at_once([*[partial(submit, number) for number in range(jobs)], *until])

    assert Job.objects.filter(status=DONE, attempts=1).count() == jobs
    assert max(together) == 1
    assert len(messages("ingest")) == jobs, "one was sent twice"
