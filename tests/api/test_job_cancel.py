"""POST /ops/jobs/{id}/cancel: each kind of job, what it doesn't stop, and each reason against it."""

import json
from base64 import b64decode
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
import redis
from django.conf import settings
from django.contrib.auth.models import Permission, User
from django.db.models.functions import Now
from django.utils import timezone
from rest_framework.test import APIClient

from jobs import cancel_rules, catalog, gateway
from jobs.models import Dispatch, Job
from opsconsole.audit import AuditLog
from tests.api.cast import is_utc, ledger_state, make_attempt, make_staff, refusal, with_token
from tests.api.keyed import repeated, send
from tests.api.test_jobs_list import JOB_KEYS
from tests.cast import NOW, make_identity, make_job
from tests.waiting import wait_until


def cancel(api: APIClient, job_id: int, **body: Any) -> Any:
    return api.post(f"/ops/jobs/{job_id}/cancel", body)


def cancelled(api: APIClient, job_id: int, **body: Any) -> dict[str, Any]:
    response = cancel(api, job_id, **body)
    assert response.status_code == 200, response.content
    answer: dict[str, Any] = response.json()
    assert set(answer) == {"id", "status", "message", "warning", "job"}
    assert set(answer["job"]) == JOB_KEYS
    assert (answer["id"], answer["job"]["id"], answer["job"]["status"]) == (job_id, job_id, answer["status"])
    return answer


def refused(api: APIClient, job_id: int, status: int, code: str, **body: Any) -> str:
    """Check that a cancellation is refused, changes nothing, and is written down."""
    before, entries = ledger_state(), AuditLog.objects.count()
    sentence = refusal(cancel(api, job_id, **body), status, code)
    assert ledger_state() == before
    entry = AuditLog.objects.latest("pk")
    assert AuditLog.objects.count() == entries + 1
    assert (entry.action_type, entry.result, entry.entity_id) == ("job.cancel", "error", job_id)
    assert (entry.error_detail, (entry.response_json or {})["code"]) == (sentence, code)
    return sentence


def running_own_job(**values: Any) -> Job:
    """Add a job whose task runs in the console's own worker, which is alive."""
    job = make_job(catalog.HOUSEKEEPING, status="running", queue_name="opsconsole")
    lease = timezone.now() + timedelta(seconds=45)
    make_attempt(job.pk, in_core=False, started_at=NOW, lease_until=lease, **values)
    return job


def running_core_job(**values: Any) -> Job:
    """Add a job whose task runs in the core's worker."""
    job = make_job(status="running", updated_at=timezone.now())
    make_attempt(job.pk, started_at=NOW, **values)
    return job


@pytest.fixture
def terminating_api(operator: User) -> APIClient:
    """An operator who may also terminate."""
    operator.user_permissions.add(Permission.objects.get(codename="terminate_job"))
    return with_token(User.objects.get(pk=operator.pk))


# --- what waits ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["queued", "retrying"])
def test_a_job_that_waits_is_cancelled_at_once(api: APIClient, status: str) -> None:
    job = make_job(status=status, next_run_at=NOW)
    attempt = make_attempt(job.pk, published_at=None)
    answer = cancelled(api, job.pk)
    assert (answer["status"], answer["message"], answer["warning"]) == ("cancelled", "Cancelled.", None)
    job.refresh_from_db()
    assert (job.status, job.dedupe_key, job.next_run_at) == ("cancelled", None, None)
    attempt.refresh_from_db()
    assert (attempt.outcome, attempt.ended_at is None) == ("cancelled", False)


def test_a_job_that_another_application_queued_is_cancelled_too(api: APIClient) -> None:
    job = make_job(status="queued")
    assert cancelled(api, job.pk)["warning"] is None
    assert not Dispatch.objects.exists()


def test_no_next_attempt_is_made_of_a_job_that_was_to_be_tried_again(api: APIClient) -> None:
    job = make_job(status="retrying", next_run_at=NOW)
    make_attempt(job.pk, ended_at=NOW, outcome="retrying", next_attempt_at=NOW)
    cancelled(api, job.pk)
    assert not Dispatch.objects.exclude(next_attempt_at=None).exists()


def test_of_a_type_that_the_catalog_lacks_nobody_knows_whether_it_begins(api: APIClient) -> None:
    answer = cancelled(api, make_job("custom.thing", status="queued").pk)
    assert answer["warning"] == cancel_rules.MAY_BEGIN
    assert answer["message"] == f"Cancelled. {cancel_rules.MAY_BEGIN}"


# --- what runs ----------------------------------------------------------------------------------------------------


def test_a_job_that_runs_in_the_cores_worker_is_cancelled_with_a_warning(api: APIClient) -> None:
    job = running_core_job()
    answer = cancelled(api, job.pk)
    assert answer["warning"] == cancel_rules.GOES_ON
    assert answer["message"] == f"Cancelled. {cancel_rules.GOES_ON}"
    assert Job.objects.get(pk=job.pk).status == "cancelled"
    history = api.get(f"/ops/jobs/{job.pk}").json()["attempts_history"]
    assert is_utc(history[0]["cancel_requested_at"])
    assert (history[0]["outcome"], history[0]["returned_at"]) == ("cancelled", None)


