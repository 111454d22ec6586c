"""POST /ops/jobs/{id}/retry: each kind of job, and each reason against it."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from jobs import gateway, ledger
from jobs.models import Dispatch, Job, WorkerReport
from opsconsole.audit import AuditLog
from tests.api.cast import insert_job, insert_message, ledger_state, make_attempt, refusal
from tests.api.test_jobs_list import JOB_KEYS
from tests.cast import NOW, make_conversation, make_identity, make_job, make_message


def retry(api: APIClient, job_id: int, **body: Any) -> Any:
    return api.post(f"/ops/jobs/{job_id}/retry", body)


def refused(api: APIClient, job_id: int, status: int, code: str, **body: Any) -> str:
    """Check that a retry is refused, changes nothing, and is written down."""
    before, entries = ledger_state(), AuditLog.objects.count()
    sentence = refusal(retry(api, job_id, **body), status, code)
    assert ledger_state() == before
    entry = AuditLog.objects.latest("pk")
    assert AuditLog.objects.count() == entries + 1
    assert (entry.action_type, entry.result, entry.entity_id) == ("job.retry", "error", job_id)
    return sentence


def test_a_failed_job_is_queued_again(api: APIClient) -> None:
    identity = make_identity()
    job = make_job(payload={"provider_id": "reddit", "identity_id": identity.pk}, next_run_at=NOW)
    response = retry(api, job.pk)
    assert response.status_code == 200
    body = response.json()
    assert set(body) == {"id", "status", "message", "job"}
    assert (body["id"], body["status"], body["message"]) == (job.pk, "queued", "Queued again.")
    assert set(body["job"]) == JOB_KEYS
    assert (body["job"]["status"], body["job"]["last_error"]) == ("queued", None)

    job.refresh_from_db()
    assert (job.status, job.attempts, job.last_error, job.next_run_at) == ("queued", 0, None, None)
    assert job.dedupe_key == ledger.dedupe_key(job.queue_name, job.job_type, job.payload_json)
    dispatch = Dispatch.objects.get(job_id=job.pk)
    assert (dispatch.requested_by, dispatch.via, dispatch.task) == ("olivia", "api", "ingest.sync_delta")
    assert str(dispatch.task_id) == body["job"]["task_id"]


def test_a_retry_is_written_to_the_audit_log_with_who_through_what_and_why(api: APIClient) -> None:
    identity = make_identity()
    job = make_job(payload={"provider_id": "reddit", "identity_id": identity.pk})
    retry(api, job.pk, reason="The provider is back.")
    entry = AuditLog.objects.get()
    assert (entry.action_type, entry.result, entry.entity_type) == ("job.retry", "ok", "job")
    assert (entry.entity_id, entry.identity_id, entry.provider_id) == (job.pk, identity.pk, "reddit")
    asked = {"job_id": job.pk, "confirm": False, "by": "olivia", "via": "api", "reason": "The provider is back."}
    assert entry.request_json == asked


@pytest.mark.parametrize("status", ["queued", "running", "retrying"])
def test_an_active_job_is_a_conflict(api: APIClient, status: str) -> None:
    assert status in refused(api, make_job(status=status).pk, 409, "already_active")


@pytest.mark.parametrize("status", ["done", "cancelled"])
def test_a_job_that_ended_well_or_was_cancelled_is_refused(api: APIClient, status: str) -> None:
    assert status in refused(api, make_job(status=status).pk, 400, "not_failed")


@pytest.mark.parametrize("pk", ["999999", "-1", "0", "alice", str(2**70), "%00"])
def test_a_job_that_does_not_exist_is_a_404(api: APIClient, pk: str) -> None:
    refusal(api.post(f"/ops/jobs/{pk}/retry"), 404, "job_not_found")
    assert AuditLog.objects.count() == 0


def test_a_second_retry_is_a_conflict(api: APIClient) -> None:
    job = make_job()
    assert retry(api, job.pk).status_code == 200
    refused(api, job.pk, 409, "already_active")


def test_an_identical_active_job_is_a_conflict_that_names_it(api: APIClient) -> None:
    payload = {"n": 1}
    active, failed = make_job(status="running", payload=payload), make_job(payload=payload)
    make_attempt(active.pk)
    response = retry(api, failed.pk)
    assert str(active.pk) in refusal(response, 409, "identical_job_active")
    assert response.json()["job_id"] == active.pk


def test_an_ended_job_that_still_holds_the_key_lets_it_go(api: APIClient) -> None:
    payload = {"n": 1}
    key = ledger.dedupe_key("ingest", "ingest.sync_delta", payload)
    holder = make_job(status="done", payload=payload, dedupe_key=key)
    failed = make_job(payload=payload)
    assert retry(api, failed.pk).status_code == 200
    holder.refresh_from_db()
    assert (holder.status, holder.dedupe_key) == ("done", None)
    assert Job.objects.get(pk=failed.pk).dedupe_key == key


def test_a_failed_job_that_holds_its_own_key_is_queued_again(api: APIClient) -> None:
    payload = {"n": 1}
    job = make_job(payload=payload, dedupe_key=ledger.dedupe_key("ingest", "ingest.sync_delta", payload))
    assert retry(api, job.pk).status_code == 200


@pytest.mark.parametrize("job_type", ["maintenance.mysql_dump_local", "ingest.redownload_attachments"])
def test_other_types_of_the_core_can_be_retried(api: APIClient, job_type: str) -> None:
    job = make_job(job_type, queue_name="maintenance", payload={"limit": 5})
    assert retry(api, job.pk).status_code == 200


# --- whom it concerns ---------------------------------------------------------------------------------------------


def test_a_job_of_an_inactive_identity_is_a_conflict(api: APIClient) -> None:
    job = make_job(payload={"identity_id": make_identity("Alice", is_active=False).pk})
    assert "Alice is inactive" in refused(api, job.pk, 409, "identity_unavailable")


def test_a_job_of_an_identity_that_is_gone_is_a_conflict(api: APIClient) -> None:
    assert "does not exist any more" in refused(
        api, make_job(payload={"identity_id": 999}).pk, 409, "identity_unavailable"
    )


@pytest.mark.parametrize("identity_id", ['"x"', "-1", "1.5", "true", "[]", str(2**70)])
def test_a_job_of_something_that_is_no_identity_is_a_conflict(api: APIClient, identity_id: str) -> None:
    job = insert_job(f'{{"identity_id": {identity_id}}}')
    refused(api, job, 409, "identity_unavailable")


# --- sending ------------------------------------------------------------------------------------------------------


@pytest.fixture(params=["message.send_manual", "send_manual"])
def send_type(request: pytest.FixtureRequest) -> str:
    """The type of a job that sends a message, and what older rows call it."""
    return str(request.param)


def make_send_job(send_type: str, *, last_error: str = "send failed", **message: Any) -> Job:
    identity = make_identity()
    sent = make_message(make_conversation(identity), **message)
    payload = {"identity_id": identity.pk, "message_id": sent.pk}
    return make_job(send_type, queue_name="messages", payload=payload, last_error=last_error, max_attempts=1)


def test_a_message_that_failed_for_sure_is_sent_again_at_once(api: APIClient, send_type: str) -> None:
    job = make_send_job(send_type, remote_visibility="send_failed")
    can = api.get(f"/ops/jobs/{job.pk}").json()["can"]
    assert (can["retry"], "confirm" in can, "reason" in can) == (True, False, False)
    assert retry(api, job.pk).status_code == 200
    dispatch = Dispatch.objects.get(job_id=job.pk)
    assert (dispatch.task, dispatch.queue, dispatch.at_most_once) == ("message.send_manual", "messages", True)


@pytest.mark.parametrize("confirm", [False, True])
@pytest.mark.parametrize("visibility", ["visible", "removed", "deleted_by_author"])
def test_a_message_that_went_out_is_never_sent_again(
    api: APIClient, send_type: str, visibility: str, confirm: bool
) -> None:
    job = make_send_job(send_type, remote_visibility=visibility)
    assert "went out" in refused(api, job.pk, 409, "message_sent", confirm=confirm)
    can = api.get(f"/ops/jobs/{job.pk}").json()["can"]
    assert not can["retry"]
    assert "went out" in can["reason"]


@pytest.mark.parametrize("visibility", ["unknown", "send_failed", "visible"])
def test_a_deleted_message_is_never_sent(api: APIClient, send_type: str, visibility: str) -> None:
    job = make_send_job(send_type, remote_visibility=visibility, deleted_at=NOW)
    assert "deleted" in refused(api, job.pk, 409, "message_deleted", confirm=True)


@pytest.mark.parametrize(
    ("visibility", "error"),
    [
        ("unknown", "TimeoutError"),
        ("unknown", "AMBIGUOUS: worker lost"),
        ("send_failed", "AMBIGUOUS: worker lost"),
    ],
)
def test_a_message_of_which_nobody_knows_needs_a_confirmation(
    api: APIClient, send_type: str, visibility: str, error: str
) -> None:
    job = make_send_job(send_type, remote_visibility=visibility, last_error=error)
    assert "send it twice" in refused(api, job.pk, 409, "confirmation_required")
    assert "send it twice" in refused(api, job.pk, 409, "confirmation_required", confirm=False)
    can = api.get(f"/ops/jobs/{job.pk}").json()["can"]
    assert (can["retry"], can["confirm"]) == (True, True)

    assert retry(api, job.pk, confirm=True).status_code == 200
    assert Job.objects.get(pk=job.pk).status == "queued"


@pytest.mark.parametrize("payload", ['{"message_id": 999999}', '{"message_id": "x"}', "{}", "[1]", '"text"', "null"])
def test_a_message_that_does_not_exist_is_never_sent(api: APIClient, send_type: str, payload: str) -> None:
    job = insert_job(payload, job_type=send_type, queue_name="messages")
    refused(api, job, 409, "message_gone", confirm=True)


def test_the_text_of_a_message_is_in_no_answer_about_sending_it(api: APIClient) -> None:
    conversation = make_conversation(make_identity())
    message = insert_message(conversation.pk, text="My private words")
    job = make_job("message.send_manual", payload={"message_id": message, "body_text": "My private words"})
    for response in (retry(api, job.pk), retry(api, job.pk, confirm=True), api.get("/ops/jobs"), api.get("/ops/audit")):
        assert b"private words" not in response.content


# --- types that the catalog lacks ---------------------------------------------------------------------------------


@pytest.fixture
def live_tasks(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """What the live workers say that they have registered."""
    tasks: set[str] = set()
    monkeypatch.setattr(gateway, "registered_tasks", lambda: tasks)
    return tasks


def test_a_type_that_nobody_knows_is_refused_with_how_to_map_it(api: APIClient, live_tasks: set[str]) -> None:
    sentence = refused(api, make_job("custom.thing").pk, 400, "unknown_job_type", confirm=True)
    assert "custom.thing" in sentence
    assert "OPS_JOB_TYPES" in sentence


def test_a_type_that_a_live_worker_knows_needs_a_confirmation(api: APIClient, live_tasks: set[str]) -> None:
    live_tasks.add("custom.thing")
    WorkerReport.objects.create(hostname="w", tasks=["custom.thing"], seen_at=NOW)
    job = make_job("custom.thing", queue_name="special", payload={"a": 1})
    can = api.get(f"/ops/jobs/{job.pk}").json()["can"]
    assert (can["retry"], can["confirm"]) == (True, True)
    refused(api, job.pk, 409, "confirmation_required")

    assert retry(api, job.pk, confirm=True).status_code == 200
    dispatch = Dispatch.objects.get(job_id=job.pk)
    assert (dispatch.task, dispatch.queue, dispatch.at_most_once) == ("custom.thing", "special", True)


@pytest.mark.parametrize("payload", ["[1]", '"text"', "null", "7"])
def test_a_payload_that_can_be_no_arguments_is_refused_though_a_worker_knows_the_type(
    api: APIClient, live_tasks: set[str], payload: str
) -> None:
    live_tasks.add("custom.thing")
    refused(api, insert_job(payload, job_type="custom.thing"), 400, "invalid_payload", confirm=True)


def test_a_type_that_an_installation_has_mapped_is_retried(api: APIClient, settings: Any) -> None:
    settings.JOB_TYPES = {"custom.thing": {"task": "their.task", "queue": "theirs"}}
    job = make_job("custom.thing")
    assert retry(api, job.pk).status_code == 200
    assert Dispatch.objects.get(job_id=job.pk).task == "their.task"


# --- the body -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"confirm": "perhaps"}, "confirm"),
        ({"confirm": 2}, "confirm"),
        ({"confirm": []}, "confirm"),
        ({"confirm": None}, "confirm"),
        ({"reason": {"a": 1}}, "reason"),
        ({"reason": "x" * 1_001}, "reason"),
    ],
)
def test_a_body_of_wrong_types_is_a_400_that_names_the_field(api: APIClient, body: dict[str, Any], field: str) -> None:
    job = make_job()
    before = ledger_state()
    response = retry(api, job.pk, **body)
    refusal(response, 400, "invalid")
    assert set(response.json()["errors"]) == {field}
    assert ledger_state() == before


def test_a_key_that_it_does_not_know_is_refused(api: APIClient) -> None:
    assert "it takes confirm, reason" in refusal(retry(api, make_job().pk, whatever=1), 400, "invalid")
    assert Job.objects.get().status == "failed"
