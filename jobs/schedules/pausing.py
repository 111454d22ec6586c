"""How periodic tasks are switched on and off, as beat sees it.

Beat counts from the last run, or from the last change of a task that has none. What has been off for a while would be
due at once, and all such tasks together; so a task that is switched on counts from that moment.
"""

from collections.abc import Iterable
from datetime import datetime
from functools import partial
from typing import Any, Final

from django.db import connection, transaction
from django.db.models import Case, F, PositiveIntegerField, Value, When
from django_celery_beat.models import PeriodicTask, PeriodicTasks

from jobs.models import PausedSchedule

_LOCK_KEY: Final = 0x6F7073_21


def one_at_a_time() -> None:
    """Have whoever pauses, resumes, or goes by whether all are paused wait for one another; until the commit."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK_KEY])


def switch_on(ids: Iterable[int], *, now: datetime) -> None:
    """Switch tasks on, so that they count from now."""
    # One with a start that is past would be due at once if it had no last run.
    last_run_at = Case(When(start_time__lte=now, total_run_count__gt=0, then=Value(now)), default=None)
    # Its runs count from now too: so it can be told that a first one isn't over yet. Of one-off tasks and those with a
    # start, beat goes by whether they have run.
    runs = Case(
        When(one_off=False, start_time=None, then=Value(0)),
        default=F("total_run_count"),
        output_field=PositiveIntegerField(),
    )
    PeriodicTask.objects.filter(pk__in=ids).update(
        enabled=True, date_changed=now, last_run_at=last_run_at, total_run_count=runs
    )
    tell_beat()


def switch_off(ids: Iterable[int], *, now: datetime) -> None:
    """Switch tasks off; when they ran last stays known."""
    PeriodicTask.objects.filter(pk__in=ids).update(enabled=False, date_changed=now)
    tell_beat()


def tell_beat() -> None:
    """Have beat read its tasks again, once what was changed is committed."""
    # After the commit: another change's time could be later and seen first, and beat would not look again.
    transaction.on_commit(partial(PeriodicTasks.update_changed))


def heed_switches(*, instance: Any, **kwargs: Any) -> None:
    """Have a save of a whole row respect who switches tasks on and off; called before it.

    Beat writes down each run by saving the row as it read it: what was switched off in between stays off. What somebody
    switches on by hand is not paused any more, and counts from now.
    """
    if instance.pk is None or not instance.enabled:
        return
    # So beat marks its own notes.
    if instance.no_changes:
        instance.enabled = not PeriodicTask.objects.filter(pk=instance.pk, enabled=False).exists()
    elif PausedSchedule.objects.filter(task_id=instance.pk).delete()[0]:
        instance.last_run_at = None
