"""Keeping the console's own tables small: what is deleted, and the periodic task that does it."""

from importlib import import_module
from typing import Final

from django.conf import settings
from django.contrib.sessions.models import Session
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from opsconsole import idempotency

TASK: Final = "opsconsole.housekeeping"
# The name that the task had before it became a job.
_OLD_TASK: Final = "opsconsole.clear_expired_sessions"


def clear_expired() -> dict[str, int]:
    """Delete login sessions and idempotency keys whose time is over; returns how many, by kind."""
    sessions = Session.objects.filter(expire_date__lt=timezone.now()).count()
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()
    return {"sessions_deleted": sessions, "idempotency_keys_deleted": idempotency.clear_expired()}


def create_periodic_tasks() -> None:
    """Make the housekeeping task where it is missing; one that an operator changed or switched off stays as it is."""
    PeriodicTask.objects.filter(task=_OLD_TASK).update(task=TASK, name="Housekeeping")
    if PeriodicTask.objects.filter(task=TASK).exists():
        return
    nightly, _ = CrontabSchedule.objects.get_or_create(
        minute="30", hour="2", day_of_week="*", day_of_month="*", month_of_year="*", timezone="UTC"
    )
    PeriodicTask.objects.create(
        name="Housekeeping",
        task=TASK,
        queue="opsconsole",
        crontab=nightly,
        description="Deletes login sessions and the like whose time is over.",
    )
