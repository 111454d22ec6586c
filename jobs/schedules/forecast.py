"""When beat is expected to start a periodic task, and whether it should have done so already.

It follows django-celery-beat's `ModelEntry.is_due` (2.9) and Celery's `Scheduler.tick` (5.7) without calling them:
`is_due` can save and disable the row. What they do that one might not expect:

- A task that has never run counts from its last change, `date_changed`; one with a `start_time` from thirty years
  before that, so that it is due as soon as it may start.
- What is due at its `start_time` starts then, but for a crontab: beat looks at it again at the crontab's first time
  after the start, or when it reads all schedules again, and starts it at once, whatever the crontab says.
- `expire_seconds` is about the message, not about the schedule.
- A one-off task that has run stays on until beat looks at it again.
- Beat advances `last_run_at` also when the broker didn't take the message.
- Of daily crontabs it reads only those whose time is near; see memory.py.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django_celery_beat.models import PeriodicTask

from jobs.schedules.defects import schedule_defect
from jobs.schedules.memory import REREADS_EVERY, in_memory_from
from jobs.schedules.occurrences import next_run, period_of

# Within this time beat has noticed a change and started what is due.
PICK_UP: Final = timedelta(seconds=5)
# A task with a start and no run counts as having run so long before its last change (ModelEntry.__init__).
_LONG_AGO: Final = timedelta(days=365 * 30)

_BEYOND_RECKONING: Final = "Its next run can't be reckoned: it lies too far ahead, or never comes."


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What is expected of a periodic task, as of the moment for which it was asked.

    Attributes:
        next_at: when beat is expected to start it, never in the past; None when it is not expected at all.
        due_at: the run that comes next by its schedule; in the past when beat has not started it yet. Never before the
            task's last change: beat may not have known of it.
        overdue: beat should have started it by now, with all allowance for its ways.
        problem: why it never runs, or not as it says, in a sentence or two, or empty.
    """

    next_at: datetime | None = None
    due_at: datetime | None = None
    overdue: bool = False
    problem: str = ""


def grace() -> timedelta:
    """Return how long after a run was due it is still not called overdue."""
    allowed = timedelta(seconds=settings.BEAT_GRACE_SECONDS)
    # Otherwise beat writes down its runs from time to time, and at the latest before it reads all schedules again.
    return allowed if settings.CELERY_BEAT_SYNC_EVERY == 1 else allowed + REREADS_EVERY


def forecast(task: PeriodicTask, *, now: datetime) -> Forecast:
    """Return what is expected of a periodic task; never raises.

    Args:
        task: with its schedules.
        now: the moment, UTC.
    """
    if not task.enabled:
        return Forecast()
    if task.one_off and task.total_run_count > 0:
        return Forecast(problem="It runs only once, and has run.")
    if task.expires is not None and now >= task.expires:
        return Forecast(problem="It has expired.")
    if problem := schedule_defect(task):
        return Forecast(problem=problem)
    try:
        due = _due(task)
        next_at = due if due > now else _caught_up(task, due, now=now)
    except Exception:  # noqa: BLE001 -- Celery raises whatever a row makes it stumble over
        return Forecast(problem=_BEYOND_RECKONING)
    expires_before = task.expires is not None and next_at >= task.expires
    return Forecast(
        next_at=None if expires_before else next_at,
        due_at=due,
        overdue=now - due > grace(),
        problem="It expires before its next run." if expires_before else "",
    )


def occurrence_after(task: PeriodicTask, moment: datetime) -> datetime | None:
    """Return the next run by the schedule alone after a moment; None where there is none or it can't be told."""
    if schedule_defect(task):
        return None
    try:
        return next_run(task, moment)
    except Exception:  # noqa: BLE001 -- as above
        return None


def deadlines(task: PeriodicTask, since: datetime) -> tuple[datetime, datetime] | None:
    """Return from when on something that a task should do counts as late, and as failing, by the task's schedule.

    Where runs come at uneven times, what counts is the time between the two that come next, and nothing is late before
    the next run was due, or failing before the one after it was.

    Args:
        task: with its schedules; whether it is on is not asked.
        since: when it was last done, UTC.

    Returns:
        Both moments; None where no schedule can tell: it runs only once, or its schedule is broken.
    """
    if task.one_off or task.clocked is not None:
        return None
    if task.start_time is not None:
        since = max(since, task.start_time)
    due = occurrence_after(task, since)
    due_again = occurrence_after(task, due) if due is not None else None
    if due is None or due_again is None:
        return None
    gap, allowed = due_again - due, timedelta(seconds=settings.SYNC_GRACE_SECONDS)
    try:
        late_at = max(due, since + gap * settings.SYNC_LATE_AFTER_INTERVALS) + allowed
        failing_at = max(due_again, since + gap * settings.SYNC_FAILING_AFTER_INTERVALS) + allowed
    except OverflowError:
        return None
    return late_at, failing_at


def in_force_since(task: PeriodicTask) -> datetime | None:
    """Return since when a task has been run by the schedule that it has now; None: for so long that nobody can tell.

    What was changed, or switched on, promises nothing for the time before that, however long ago its work was done
    last. Beat changes the row whenever it writes down a run; a change that is later than that is somebody's.
    """
    changed: datetime = task.date_changed
    ran: datetime | None = task.last_run_at
    runs: int = task.total_run_count
    if ran is None or changed - ran > grace():
        return changed
    if runs == 1:
        return ran
    try:
        # At intervals, the first of so few runs can't have been earlier unless beat was away.
        return ran - (runs - 1) * period_of(task.interval) if runs and task.interval is not None else None
    except (OverflowError, TypeError):
        return None


def _due(task: PeriodicTask) -> datetime:
    """Return when beat was, or will be, to start a task next."""
    start, changed = task.start_time, task.date_changed
    if task.clocked is not None:
        due = task.clocked.clocked_time
    elif start is not None and task.last_run_at is None:
        due = next_run(task, changed - _LONG_AGO)
    else:
        due = next_run(task, task.last_run_at or changed)
    if start is not None and due < start:
        due = start if start <= changed else _first_look(task, start)
    # However long ago: it is due when beat has read it.
    return in_memory_from(task, max(due, changed))


def _first_look(task: PeriodicTask, start: datetime) -> datetime:
    """Return when beat starts, at the latest, what is due at a start that is still ahead when it reads the task."""
    if task.crontab is None:
        return start
    at_its_time = next_run(task, start)
    by_rereading = start + REREADS_EVERY
    return min(at_its_time, by_rereading) if at_its_time is not None else by_rereading


def _caught_up(task: PeriodicTask, due: datetime, *, now: datetime) -> datetime:
    """Return when a task is expected that was due and hasn't run, as far as its row knows.

    For a moment beat is on its way. Then it has either not written down yet that it ran, or doesn't do its work: what
    comes next is expected by the schedule.
    """
    if now - due <= PICK_UP:
        return now
    if task.interval is not None:
        period = period_of(task.interval)
        return due - (due - now) // period * period
    by_schedule = next_run(task, now)
    if by_schedule is None:
        # Once, and whenever beat is back.
        return now
    # What beat has missed and doesn't read now, it starts as soon as it reads it.
    read_from = in_memory_from(task, now)
    return by_schedule if read_from == now else min(by_schedule, read_from)
