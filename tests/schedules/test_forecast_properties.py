"""What is forecast against what Celery's own schedules and beat's own entries do when their clock is moved by hand."""

from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch
from zoneinfo import ZoneInfo

import pytest
from django_celery_beat import schedulers
from django_celery_beat.models import CrontabSchedule, PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler, ModelEntry
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from jobs.schedules.forecast import Forecast, deadlines, forecast, occurrence_after
from jobs.schedules.memory import in_memory_from
from opsconsole.celery import app
from tests.schedules.rows import a_task, clock, cron, every, utc

# Half hours and quarters, clocks that change by an hour, by half of one, at midnight, on the other half of the globe,
# and by two hours.
ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/St_Johns",
    "America/Havana",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "Pacific/Chatham",
    "Antarctica/Troll",
)
JUST = timedelta(microseconds=1)
# Deterministic examples, without a deadline.
STEADY = settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])

years = st.datetimes(datetime(2025, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))
# Around the hours in which the clocks of Berlin, New York, Havana, Lord Howe and Chatham change.
changes = st.builds(
    lambda day, minutes: utc(day) + timedelta(minutes=minutes),
    st.sampled_from(
        ["2026-03-29 01:00", "2026-10-25 01:00", "2026-03-08 07:00", "2026-11-01 06:00", "2026-03-08 05:00",
         "2026-11-01 05:00", "2026-04-04 15:00", "2026-10-03 15:30", "2026-04-04 14:00", "2026-09-26 14:00"]
    ),
    st.floats(-180, 180),
)  # fmt: skip
moments = years | changes

units = st.sampled_from(["days", "hours", "minutes", "seconds", "microseconds"])
intervals = st.builds(every, st.integers(1, 10_000), units)


@st.composite
def crontabs(draw: st.DrawFn, *, zones: tuple[str, ...] = ZONES) -> dict[str, Any]:
    minute = draw(st.sampled_from(["*", "*/5", "*/7", "0", "30", "59", "0,30", "10-20/5"]))
    hour = draw(st.sampled_from(["*", "*/3", "0", "1", "2", "02", "3", "4", "23", "1-3", "9-17"]))
    day_of_month = draw(st.sampled_from(["*", "*", "*", "1", "29", "31", "*/2", "25-31"]))
    month = draw(st.sampled_from(["*", "*", "*", "1", "3,10", "*/2", "2-12/2"]))
    day_of_week = draw(st.sampled_from(["*", "*", "*", "sun", "1-5", "0,3"]))
    assume(not (day_of_month == "31" and month == "2-12/2" and day_of_week != "*"))
    return cron(f"{minute} {hour} {day_of_month} {month} {day_of_week}", draw(st.sampled_from(zones)))


def is_due(task: PeriodicTask, last_run_at: datetime, now: datetime) -> bool:
    """Ask Celery's own schedule at a moment, as beat does."""
    schedule = task.schedule
    schedule.nowfun = lambda: now.astimezone(schedule.tz)
    return bool(schedule.is_due(last_run_at.astimezone(ZoneInfo("UTC")))[0])


def first_due(task: PeriodicTask, last_run_at: datetime) -> datetime:
    """Move Celery's clock from the last run on to the first moment at which it says that the task is due."""
    step = JUST
    while not is_due(task, last_run_at, last_run_at + step):
        step *= 2
    # Due it stays, so halves lead to the moment.
    too_early, late_enough = last_run_at, last_run_at + step
    while late_enough - too_early > JUST:
        middle = too_early + (late_enough - too_early) // 2
        if is_due(task, last_run_at, middle):
            late_enough = middle
        else:
            too_early = middle
    return late_enough


@given(schedule=intervals | crontabs(), last_run_at=moments)
@example(schedule=cron("30 2 * * *", "Europe/Berlin"), last_run_at=utc("2026-03-28 12:00"))
@example(schedule=cron("*/30 * * * *", "Europe/Berlin"), last_run_at=utc("2026-10-25 00:45"))
@settings(STEADY, max_examples=200)
def test_the_forecast_is_the_first_moment_at_which_celery_says_that_it_is_due(
    schedule: dict[str, Any], last_run_at: datetime
) -> None:
    task = a_task(**schedule, last_run_at=last_run_at, date_changed=last_run_at)

    due = first_due(task, last_run_at)
    # In the second of the hours that come twice Celery starts a task without a pause; nobody wants to be told so.
    assume(due > last_run_at + JUST or "interval" in schedule)

    assert forecast(task, now=last_run_at).next_at == due
    assert occurrence_after(task, last_run_at) == due
    assert forecast(task, now=due - JUST) == Forecast(next_at=due, due_at=due)


def test_in_an_hour_that_comes_twice_a_crontab_is_expected_at_its_next_time() -> None:
    every_half_hour = a_task(**cron("*/30 * * * *", "Europe/Berlin"))

    # 02:45 for the first time, after which Celery goes on at 03:00; and 02:15 for the second time.
    assert occurrence_after(every_half_hour, utc("2026-10-25 00:45")) == utc("2026-10-25 02:00")
    assert occurrence_after(every_half_hour, utc("2026-10-25 01:15")) == utc("2026-10-25 01:30")


@given(schedule=intervals | crontabs(), last_run_at=moments | st.none(), changed=moments, now=moments)
@settings(STEADY, max_examples=400)
def test_nothing_is_ever_expected_in_the_past(
    schedule: dict[str, Any], last_run_at: datetime | None, changed: datetime, now: datetime
) -> None:
    found = forecast(a_task(**schedule, last_run_at=last_run_at, date_changed=changed), now=now)

    assert found.problem == ""
    assert found.next_at is not None
    assert found.next_at >= now
    assert found.due_at is not None
    assert found.due_at >= changed
    assert not found.overdue or found.due_at < now


