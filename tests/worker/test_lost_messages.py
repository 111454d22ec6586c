"""Messages that got lost, or only seem to be: what is sent again, what fails, and what is left alone."""

from datetime import UTC, datetime, timedelta

import pytest

from devserver.redis import Redis
from identities.operations import backfill_conversations
from jobs import gateway, handover, losses, operations, settling, stuck
from jobs.gateway import ActiveTask, Workers
from jobs.models import FAILED, QUEUED, RUNNING, Dispatch, Job, Outcome
from tests.cast import OPERATOR, make_conversation, make_identity, make_job, make_message
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
    assert claim(job_id).job_id == job_id


def test_what_may_run_only_once_is_not_lost_because_another_message_is(submit: Submit) -> None:
    once, other = submit("tests.count_once", name="a"), submit("tests.count", name="b")
    lose_message(own_tasks.QUEUE, other)
    look_for_losses(workers_answer())

    assert Job.objects.get(pk=once).status == QUEUED
    assert claim(once).job_id == once
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


def test_a_core_task_that_its_worker_lost_is_noticed_also_while_others_wait_in_the_queue() -> None:
    for _ in range(2):
        make_identity()
    backfill_conversations(actor=OPERATOR)
    lost, waiting = Dispatch.objects.order_by("pk")
    settling.mark_started(lost, ActiveTask(task_id=str(lost.task_id), worker="core@host", started_at=None))
    lose_message("ingest", lost.job_id)
    look_for_losses(workers_answer(queue="ingest"))

    assert Dispatch.objects.get(pk=lost.pk).unknown_since is not None
    assert Dispatch.objects.get(pk=waiting.pk).unknown_since is None
    let_run_out("unknown_since", seconds=stuck.UNKNOWN_SECONDS + 1)
    failed = operations.fail_job(lost.job_id, actor=OPERATOR, reason="the worker was killed")
    assert failed.job_id == lost.job_id


def test_many_that_wait_in_a_long_queue_do_not_hide_one_that_is_lost_from_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(losses, "BATCH_SIZE", 3)
    for _ in range(5):
        make_identity()
    backfill_conversations(actor=OPERATOR)
    message = make_message(make_conversation(make_identity()), remote_visibility="send_failed")
    send = make_job("message.send_manual", queue_name="messages", payload={"message_id": message.pk})
    operations.retry_job(send.pk, actor=OPERATOR)
    lose_message("messages", send.pk)
    look_for_losses(workers_answer(queue="messages"))

    send.refresh_from_db()
    assert (send.status, send.last_error) == (FAILED, losses.OUTCOME_UNKNOWN)
    assert len(messages("ingest")) == 5


def test_a_core_task_is_sent_again_when_its_empty_queue_and_its_workers_do_not_know_it() -> None:
    make_identity()
    backfill_conversations(actor=OPERATOR)
    lose_message("ingest", Job.objects.get().pk)
    look_for_losses(workers_answer(queue="ingest"))

    (message,) = messages("ingest")
    assert message["id"] == str(Dispatch.objects.get().task_id)
    assert (Dispatch.objects.get().publications, Dispatch.objects.get().unknown_since) == (2, None)


def test_what_the_broker_could_not_be_given_again_does_not_count_as_sent_again(redis_server: Redis) -> None:
    make_identity()
    backfill_conversations(actor=OPERATOR)
    lose_message("ingest", Job.objects.get().pk)
    answer = workers_answer(queue="ingest")
    for _ in range(losses.MAX_PUBLICATIONS):
        let_run_out("check_at")
        losses.note_unknown(answer)
        let_run_out("unknown_since", seconds=losses.UNKNOWN_FOR.total_seconds() + 1)
        redis_server.stop()
        try:
            with pytest.raises(gateway.BrokerUnreachable):
                losses.note_unknown(answer)
        finally:
            redis_server.start()
    look_for_losses(answer)

    assert Dispatch.objects.get().publications == 2
    assert len(messages("ingest")) == 1


def test_what_a_worker_lost_is_noticed_also_when_whoever_sent_it_died_before_saying_so() -> None:
    make_identity()
    backfill_conversations(actor=OPERATOR)
    # It died between publishing and marking; then the worker was seen running it, and died too.
    Dispatch.objects.update(published_at=None, publications=0, check_at=None)
    sent = Dispatch.objects.get()
    settling.mark_started(sent, ActiveTask(task_id=str(sent.task_id), worker="core@host", started_at=None))
    lose_message("ingest", sent.job_id)
    look_for_losses(workers_answer(queue="ingest"))

    assert Dispatch.objects.get().unknown_since is not None


def test_of_two_sweepers_that_miss_the_same_message_one_sends_it_again(submit: Submit) -> None:
    lose_message(own_tasks.QUEUE, submit("tests.count", name="a"))
    first, second = (Dispatch.objects.select_related("job").get() for _ in range(2))

    assert [losses._send_again(first), losses._send_again(second)] == [1, 0]
    assert len(messages(own_tasks.QUEUE)) == 1
