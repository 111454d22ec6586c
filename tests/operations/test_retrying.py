"""Retrying: of every kind of job, with its refusals and its confirmation."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection
from django.db.models import Value

from jobs import gateway, operations
from jobs.models import CANCELLED, DONE, FAILED, QUEUED, RETRYING, RUNNING, Dispatch, Job
from opsconsole.audit import AuditLog
from opsconsole.errors import Conflict, NotFound, OpsError, Refused, Unavailable
from tests.api.cast import make_attempt
from tests.cast import NOW, OPERATOR, make_conversation, make_identity, make_job, make_message

pytestmark = pytest.mark.django_db(transaction=True)


def make_send_job(*, job_type: str = "message.send_manual", error: str = "TimeoutError", **message: Any) -> Job:
    conversation = make_conversation(make_identity())
    sent = make_message(conversation, **message)
    return make_job(job_type, queue_name="messages", payload={"message_id": sent.pk}, last_error=error)


def test_a_failed_job_is_queued_again_from_the_start_and_published() -> None:
    alice = make_identity("Alice")
    job = make_job(payload={"provider_id": "reddit", "identity_id": alice.pk})

    operations.retry_job(job.pk, actor=OPERATOR, reason="the provider is back")

    job.refresh_from_db()
    assert (job.status, job.attempts, job.last_error, job.next_run_at) == (QUEUED, 0, None, None)
    assert job.dedupe_key
    dispatch = Dispatch.objects.get(job_id=job.pk)
    assert (dispatch.task, dispatch.queue, dispatch.requested_by, dispatch.via) == (
        "ingest.sync_delta",
        "ingest",
        "olivia",
        "api",
    )
    assert dispatch.published_at is not None
    entry = AuditLog.objects.get()
    assert (entry.action_type, entry.entity_type, entry.entity_id, entry.result) == ("job.retry", "job", job.pk, "ok")
    assert entry.request_json["reason"] == "the provider is back"


@pytest.mark.parametrize("job_id", [999_999, 0, -1, 2**70])
def test_a_job_that_does_not_exist_is_not_found(job_id: int) -> None:
    with pytest.raises(NotFound):
        operations.retry_job(job_id, actor=OPERATOR)


@pytest.mark.parametrize("status", [QUEUED, RUNNING, RETRYING])
def test_an_active_job_is_not_retried(status: str) -> None:
    job = make_job(status=status)
    with pytest.raises(Conflict, match=status):
        operations.retry_job(job.pk, actor=OPERATOR)
    assert Job.objects.get().status == status


@pytest.mark.parametrize("status", [DONE, CANCELLED])
def test_a_job_that_ended_otherwise_is_refused(status: str) -> None:
    job = make_job(status=status)
    with pytest.raises(Refused, match=status):
        operations.retry_job(job.pk, actor=OPERATOR)
    assert AuditLog.objects.get().result == "error"


def test_an_identical_active_job_stands_in_the_way() -> None:
    job = make_job(payload={"same": 1})
    active = make_job(status=QUEUED, payload={"same": 1})
    make_attempt(active.pk)
    with pytest.raises(Conflict, match=str(active.pk)) as refusal:
        operations.retry_job(job.pk, actor=OPERATOR)
    assert refusal.value.code == "identical_job_active"
    assert Job.objects.get(pk=job.pk).status == FAILED
    assert Dispatch.objects.get().job_id == active.pk


def test_an_identical_job_that_has_ended_but_holds_the_key_does_not_stand_in_the_way() -> None:
    job = make_job(payload={"same": 1})
    active = make_job(status=QUEUED, payload={"same": 1})
    Job.objects.filter(pk=active.pk).update(status=DONE)

    operations.retry_job(job.pk, actor=OPERATOR)

    assert Job.objects.get(pk=job.pk).status == QUEUED
    assert Job.objects.get(pk=active.pk).dedupe_key is None


def test_many_retries_of_one_job_at_once_have_one_winner() -> None:
    job = make_job()
    barrier = Barrier(10)

    def retry(_: int) -> int:
        barrier.wait()
        try:
            operations.retry_job(job.pk, actor=OPERATOR)
        except OpsError as refusal:
            return refusal.status
        else:
            return 200
        finally:
            connection.close()

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(retry, range(10)))

    assert sorted(answers) == [200] + [409] * 9
    assert Dispatch.objects.count() == 1


def test_a_job_whose_identity_is_gone_is_not_retried() -> None:
    job = make_job(payload={"provider_id": "reddit", "identity_id": 987654})
    with pytest.raises(Conflict, match="does not exist any more"):
        operations.retry_job(job.pk, actor=OPERATOR)


def test_a_job_whose_identity_is_inactive_is_not_retried() -> None:
    carol = make_identity("Carol", is_active=False)
    job = make_job(payload={"provider_id": "reddit", "identity_id": carol.pk})
    with pytest.raises(Conflict, match="inactive"):
        operations.retry_job(job.pk, actor=OPERATOR)


@pytest.mark.parametrize("job_type", ["message.send_manual", "send_manual"])
def test_a_message_that_could_not_be_sent_is_sent_again_at_once(job_type: str) -> None:
    job = make_send_job(job_type=job_type, remote_visibility="send_failed")

    operations.retry_job(job.pk, actor=OPERATOR)

    dispatch = Dispatch.objects.get()
    assert (dispatch.task, dispatch.queue, dispatch.at_most_once) == ("message.send_manual", "messages", True)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"remote_visibility": "visible"}, "message_sent"),
        ({"remote_visibility": "removed"}, "message_sent"),
        ({"remote_visibility": "send_failed", "deleted_at": NOW}, "message_deleted"),
    ],
)
def test_a_message_that_went_out_or_was_deleted_is_never_sent_again(message: dict[str, Any], code: str) -> None:
    job = make_send_job(**message)
    with pytest.raises(Conflict) as refusal:
        operations.retry_job(job.pk, actor=OPERATOR, confirm=True)
    assert refusal.value.code == code
    assert Job.objects.get().status == FAILED


@pytest.mark.parametrize(
    ("visibility", "error"), [("unknown", "TimeoutError"), ("send_failed", "AMBIGUOUS: no answer after the request")]
)
def test_a_message_of_which_nobody_knows_whether_it_went_out_needs_a_confirmation(visibility: str, error: str) -> None:
    job = make_send_job(remote_visibility=visibility, error=error)
    with pytest.raises(Conflict) as refusal:
        operations.retry_job(job.pk, actor=OPERATOR)
    assert refusal.value.code == "confirmation_required"

    operations.retry_job(job.pk, actor=OPERATOR, confirm=True)

    assert Job.objects.get(pk=job.pk).status == QUEUED


def test_a_send_job_whose_message_is_gone_is_not_retried() -> None:
    job = make_job("message.send_manual", queue_name="messages", payload={"message_id": 987654})
    with pytest.raises(Conflict, match="does not exist any more"):
        operations.retry_job(job.pk, actor=OPERATOR, confirm=True)


def test_a_type_that_nobody_knows_is_refused_with_how_to_map_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway, "registered_tasks", lambda: {"something.else"})
    job = make_job("media.transcode", queue_name="media")
    with pytest.raises(Refused, match="OPS_JOB_TYPES"):
        operations.retry_job(job.pk, actor=OPERATOR, confirm=True)


def test_a_type_that_a_live_worker_knows_is_retried_on_its_rows_queue_once_confirmed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gateway, "registered_tasks", lambda: {"media.transcode"})
    job = make_job("media.transcode", queue_name="media", payload={"attachment_id": 5})
    with pytest.raises(Conflict) as refusal:
        operations.retry_job(job.pk, actor=OPERATOR)
    assert refusal.value.code == "confirmation_required"

    sent: list[gateway.TaskMessage] = []
    monkeypatch.setattr(gateway, "publish", sent.append)
    operations.retry_job(job.pk, actor=OPERATOR, confirm=True)

    assert [(m.task, m.queue, m.kwargs) for m in sent] == [("media.transcode", "media", {"attachment_id": 5})]


def test_when_the_workers_cannot_be_asked_an_unknown_type_is_not_retried(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable() -> set[str]:
        raise gateway.BrokerUnreachable("The broker can't be reached.")

    monkeypatch.setattr(gateway, "registered_tasks", unreachable)
    job = make_job("media.transcode", queue_name="media")
    with pytest.raises(Unavailable):
        operations.retry_job(job.pk, actor=OPERATOR, confirm=True)
    assert Job.objects.get().status == FAILED


@pytest.mark.parametrize("payload", [[1], "text", 5, None])
def test_a_job_whose_payload_is_no_object_is_refused_since_its_task_would_get_no_arguments(payload: Any) -> None:
    job = make_job()
    Job.objects.filter(pk=job.pk).update(payload_json=Value(payload, Job._meta.get_field("payload_json")))
    with pytest.raises(Refused) as refusal:
        operations.retry_job(job.pk, actor=OPERATOR)
    assert refusal.value.code == "invalid_payload"


def test_several_jobs_are_retried_each_by_itself() -> None:
    good, done = make_job(), make_job(status=DONE)

    result = operations.retry_jobs([good.pk, done.pk], actor=OPERATOR)

    assert result.done == [good.pk]
    assert set(result.refused) == {done.pk}


def test_a_setting_maps_a_type_to_another_task(settings: Any) -> None:
    settings.JOB_TYPES = {"media.transcode": {"task": "media.encode", "queue": "gpu", "arguments": ["attachment_id"]}}
    job = make_job("media.transcode", queue_name="media", payload={"attachment_id": 5, "profile": "x"})

    operations.retry_job(job.pk, actor=OPERATOR)

    dispatch = Dispatch.objects.get()
    assert (dispatch.task, dispatch.queue) == ("media.encode", "gpu")


def test_many_jobs_of_unknown_types_are_refused_without_asking_the_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    def ask() -> set[str]:
        raise AssertionError("it takes a second for each")

    monkeypatch.setattr(gateway, "registered_tasks", ask)
    jobs = [make_job("media.transcode", queue_name="media") for _ in range(3)]

    result = operations.retry_jobs([job.pk for job in jobs], actor=OPERATOR)

    assert len(result.refused) == 3


def test_many_jobs_are_retried_while_the_broker_is_down_after_one_attempt_to_reach_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried: list[gateway.TaskMessage] = []

    def unreachable(message: gateway.TaskMessage) -> None:
        tried.append(message)
        raise gateway.BrokerUnreachable("The broker can't be reached.")

    monkeypatch.setattr(gateway, "publish", unreachable)
    result = operations.retry_jobs([make_job().pk for _ in range(5)], actor=OPERATOR)

    assert len(result.done) == 5
    assert result.broker_down
    assert len(tried) == 1


def test_a_refused_retry_is_found_by_its_identity() -> None:
    carol = make_identity("Carol", is_active=False)
    job = make_job(payload={"provider_id": "reddit", "identity_id": carol.pk})
    with pytest.raises(Conflict):
        operations.retry_job(job.pk, actor=OPERATOR)
    entry = AuditLog.objects.get()
    assert (entry.identity_id, entry.provider_id, entry.result) == (carol.pk, "reddit", "error")