@given(schedule=intervals | crontabs(), moment=moments)
@settings(STEADY, max_examples=400)
def test_an_occurrence_lies_after_its_moment(schedule: dict[str, Any], moment: datetime) -> None:
    found = occurrence_after(a_task(**schedule), moment)

    assert found is not None
    assert found > moment


@given(schedule=intervals | crontabs(zones=("UTC", "Asia/Kolkata", "Asia/Kathmandu")), first=moments, second=moments)
@settings(STEADY, max_examples=300)
def test_the_later_the_moment_the_later_the_occurrence(
    schedule: dict[str, Any], first: datetime, second: datetime
) -> None:
    """Where clocks go back it isn't so: of hours that come twice Celery leaves out the second, unless it is in it."""
    task = a_task(**schedule)
    early, late = sorted([occurrence_after(task, first), occurrence_after(task, second)])  # type: ignore[type-var]

    assert (occurrence_after(task, min(first, second)), occurrence_after(task, max(first, second))) == (early, late)


@given(schedule=intervals | crontabs(), since=moments)
@settings(STEADY, max_examples=200)
def test_failing_comes_after_late_and_late_after_the_next_run_was_due(
    schedule: dict[str, Any], since: datetime
) -> None:
    task = a_task(**schedule)
    found = deadlines(task, since)
    due = occurrence_after(task, since)

    assert found is not None
    assert due is not None
    assert since < due < found[0] < found[1]


# --- beat's own entries -------------------------------------------------------------------------------------------


@given(
    schedule=intervals | st.builds(clock, moments),
    start_time=moments | st.none(),
    last_run_at=moments | st.none(),
    changed=moments,
    wait=st.floats(0, 10_000_000),
)
@settings(STEADY, max_examples=300)
def test_beats_own_entry_is_due_from_the_forecast_on(
    schedule: dict[str, Any],
    start_time: datetime | None,
    last_run_at: datetime | None,
    changed: datetime,
    wait: float,
) -> None:
    """Whatever its start: from when it was due on, and not before; of what was before the change, beat didn't know."""
    task = a_task(**schedule, start_time=start_time, last_run_at=last_run_at, date_changed=changed)
    now = changed + timedelta(seconds=wait)
    due_at = forecast(task, now=now).due_at

    assert due_at is not None
    assert entry_is_due(task, now) == (now >= due_at)


def entry_is_due(task: PeriodicTask, now: datetime) -> bool:
    """Ask beat's entry of a row at a moment."""
    # The entry writes into its row what it takes to be the last run.
    row = PeriodicTask(**{field.attname: getattr(task, field.attname) for field in PeriodicTask._meta.concrete_fields})
    for name in ("interval", "crontab", "solar", "clocked"):
        setattr(row, name, getattr(task, name))
    with patch.object(ModelEntry, "_default_now", lambda self: now):
        entry = ModelEntry(row, app=app)
        entry.schedule.nowfun = lambda: now
        return bool(entry.is_due()[0])


# --- which crontabs beat reads ------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_what_is_in_beats_memory_is_what_beats_own_query_reads() -> None:
    tasks = []
    for zone in ("UTC", "America/St_Johns", "Asia/Kathmandu", "Pacific/Chatham", "Antarctica/Troll"):
        for plain in ("0", "03", "4", "17", "*", "3,15"):
            crontab = CrontabSchedule.objects.create(minute="0", hour=plain, timezone=ZoneInfo(zone))
            tasks.append(PeriodicTask.objects.create(name=f"{plain} in {zone}", task="tests.none", crontab=crontab))
    scheduler = DatabaseScheduler(app, lazy=True)
    scheduler._finalize.cancel()
    midnight = utc("2026-01-31 00:00")
    read: list[set[str]] = []
    for hour in range(24):
        with patch.object(schedulers, "aware_now", lambda hour=hour: midnight + timedelta(hours=hour, minutes=59)):
            read.append({task.name for task in scheduler.enabled_models()})

    for hour in range(24):
        now = midnight + timedelta(hours=hour, minutes=hour)
        for task in tasks:
            opens = next(later for later in range(hour, hour + 24) if task.name in read[later % 24])
            assert in_memory_from(task, now) == (now if opens == hour else midnight + timedelta(hours=opens))


@given(schedule=crontabs(), moment=moments)
@settings(STEADY, max_examples=300)
def test_beat_has_a_crontab_in_its_memory_when_its_time_comes(schedule: dict[str, Any], moment: datetime) -> None:
    task = a_task(**schedule)
    due = occurrence_after(task, moment)

    assert due is not None
    assert in_memory_from(task, due) == due


def test_a_daily_run_that_was_missed_is_made_up_for_when_its_hours_come_again() -> None:
    """Not when beat is back: at noon it doesn't read what runs at five."""
    task = a_task(**cron("0 5 * * *"), last_run_at=utc("2026-01-30 05:00"), date_changed=utc("2026-01-30 05:00"))

    at_seven, at_noon = forecast(task, now=utc("2026-01-31 07:59")), forecast(task, now=utc("2026-01-31 12:00"))

    assert (at_seven.due_at, at_seven.next_at) == (utc("2026-01-31 05:00"), utc("2026-02-01 05:00"))
    assert (at_noon.due_at, at_noon.next_at) == (utc("2026-01-31 05:00"), utc("2026-02-01 03:00"))
