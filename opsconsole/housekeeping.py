"""The periodic task that keeps the console's own tables small; made once, and the operator's from then on."""

from typing import Final

from django_celery_beat.models import CrontabSchedule, PeriodicTask

CLEAR_SESSIONS: Final = "Clear expired sessions"


def create_periodic_tasks() -> None:
    """Make the housekeeping task where it is missing; one that an operator changed or switched off stays as it is."""
    if PeriodicTask.objects.filter(task="opsconsole.clear_expired_sessions").exists():
        return
    nightly, _ = CrontabSchedule.objects.get_or_create(
        minute="30", hour="2", day_of_week="*", day_of_month="*", month_of_year="*", timezone="UTC"
    )
    PeriodicTask.objects.create(
        name=CLEAR_SESSIONS,
        task="opsconsole.clear_expired_sessions",
        queue="opsconsole",
        crontab=nightly,
        description="Deletes login sessions whose time is over.",
    )
