"""When beat is expected to start a periodic task, and whether it should have done so already.

It follows django-celery-beat's `ModelEntry.is_due` (2.9) without calling it, since that can save and disable the row.
Beat counts from the last run, or from the last change of a task that has never run.
"""

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django_celery_beat.models import PeriodicTask

# Within this time (seconds) beat has noticed a change and started what is due.
PICK_UP: Final = timedelta(seconds=5)
# Beat writes down when it ran a task at the latest so many seconds after it did (celery.beat.Scheduler.sync_every).
_WRITES_EVERY: Final = timedelta(minutes=3)


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What is expected of a periodic task, as of the moment for which it was asked.

    Attributes:
        next_at: when beat is expected to start it, never in the past; None when it is not expected at all.
        due_at: the run that comes next by its schedule; in the past when beat has not started it yet.
        overdue: beat should have started it by now, with all allowance for its ways.
        problem: why it never runs, in a sentence, or empty.
    """

    next_at: datetime | None = None
    due_at: datetime | None = None
    overdue: bool = False
    problem: str = ""


def grace() -> timedelta:
    """Return how long after a run was due it is still not called overdue."""
    allowed = timedelta(seconds=settings.BEAT_GRACE_SECONDS)
    return allowed if settings.CELERY_BEAT_SYNC_EVERY == 1 else allowed + _WRITES_EVERY


def forecast(task: PeriodicTask, *, now: datetime) -> Forecast:
    """Return what is expected of a periodic task.

    Args:
        task: with its schedules.
        now: the moment, UTC.
    """
    if not task.enabled:
        return Forecast()
    try:
        due = _due(task)
    except Exception:  # noqa: BLE001 -- Celery raises whatever a broken row makes it stumble over
        return Forecast(problem=_why_broken(task))
    if due is None:
        return Forecast(problem="It runs only once, and has run.")
    if task.expires is not None and due >= task.expires:
        return Forecast(problem="It has expired." if now >= task.expires else "It expires before its next run.")
    if due > now:
        return Forecast(next_at=due, due_at=due)
    late = now - due
    return Forecast(
        next_at=now if late <= PICK_UP else _rolled(task, due, now=now),
        due_at=due,
        overdue=late > grace(),
    )


def occurrence_after(task: PeriodicTask, moment: datetime) -> datetime | None:
    """Return the next run by the schedule alone after a moment; None where there is none or it can't be told."""
    try:
        return _next(task, moment)
    except Exception:  # noqa: BLE001 -- as above
        return None


def deadlines(task: PeriodicTask, since: datetime) -> tuple[datetime, datetime] | None:
    """Return when whatever a task does counts as late, and as failing, if it last succeeded at a moment.

    Late is what has not succeeded for more than one interval of the schedule, failing for more than two (both are
    settings), but not before the runs that would have been due. The grace for running and waiting is added.

    Returns:
        Both moments; None where the schedule doesn't tell.
    """
    first = occurrence_after(task, since)
    second = occurrence_after(task, first) if first else None
    if first is None or second is None:
        return None
    gap, allowed = second - first, timedelta(seconds=settings.SYNC_GRACE_SECONDS)
    return (
        max(first, since + gap * settings.SYNC_LATE_AFTER_INTERVALS) + allowed,
        max(second, since + gap * settings.SYNC_FAILING_AFTER_INTERVALS) + allowed,
    )


def _due(task: PeriodicTask) -> datetime | None:
    """Return when the task is due: after its last run, or after its start or its last change if it has never run."""
    if task.one_off and task.total_run_count > 0:
        return None
    if task.clocked is not None:
        due: datetime = task.clocked.clocked_time
        return max(due, task.start_time) if task.start_time else due
    if task.start_time is None:
        return _next(task, task.last_run_at or task.date_changed)
    if task.last_run_at is None:
        # Beat takes it to have last run thirty years before, so that it is due from its start on.
        started: datetime = task.start_time
        return started
    due_by_schedule = _next(task, task.last_run_at)
    return max(due_by_schedule, task.start_time) if due_by_schedule else None


def _next(task: PeriodicTask, after: datetime) -> datetime | None:
    if task.interval is not None:
        return after + _period(task)
    if task.clocked is not None:
        clocked: datetime = task.clocked.clocked_time
        return clocked if clocked > after else None
    schedule: Any = task.schedule
    moment = after.astimezone(UTC)
    if task.crontab is not None:
        moment = after.astimezone(schedule.tz)
        # Celery measures what remains from “now”; seen from the moment itself that is the way to the next run.
        schedule.nowfun = lambda: moment
        due: datetime = moment.astimezone(UTC) + schedule.remaining_estimate(moment)
        return due.replace(microsecond=0)
    schedule.nowfun = lambda: moment
    found: datetime = moment + schedule.remaining_estimate(moment)
    return found


def _rolled(task: PeriodicTask, due: datetime, *, now: datetime) -> datetime | None:
    """Return the first run after now of a task that beat has missed, or has started without writing it down yet."""
    if task.interval is None:
        return occurrence_after(task, now)
    period = _period(task)
    return due + math.ceil((now - due) / period) * period


def _period(task: PeriodicTask) -> timedelta:
    period = timedelta(**{task.interval.period: task.interval.every})
    if period <= timedelta(0):
        raise ValueError("not positive")
    return period


def _why_broken(task: PeriodicTask) -> str:
    if task.scheduler is None:
        return "It has no schedule."
    if task.crontab is not None:
        return "Its crontab names no time that ever comes, or can't be read."
    if task.solar is not None:
        return "Its solar event can't be calculated."
    return "Its interval can't be used; it has to be positive."
