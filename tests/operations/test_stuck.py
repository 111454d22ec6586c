"""Which jobs are stuck, why, and what can be done about it; and which are not, though they look like it."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from jobs import catalog, queries, stuck
from jobs.filters import JobFilter
from jobs.models import Job
from tests.api.cast import make_attempt
from tests.cast import make_job

pytestmark = pytest.mark.django_db


def ago(**duration: float) -> datetime:
    return timezone.now() - timedelta(**duration)


def told(job: Job) -> tuple[str, str]:
    """Return why a job is stuck and what can be done, checking that the filter and the row agree."""
    row = queries.get(job.pk)
    filtered = queries.page(JobFilter(stuck=True), limit=10)
    assert [found["id"] for found in filtered.rows] == ([job.pk] if row["stuck_cause"] else [])
    return stuck.why(row), stuck.advice(row)


def waiting(minutes: float = 20, **values: Any) -> Job:
    return make_job(status="queued", updated_at=ago(minutes=minutes), **values)


def test_a_core_job_that_runs_longer_than_its_time_limit(settings: Any) -> None:
    job = make_job(status="running", updated_at=ago(hours=3, minutes=10))
    make_attempt(job.pk, started_at=ago(hours=3, minutes=10))
    why, advice = told(job)
    assert why == "Running for 3 h 10 min. The time limit of its type is 10 min."
    assert "set it failed" in advice


def test_the_time_limit_is_its_types(settings: Any) -> None:
    settings.JOB_TYPES = {"media.encode": {"task": "media.encode", "queue": "gpu", "time_limit_seconds": 5_400}}
    job = make_job("media.encode", status="running", updated_at=ago(minutes=100))
    assert told(job)[0] == "Running for 1 h 40 min. The time limit of its type is 1 h 30 min."
    Job.objects.update(updated_at=ago(minutes=80))
    assert told(job) == ("", "")


@pytest.mark.parametrize(
    ("job_type", "limit"),
    [
        ("ingest.sync_delta", 10),
        ("ingest.backfill_messages", 10),
        ("ingest.fetch_profile", 10),
        ("message.send_manual", 10),
        ("maintenance.restore_test_local", 10),
        ("scout.run_all_watches", 10),
        ("embed.generate_batch", 10),
        ("gpu.encode", 10),
        ("own.task", 120),
        ("opsconsole.housekeeping", 120),
        ("opsconsole.retry_matching", 120),
        ("opsconsole.database_backup", 720),
        ("somebody.elses", 120),
    ],
)
def test_a_job_is_stuck_once_it_has_run_for_the_time_limit_of_the_core_or_for_its_own(
    settings: Any, job_type: str, limit: int
) -> None:
    settings.JOB_TYPES = {
        "gpu.encode": {"task": "gpu.encode", "queue": "gpu"},
        "own.task": {"task": "own.task", "queue": "opsconsole", "in_core": False},
    }
    job = make_job(job_type, status="running", updated_at=ago(minutes=limit - 1))
    assert told(job) == ("", "")
    Job.objects.update(updated_at=ago(minutes=limit + 1))
    assert told(job)[0].startswith("Running for ")


def test_an_own_job_whose_lease_has_run_out() -> None:
    job = make_job(catalog.HOUSEKEEPING, status="running", updated_at=ago(minutes=9))
    make_attempt(job.pk, in_core=False, started_at=ago(minutes=9), lease_until=ago(minutes=3, seconds=1))
    why, advice = told(job)
    assert why == "Its worker was lost: its lease ran out 3 min ago."
    assert "sweeper" in advice


def test_an_own_job_that_keeps_its_lease_may_run_for_days() -> None:
    job = make_job(catalog.HOUSEKEEPING, status="running", updated_at=ago(days=3))
    make_attempt(job.pk, in_core=False, started_at=ago(days=3), lease_until=ago(seconds=-30))
    assert told(job) == ("", "")


def test_a_core_job_that_no_worker_knows() -> None:
    job = make_job(status="running", updated_at=ago(minutes=9))
    attempt = make_attempt(job.pk, started_at=ago(minutes=9), unknown_since=ago(minutes=4, seconds=1))
    why, advice = told(job)
    assert why == "Neither its queue nor any worker has known its task for 4 min."
    assert "Set it failed" in advice
    attempt.unknown_since = ago(seconds=50)
    attempt.save()
    assert told(job) == ("", "")


@pytest.mark.parametrize(
    ("attempt", "advice"),
    [
        (None, "Another application queued it"),
        ({"published_at": None}, "handed over by a sweeper"),
        ({"published_at": None, "publish_error": "refused"}, "The broker can't be reached"),
        ({"published_at": "long ago"}, "see whether a worker listens on the queue ingest"),
        ({"ended_at": "long ago", "next_attempt_at": "long ago"}, "Its next attempt is to be made by a sweeper"),
        ({"ended_at": "long ago"}, "Another application queued it"),
    ],
)
def test_a_job_that_is_due_and_that_nobody_takes(attempt: dict[str, Any] | None, advice: str) -> None:
    job = waiting()
    if attempt is not None:
        make_attempt(job.pk, **{key: ago(hours=1) if value == "long ago" else value for key, value in attempt.items()})
    why, what_to_do = told(job)
    assert why == "It has been due for 20 min, and no worker has taken it."
    assert advice in what_to_do
    assert "set it failed" in what_to_do


def test_a_retry_is_due_at_its_time() -> None:
    job = make_job(status="retrying", updated_at=ago(days=1), next_run_at=ago(minutes=14))
    assert told(job) == ("", "")
    Job.objects.update(next_run_at=ago(minutes=16, seconds=1))
    assert told(job)[0] == "It has been due for 16 min, and no worker has taken it."


def test_a_job_waits_from_when_it_was_handed_over() -> None:
    job = waiting(minutes=300)
    make_attempt(job.pk, published_at=ago(minutes=14))
    assert told(job) == ("", "")


def test_a_job_that_waits_for_another_is_not_stuck() -> None:
    first, second = make_job(status="running", updated_at=timezone.now()), waiting()
    make_attempt(first.pk, serial_key="ingest:1", started_at=timezone.now())
    make_attempt(second.pk, serial_key="ingest:1", published_at=None)
    assert told(second) == ("", "")


def test_a_job_that_waits_for_the_task_of_a_cancelled_one_is_not_stuck() -> None:
    first, second = make_job(status="cancelled"), waiting()
    make_attempt(first.pk, serial_key="ingest:1", ended_at=timezone.now(), outcome="cancelled", holds_place=True)
    make_attempt(second.pk, serial_key="ingest:1", published_at=None)
    row = queries.get(second.pk)
    assert row["waits_for"] == first.pk
    assert told(second) == ("", "")


@pytest.mark.parametrize("status", ["done", "failed", "cancelled"])
def test_what_has_ended_is_never_stuck(status: str) -> None:
    job = make_job(status=status, updated_at=ago(days=1))
    make_attempt(job.pk, unknown_since=ago(days=1), lease_until=ago(days=1), in_core=False)
    assert told(job) == ("", "")
