"""The jobs' part of the first page: counts, how they end by the hour, and which errors they end with."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from jobs import counts, throughput
from jobs.models import DONE, FAILED, QUEUED
from tests.admin.conftest import browser_of
from tests.admin.reading import text
from tests.api.cast import make_attempt, make_staff
from tests.cast import make_identity, make_job
from tests.error_groups.rows import failed_job, fold

PART = "/admin/jobs/job/home/"


@pytest.fixture(autouse=True)
def _nothing_kept(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.delete("jobs.throughput")
    # The hour doesn't turn before the end of the test.
    now = timezone.now()
    monkeypatch.setattr(timezone, "now", lambda: now)


def ended(status: str, *, hours_ago: float, **values: Any) -> Any:
    moment = timezone.now() - timedelta(hours=hours_ago)
    return make_job(status=status, created_at=moment, updated_at=moment, **values)


def test_each_number_leads_to_its_list(page: Client) -> None:
    make_job(payload={"identity_id": make_identity("Alice").pk})
    make_job(status=QUEUED, updated_at=timezone.now() - timedelta(minutes=14))
    counts.refresh(max_age_seconds=0)
    response = page.get(PART)
    body, words = response.content.decode(), text(response)
    for status in ("failed", "running", "retrying", "queued", "done", "cancelled"):
        assert f'href="/admin/jobs/job/?status={status}"' in body
    assert "Queued 1 oldest waits 14 min" in words
    assert "2 in all" in words


def test_what_ended_is_counted_by_the_hour_as_it_stands_now(page: Client) -> None:
    for _ in range(3):
        ended(DONE, hours_ago=2)
    ended(FAILED, hours_ago=2)
    ended(DONE, hours_ago=30)
    found = throughput.read()
    two_hours_ago = found.hours[-3]
    assert (two_hours_ago.done, two_hours_ago.failed) == (3, 1)
    assert (found.done, found.failed, found.whole_since) == (3, 1, None)
    words = text(page.get(PART))
    assert "3 done" in words
    assert "1 failed" in words
    hour = timezone.now() - timedelta(hours=2)
    assert f"{hour:%a %H}:00 3 1" in words


def test_an_old_job_that_was_retried_counts_in_the_hour_when_it_ended(
    monkeypatch: pytest.MonkeyPatch, db: None
) -> None:
    old = ended(DONE, hours_ago=1, payload={"n": "old"})
    make_attempt(old.pk, ended_at=timezone.now() - timedelta(hours=1), outcome="done")
    for _ in range(5):
        make_job(status=QUEUED)
    monkeypatch.setattr(throughput, "LOOKED_THROUGH", 3)
    assert throughput.read().done == 1


def test_where_the_day_holds_more_than_is_looked_at_it_says_since_when_all_is(
    page: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throughput, "LOOKED_THROUGH", 2)
    for hours in (5, 4, 3, 2):
        ended(DONE, hours_ago=hours)
    found = throughput.read()
    assert found.done == 2
    assert found.whole_since is not None
    assert "all of them only since 4 h ago" in text(page.get(PART))


def test_the_errors_of_the_week_stand_there_each_with_its_windows_and_a_way_to_retry(page: Client) -> None:
    for minutes in (5, 60 * 5, 60 * 24 * 3):
        failed_job("TimeoutError: <b>no</b> answer", minutes_ago=minutes)
    fold()
    response = page.get(PART)
    words, body = text(response), response.content.decode()
    assert "TimeoutError: <b>no</b> answer Sync 1 2 3 3 Retry…" in words
    assert "<b>no</b>" not in body
    assert "/admin/jobs/job/matching/retry/?status=failed&amp;fingerprint=" in body


def test_who_may_only_look_is_not_led_to_a_retry(viewing: Client) -> None:
    failed_job()
    fold()
    assert "Retry…" not in text(viewing.get(PART))


def test_on_an_empty_ledger_it_says_so(page: Client) -> None:
    words = text(page.get(PART))
    assert "No job has ended in the last 24 hours." in words
    assert "Nothing has failed in the last 7 days" in words


def test_it_takes_a_fixed_number_of_queries(page: Client, django_assert_max_num_queries: Callable[..., Any]) -> None:
    for number in range(12):
        failed_job(f"{chr(97 + number)} broke")
        make_job(status=QUEUED)
    fold()
    counts.refresh(max_age_seconds=0)
    page.get(PART)
    cache.delete("jobs.throughput")
    # The session, the user and the permissions; counts, what waits, the two of the chart, and the groups.
    with django_assert_max_num_queries(9):
        page.get(PART)
    # What was read a moment ago is not read again.
    with django_assert_max_num_queries(7):
        page.get(PART)


def test_who_may_not_see_jobs_is_not_let_in(db: None) -> None:
    assert browser_of(make_staff("nobody")).get(PART).status_code == 403
