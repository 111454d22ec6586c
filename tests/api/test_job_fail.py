"""POST /ops/jobs/{id}/fail: a stuck job, and only a stuck one."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from jobs import catalog
from jobs.models import Job
from opsconsole.audit import AuditLog
from tests.api.cast import is_utc, ledger_state, make_attempt, refusal
from tests.api.test_jobs_list import JOB_KEYS
from tests.cast import NOW, make_identity, make_job


def fail(api: APIClient, job_id: int, **body: Any) -> Any:
    return api.post(f"/ops/jobs/{job_id}/fail", {"reason": "The worker was killed."} | body)


def failed(api: APIClient, job_id: int, **body: Any) -> dict[str, Any]:
    response = fail(api, job_id, **body)
    assert response.status_code == 200, response.content
    answer: dict[str, Any] = response.json()
    assert set(answer) == {"id", "status", "message", "warning", "job"}
    assert set(answer["job"]) == JOB_KEYS
    assert (answer["id"], answer["status"], answer["warning"]) == (job_id, "failed", None)
    return answer


def refused(api: APIClient, job_id: int, status: int, code: str, **body: Any) -> str:
    """Check that it is refused, changes nothing, and is written down."""
    before, entries = ledger_state(), AuditLog.objects.count()
    sentence = refusal(fail(api, job_id, **body), status, code)
    assert ledger_state() == before
    entry = AuditLog.objects.latest("pk")
    assert AuditLog.objects.count() == entries + 1
    assert (entry.action_type, entry.result, entry.entity_id) == ("job.fail", "error", job_id)
    return sentence


def stuck_job(**values: Any) -> Job:
    """Add a job that has been running for longer than its type may."""
    return make_job(status="running", updated_at=timezone.now() - timedelta(hours=3), **values)


def test_a_stuck_job_becomes_failed_with_the_reason_as_its_error_and_can_be_retried(api: APIClient) -> None:
    job = stuck_job(payload={"provider_id": "reddit", "identity_id": make_identity().pk})
    attempt = make_attempt(job.pk, started_at=NOW)
    shown = api.get(f"/ops/jobs/{job.pk}").json()
    assert shown["stuck_reason"].startswith("Running for 3 h. The time limit of its type is 10 min. ")
    assert shown["can"] == {"retry": False, "cancel": True, "terminate": True, "fail": True}

    answer = failed(api, job.pk)
    assert answer["message"] == "Set failed. It can be retried now."
    assert answer["job"]["last_error"] == "Set failed by olivia: The worker was killed."
    can = {key: able for key, able in answer["job"]["can"].items() if key != "warnings"}
    assert can == {"retry": True, "cancel": False, "terminate": False, "fail": False}
    assert answer["job"]["stuck_reason"] is None
    attempt.refresh_from_db()
    assert (attempt.outcome, attempt.error) == ("failed", "Set failed by olivia: The worker was killed.")
    assert api.post(f"/ops/jobs/{job.pk}/retry").status_code == 200


@pytest.mark.parametrize("status", ["queued", "retrying"])
def test_a_job_that_nobody_takes_becomes_failed(api: APIClient, status: str) -> None:
    job = make_job(status=status, updated_at=timezone.now() - timedelta(minutes=16))
    failed(api, job.pk)
    job.refresh_from_db()
    assert (job.status, job.dedupe_key) == ("failed", None)


def test_an_own_job_whose_lease_has_run_out_becomes_failed(api: APIClient) -> None:
    job = make_job(catalog.HOUSEKEEPING, status="running", updated_at=timezone.now())
    make_attempt(job.pk, in_core=False, started_at=NOW, lease_until=NOW)
    failed(api, job.pk)


def test_what_may_take_effect_only_once_is_retried_only_after_a_confirmation(api: APIClient) -> None:
    job = stuck_job(job_type="custom.thing")
    make_attempt(job.pk, started_at=NOW, at_most_once=True)
    answer = failed(api, job.pk)
    assert answer["job"]["last_error"] == "AMBIGUOUS: Set failed by olivia: The worker was killed."


def test_it_is_written_to_the_audit_log_with_who_through_what_and_why(api: APIClient) -> None:
    identity = make_identity()
    job = stuck_job(payload={"provider_id": "reddit", "identity_id": identity.pk})
    failed(api, job.pk)
    entry = AuditLog.objects.get()
    assert (entry.action_type, entry.result, entry.entity_type) == ("job.fail", "ok", "job")
    assert (entry.entity_id, entry.identity_id, entry.provider_id) == (job.pk, identity.pk, "reddit")
    assert entry.request_json == {"job_id": job.pk, "by": "olivia", "via": "api", "reason": "The worker was killed."}
    assert (entry.response_json or {})["before"] == "running"


@pytest.mark.parametrize("status", ["queued", "running", "retrying"])
def test_an_active_job_that_is_not_stuck_is_a_conflict(api: APIClient, status: str) -> None:
    job = make_job(status=status, updated_at=timezone.now())
    assert refused(api, job.pk, 409, "not_stuck").endswith("Cancel it instead.")


@pytest.mark.parametrize("status", ["done", "failed", "cancelled"])
def test_a_job_that_has_ended_is_a_conflict(api: APIClient, status: str) -> None:
    job = make_job(status=status)
    assert refused(api, job.pk, 409, "not_stuck") == f"This job is {status}; only a stuck job can be set failed."


@pytest.mark.parametrize("body", [{}, {"reason": ""}, {"reason": " \n"}, {"reason": None}])
def test_without_a_reason_nothing_is_done(api: APIClient, body: dict[str, Any]) -> None:
    job = stuck_job()
    response = api.post(f"/ops/jobs/{job.pk}/fail", body)
    assert refusal(response, 400, "invalid") == "reason: Say why, as the reason: it becomes the job's error."
    assert response.json()["errors"] == {"reason": ["Say why, as the reason: it becomes the job's error."]}
    assert Job.objects.get(pk=job.pk).status == "running"


@pytest.mark.parametrize(
    ("body", "words"), [({"reason": "x" * 1_001}, "1000"), ({"terminate": True}, "it takes reason")]
)
def test_a_body_that_says_nothing_sensible_is_a_400(api: APIClient, body: dict[str, Any], words: str) -> None:
    job = stuck_job()
    assert words in refusal(fail(api, job.pk, **body), 400, "invalid")
    assert Job.objects.get(pk=job.pk).status == "running"


@pytest.mark.parametrize("pk", ["999999", "-1", "0", "alice", str(2**70), "%00"])
def test_a_job_that_does_not_exist_is_a_404(api: APIClient, pk: str) -> None:
    refusal(api.post(f"/ops/jobs/{pk}/fail", {"reason": "x"}), 404, "job_not_found")
    assert not AuditLog.objects.exists()


def test_a_secret_in_the_reason_is_never_shown(api: APIClient) -> None:
    job = stuck_job()
    secret = "abcdefgh12345678ABCDEFGH"
    response = fail(api, job.pk, reason=f"Authorization: Bearer {secret}")
    assert secret not in response.content.decode()
    assert secret not in api.get("/ops/audit").content.decode()


def test_looking_at_the_address_changes_nothing(api: APIClient) -> None:
    job = stuck_job()
    assert api.get(f"/ops/jobs/{job.pk}/fail").status_code == 405
    assert Job.objects.get(pk=job.pk).status == "running"


def test_what_may_be_set_failed_is_what_the_list_of_stuck_jobs_shows(api: APIClient) -> None:
    jobs = [stuck_job(), make_job(status="queued"), make_job(status="queued", updated_at=timezone.now()), make_job()]
    listed = {job["id"]: job for job in api.get("/ops/jobs").json()["jobs"]}
    stuck = {job["id"] for job in api.get("/ops/jobs?stuck=true").json()["jobs"]}
    assert stuck == {jobs[0].pk, jobs[1].pk}
    for pk, job in listed.items():
        assert job["can"]["fail"] is job["stuck"] is (pk in stuck)
        assert (fail(api, pk).status_code == 200) is (pk in stuck)


def test_an_attempt_says_when_it_was_to_end_and_what_came_of_it(api: APIClient) -> None:
    job = make_job(status="cancelled")
    later = NOW + timedelta(seconds=12)
    make_attempt(job.pk, cancel_requested_at=NOW, ended_at=NOW, returned_at=later, publications=3, outcome="cancelled")
    (attempt,) = api.get(f"/ops/jobs/{job.pk}").json()["attempts_history"]
    assert is_utc(attempt["cancel_requested_at"])
    assert attempt["returned_at"] == "2026-01-31T12:00:12Z"
    assert (attempt["publications"], attempt["outcome"]) == (3, "cancelled")
