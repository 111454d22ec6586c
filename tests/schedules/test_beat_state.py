"""Whether beat does its work, from the rows that it keeps."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)
from django_celery_beat.schedulers import ModelEntry

from jobs.models import PausedSchedule
from jobs.schedules.queries import BeatState, beat_state, entries
from opsconsole.celery import app
from tests.schedules.rows import NOW, ago, utc

pytestmark = pytest.mark.django_db

Rows = dict[str, dict[str, Any]]


@pytest.fixture(autouse=True)
def _no_other_tasks(settings: Any) -> None:
    PeriodicTask.objects.all().delete()
    settings.BEAT_GRACE_SECONDS = 30


def make(name: str, *, minutes: int = 10, changed: datetime | None = None, **values: Any) -> PeriodicTask:
    """Insert a task past the model's checks, as rows that others have written may be."""
    if "crontab" not in values:
        values["interval"], _ = IntervalSchedule.objects.get_or_create(every=minutes, period=IntervalSchedule.MINUTES)
    (task,) = PeriodicTask.objects.bulk_create([PeriodicTask(name=name, task="tests.none", **values)])
    PeriodicTask.objects.filter(pk=task.pk).update(date_changed=changed or ago(days=10))
    return task


def state() -> BeatState:
    return beat_state(entries(now=NOW))


def names(found: BeatState) -> list[str]:
    return [entry.name for entry in found.missed]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        # All that was due has run.
        ({"a": {"last_run_at": ago(minutes=3)}}, ("running", None, [])),
        ({"a": {"last_run_at": ago(minutes=3)}, "b": {"changed": ago(minutes=1)}}, ("running", None, [])),
        # Due, and within the grace.
        ({"a": {"last_run_at": ago(minutes=10, seconds=29)}}, ("running", None, [])),
        # Nothing has run since something was due: since the first that was.
        ({"a": {"last_run_at": ago(minutes=15)}}, ("silent", ago(minutes=5), ["a"])),
        (
            {"a": {"last_run_at": ago(minutes=25)}, "b": {"last_run_at": ago(minutes=30), "minutes": 20}},
            ("silent", ago(minutes=15), ["a", "b"]),
        ),
        # One missed its run, others ran since.
        (
            {"a": {"last_run_at": ago(minutes=25)}, "b": {"last_run_at": ago(minutes=1)}},
            ("running", None, ["a"]),
        ),
        # It had missed one, and then fell silent: since the first that was due after its last sign.
        (
            {"a": {"last_run_at": ago(hours=5)}, "b": {"last_run_at": ago(hours=1)}},
            ("silent", ago(minutes=50), ["a", "b"]),
        ),
        # Never started: nothing has ever run.
        ({"a": {"changed": ago(minutes=10, seconds=29)}}, ("idle", None, [])),
        ({"a": {"changed": ago(minutes=10, seconds=31)}}, ("silent", ago(seconds=31), ["a"])),
        ({"a": {"changed": ago(hours=2)}, "b": {"changed": ago(hours=3)}}, ("silent", ago(hours=2, minutes=50), None)),
        # Switched on or changed a minute ago: it counts from then on, however old its last run is.
        ({"a": {"changed": ago(seconds=20), "last_run_at": ago(days=7)}}, ("running", None, [])),
        ({"a": {"changed": ago(minutes=1)}}, ("idle", None, [])),
        # Off: nothing is expected.
        ({"a": {"enabled": False, "last_run_at": ago(days=7)}}, ("idle", None, [])),
        ({"a": {"enabled": False}, "b": {"last_run_at": ago(minutes=1)}}, ("running", None, [])),
        ({}, ("idle", None, [])),
        # What never runs for reasons of its own says nothing about beat.
        ({"a": {"args": "["}}, ("idle", None, [])),
        ({"a": {"kwargs": "[]"}, "b": {"last_run_at": ago(minutes=1)}}, ("running", None, [])),
        ({"a": {"headers": "{"}}, ("idle", None, [])),
        ({"a": {"expires": ago(days=1)}}, ("idle", None, [])),
        ({"a": {"one_off": True, "total_run_count": 1, "last_run_at": ago(days=1)}}, ("running", None, [])),
        ({"a": {"start_time": NOW + timedelta(days=1)}}, ("idle", None, [])),
        ({"a": {"minutes": 0}}, ("idle", None, [])),
        # A queue that nobody listens to is for others to tell: beat has sent it.
        ({"a": {"queue": "nobody", "last_run_at": ago(minutes=3)}}, ("running", None, [])),
    ],
)
def test_beat_is_judged_by_what_was_due(rows: Rows, expected: tuple[str, datetime | None, list[str] | None]) -> None:
    for name, values in rows.items():
        make(name, **values)

    found = state()

    status, since, missed = expected
    assert (found.status, found.since) == (status, since)
    assert missed is None or names(found) == missed
    assert found.last_run_at == max((row["last_run_at"] for row in rows.values() if "last_run_at" in row), default=None)


