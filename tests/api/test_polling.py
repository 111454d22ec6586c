"""GET /ops/backfill/{job_id}, /ops/runs and /ops/runs/{id}: how something that was started is getting on."""

import json
import uuid
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
import redis
from django.db import connection
from django.utils import timezone
from django_celery_results.models import TaskResult
from rest_framework.test import APIClient

from devserver.redis import Redis
from jobs.models import Dispatch, Job
from tests.api.cast import accepted, make_attempt, make_run, refusal
from tests.cast import NOW, make_identity, make_job
from tests.services import RESULTS

RESULT = {
    "status": "success",
    "conversations_synced": 4,
    "messages_synced": 40,
    "new_conversations": 1,
    "new_messages": 10,
    "errors": [],
}


def polled(api: APIClient, job_id: Any) -> dict[str, Any]:
    response = api.get(f"/ops/backfill/{job_id}")
    assert response.status_code == 200, response.content
    body: dict[str, Any] = response.json()
    assert set(body) == {"job_id", "status", "result", "progress", "jobs", "stuck"}
    assert body["job_id"] == str(job_id)
    return body


def ended(status: str = "done", *, last_error: str | None = None, **attempt: Any) -> Job:
    job = make_job("ingest.backfill_conversations", status=status, last_error=last_error)
    make_attempt(job.pk, started_at=NOW, ended_at=NOW, **attempt)
    return job


def test_what_was_just_started_is_pending(api: APIClient) -> None:
    make_identity()
    started = accepted(api.post("/ops/backfill/conversations"))
    body = polled(api, started["job_id"])
    assert (body["status"], body["result"], body["progress"], body["jobs"]) == ("pending", None, None, started["jobs"])


@pytest.mark.parametrize("status", ["queued", "running", "retrying"])
def test_a_run_is_pending_until_all_of_its_jobs_have_ended(api: APIClient, status: str) -> None:
    run = make_run(ended(result=RESULT).pk, make_job(status=status).pk)
    assert (polled(api, run.pk)["status"], polled(api, run.pk)["result"]) == ("pending", None)


def test_success_has_the_sums_of_what_the_tasks_returned(api: APIClient) -> None:
    jobs = [ended(result=RESULT), ended(result=RESULT | {"errors": ["One image could not be had."]})]
    body = polled(api, make_run(*(job.pk for job in jobs)).pk)
    assert body["status"] == "success"
    assert body["jobs"] == [job.pk for job in jobs]
    assert body["result"] == {
        "status": "success",
        "conversations_synced": 8,
        "messages_synced": 80,
        "new_conversations": 2,
        "new_messages": 20,
        "errors": ["One image could not be had."],
    }


def test_failure_has_a_sentence_that_names_which_and_why_and_the_sums(api: APIClient) -> None:
    identity = make_identity("Alice")
    failed = make_job(payload={"identity_id": identity.pk}, last_error="401 Unauthorized\nmore lines")
    cancelled = make_job(status="cancelled")
    body = polled(api, make_run(failed.pk, cancelled.pk, ended(result=RESULT).pk).pk)
    assert body["status"] == "failure"
    error = body["result"]["error"]
    assert error == f"Job {failed.pk} (Alice) failed: 401 Unauthorized; Job {cancelled.pk} was cancelled."
    assert body["result"]["new_messages"] == 10


def test_a_long_failure_names_the_first_few(api: APIClient) -> None:
    error = polled(api, make_run(*(make_job(last_error="x").pk for _ in range(5))).pk)["result"]["error"]
    assert error.endswith("; 2 more did not end well.")


def test_a_skipped_job_says_why(api: APIClient) -> None:
    skipped = ended(outcome="skipped", result={"status": "skipped", "reason": "The identity is paused."})
    result = polled(api, make_run(skipped.pk).pk)["result"]
    assert (result["status"], result["skipped_because"]) == ("success", ["The identity is paused."])


def test_attachments_are_counted_as_the_front_end_names_them(api: APIClient) -> None:
    job = make_job("ingest.redownload_attachments", status="done")
    returned = {
        "attachments_created": 3,
        "already_exists": 2,
        "download_failed": 1,
        "messages_scanned": 9,
        "errors": [],
    }
    make_attempt(job.pk, ended_at=NOW, result=returned)
    result = polled(api, make_run(job.pk).pk)["result"]
    assert (result["downloaded"], result["skipped"], result["failed"]) == (3, 2, 1)
    assert result["messages_scanned"] == 9


def test_attachments_of_which_nothing_was_returned_are_none(api: APIClient) -> None:
    job = make_job("ingest.redownload_attachments", last_error="TimeoutError")
    result = polled(api, make_run(job.pk).pk)["result"]
    assert (result["downloaded"], result["skipped"], result["failed"]) == (0, 0, 0)
    assert "TimeoutError" in result["error"]


