"""Handing over when the broker, or the process that submitted, is not there."""

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis
from django.conf import settings
from django.db import connection

from devserver.redis import Redis
from identities.operations import backfill_conversations
from jobs import gateway, operations, sweeper
from jobs.models import FAILED, QUEUED, Dispatch, Job
from tests.cast import OPERATOR, make_conversation, make_credential, make_identity, make_job, make_message

pytestmark = pytest.mark.django_db(transaction=True)


def waiting_messages(queue: str = "ingest") -> int:
    with closing(redis.Redis.from_url(settings.CELERY_BROKER_URL)) as client:
        return int(client.llen(queue))


def lease_has_run_out() -> None:
    Dispatch.objects.update(publication_lease_until=datetime.now(UTC) - timedelta(seconds=1))


def test_with_the_broker_down_a_job_is_accepted_and_handed_over_after_its_return(redis_server: Redis) -> None:
    identities = [make_identity() for _ in range(3)]
    redis_server.stop()
    try:
        submitted = backfill_conversations(actor=OPERATOR)
        assert submitted.broker_down
        assert "broker can't be reached" in submitted.message
        lease_has_run_out()
        assert sweeper.publish_due() == 0
    finally:
        redis_server.start()
    lease_has_run_out()

    assert sweeper.publish_due() == len(identities)
    assert waiting_messages() == len(identities)
    assert Job.objects.filter(status=QUEUED).count() == len(identities)


def test_what_a_dead_process_has_committed_but_not_published_is_published_once_its_lease_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def die(_: gateway.TaskMessage) -> None:
        raise KeyboardInterrupt

    make_identity()
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(gateway, "publish", die)
        backfill_conversations(actor=OPERATOR)
    assert sweeper.publish_due() == 0, "its lease is still held"
    lease_has_run_out()

    assert sweeper.publish_due() == 1
    assert waiting_messages() == 1


def test_a_message_carries_its_job_and_its_dispatch_and_redacted_arguments() -> None:
    import json

    make_identity("Alice")
    submitted = backfill_conversations(actor=OPERATOR)
    with closing(redis.Redis.from_url(settings.CELERY_BROKER_URL)) as client:
        (raw,) = client.lrange("ingest", 0, -1)
    headers = json.loads(raw)["headers"]

    assert headers["job_id"] == submitted.job_ids[0]
    assert headers["dispatch_id"] == Dispatch.objects.get().pk
    assert headers["id"] == str(Dispatch.objects.get().task_id)
    assert "provider_id" in headers["kwargsrepr"]


def test_a_send_whose_publication_is_in_doubt_fails_as_unknown_and_is_never_published_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def break_off(_: gateway.TaskMessage) -> None:
        raise gateway.PublicationInDoubt("The connection broke.")

    message = make_message(make_conversation(make_identity()), remote_visibility="send_failed")
    job = make_job("message.send_manual", queue_name="messages", payload={"message_id": message.pk})
    with monkeypatch.context() as patched:
        patched.setattr(gateway, "publish", break_off)
        operations.retry_job(job.pk, actor=OPERATOR)
    lease_has_run_out()

    assert sweeper.publish_due() == 0
    job.refresh_from_db()
    assert job.status == FAILED
    assert (job.last_error or "").startswith("AMBIGUOUS:")
    assert waiting_messages("messages") == 0


def test_a_send_that_found_no_broker_is_published_later(redis_server: Redis) -> None:
    message = make_message(make_conversation(make_identity()), remote_visibility="send_failed")
    job = make_job("message.send_manual", queue_name="messages", payload={"message_id": message.pk})
    redis_server.stop()
    try:
        assert operations.retry_job(job.pk, actor=OPERATOR).broker_down
    finally:
        redis_server.start()
    lease_has_run_out()

    assert sweeper.publish_due() == 1
    assert waiting_messages("messages") == 1


def test_a_job_that_was_ended_by_hand_before_it_was_published_is_not_published(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unreachable(_: gateway.TaskMessage) -> None:
        raise gateway.BrokerUnreachable("The broker can't be reached.")

    make_identity()
    with monkeypatch.context() as patched:
        patched.setattr(gateway, "publish", unreachable)
        backfill_conversations(actor=OPERATOR)
    Job.objects.update(status="cancelled")
    lease_has_run_out()

    assert sweeper.publish_due() == 0
    assert Dispatch.objects.get().outcome == "superseded"


def test_a_job_whose_row_the_core_has_deleted_is_not_published(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(_: gateway.TaskMessage) -> None:
        raise gateway.BrokerUnreachable("The broker can't be reached.")

    make_identity()
    with monkeypatch.context() as patched:
        patched.setattr(gateway, "publish", unreachable)
        backfill_conversations(actor=OPERATOR)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM jobs")
    lease_has_run_out()

    assert sweeper.publish_due() == 0
    assert Dispatch.objects.get().outcome == "superseded"


def test_a_whole_backfill_runs_in_the_cores_worker_and_its_rows_arrive(
    core_worker: Callable[..., Any], sweeper: Callable[..., Any], wait_until: Callable[..., Any]
) -> None:
    from identities.models import Message

    alice = make_identity("Alice")
    make_credential(alice)
    core_worker()
    sweeper("--tick", "0.2")

    submitted = backfill_conversations(identity_ids=[alice.pk], actor=OPERATOR)
    wait_until(lambda: Job.objects.get().status not in {"queued", "running", "retrying"})

    job, dispatch = Job.objects.get(), Dispatch.objects.get()
    assert (job.status, job.attempts, job.last_error) == ("done", 1, None)
    assert (dispatch.result or {})["new_messages"] == Message.objects.count() > 0
    assert submitted.job_ids == (job.pk,)


def test_a_send_whose_sender_died_while_it_was_sent_is_never_published_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def die(_: gateway.TaskMessage) -> None:
        raise KeyboardInterrupt

    message = make_message(make_conversation(make_identity()), remote_visibility="send_failed")
    job = make_job("message.send_manual", queue_name="messages", payload={"message_id": message.pk})
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(gateway, "publish", die)
        operations.retry_job(job.pk, actor=OPERATOR)
    lease_has_run_out()

    assert sweeper.publish_due() == 0
    assert waiting_messages("messages") == 0
