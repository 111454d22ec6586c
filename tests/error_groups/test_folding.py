"""Failures in their groups: each counted once, whoever tells of it, and however often."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from jobs import counts, ended
from jobs.error_groups import forgetting, ledger_rows, reading
from jobs.error_groups.folding import KEPT, slot_of
from jobs.error_groups.ledger_rows import FailedRows
from jobs.models import Dispatch, ErrorGroup, ErrorSlot, FailedJob, Job
from tests.api.cast import insert_job
from tests.cast import make_identity, make_job
from tests.error_groups.rows import DOWN, failed_attempt, failed_job, fold, groups
from tests.worker.at_once import at_once

pytestmark = pytest.mark.django_db(transaction=True)


def test_failed_rows_that_others_wrote_are_grouped() -> None:
    for number in range(3):
        failed_job(f"Failed to fetch conversation {number}")
    failed_job(DOWN)
    make_job(status="done")
    fold()
    assert groups() == [("Failed to fetch conversation 2", 3), (DOWN, 1)]
    assert FailedJob.objects.count() == 4


def test_an_attempt_that_failed_counts_once_however_often_it_is_told() -> None:
    attempt = failed_attempt(failed_job())
    fold()
    Dispatch.objects.filter(pk=attempt.pk).update(told=False)
    fold()
    assert groups() == [(DOWN, 1)]
    assert list(ErrorSlot.objects.values_list("failures", flat=True)) == [1]


def test_a_row_and_its_attempt_are_one_failure_whichever_is_seen_first() -> None:
    failed_attempt(failed_job(minutes_ago=0.9))
    FailedRows().look()
    fold()
    FailedRows().look()
    assert groups() == [(DOWN, 1)]


@pytest.mark.parametrize("outcome", ["done", "partial", "skipped", "retrying", "cancelled", "superseded"])
def test_an_attempt_with_which_no_job_failed_is_none(outcome: str) -> None:
    failed_attempt(make_job(status="done"), outcome=outcome)
    fold()
    assert groups() == []


def test_a_job_that_fails_again_counts_again_and_is_where_it_failed_last() -> None:
    job = failed_job("first it was this", minutes_ago=30)
    failed_attempt(job, "first it was this", minutes_ago=30)
    fold()
    failed_attempt(job, "then that", minutes_ago=1)
    fold()
    assert groups() == [("first it was this", 1), ("then that", 1)]
    assert FailedJob.objects.get().group.message == "then that"


def test_several_failures_of_one_job_that_are_told_at_once_all_count() -> None:
    job = failed_job()
    for minutes in (30, 20, 10):
        failed_attempt(job, minutes_ago=minutes)
    fold()
    assert groups() == [(DOWN, 3)]
    assert FailedJob.objects.count() == 1


def test_a_foreign_row_that_failed_anew_counts_again() -> None:
    job = failed_job(minutes_ago=30)
    fold()
    Job.objects.filter(pk=job.pk).update(updated_at=timezone.now())
    fold()
    assert groups() == [(DOWN, 2)]


def test_many_who_fold_the_same_at_once_count_it_once() -> None:
    for _ in range(5):
        failed_attempt(failed_job())
    tellers: list[Callable[[], object]] = [lambda: FailedRows().look(), ended.tell] * 3
    assert [found for found in at_once(tellers) if isinstance(found, Exception)] == []
    assert groups() == [(DOWN, 5)]


def test_first_and_last_seen_and_the_sample_are_those_of_all_failures() -> None:
    failed_job("broken 1\nof old", minutes_ago=60)
    fold()
    failed_job("broken 3\nnewest", minutes_ago=1)
    failed_job("broken 2\nin between", minutes_ago=30)
    fold()
    group = ErrorGroup.objects.get()
    assert (group.message, group.sample) == ("broken 3", "broken 3\nnewest")
    assert timedelta(minutes=58) < group.last_seen - group.first_seen < timedelta(minutes=60)


def test_what_is_private_is_kept_in_no_group() -> None:
    failed_job("refused: access_token=abcdef0123456789abcdef\nBearer abcdef0123456789abcdef")
    failed_job("refused: access_token=ffffff0123456789ffffff\nBearer ffffff0123456789ffffff")
    fold()
    group = ErrorGroup.objects.get()
    assert group.message == "refused: access_token=[redacted]"
    assert "0123456789" not in group.sample


def test_whom_a_failure_concerns_is_kept() -> None:
    alice = make_identity("Alice")
    failed_job(payload={"identity_id": alice.pk})
    failed_job(payload={"identity_id": 12_345})
    fold()
    assert set(FailedJob.objects.values_list("identity_id", flat=True)) == {alice.pk, None}


def test_a_job_without_an_error_has_a_group_too() -> None:
    failed_job(None)
    fold()
    assert groups() == [("", 1)]
    assert str(ErrorGroup.objects.get()) == "Failed without an error"


def test_a_clock_that_is_ahead_moves_no_failure_into_the_future() -> None:
    failed_job(minutes_ago=-30)
    fold()
    fold()
    group = ErrorGroup.objects.get()
    assert group.failures == 1
    assert group.last_seen <= timezone.now()


@pytest.mark.parametrize("moment", ["infinity", "-infinity", "9999-12-31"])
def test_a_row_with_a_time_that_is_none_stops_nobody(moment: str) -> None:
    failed_job()
    insert_job("[1, 2]", last_error="odd", updated_at=moment)
    failed_job()
    fold()
    assert groups() == [(DOWN, 2)]


def test_what_failed_long_ago_is_left_out() -> None:
    failed_job(minutes_ago=KEPT.total_seconds() / 60 + 5)
    fold()
    assert groups() == []


def test_a_retried_job_leaves_its_group_and_comes_back_when_it_fails_again() -> None:
    job, other = failed_job(), failed_job()
    fold()
    Job.objects.filter(pk=job.pk).update(status="queued")
    fold()
    (group,) = reading.page(reading.GroupFilter(), limit=10).rows
    assert (group["failed_now"], group["failures"]) == (1, 2)
    # At once where it is read, whether or not a sweeper has been there.
    Job.objects.filter(pk=other.pk).update(status="cancelled")
    assert reading.details(group["fingerprint"]).failed_now == 0
    Job.objects.filter(pk=job.pk).update(status="failed", updated_at=timezone.now())
    fold()
    (group,) = reading.page(reading.GroupFilter(), limit=10).rows
    assert (group["failed_now"], group["failures"]) == (1, 3)


def test_a_large_ledger_is_walked_in_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_rows, "SLICE", 4)
    monkeypatch.setattr(ledger_rows, "FOLDED_AT_ONCE", 3)
    for _ in range(11):
        failed_job()
        make_job(status="done")
    fold()
    assert groups() == [(DOWN, 11)]


def test_nothing_is_asked_between_two_walks_and_little_when_nobody_has_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(counts, "tally", lambda: 7)
    failed_job()
    rows = FailedRows()
    rows.look()
    assert groups() == [(DOWN, 1)]
    with CaptureQueriesContext(connection) as asked:
        rows.look()
    assert len(asked) == 0
    rows._began_at = float("-inf")
    with CaptureQueriesContext(connection) as asked:
        rows.look()
    assert len(asked) == 0
    # Somebody has written.
    monkeypatch.setattr(counts, "tally", lambda: 8)
    failed_job()
    rows._began_at = float("-inf")
    rows.look()
    assert groups() == [(DOWN, 2)]


def test_telling_of_many_takes_as_many_queries_as_of_few() -> None:
    def queries_of(count: int) -> int:
        for number in range(count):
            failed_attempt(failed_job(f"{chr(97 + number)} went wrong"), f"{chr(97 + number)} went wrong")
        with CaptureQueriesContext(connection) as asked:
            ended.tell()
        return len(asked)

    queries_of(1)
    assert queries_of(3) == queries_of(12)


def test_what_is_old_is_forgotten_and_not_found_again() -> None:
    job = failed_job()
    failed_job("another", minutes_ago=2)
    fold()
    long_ago = timezone.now() - KEPT - timedelta(minutes=1)
    Job.objects.filter(pk=job.pk).update(updated_at=long_ago)
    FailedJob.objects.filter(pk=job.pk).update(failed_at=long_ago)
    ErrorGroup.objects.filter(message=DOWN).update(last_seen=long_ago)
    ErrorSlot.objects.filter(group__message="another").update(slot=timezone.now() - timedelta(days=9))
    forgetting.prune()
    fold()
    assert groups() == [("another", 1)]
    assert not ErrorSlot.objects.exists()
    assert FailedJob.objects.count() == 1


def test_of_too_many_groups_the_oldest_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forgetting, "GROUPS_KEPT", 2)
    for minutes, error in ((3, "old"), (2, "newer"), (1, "newest")):
        failed_job(error, minutes_ago=minutes)
    fold()
    forgetting.prune()
    assert sorted(groups()) == [("newer", 1), ("newest", 1)]


def test_a_quarter_begins_on_the_quarter() -> None:
    assert slot_of(datetime(2026, 1, 31, 12, 44, 59, tzinfo=UTC)) == datetime(2026, 1, 31, 12, 30, tzinfo=UTC)