def test_progress_is_summed_and_its_total_known_when_every_job_knows_its_own(api: APIClient) -> None:
    jobs = [make_job(status="running") for _ in range(2)]
    values = {"progress_unit": "messages", "progress_source": "reported", "progress_at": NOW, "started_at": NOW}
    make_attempt(jobs[0].pk, progress_current=10, progress_total=100, **values)
    run = make_run(*(job.pk for job in jobs))
    assert polled(api, run.pk)["progress"] == {
        "current": 10,
        "unit": "messages",
        "source": "reported",
        "updated_at": "2026-01-31T12:00:00Z",
    }
    make_attempt(jobs[1].pk, progress_current=40, progress_total=100, **values)
    progress = polled(api, run.pk)["progress"]
    assert (progress["current"], progress["total"], progress["percent"]) == (50, 200, 25)


Part = tuple[str, int, int | None] | None
HALF: Part = ("reported", 50, 100)
UNKNOWN: Part = ("observed", 0, None)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        # No job's progress is known.
        ([None], None),
        ([UNKNOWN], None),
        ([UNKNOWN, UNKNOWN], None),
        ([None, UNKNOWN], None),
        # A job whose progress is not known takes the total away, and counts as nothing.
        ([HALF, UNKNOWN], (50, None, None)),
        ([HALF, None], (50, None, None)),
        ([UNKNOWN, ("observed", 7, None)], (7, None, None)),
        ([HALF, HALF, UNKNOWN, None], (100, None, None)),
        # A reported 0 is a 0.
        ([("reported", 0, None)], (0, None, None)),
        ([("reported", 0, 100)], (0, 100, 0)),
        ([("reported", 0, 0)], (0, 0, None)),
        ([HALF, ("reported", 0, 100)], (50, 200, 25)),
        ([HALF, ("reported", 0, 0)], (50, 100, 50)),
        ([UNKNOWN, ("reported", 0, 100)], (0, None, None)),
        # So is more than nothing, whoever says so.
        ([("observed", 7, None)], (7, None, None)),
        ([HALF, ("observed", 7, None)], (57, None, None)),
        ([("reported", 300, 100)], (300, 100, 100)),
        ([("reported", 300, 100), ("reported", 0, 100)], (300, 200, 50)),
    ],
    ids=str,
)
def test_progress_that_is_not_known_is_null_and_never_0(
    api: APIClient, parts: list[Part], expected: tuple[int, int | None, int | None] | None
) -> None:
    jobs = [make_job("ingest.backfill_conversations", status="running") for _ in parts]
    for job, part in zip(jobs, parts, strict=True):
        source, current, total = part or (None, None, None)
        values = {"progress_source": source, "progress_current": current, "progress_total": total}
        make_attempt(job.pk, started_at=NOW, progress_unit="messages", progress_at=NOW, **values)
    run = make_run(*(job.pk for job in jobs))

    progress = polled(api, run.pk)["progress"]
    assert (progress and (progress["current"], progress.get("total"), progress.get("percent"))) == expected
    assert [run["progress"] for run in api.get("/ops/runs").json()["runs"]] == [progress]
    one = api.get(f"/ops/runs/{run.pk}").json()
    assert one["progress"] == progress
    is_known = [part not in (None, UNKNOWN) for part in parts]
    assert [job["progress"] is not None for job in one["jobs"]] == is_known
    listed = api.get("/ops/jobs?ordering=id").json()["jobs"]
    assert [job["progress"] is not None for job in listed] == is_known
    assert [api.get(f"/ops/jobs/{job.pk}").json()["progress"] is not None for job in jobs] == is_known


def test_a_job_that_the_core_has_deleted_is_named_and_no_success(api: APIClient) -> None:
    gone = make_job(status="done")
    run = make_run(gone.pk, ended(result=RESULT).pk)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM jobs WHERE id = %s", [gone.pk])
    body = polled(api, run.pk)
    assert body["status"] == "failure"
    assert body["result"]["error"] == f"Job {gone.pk} is not in the ledger any more."
    member = api.get(f"/ops/runs/{run.pk}").json()["jobs"][0]
    assert (member["id"], member["status"], member["job_type"]) == (gone.pk, "gone", None)


@pytest.mark.parametrize("result", ["null", "[1]", '"text"', '{"errors": 7}', '{"errors": {"a": 1}}', '{"n": 1e400}'])
def test_a_result_of_any_shape_is_taken(api: APIClient, result: str) -> None:
    job = make_job(status="done")
    attempt = make_attempt(job.pk, ended_at=NOW)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE jobs_dispatch SET result = %s::jsonb WHERE id = %s", [result, attempt.pk])
    run = make_run(job.pk)
    assert polled(api, run.pk)["status"] == "success"
    assert api.get(f"/ops/runs/{run.pk}").status_code == 200
    assert api.get(f"/ops/jobs/{job.pk}").status_code == 200


