"""In a real worker: from the click to the end, and when the worker is killed in the middle."""

from collections.abc import Callable
from typing import Any

import pytest

from jobs.models import DONE, FAILED, QUEUED, RETRYING, BulkChange, Dispatch, Job
from tests.cast import NOW
from tests.matching.doing import ask_to_retry, failed_jobs
from tests.waiting import PATIENCE

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]


def test_a_worker_retries_them_and_its_job_says_how_many(
    console_worker: Callable[..., Any], wait_until: Callable[..., Any]
) -> None:
    job_ids = failed_jobs(450)
    console_worker()
    job_id = ask_to_retry()
    wait_until(lambda: Job.objects.get(pk=job_id).status == DONE, timeout=2 * PATIENCE)
    assert set(Job.objects.filter(pk__in=job_ids).values_list("status", flat=True)) == {QUEUED}
    attempt = Dispatch.objects.get(job_id=job_id)
    assert (attempt.result or {})["retried"] == 450
    assert (attempt.progress_current, attempt.progress_total) == (450, 450)


@pytest.mark.parametrize(
    ("place", "expected"),
    [("matching.before_commit", 0), ("matching.before_commit:2", 200), ("matching.batch_committed", 200)],
)
def test_when_the_worker_is_killed_another_attempt_goes_on_where_it_was(
    place: str,
    expected: int,
    console_worker: Callable[..., Any],
    sweeper: Callable[..., Any],
    wait_until: Callable[..., Any],
) -> None:
    job_ids = failed_jobs(390)
    worker = console_worker(OPS_FAILPOINT=place)
    job_id = ask_to_retry()
    # Its child dies after the first batch, before or after what it has done is committed.
    worker.wait_for("signal 9")
    worker.kill()
    first = job_ids[: BulkChange.objects.get().position and 200]
    assert Job.objects.filter(pk__in=job_ids, status=QUEUED).count() == len(first) == expected
    # They fail once more before it goes on.
    Job.objects.filter(pk__in=first).update(status=FAILED, dedupe_key=None)
    console_worker()
    let_it_go_on(job_id, sweeper, wait_until)

    wait_until(lambda: Job.objects.get(pk=job_id).status == DONE, timeout=2 * PATIENCE)
    assert set(Job.objects.filter(pk__in=first).values_list("status", flat=True)) <= {FAILED}
    rest = job_ids[len(first) :]
    assert set(Job.objects.filter(pk__in=rest).values_list("status", flat=True)) == {QUEUED}
    assert Dispatch.objects.filter(job_id__in=job_ids).count() == 390
    assert BulkChange.objects.get().done == 390


def let_it_go_on(job_id: int, sweeper: Callable[..., Any], wait_until: Callable[..., Any]) -> None:
    """Put the lease of the attempt that was killed into the past, and the next attempt's time too."""
    Dispatch.objects.filter(job_id=job_id).update(lease_until=NOW)
    sweeper("--tick", "0.2")
    wait_until(lambda: Job.objects.get(pk=job_id).status == RETRYING)
    Dispatch.objects.filter(job_id=job_id).exclude(next_attempt_at=None).update(next_attempt_at=NOW)
