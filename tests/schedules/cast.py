"""Periodic tasks of all kinds."""

import json
from itertools import count
from typing import Any

from django_celery_beat.models import IntervalSchedule, PeriodicTask

from opsconsole.audit import AuditLog

_serial = count(1)


def make_schedule(task: str = "opsconsole.housekeeping", kwargs: Any = None, /, **values: Any) -> PeriodicTask:
    """Make a periodic task that runs every ten minutes."""
    if "crontab" not in values and "clocked" not in values:
        values.setdefault("interval", IntervalSchedule.objects.create(every=10, period="minutes"))
    name = values.pop("name", f"Schedule {next(_serial)}")
    given = kwargs if isinstance(kwargs, str) else json.dumps(kwargs or {})
    # Past beat's own save, which clears the last run of a disabled task and takes none without a schedule.
    after: dict[str, Any] = {"last_run_at": values.pop("last_run_at", None)}
    if values.get("interval", ...) is None:
        after["interval"] = None
        values["interval"] = IntervalSchedule.objects.create(every=10, period="minutes")
    made = PeriodicTask.objects.create(name=name, task=task, kwargs=given, **values)
    if after["last_run_at"] is not None:
        # Beat changes the row when it writes down a run.
        after["date_changed"] = after["last_run_at"]
    PeriodicTask.objects.filter(pk=made.pk).update(**after)
    made.refresh_from_db()
    return made


def only(task: PeriodicTask) -> None:
    """Delete all other periodic tasks."""
    PeriodicTask.objects.exclude(pk=task.pk).delete()


def names_on() -> set[str]:
    """Return the names of the periodic tasks that are on."""
    return set(PeriodicTask.objects.filter(enabled=True).values_list("name", flat=True))


def audited(action: str, *, result: str = "ok") -> list[dict[str, Any]]:
    """Return what the audit log holds of an action: request, response and error, oldest first."""
    rows = AuditLog.objects.filter(action_type=action, result=result).order_by("pk")
    return [
        {"request": row.request_json or {}, "response": row.response_json or {}, "error": row.error_detail}
        for row in rows
    ]
