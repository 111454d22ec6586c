"""Schedules that the console makes by itself, each once ever: what somebody changes or deletes stays as they left it.

An application registers a function that ships its own. They are called after migrating, by housekeeping, and by
`manage.py ship_schedules`; any number of times, and by several processes at once.
"""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.db import connection, transaction
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from jobs import catalog
from jobs.models import ShippedSchedule

# The name that housekeeping's task had before it became a job.
_OLD_HOUSEKEEPING: Final = "opsconsole.clear_expired_sessions"
_MAX_NAME: Final = 200

_shippers: list[Callable[[], list[PeriodicTask]]] = []


def register(shipper: Callable[[], list[PeriodicTask]]) -> None:
    """Have a function called that ships an application's schedules and returns those that it made."""
    if shipper not in _shippers:
        _shippers.append(shipper)


def ship_all() -> list[PeriodicTask]:
    """Make the schedules that were never made; returns them. Does nothing while the tables are missing."""
    tables = set(connection.introspection.table_names())
    if not {ShippedSchedule._meta.db_table, PeriodicTask._meta.db_table} <= tables:
        return []
    return [made for shipper in _shippers for made in shipper()]


def ship(
    key: str,
    *,
    name: str,
    task: str,
    kwargs: dict[str, Any] | None = None,
    every: timedelta | None = None,
    crontab: str = "",
    queue: str = "opsconsole",
    description: str = "",
    enabled: bool | None = None,
) -> PeriodicTask | None:
    """Make a schedule, unless it was made before; returns it, or None.

    Args:
        key: what it is known by for ever.
        name: what it is called; where another one is called so, the key is added.
        task: the Celery task that beat starts.
        kwargs: its keyword arguments.
        every: how often; whole seconds.
        crontab: or when, in UTC: minute, hour, day of the month, month, day of the week.
        queue: where it is sent to.
        description: what it does, for people.
        enabled: whether it is on; None: only in the demonstration, so that what the core's own beat still starts is
            not started twice.
    """
    with transaction.atomic():
        # Of several processes at once, the second waits here for the first one's commit.
        _, new = ShippedSchedule.objects.get_or_create(key=key)
        if not new:
            return None
        return make(
            name=name if not PeriodicTask.objects.filter(name=name).exists() else f"{name} ({key})",
            task=task,
            kwargs=kwargs,
            every=every,
            crontab=crontab,
            queue=queue,
            description=description,
            enabled=settings.DEMO if enabled is None else enabled,
        )


def make(
    *,
    name: str,
    task: str,
    kwargs: dict[str, Any] | None,
    every: timedelta | None,
    crontab: str,
    queue: str,
    description: str,
    enabled: bool,
) -> PeriodicTask:
    """Make a periodic task; the arguments are those of `ship`."""
    schedule = {"interval": _interval(every)} if every is not None else {"crontab": _crontab(crontab)}
    made: PeriodicTask = PeriodicTask.objects.create(
        name=name[:_MAX_NAME],
        task=task,
        kwargs=json.dumps(kwargs or {}),
        queue=queue,
        description=description,
        enabled=enabled,
        **schedule,
    )
    return made


def ship_housekeeping() -> list[PeriodicTask]:
    """Ship the console's own housekeeping, which is on everywhere."""
    PeriodicTask.objects.filter(task=_OLD_HOUSEKEEPING).update(task=catalog.HOUSEKEEPING, name="Housekeeping")
    if PeriodicTask.objects.filter(task=catalog.HOUSEKEEPING).exists():
        # Made before shipped schedules were remembered.
        ShippedSchedule.objects.get_or_create(key="housekeeping")
        return []
    made = ship(
        "housekeeping",
        name="Housekeeping",
        task=catalog.HOUSEKEEPING,
        crontab="30 2 * * *",
        description="Deletes login sessions and the like whose time is over, and makes schedules for new providers.",
        enabled=True,
    )
    return [made] if made else []


def _interval(every: timedelta) -> IntervalSchedule:
    seconds = int(every.total_seconds())
    values = {"every": seconds // 60, "period": IntervalSchedule.MINUTES}
    if seconds % 60:
        values = {"every": seconds, "period": IntervalSchedule.SECONDS}
    # Nothing keeps people from making the same one twice.
    return IntervalSchedule.objects.filter(**values).first() or IntervalSchedule.objects.create(**values)


def _crontab(text: str) -> CrontabSchedule:
    names = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")
    values = dict(zip(names, text.split(), strict=True)) | {"timezone": "UTC"}
    return CrontabSchedule.objects.filter(**values).first() or CrontabSchedule.objects.create(**values)