def test_what_has_a_name_in_a_result_is_always_of_one_kind(api: APIClient) -> None:
    odd = {"status": 200, "error": 5, "errors": 7, "skipped_because": 3, "new_messages": "many", "backup_run_ids": 9}
    skipped = {"status": "skipped", "reason": "It is paused.", "new_messages": 1, "pages": 2}
    body = polled(api, make_run(ended(result=odd).pk, ended(result=skipped).pk).pk)
    assert body["result"] == {
        "status": "success",
        "errors": [],
        "skipped_because": ["It is paused."],
        "new_messages": 1,
        "pages": 2,
    }


# --- ids that are no run's ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("job_id", [uuid.UUID(int=7), "1", "alice", "-1", str(2**70), "%00", "é", "a" * 300])
def test_an_id_that_nobody_knows_is_a_404(api: APIClient, job_id: Any) -> None:
    refusal(api.get(f"/ops/backfill/{job_id}"), 404, "run_not_found")
    refusal(api.get(f"/ops/runs/{job_id}"), 404, "run_not_found")


def test_the_id_of_a_task_of_ours_is_answered_from_its_job(api: APIClient) -> None:
    job = ended(result=RESULT)
    body = polled(api, Dispatch.objects.get().task_id)
    assert (body["status"], body["jobs"], body["result"]["new_messages"]) == ("success", [job.pk], 10)


@pytest.fixture
def core_result(redis_server: Redis) -> Callable[..., uuid.UUID]:
    """Leave a task's result where the core's worker does: `core_result(state, result)`."""

    def leave(state: str, result: Any) -> uuid.UUID:
        task_id = uuid.uuid4()
        meta = {"status": state, "result": result, "traceback": None, "task_id": str(task_id), "children": []}
        with closing(redis.Redis.from_url(redis_server.url(RESULTS))) as client:
            client.set(f"celery-task-meta-{task_id}", json.dumps(meta))
        return task_id

    return leave


CoreResult = Callable[..., uuid.UUID]


def test_a_task_that_only_the_core_knows_is_answered_from_its_result(api: APIClient, core_result: CoreResult) -> None:
    body = polled(api, core_result("SUCCESS", RESULT))
    assert (body["status"], body["result"], body["jobs"]) == ("success", RESULT, [])


@pytest.mark.parametrize("state", ["STARTED", "RETRY", "PROGRESS", "RECEIVED"])
def test_a_task_of_the_core_that_has_not_ended_is_pending(api: APIClient, core_result: CoreResult, state: str) -> None:
    assert polled(api, core_result(state, {"current": 1}))["status"] == "pending"


@pytest.mark.parametrize(
    ("state", "result", "error"),
    [
        ("SUCCESS", {"status": "error", "error": "No such identity."}, "No such identity."),
        (
            "SUCCESS",
            RESULT | {"messages_synced": 0, "errors": ["Failed to fetch inbox: 429"]},
            "Failed to fetch inbox: 429",
        ),
        ("FAILURE", {"exc_type": "KeyError", "exc_message": ["x"], "exc_module": "builtins"}, "KeyError: x"),
        (
            "REVOKED",
            {"exc_type": "TaskRevokedError", "exc_message": ["revoked"]},
            "The task was revoked: somebody told the workers not to run it.",
        ),
        ("FAILURE", None, "The task ended as FAILURE without a reason."),
    ],
)
def test_a_task_of_the_core_that_failed_says_why(
    api: APIClient, core_result: CoreResult, state: str, result: Any, error: str
) -> None:
    body = polled(api, core_result(state, result))
    assert (body["status"], body["result"]["error"]) == ("failure", error)


def test_a_result_of_the_core_is_shown_without_what_is_private(api: APIClient, core_result: CoreResult) -> None:
    errors = [{"text": "My private words", "access_token": "s3cr3t-value"}, "Bearer abcdef0123456789"]
    task_id = core_result(
        "SUCCESS", {"status": "success", "messages_synced": 0, "errors": errors, "body": "Private too"}
    )
    content = api.get(f"/ops/backfill/{task_id}").content.decode()
    for private in ("private words", "s3cr3t-value", "abcdef0123456789", "Private too"):
        assert private not in content


def test_attachments_of_the_core_are_named_as_the_front_end_does(api: APIClient, core_result: CoreResult) -> None:
    task_id = core_result("SUCCESS", {"attachments_created": 3, "already_exists": 2, "download_failed": 0})
    result = polled(api, task_id)["result"]
    assert (result["downloaded"], result["skipped"], result["failed"]) == (3, 2, 0)