def test_celerys_own_clean_up_counts_like_any_other_task() -> None:
    at_four = CrontabSchedule.objects.create(minute="0", hour="4")
    make("celery.backend_cleanup", crontab=at_four, last_run_at=utc("2026-01-30 04:00"))

    assert state() == BeatState(
        status="silent",
        since=utc("2026-01-31 04:00"),
        last_run_at=utc("2026-01-30 04:00"),
        missed=tuple(entries(now=NOW)),
    )


def test_beat_that_has_just_made_its_clean_up_anew_is_not_silent_for_it() -> None:
    """It writes that row whenever it starts."""
    at_four = CrontabSchedule.objects.create(minute="0", hour="4")
    make("celery.backend_cleanup", crontab=at_four, changed=ago(seconds=5), last_run_at=utc("2026-01-28 04:00"))

    assert state().status == "running"


def test_paused_says_since_when_and_goes_before_silence() -> None:
    for name, minutes in (("a", 5), ("b", 7)):
        PausedSchedule.objects.create(
            task=make(name, enabled=False), paused_at=ago(minutes=minutes), paused_by="olivia"
        )
    make("c", last_run_at=ago(minutes=15))

    found = state()

    assert (found.status, found.since, names(found)) == ("paused", ago(minutes=7), ["c"])


def test_a_paused_task_that_was_switched_on_by_itself_is_not_paused_any_more() -> None:
    task = make("a", last_run_at=ago(minutes=3))
    PausedSchedule.objects.create(task=task, paused_at=ago(minutes=5), paused_by="olivia")

    assert state().status == "running"


def test_an_entry_says_what_is_wrong_with_it() -> None:
    make("arguments", args="[", last_run_at=ago(days=1))
    make("expired", expires=ago(days=1))
    make("fine", kwargs='{"identity_id": 1}', args="[2]", last_run_at=ago(minutes=3))

    found = {entry.name: entry for entry in entries(now=NOW)}

    assert found["arguments"].problem == "Its positional arguments are no JSON: beat switches it off when it reads it."
    assert (found["arguments"].positional, found["arguments"].forecast.next_at) == (None, None)
    assert found["expired"].problem == "It has expired."
    assert (found["fine"].problem, found["fine"].words) == ("", "every 10 minutes")
    assert (found["fine"].arguments, found["fine"].positional) == ({"identity_id": 1}, (2,))


def test_rows_that_nothing_can_be_made_of_break_nothing() -> None:
    PeriodicTask.objects.bulk_create([PeriodicTask(name="bare", task="")])
    for number, every in enumerate((0, -3, 2_147_483_647)):
        schedule = IntervalSchedule.objects.create(every=every, period="days")
        PeriodicTask.objects.bulk_create([PeriodicTask(name=f"odd {number}", task="x", interval=schedule)])
    odd = CrontabSchedule.objects.create(minute="x", hour="", day_of_month="32")
    PeriodicTask.objects.bulk_create([PeriodicTask(name="crontab", task="x", crontab=odd, kwargs="[" * 50_000)])

    found = entries(now=timezone.now() + timedelta(days=1))

    assert all(entry.problem and entry.words for entry in found)
    assert beat_state(found).status == "idle"


@pytest.mark.parametrize(
    "values",
    [
        {"clocked": True},
        {"solar": True},
        {"expires": NOW + timedelta(days=1), "expire_seconds": 5},
    ],
)
def test_beat_cant_write_down_runs_where_that_is_said(values: dict[str, Any]) -> None:
    if "clocked" in values:
        values = {"interval": None, "clocked": ClockedSchedule.objects.create(clocked_time=ago(days=1))}
    if "solar" in values:
        values = {"solar": SolarSchedule.objects.create(event="sunset", latitude=1, longitude=2)}
    task = make("a")
    PeriodicTask.objects.filter(pk=task.pk).update(**values)
    (entry,) = entries(now=NOW)
    assert "beat can't write down that it ran" in entry.problem

    with pytest.raises(ValidationError):
        next(ModelEntry(PeriodicTask.objects.get(pk=task.pk), app=app)).save()


def test_all_entries_are_one_query(django_assert_num_queries: Any) -> None:
    for number in range(5):
        make(f"a{number}", last_run_at=ago(minutes=3))

    with django_assert_num_queries(1):
        found = entries(now=NOW)
        beat_state(found)
        assert [entry.words for entry in found] == ["every 10 minutes"] * 5
