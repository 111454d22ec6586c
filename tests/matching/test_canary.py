"""A few jobs go first, and the others only if these succeed."""

from threading import Thread
from typing import Any

import pytest
from django.db import connection

from jobs.models import DONE, FAILED, QUEUED, RETRYING, BulkChange, Job
from opsconsole.errors import Conflict
from tests.matching.doing import ask_to_retry, carry_out, failed_jobs
from tests.waiting import PATIENCE, wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def end_the_first(number: int, status: str) -> Thread:
    """Have the jobs that go first end, as soon as they are queued; from another thread."""

    def end() -> None:
        try:
            first = wait_until(lambda: _first(number))
            Job.objects.filter(pk__in=first).update(status=status, dedupe_key=None)
        finally:
            connection.close()

    thread = Thread(target=end)
    thread.start()
    return thread


def _first(number: int) -> list[int]:
    change = BulkChange.objects.get()
    return list(change.canary_ids) if len(change.canary_ids) == number else []


def test_when_the_first_succeed_the_others_follow() -> None:
    job_ids = failed_jobs(6)
    job_id = ask_to_retry(canary=2)
    thread = end_the_first(2, DONE)
    result = carry_out(job_id)
    thread.join()
    assert result["retried"] == 6
    assert BulkChange.objects.get().canary_ids == job_ids[:2]
    assert list(Job.objects.filter(pk__in=job_ids).order_by("pk").values_list("status", flat=True)) == [
        DONE,
        DONE,
        *[QUEUED] * 4,
    ]


@pytest.mark.parametrize("status", [FAILED, RETRYING])
def test_when_one_of_the_first_does_not_succeed_the_others_stay_as_they_are(status: str, settings: Any) -> None:
    settings.CANARY_SECONDS = PATIENCE
    job_ids = failed_jobs(6)
    job_id = ask_to_retry(canary=2)
    thread = end_the_first(2, status)
    with pytest.raises(Conflict, match=r"2 of the 2 jobs that went first did not succeed .* so the other 4 were left"):
        carry_out(job_id)
    thread.join()
    assert set(Job.objects.filter(pk__in=job_ids[2:]).values_list("status", flat=True)) == {FAILED}


def test_once_the_first_are_done_another_attempt_goes_on_with_the_others() -> None:
    job_ids = failed_jobs(5)
    job_id = ask_to_retry(canary=2)
    thread = end_the_first(2, FAILED)
    with pytest.raises(Conflict):
        carry_out(job_id)
    thread.join()
    Job.objects.filter(pk__in=job_ids[:2]).update(status=DONE)
    assert carry_out(job_id)["retried"] == 5
    assert set(Job.objects.filter(pk__in=job_ids[2:]).values_list("status", flat=True)) == {QUEUED}


def test_when_the_first_take_too_long_the_others_stay_as_they_are(settings: Any) -> None:
    settings.CANARY_SECONDS = 0
    job_ids = failed_jobs(3)
    job_id = ask_to_retry(canary=1)
    with pytest.raises(Conflict, match="have not all ended within 0 s, so the other 2 were left as they were"):
        carry_out(job_id)
    assert set(Job.objects.filter(pk__in=job_ids[1:]).values_list("status", flat=True)) == {FAILED}


def test_where_no_more_than_those_match_nothing_is_waited_for() -> None:
    failed_jobs(2)
    assert carry_out(ask_to_retry(canary=5))["retried"] == 2