def test_what_has_a_name_in_the_result_of_a_task_is_of_the_same_kind(api: APIClient, core_result: CoreResult) -> None:
    odd: dict[str, Any] = {
        "status": None,
        "error": None,
        "errors": 7,
        "new_messages": "many",
        "downloaded": True,
        "pages": [[1, None]],
    }
    assert polled(api, core_result("SUCCESS", odd))["result"] == {"errors": [], "pages": [[1, None]]}
    odd = {"errors": [{"code": 7}], "messages_synced": 3, "backup_run_ids": ["x"], "skipped_because": ["It is paused."]}
    assert polled(api, core_result("SUCCESS", odd))["result"] == {
        "errors": ["{'code': 7}"],
        "messages_synced": 3,
        "skipped_because": ["It is paused."],
    }


def test_a_task_of_the_console_is_answered_from_its_own_results(api: APIClient) -> None:
    task_id = uuid.uuid4()
    TaskResult.objects.create(task_id=str(task_id), status="SUCCESS", result=json.dumps({"new_messages": 3}))
    assert polled(api, task_id)["result"] == {"new_messages": 3}


def test_a_result_back_end_that_does_not_answer_is_a_503(api: APIClient, broker_down: None) -> None:
    response = api.get(f"/ops/backfill/{uuid.uuid4()}")
    refusal(response, 503, "results_unreachable")
    assert response["Retry-After"]


def test_without_a_result_back_end_an_unknown_id_is_a_404(api: APIClient, settings: Any) -> None:
    settings.CORE_RESULT_BACKEND = ""
    refusal(api.get(f"/ops/backfill/{uuid.uuid4()}"), 404, "run_not_found")


def test_a_run_is_answered_while_the_result_back_end_is_down(api: APIClient, broker_down: None) -> None:
    assert polled(api, make_run(ended().pk).pk)["status"] == "success"


# --- runs ---------------------------------------------------------------------------------------------------------


def test_runs_are_listed_newest_first(api: APIClient) -> None:
    old = make_run(make_job(status="done").pk, title="Old", created_at=NOW - timedelta(hours=1))
    new = make_run(make_job().pk, make_job(status="queued").pk, title="New")
    body = api.get("/ops/runs").json()
    assert set(body) == {"runs", "next", "previous"}
    assert [run["id"] for run in body["runs"]] == [str(new.pk), str(old.pk)]
    assert body["runs"][0] == {
        "id": str(new.pk),
        "operation": "backfill.trigger",
        "title": "New",
        "status": "pending",
        "requested_by": "olivia",
        "via": "api",
        "created_at": "2026-01-31T12:00:00Z",
        "job_count": 2,
        "by_status": {"failed": 1, "queued": 1},
        "cancelling": 0,
        "progress": None,
    }


def test_runs_are_paged_by_cursor_though_they_are_of_one_moment(api: APIClient) -> None:
    made = {str(make_run(make_job().pk).pk) for _ in range(5)}
    first = api.get("/ops/runs?limit=2").json()
    second = api.get(first["next"]).json()
    third = api.get(second["next"]).json()
    seen = [run["id"] for page in (first, second, third) for run in page["runs"]]
    assert (len(seen), set(seen)) == (5, made)
    assert third["next"] is None
    back = api.get(third["previous"]).json()
    assert [run["id"] for run in back["runs"]] == [run["id"] for run in second["runs"]]
    assert api.get(back["previous"]).json()["previous"] is None


def test_a_run_has_its_jobs_and_its_result(api: APIClient) -> None:
    identity = make_identity("Alice")
    job = make_job("ingest.backfill_conversations", status="done", payload={"identity_id": identity.pk})
    make_attempt(job.pk, started_at=NOW, ended_at=NOW + timedelta(seconds=3), outcome="done", result=RESULT)
    body = api.get(f"/ops/runs/{make_run(job.pk).pk}").json()
    assert (body["status"], body["result"]["new_messages"]) == ("success", 10)
    assert body["jobs"] == [
        {
            "id": job.pk,
            "job_type": "ingest.backfill_conversations",
            "status": "done",
            "attempts": 0,
            "max_attempts": 3,
            "joined": False,
            "identity": {"id": identity.pk, "display_name": "Alice"},
            "handed_over": None,
            "waits_for": None,
            "cancel_requested_at": None,
            "stuck": False,
            "stuck_reason": None,
            "progress": None,
            "duration_ms": 3000,
            "outcome": "done",
            "last_error": None,
            "result": RESULT,
        }
    ]


def test_a_running_job_of_a_run_shows_how_long_it_has_been_running(api: APIClient) -> None:
    job = make_job(status="running")
    make_attempt(job.pk, started_at=timezone.now() - timedelta(seconds=5))
    (member,) = api.get(f"/ops/runs/{make_run(job.pk).pk}").json()["jobs"]
    assert 5_000 <= member["duration_ms"] < 60_000
