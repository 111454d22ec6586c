"""Rows of beat, as objects that no database knows: what is expected of them needs none."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
CHANGED = NOW - timedelta(days=10)


def a_task(**values: Any) -> PeriodicTask:
    """Return a task that was last changed long ago and is on."""
    return PeriodicTask(**{"name": "Sync", "task": "opsconsole.sync", "date_changed": CHANGED, **values})


def every(count: int, period: str = "minutes") -> dict[str, Any]:
    return {"interval": IntervalSchedule(every=count, period=period)}


def cron(expression: str, zone: str = "UTC") -> dict[str, Any]:
    """Return a crontab from its five fields in the usual order."""
    minute, hour, day_of_month, month_of_year, day_of_week = expression.split()
    return {
        "crontab": CrontabSchedule(
            minute=minute,
            hour=hour,
            day_of_month=day_of_month,
            month_of_year=month_of_year,
            day_of_week=day_of_week,
            timezone=ZoneInfo(zone),
        )
    }


def sun(event: str = "sunrise", latitude: float = 52.5, longitude: float = 13.4) -> dict[str, Any]:
    return {"solar": SolarSchedule(event=event, latitude=latitude, longitude=longitude)}


def clock(moment: datetime, **values: Any) -> dict[str, Any]:
    return {"clocked": ClockedSchedule(clocked_time=moment), "one_off": True, **values}


def ago(**length: float) -> datetime:
    return NOW - timedelta(**length)


def ahead(**length: float) -> datetime:
    return NOW + timedelta(**length)


def utc(text: str) -> datetime:
    """Return “2026-01-31 12:00” as a moment."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
