"""When a schedule's time comes, by the schedule alone: as Celery reckons, without its objects where they cost time."""

from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any, Final

from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule

# Crontabs, and what comes next after a moment: a page asks for hundreds, and for the same ones a few seconds later.
_KEPT: Final = 4_096


def next_run(task: PeriodicTask, after: datetime) -> datetime | None:
    """Return the first time of a task's schedule after a moment, in UTC; None: its only time isn't after it.

    Args:
        task: with its schedules.
        after: the moment, with a time zone.

    Raises:
        Exception: the schedule can't be reckoned with; Celery raises whatever it stumbles over.
    """
    after = after.astimezone(UTC)
    if task.interval is not None:
        return after + period_of(task.interval)
    if task.crontab is not None:
        # Seconds make no difference to a crontab; without them the same answer serves for longer.
        return _next_of_crontab(*_fields(task.crontab), after=after.replace(second=0, microsecond=0))
    if task.solar is not None:
        return _next_solar(task.solar.event, task.solar.latitude, task.solar.longitude, after=after)
    clocked: datetime = task.clocked.clocked_time
    return clocked if clocked > after else None


def period_of(interval: IntervalSchedule) -> timedelta:
    """Return how long an interval is.

    Raises:
        OverflowError: it is longer than can be reckoned with.
        TypeError: there is no such period.
    """
    return timedelta(**{interval.period: interval.every})


def crontab_of(row: CrontabSchedule) -> Any:
    """Return Celery's crontab in the row's time zone.

    Raises:
        Exception: it can't be read, or its time never comes.
    """
    return _crontab(*_fields(row))


def _fields(row: CrontabSchedule) -> tuple[str, str, str, str, str, tzinfo]:
    return row.minute, row.hour, row.day_of_week, row.day_of_month, row.month_of_year, row.timezone


@lru_cache(_KEPT)
def _next_of_crontab(*fields: Any, after: datetime) -> datetime:
    # What Celery adds counts in the crontab's own time zone, and decides what becomes of times that a change of the
    # clocks skips or repeats.
    start, step, _ = _crontab(*fields).remaining_delta(after)
    found: datetime = start + step
    if found.astimezone(UTC) <= after:
        # In the second of the hours that come twice Celery takes what comes next for a time in the first one, and
        # starts the task without a pause until the hour is over. What was meant is the second one.
        found = found.replace(fold=1)
    return found.astimezone(UTC)


@lru_cache(_KEPT)
def _crontab(*fields: Any) -> Any:
    minute, hour, day_of_week, day_of_month, month_of_year, zone = fields
    return CrontabSchedule(
        minute=minute,
        hour=hour,
        day_of_week=day_of_week,
        day_of_month=day_of_month,
        month_of_year=month_of_year,
        timezone=zone,
    ).schedule


@lru_cache(_KEPT)
def _next_solar(event: str, latitude: Any, longitude: Any, *, after: datetime) -> datetime:
    schedule = SolarSchedule(event=event, latitude=latitude, longitude=longitude).schedule
    # Celery says how long it takes from “now” on.
    schedule.nowfun = lambda: after
    found: datetime = after + schedule.remaining_estimate(after)
    return found
