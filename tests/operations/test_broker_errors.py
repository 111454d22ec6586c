"""Any error of a broker library means “unreachable” before anything is sent, and “in doubt” after that."""

import ssl
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis
from celery.app.control import Control
from celery.backends.redis import RedisBackend
from django.conf import settings
from kombu.connection import Connection, ConnectionPool
from kombu.exceptions import InconsistencyError
from kombu.transport.redis import Channel

from identities.operations import backfill_conversations
from jobs import gateway, operations, sweeper
from jobs.models import CANCELLED, DONE, FAILED, QUEUED, Dispatch, Job
from jobs.receipts import NOT_REVOKED, REVOCATION_IN_DOUBT
from opsconsole.errors import Unavailable
from tests.api.cast import make_attempt
from tests.cast import OPERATOR, make_conversation, make_identity, make_job, make_message

ERRORS: list[Exception] = [
    ValueError("too many values to unpack (expected 2)"),
    KeyError("unacked"),
    TypeError("an integer is required"),
    AttributeError("'NoneType' object has no attribute 'sendall'"),
    AssertionError(),
    RuntimeError("Acquire on closed pool"),
    StopIteration(),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
    ssl.SSLError("record layer failure"),
    InconsistencyError("the queue key is gone"),
    redis.InvalidResponse("Protocol Error: b'x'"),
    redis.TimeoutError("Timeout reading from socket"),
]
with_rows = pytest.mark.django_db(transaction=True)
any_error = pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)


def raising(error: Exception, *, after: Callable[..., Any] | None = None) -> Callable[..., Any]:
    """Return a function that calls the original and then raises the error."""

    def fail(*args: Any, **kwargs: Any) -> Any:
        if after is not None:
            after(*args, **kwargs)
        raise error

    return fail


def messages_in(queue: str) -> int:
    with closing(redis.Redis.from_url(settings.CELERY_BROKER_URL)) as client:
        return int(client.llen(queue))


def sweep_once_more() -> int:
    Dispatch.objects.update(publication_lease_until=datetime.now(UTC) - timedelta(seconds=1))
    return sweeper.publish_due()


def make_send() -> Job:
    message = make_message(make_conversation(make_identity()), remote_visibility="send_failed")
    return make_job("message.send_manual", queue_name="messages", payload={"message_id": message.pk})


# --- publishing ---------------------------------------------------------------------------------------------------


@with_rows
@any_error
@pytest.mark.parametrize("place", ["connecting", "sending", "giving back"])
def test_what_may_run_twice_is_put_off_and_published_again(
    monkeypatch: pytest.MonkeyPatch, error: Exception, place: str
) -> None:
    make_identity()
    with monkeypatch.context() as broken:
        if place == "connecting":
            broken.setattr(Connection, "ensure_connection", raising(error))
        elif place == "sending":
            broken.setattr(Channel, "_put", raising(error))
        else:
            broken.setattr(ConnectionPool, "release", raising(error, after=ConnectionPool.release))
        submitted = backfill_conversations(actor=OPERATOR)
    assert submitted.handed_over == 0
    assert submitted.broker_down is (place == "connecting")
    sent = messages_in("ingest")
    assert sent == (place == "giving back")
    dispatch = Dispatch.objects.get()
    assert (dispatch.published_at, dispatch.ended_at, Job.objects.get().status) == (None, None, QUEUED)
    assert dispatch.publish_error

    assert sweep_once_more() == 1
    assert messages_in("ingest") == sent + 1
    assert Dispatch.objects.get().task_id == dispatch.task_id


