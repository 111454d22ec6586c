"""Messages that got lost, or only seem to be: what is sent again, what fails, and what is left alone."""

from datetime import UTC, datetime, timedelta

import pytest


from devserver.redis import Redis
from jobs import gateway, handover, losses
from jobs.gateway import Workers
from jobs.models import FAILED, QUEUED, RUNNING, Dispatch, Job, Outcome
from tests.worker import own_tasks
from tests.worker.conftest import Submit
from tests.worker.faults import claim, let_run_out, lose_message, messages

pytestmark = pytest.mark.django_db(transaction=True)


def workers_answer(*, queue: str = own_tasks.QUEUE, reserved: tuple[str, ...] = ()) -> Workers:
    """One worker listens on the queue and runs nothing; the broker says how long the queue is."""
    return Workers(
        answered=frozenset({"w"}),
        queues={"w": [queue]},
        reserved=frozenset(reserved),
        empty_queues=frozenset(name for name, length in gateway.waiting_in([queue]).items() if not length),
    )


def look_for_losses(answer: Workers) -> None:
    """Do what the sweeper does when the time to look has come, and what it does again ten seconds later."""
    for _ in range(2):
        let_run_out("check_at", ended_at=None)
        losses.republish_unclaimed()
        losses.note_unknown(answer)
        let_run_out("unknown_since", seconds=losses.UNKNOWN_FOR.total_seconds() + 1)


def test_an_attempt_that_was_claimed_before_its_message_was_taken_for_lost_goes_on(submit: Submit) -> None:
    job_id = submit("tests.count_once", name="a")
    held = claim(job_id)
    handover.fail(held.dispatch_id, job_id, losses.NEVER_CLAIMED, Outcome.FAILED)

    assert Job.objects.get().status == RUNNING
    assert Dispatch.objects.get().ended_at is None


def test_what_may_run_only_once_is_not_lost_while_a_busy_worker_has_its_message(submit: Submit) -> None:
    job_id = submit("tests.count_once", name="a")
    # The worker has taken it and not begun it.
    lose_message(own_tasks.QUEUE, job_id)
    look_for_losses(workers_answer(reserved=(str(Dispatch.objects.get().task_id),)))

    assert Job.objects.get().status == QUEUED
    assert claim(job_id)


def test_what_may_run_only_once_is_not_lost_because_another_message_is(submit: Submit) -> None:
    once, other = submit("tests.count_once", name="a"), submit("tests.count", name="b")
    lose_message(own_tasks.QUEUE, other)
    look_for_losses(workers_answer())

    assert Job.objects.get(pk=once).status == QUEUED
    assert claim(once)
    assert [message["job_id"] for message in messages(own_tasks.QUEUE)] == [once, other]


def test_what_may_run_only_once_fails_when_its_message_is_lost_and_is_never_sent_again(submit: Submit) -> None:
    job_id = submit("tests.count_once", name="a")
    lose_message(own_tasks.QUEUE, job_id)
    look_for_losses(workers_answer())

    job = Job.objects.get()
    assert (job.status, job.last_error, job.dedupe_key) == (FAILED, losses.NEVER_CLAIMED, None)
    assert messages(own_tasks.QUEUE) == []


def test_what_may_run_only_once_is_not_lost_while_its_workers_are_away(submit: Submit) -> None:
    job_id = submit("tests.count_once", name="a")
    lose_message(own_tasks.QUEUE, job_id)
    look_for_losses(Workers(empty_queues=frozenset({own_tasks.QUEUE})))

    assert Job.objects.get().status == QUEUED


def test_what_was_lost_while_the_broker_was_away_is_sent_again_as_soon_as_it_is_back(
    submit: Submit, redis_server: Redis
) -> None:
    job_id = submit("tests.count", name="a")
    let_run_out("check_at")
    redis_server.stop()
    try:
        with pytest.raises(gateway.BrokerUnreachable):
            losses.republish_unclaimed()
    finally:
        redis_server.start()

    assert losses.republish_unclaimed() == 1
    assert [message["job_id"] for message in messages(own_tasks.QUEUE)] == [job_id]


def test_what_waits_in_a_long_queue_is_not_sent_again_and_looked_at_again_soon(submit: Submit) -> None:
    for number in range(5):
        submit("tests.count", name=str(number))
    let_run_out("check_at")

    assert losses.republish_unclaimed() == 0
    assert len(messages(own_tasks.QUEUE)) == 5
    soon = datetime.now(UTC) + handover.CHECK_AFTER + timedelta(seconds=5)
    assert Dispatch.objects.filter(check_at__lt=soon).count() == 5


def test_a_message_that_no_worker_ever_takes_is_sent_ever_more_rarely(submit: Submit) -> None:
    job_id = submit("tests.count", name="a")
    pauses = []
    for _ in range(4):
        lose_message(own_tasks.QUEUE, job_id)
        let_run_out("check_at")
        assert losses.republish_unclaimed() == 1
        due = Dispatch.objects.get().check_at
        assert due is not None
        pauses.append(round((due - datetime.now(UTC)) / handover.CHECK_AFTER))

    assert pauses == [2, 4, 8, 16]