def test_a_running_job_of_another_application_is_cancelled_with_a_warning(api: APIClient) -> None:
    assert cancelled(api, make_job(status="running").pk)["warning"] == cancel_rules.GOES_ON


def test_an_own_task_is_asked_to_end_and_its_job_runs_until_it_has(api: APIClient) -> None:
    job = running_own_job()
    answer = cancelled(api, job.pk)
    assert (answer["status"], answer["warning"]) == ("running", None)
    assert answer["message"].startswith("Cancelling: its task has been asked to end")
    assert is_utc(answer["job"]["cancel_requested_at"])
    assert answer["job"]["can"] == {
        "retry": False,
        "cancel": False,
        "terminate": False,
        "fail": False,
        "reason": "This job is being cancelled already; its task has not ended yet.",
    }
    job.refresh_from_db()
    assert (job.status, job.dedupe_key is None) == ("running", False)
    assert Dispatch.objects.get().ended_at is None


def test_what_is_being_cancelled_is_not_cancelled_again(api: APIClient) -> None:
    job = running_own_job(cancel_requested_at=NOW)
    assert "being cancelled already" in refused(api, job.pk, 409, "already_cancelling")


# --- terminating --------------------------------------------------------------------------------------------------


def test_terminating_takes_a_permission_of_its_own(api: APIClient) -> None:
    job = running_core_job()
    before = ledger_state()
    assert "terminate" in refusal(cancel(api, job.pk, terminate=True), 403, "permission_denied")
    assert ledger_state() == before
    assert not AuditLog.objects.exists()


def test_terminating_without_the_permission_to_cancel_is_refused(db: None) -> None:
    user = make_staff("tina")
    user.user_permissions.add(Permission.objects.get(codename="terminate_job"))
    refusal(cancel(with_token(user), running_core_job().pk, terminate=True), 403, "permission_denied")


@pytest.mark.django_db(transaction=True)
def test_terminating_tells_the_workers_to_kill_the_process(terminating_api: APIClient) -> None:
    job = running_core_job()
    with closing(redis.Redis.from_url(settings.CELERY_BROKER_URL)) as client, client.pubsub() as heard:  # type: ignore[no-untyped-call]
        heard.psubscribe("*pidbox*")
        answer = cancelled(terminating_api, job.pk, terminate=True, reason="It hangs.")
        message = _next_message(heard)
    assert (message["method"], message["arguments"]["terminate"]) == ("revoke", True)
    assert message["arguments"]["task_id"] == [str(Dispatch.objects.get().task_id)]
    assert answer["warning"] == cancel_rules.TERMINATED
    entry = AuditLog.objects.get()
    assert (entry.request_json or {}) == {
        "job_id": job.pk,
        "terminate": True,
        "by": "olivia",
        "via": "api",
        "reason": "It hangs.",
    }


@pytest.mark.django_db(transaction=True)
def test_a_job_is_cancelled_also_when_telling_the_workers_fails(
    api: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def raise_bug(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(gateway, "revoke", raise_bug)
    job = make_job(status="queued")
    make_attempt(job.pk)
    answer = cancelled(api, job.pk)
    assert answer["status"] == "cancelled"
    assert "Workers may not have been told" in answer["message"]


@pytest.mark.django_db(transaction=True)
def test_without_terminating_the_workers_are_only_told_not_to_begin(api: APIClient) -> None:
    job = make_job(status="queued")
    make_attempt(job.pk)
    with closing(redis.Redis.from_url(settings.CELERY_BROKER_URL)) as client, client.pubsub() as heard:  # type: ignore[no-untyped-call]
        heard.psubscribe("*pidbox*")
        assert cancelled(api, job.pk)["message"] == "Cancelled."
        assert _next_message(heard)["arguments"]["terminate"] is False


def test_only_what_runs_in_the_cores_worker_can_be_terminated(terminating_api: APIClient) -> None:
    queued, own, foreign = make_job(status="queued"), running_own_job(), make_job(status="running")
    make_attempt(queued.pk)
    for job in (queued, own, foreign):
        sentence = refused(terminating_api, job.pk, 400, "nothing_to_terminate", terminate=True)
        assert sentence.endswith("cancel it without.")


# --- what is refused ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["done", "failed", "cancelled"])
def test_a_job_that_has_ended_is_a_conflict(api: APIClient, status: str) -> None:
    sentence = refused(api, make_job(status=status).pk, 409, "not_active")
    assert sentence == f"This job is {status}; only one that has not ended can be cancelled."


@pytest.mark.parametrize("job_type", ["message.send_manual", "send_manual"])
@pytest.mark.parametrize("status", ["queued", "running"])
def test_sending_a_message_can_not_be_cancelled_here(api: APIClient, job_type: str, status: str) -> None:
    job = make_job(job_type, status=status, queue_name="messages")
    sentence = refused(api, job.pk, 409, "not_cancellable")
    assert sentence.startswith("A job of this type can't be cancelled here")
    assert sentence.endswith("Delete the message in its conversation.")
    can = api.get(f"/ops/jobs/{job.pk}").json()["can"]
    assert (can["cancel"], can["terminate"], can["reason"]) == (False, False, sentence)


def test_a_second_cancellation_is_a_conflict(api: APIClient) -> None:
    job = make_job(status="queued")
    cancelled(api, job.pk)
    refused(api, job.pk, 409, "not_active")


@pytest.mark.parametrize("pk", ["999999", "-1", "0", "alice", str(2**70), "%00"])
def test_a_job_that_does_not_exist_is_a_404(api: APIClient, pk: str) -> None:
    refusal(api.post(f"/ops/jobs/{pk}/cancel"), 404, "job_not_found")
    assert not AuditLog.objects.exists()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"terminate": "perhaps"}, "true or false"),
        ({"reason": "x" * 1_001}, "1000"),
        ({"because": "x"}, "it takes terminate, reason"),
    ],
)
def test_a_body_that_says_nothing_sensible_is_a_400(api: APIClient, body: dict[str, Any], words: str) -> None:
    job = make_job(status="queued")
    assert words in refusal(cancel(api, job.pk, **body), 400, "invalid")
    assert Job.objects.get(pk=job.pk).status == "queued"


