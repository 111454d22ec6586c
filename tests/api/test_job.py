"""GET /ops/jobs/{id}."""

import uuid
from datetime import timedelta

import pytest
from rest_framework.test import APIClient

from tests.api.cast import insert_job, make_attempt, refusal
from tests.api.test_jobs_list import JOB_KEYS
from tests.cast import NOW, make_identity, make_job


def test_a_job_is_as_in_the_list_with_its_history(api: APIClient) -> None:
    job = make_job()
    (listed,) = api.get("/ops/jobs").json()["jobs"]
    shown = api.get(f"/ops/jobs/{job.pk}").json()
    more = {"type_title", "type_facts", "attempts_history", "traceback", "result", "error_is_cut"}
    assert set(shown) == JOB_KEYS | more
    assert {name: shown[name] for name in JOB_KEYS} == listed
    assert (shown["attempts_history"], shown["traceback"], shown["result"]) == ([], None, None)


def test_attempts_are_listed_newest_first(api: APIClient) -> None:
    job = make_job()
    first = make_attempt(
        job.pk,
        started_at=NOW + timedelta(seconds=1),
        ended_at=NOW + timedelta(seconds=4),
        worker="core@host",
        outcome="failed",
        error="KeyError: 'x'",
        traceback="Traceback (most recent call last):\nKeyError: 'x'",
    )
    second = make_attempt(job.pk, via="sweeper", requested_by="opsconsole", result={"new_messages": 3})

    shown = api.get(f"/ops/jobs/{job.pk}").json()
    newest, oldest = shown["attempts_history"]
    assert (newest["id"], newest["via"], newest["outcome"]) == (second.pk, "sweeper", None)
    assert oldest == {
        "id": first.pk,
        "task_id": str(first.task_id),
        "task": "ingest.sync_delta",
        "queue": "ingest",
        "requested_by": "olivia",
        "via": "api",
        "dispatched_at": "2026-01-31T12:00:00Z",
        "published_at": "2026-01-31T12:00:00Z",
        "publish_error": None,
        "publications": 0,
        "started_at": "2026-01-31T12:00:01Z",
        "retrying_since": None,
        "cancel_requested_at": None,
        "ended_at": "2026-01-31T12:00:04Z",
        "returned_at": None,
        "worker": "core@host",
        "wait_ms": 1000,
        "run_ms": 3000,
        "outcome": "failed",
        "error": "KeyError: 'x'",
        "traceback": "Traceback (most recent call last):\nKeyError: 'x'",
        "result": None,
    }
    assert shown["traceback"].startswith("Traceback")
    assert shown["result"] == {"new_messages": 3}


def test_the_whole_error_is_shown(api: APIClient) -> None:
    job = make_job(last_error="word " * 30_000)
    shown = api.get(f"/ops/jobs/{job.pk}").json()
    assert shown["last_error"] == "word " * 30_000
    assert shown["error_is_cut"] is False


@pytest.mark.parametrize(
    "pk",
    [
        "999999",
        "0",
        "-1",
        "alice",
        str(2**63),
        str(2**70),
        "1.0",
        "1e3",
        "٣",
        "%00",
        "%ff",
        "%0a",
        str(uuid.UUID(int=1)),
    ],
)
def test_an_id_that_no_job_has_is_a_404(api: APIClient, pk: str) -> None:
    make_job()
    refusal(api.get(f"/ops/jobs/{pk}"), 404, "job_not_found")


def test_what_may_be_done_with_a_job_is_said_with_the_reason(api: APIClient) -> None:
    pk = insert_job('{"a": 1}', job_type="nobody.knows")
    can = api.get(f"/ops/jobs/{pk}").json()["can"]
    assert (can["retry"], can["cancel"]) == (False, False)
    assert "Unknown job type nobody.knows." in can["reason"]


def test_a_failed_job_of_an_inactive_identity_says_why_it_can_not_be_retried(api: APIClient) -> None:
    carol = make_identity("Carol", is_active=False)
    job = make_job(payload={"provider_id": "reddit", "identity_id": carol.pk})
    can = api.get(f"/ops/jobs/{job.pk}").json()["can"]
    assert can["retry"] is False
    assert "Carol is inactive" in can["reason"]
