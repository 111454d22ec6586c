"""POST /ops/jobs/retry and /ops/jobs/cancel: all jobs that match a filter, first looked at and then changed."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from jobs.models import CANCELLED, FAILED, QUEUED, RUNNING, BulkChange, Job, Run
from opsconsole.audit import AuditLog
from tests.api.cast import accepted, refusal
from tests.cast import make_credential, make_identity, make_job

pytestmark = pytest.mark.django_db(transaction=True)

RETRY, CANCEL = "/ops/jobs/retry", "/ops/jobs/cancel"


@pytest.fixture
def alices_jobs() -> list[int]:
    """Three failed jobs of an identity that is connected, and one of an inactive one."""
    alice, gone = make_identity("Alice"), make_identity("Gone", is_active=False)
    make_credential(alice)
    jobs = [make_job(payload={"identity_id": alice.pk, "n": n}).pk for n in range(3)]
    make_job(payload={"identity_id": gone.pk})
    return jobs


def looked_at(api: APIClient, url: str, job_filter: dict[str, Any] | None = None) -> dict[str, Any]:
    response = api.post(url, {"filter": job_filter or {}, "dry_run": True})
    assert response.status_code == 200, response.content
    body: dict[str, Any] = response.json()
    return body


def asked(shown: dict[str, Any], **values: Any) -> dict[str, Any]:
    return {
        "filter": {},
        "up_to_id": shown["up_to_id"],
        "expected": shown["matched"],
        "reason": "The provider is back.",
        **values,
    }


def test_a_dry_run_says_what_would_be_retried_and_what_not_and_changes_nothing(
    api: APIClient, alices_jobs: list[int]
) -> None:
    shown = looked_at(api, RETRY)

    assert (shown["matched"], shown["looked_at"], shown["will_retry"]) == (4, 4, 3)
    assert shown["up_to_id"] == max(Job.objects.values_list("pk", flat=True))
    assert shown["by_type"] == {"ingest.sync_delta": 3}
    assert [(one["display_name"], one["n"]) for one in shown["by_identity"]] == [("Alice", 3)]
    (left_out,) = shown["left_out"]
    assert (left_out["code"], left_out["n"]) == ("identity_unavailable", 1)
    assert "Gone is inactive" in left_out["reason"]
    assert {job["id"] for job in shown["sample"]} == set(alices_jobs)
    assert "No worker is known to listen on the queue ingest" in shown["warnings"][0]
    assert set(Job.objects.values_list("status", flat=True)) == {FAILED}
    assert not Run.objects.exists()
    assert not AuditLog.objects.exists()


def test_what_was_looked_at_is_retried_as_a_run(api: APIClient, alices_jobs: list[int]) -> None:
    shown = looked_at(api, RETRY)
    body = accepted(api.post(RETRY, asked(shown, canary=2)))

    run = Run.objects.get(pk=body["job_id"])
    assert (run.operation, run.title, run.requested_by) == (
        "job.retry_matching",
        "Retry 4 jobs that match a filter",
        "olivia",
    )
    (job_id,) = body["jobs"]
    change = BulkChange.objects.get(pk=job_id)
    assert (change.verb, change.matched, change.canary, change.up_to_id) == ("retry", 4, 2, shown["up_to_id"])
    assert change.filter == {"status": ["failed"]}
    entry = AuditLog.objects.get(action_type="job.retry_matching")
    assert (entry.result, entry.request_json["reason"]) == ("ok", "The provider is back.")


def test_a_second_click_on_the_same_joins_the_first(api: APIClient, alices_jobs: list[int]) -> None:
    shown = looked_at(api, RETRY)
    first, second = (accepted(api.post(RETRY, asked(shown))) for _ in range(2))
    assert second["already_active"] == first["jobs"]
    assert BulkChange.objects.count() == 1


def test_a_filter_narrows_it_down(api: APIClient, alices_jobs: list[int]) -> None:
    make_job("ingest.backfill_messages")
    assert looked_at(api, RETRY, {"job_type": "ingest.backfill_messages"})["matched"] == 1
    assert looked_at(api, RETRY, {"status": ["failed"], "q": "did not answer"})["matched"] == 5


def test_cancelling_is_looked_at_and_done_likewise(api: APIClient) -> None:
    waiting = make_job(status=QUEUED)
    make_job("message.send_manual", status=QUEUED, queue_name="messages")
    make_job(status=RUNNING)
    make_job()

    shown = looked_at(api, CANCEL)

    assert (shown["matched"], shown["will_cancel"]) == (3, 2)
    assert shown["left_out"][0]["code"] == "not_cancellable"
    accepted(api.post(CANCEL, asked(shown)))
    assert BulkChange.objects.get().filter == {"status": ["queued", "running", "retrying"]}
    assert Job.objects.get(pk=waiting.pk).status == QUEUED
    only_waiting = looked_at(api, CANCEL, {"status": "queued"})
    # The job that shall cancel them waits too.
    assert only_waiting["matched"] == 3


@pytest.mark.parametrize(
    ("url", "status"), [(RETRY, "done"), (RETRY, "queued,failed"), (CANCEL, "failed"), (CANCEL, "other")]
)
def test_a_status_that_makes_no_sense_is_refused_with_those_that_do(api: APIClient, url: str, status: str) -> None:
    sentence = refusal(api.post(url, {"filter": {"status": status}, "dry_run": True}), 400, "wrong_status")
    assert "leave the status out" in sentence


def test_when_the_number_has_moved_too_far_nothing_is_done(api: APIClient, alices_jobs: list[int]) -> None:
    shown = looked_at(api, RETRY)
    Job.objects.filter(pk=alices_jobs[0]).update(status=CANCELLED)

    response = api.post(RETRY, asked(shown))

    sentence = refusal(response, 409, "count_changed")
    assert sentence.startswith("3 jobs match now, and not 4 as you have seen")
    assert response.json()["matched"] == 3
    assert not Run.objects.exists()
    assert AuditLog.objects.get().result == "error"


def test_a_number_that_has_moved_by_a_tenth_is_good_enough(api: APIClient) -> None:
    jobs = [make_job().pk for _ in range(10)]
    shown = looked_at(api, RETRY)
    Job.objects.filter(pk=jobs[0]).update(status=CANCELLED)
    accepted(api.post(RETRY, asked(shown)))


def test_nothing_that_matches_is_said(api: APIClient) -> None:
    shown = looked_at(api, RETRY)
    assert (shown["matched"], shown["sample"], shown["warnings"]) == (0, [], [])
    refusal(api.post(RETRY, asked(shown, up_to_id=1)), 409, "nothing_matches")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"dry_run": True}, "filter"),
        ({"filter": "failed", "dry_run": True}, "filter"),
        ({"filter": {"colour": "red"}, "dry_run": True}, "filter"),
        ({"filter": {"identity_id": "none"}, "dry_run": True}, "filter"),
        ({"filter": {}, "dry_run": "perhaps"}, "dry_run"),
        ({"filter": {}, "expected": 1, "reason": "x"}, "up_to_id"),
        ({"filter": {}, "up_to_id": 1, "reason": "x"}, "expected"),
        ({"filter": {}, "up_to_id": 1, "expected": "many", "reason": "x"}, "expected"),
        ({"filter": {}, "up_to_id": 1, "expected": 1}, "reason"),
        ({"filter": {}, "up_to_id": 1, "expected": 1, "reason": " "}, "reason"),
        ({"filter": {}, "up_to_id": 1, "expected": 1, "reason": "x", "canary": 0}, "canary"),
        ({"filter": {}, "up_to_id": 1, "expected": 1, "reason": "x", "canary": 51}, "canary"),
        ({"filters": {}}, "filters"),
    ],
)
def test_a_malformed_request_is_refused_by_field(api: APIClient, body: dict[str, Any], field: str) -> None:
    response = api.post(RETRY, body)
    refusal(response, 400, "invalid")
    assert field in response.json()["errors"]


def test_cancelling_takes_no_canary(api: APIClient) -> None:
    refusal(api.post(CANCEL, {"filter": {}, "dry_run": True, "canary": 5}), 400, "invalid")


def test_more_jobs_than_one_click_may_change_are_refused(api: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.matching.preview.MAX_MATCHED", 1)
    monkeypatch.setattr("jobs.matching.selection.MAX_MATCHED", 1)
    make_job()
    make_job()
    sentence = refusal(api.post(RETRY, {"filter": {}, "dry_run": True}), 400, "too_many")
    assert "narrow the filter" in sentence


def test_the_viewer_may_neither_look_nor_change(viewing_api: APIClient) -> None:
    for url in (RETRY, CANCEL):
        refusal(viewing_api.post(url, {"filter": {}, "dry_run": True}), 403, "permission_denied")


def test_nothing_private_of_the_jobs_is_shown(api: APIClient) -> None:
    secret = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2lnbmF0dXJl"
    make_job(payload={"access_token": secret, "text": "see you at nine"}, last_error=f"refused: {secret}")
    text = api.post(RETRY, {"filter": {}, "dry_run": True}).content.decode()
    assert secret not in text
    assert "see you at nine" not in text