def test_looking_at_the_address_changes_nothing(api: APIClient) -> None:
    job = make_job(status="queued")
    for method in (api.get, api.head, api.put, api.delete):
        assert method(f"/ops/jobs/{job.pk}/cancel").status_code == 405
    assert Job.objects.get(pk=job.pk).status == "queued"


# --- what is written down, and what is shown ----------------------------------------------------------------------


def test_it_is_written_to_the_audit_log_with_who_through_what_and_why(api: APIClient) -> None:
    identity = make_identity()
    job = make_job(status="queued", payload={"provider_id": "reddit", "identity_id": identity.pk})
    cancelled(api, job.pk, reason="Not needed.")
    entry = AuditLog.objects.get()
    assert (entry.action_type, entry.result, entry.entity_type) == ("job.cancel", "ok", "job")
    assert (entry.entity_id, entry.identity_id, entry.provider_id) == (job.pk, identity.pk, "reddit")
    asked = {"job_id": job.pk, "terminate": False, "by": "olivia", "via": "api", "reason": "Not needed."}
    assert entry.request_json == asked
    assert (entry.response_json or {})["before"] == "queued"


@pytest.mark.django_db(transaction=True)
def test_with_the_broker_down_it_is_cancelled_and_says_that_no_worker_was_told(
    api: APIClient, broker_down: None
) -> None:
    job = make_job(status="queued")
    make_attempt(job.pk)
    answer = cancelled(api, job.pk)
    assert answer["status"] == "cancelled"
    assert "no worker was told" in answer["message"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("verb", "status"), [("cancel", "queued"), ("fail", "queued"), ("cancel", "done")])
def test_the_same_request_again_gets_the_same_answer_and_changes_nothing(
    api: APIClient, verb: str, status: str
) -> None:
    url, body = f"/ops/jobs/{make_job(status=status).pk}/{verb}", {"reason": "By mistake."}
    first = send(api, url, body)
    assert first.status_code == (409 if status == "done" else 200)
    repeated(first, send(api, url, body))
    assert AuditLog.objects.count() == 1


def test_what_may_be_done_with_a_job_is_what_the_operation_lets_through(api: APIClient) -> None:
    core, own, foreign = running_core_job(), running_own_job(), make_job(status="running", updated_at=timezone.now())
    queued, send = make_job(status="queued", updated_at=timezone.now()), make_job("send_manual", status="queued")
    ended = make_job(status="done")
    Job.objects.update(updated_at=Now())
    can = {job["id"]: job["can"] for job in api.get("/ops/jobs").json()["jobs"]}
    expected = {
        core.pk: (True, True),
        own.pk: (True, False),
        foreign.pk: (True, False),
        queued.pk: (True, False),
        send.pk: (False, False),
        ended.pk: (False, False),
    }
    assert {pk: (one["cancel"], one["terminate"]) for pk, one in can.items()} == expected
    assert {pk for pk, one in can.items() if "reason" in one} == {send.pk}
    for pk, (possible, _) in expected.items():
        assert (cancel(api, pk).status_code == 200) is possible


def _next_message(heard: Any) -> dict[str, Any]:
    """Return the next command that workers are sent."""
    message = wait_until(
        lambda: heard.get_message(ignore_subscribe_messages=True, timeout=0.1), message="a command to the workers"
    )
    found: dict[str, Any] = json.loads(b64decode(json.loads(message["data"])["body"]))
    return found
