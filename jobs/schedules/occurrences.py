"""When a schedule's time comes, by the schedule alone: as Celery reckons, without its objects where they cost time."""

from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any, Final

from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

# Making Celery's crontab takes five times as long as asking it, and a page asks for hundreds.
_KEPT_CRONTABS: Final = 1_024


def next_run(task: PeriodicTask, after: datetime) -> datetime | None:
    """Return the first time of a task's schedule after a moment, in UTC; None: its only time isn't after it.

    Args:
        task: with its schedules.
        after: the moment, with a time zone.

    Raises:
        Exception: the schedule can't be reckoned with; Celery raises whatever it stumbles over.
    """
    if task.interval is not None:
        return after + period_of(task.interval)
    if task.crontab is not None:
        # What Celery adds counts in the crontab's own time zone, and decides what becomes of times that a change of
        # the clocks skips or repeats.
        start, step, _ = crontab_of(task.crontab).remaining_delta(after)
        found: datetime = (start + step).astimezone(UTC)
        return found
    if task.solar is not None:
        return _next_solar(task, after.astimezone(UTC))
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
    return _crontab(
        minute=row.minute,
        hour=row.hour,
        day_of_week=row.day_of_week,
        day_of_month=row.day_of_month,
        month_of_year=row.month_of_year,
        zone=row.timezone,
    )


@lru_cache(_KEPT_CRONTABS)
def _crontab(*, minute: str, hour: str, day_of_week: str, day_of_month: str, month_of_year: str, zone: tzinfo) -> Any:
    return CrontabSchedule(
        minute=minute,
        hour=hour,
        day_of_week=day_of_week,
        day_of_month=day_of_month,
        month_of_year=month_of_year,
        timezone=zone,
    ).schedule


def _next_solar(task: PeriodicTask, after: datetime) -> datetime:
    schedule = task.solar.schedule
    # Celery says how long it takes from “now” on.
    schedule.nowfun = lambda: after
    found: datetime = after + schedule.remaining_estimate(after)
    return found