@with_rows
@any_error
def test_what_may_run_only_once_waits_where_nothing_was_sent(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    job = make_send()
    with monkeypatch.context() as broken:
        broken.setattr(Connection, "ensure_connection", raising(error))
        retried = operations.retry_job(job.pk, actor=OPERATOR)
    assert "broker can't be reached" in retried.message
    assert Job.objects.get().status == QUEUED
    assert sweep_once_more() == messages_in("messages") == 1


@with_rows
@any_error
@pytest.mark.parametrize("sent", [False, True])
def test_what_may_run_only_once_fails_as_unknown_where_it_may_have_been_sent(
    monkeypatch: pytest.MonkeyPatch, error: Exception, sent: bool
) -> None:
    job = make_send()
    with monkeypatch.context() as broken:
        broken.setattr(Channel, "_put", raising(error, after=Channel._put if sent else None))
        operations.retry_job(job.pk, actor=OPERATOR)
    job.refresh_from_db()
    assert job.status == FAILED
    assert (job.last_error or "").startswith("AMBIGUOUS:")
    assert sweep_once_more() == 0
    assert messages_in("messages") == sent


@with_rows
def test_a_broker_that_answers_that_it_does_not_take_it_has_not_got_it(monkeypatch: pytest.MonkeyPatch) -> None:
    job = make_send()
    for refused in (redis.ResponseError("MISCONF"), redis.ReadOnlyError("READONLY"), redis.OutOfMemoryError("OOM")):
        with monkeypatch.context() as broken:
            broken.setattr(Channel, "_put", raising(refused))
            if job.status == FAILED:
                operations.retry_job(job.pk, actor=OPERATOR)
                job.refresh_from_db()
            assert sweep_once_more() == 0
        assert Job.objects.get().status == QUEUED
    assert sweep_once_more() == messages_in("messages") == 1


# --- telling and asking workers -----------------------------------------------------------------------------------


@with_rows
@any_error
@pytest.mark.parametrize("told", [False, True])
def test_a_job_is_cancelled_and_says_whether_the_workers_may_know(
    monkeypatch: pytest.MonkeyPatch, error: Exception, told: bool
) -> None:
    job = make_job(status=QUEUED)
    make_attempt(job.pk)
    with monkeypatch.context() as broken:
        place: tuple[Any, str] = (Control, "revoke") if told else (Connection, "ensure_connection")
        broken.setattr(*place, raising(error))
        cancelled = operations.cancel_job(job.pk, actor=OPERATOR)
    assert (REVOCATION_IN_DOUBT if told else NOT_REVOKED) in cancelled.message
    assert (NOT_REVOKED if told else REVOCATION_IN_DOUBT) not in cancelled.message
    assert Job.objects.get().status == CANCELLED
    gateway.revoke(["another task"])


@any_error
def test_workers_behind_a_broker_that_fails_are_not_taken_for_gone(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(Control, "broadcast", raising(error))
        with pytest.raises(gateway.BrokerUnreachable):
            gateway.ask_workers(registered=True)
        with pytest.raises(gateway.BrokerUnreachable):
            gateway.registered_tasks()


@any_error
def test_a_question_that_fails_once_is_put_again(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    answers = iter([error, [{"core@a": ["ingest.sync_delta"]}]])

    def broadcast(*args: Any, **kwargs: Any) -> Any:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(Control, "broadcast", broadcast)
    assert gateway.registered_tasks() == {"ingest.sync_delta"}


@any_error
def test_a_queue_that_can_not_be_looked_into_is_not_taken_for_empty(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(Channel, "queue_declare", raising(error))
        with pytest.raises(gateway.BrokerUnreachable):
            gateway.waiting_in(["ingest"])
    assert gateway.waiting_in(["ingest"]) == {"ingest": 0}


@with_rows
@any_error
def test_results_that_can_not_be_read_are_read_in_a_later_tick(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    job = make_job(status="running")
    attempt = make_attempt(job.pk, started_at=datetime.now(UTC))
    with closing(redis.Redis.from_url(settings.CORE_RESULT_BACKEND)) as client:
        client.set(f"celery-task-meta-{attempt.task_id}", b'{"status": "SUCCESS", "result": {}}')
    with monkeypatch.context() as broken:
        broken.setattr(RedisBackend, "mget", raising(error))
        with pytest.raises(Unavailable) as raised:
            sweeper.settle_ended()
        assert raised.value.code == "results_unreachable"
        assert Job.objects.get().status == "running"
    assert sweeper.settle_ended() == 1
    assert Job.objects.get().status == DONE
