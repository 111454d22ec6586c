"""Reads of beat's periodic tasks: what each starts, when, and whether beat does its work."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from jobs.schedules.defects import message_defect
from jobs.schedules.forecast import Forecast, forecast
from jobs.schedules.words import schedule_in_words
from opsconsole.errors import NotFound
from opsconsole.redaction import redact_name
from opsconsole.row_ids import row_id

__all__ = ["MAX_SCHEDULES", "BeatState", "Entry", "beat_state", "entries", "schedule_in_words"]

MAX_SCHEDULES: Final = 1_000


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A periodic task.

    Attributes:
        task: beat's row, with its schedules.
        arguments: its keyword arguments; None when they can't be read.
        positional: its positional arguments; None when they can't be read.
        paused: it was on when somebody paused all of them.
        forecast: what is expected of it.
        problem: why it never does what it should, in a sentence or two, or empty.
    """

    task: PeriodicTask
    arguments: Mapping[str, Any] | None
    positional: tuple[Any, ...] | None
    paused: bool
    forecast: Forecast
    problem: str

    @property
    def id(self) -> int:
        """Its id."""
        return int(self.task.pk)

    @property
    def name(self) -> str:
        """What it is called, redacted."""
        return redact_name(self.task.name)

    @property
    def words(self) -> str:
        """When it runs, in words: “every 10 minutes”."""
        return schedule_in_words(self.task)


@dataclass(frozen=True, kw_only=True)
class BeatState:
    """Whether beat does its work, from what should have run and didn't.

    Attributes:
        status: `running`; `silent`: it has started nothing since something was due; `paused`: all schedules are;
            `idle`: nothing is on, or was due yet, from which to tell.
        since: since when it is silent (when the first run was due that it didn't start) or paused.
        last_run_at: when it last started something.
        missed: the entries that it should have started and didn't, whatever its status.
    """

    status: Literal["running", "silent", "paused", "idle"]
    since: datetime | None = None
    last_run_at: datetime | None = None
    missed: tuple[Entry, ...] = ()


def entries(*, now: datetime | None = None) -> list[Entry]:
    """Return all periodic tasks by name, bounded; one query."""
    moment = now or timezone.now()
    rows = PeriodicTask.objects.select_related("interval", "crontab", "solar", "clocked", "pause").order_by("name")
    return [_entry(row, moment) for row in rows[:MAX_SCHEDULES]]


def beat_state(found: list[Entry]) -> BeatState:
    """Return whether beat does its work, from all of its entries; no query.

    Beat is silent when something was due after the last time that it started anything. A run that was missed before
    that is that entry's alone: others have run since.
    """
    last_run_at = max((entry.task.last_run_at for entry in found if entry.task.last_run_at), default=None)
    missed = tuple(entry for entry in found if entry.forecast.overdue)
    # One that somebody has switched on by itself isn't paused any more.
    paused = [entry.task.pause.paused_at for entry in found if entry.paused and not entry.task.enabled]
    if paused:
        return BeatState(status="paused", since=min(paused), last_run_at=last_run_at, missed=missed)
    waiting = [due for entry in missed if (due := entry.forecast.due_at) and (last_run_at is None or due > last_run_at)]
    if waiting:
        return BeatState(status="silent", since=min(waiting), last_run_at=last_run_at, missed=missed)
    can_tell = last_run_at is not None and any(entry.task.enabled for entry in found)
    return BeatState(status="running" if can_tell else "idle", last_run_at=last_run_at, missed=missed)


def _entry(row: PeriodicTask, now: datetime) -> Entry:
    arguments, positional = _json(row.kwargs or "{}", dict), _json(row.args or "[]", list)
    unsendable = message_defect(row)
    expected = Forecast(problem=unsendable) if unsendable else forecast(row, now=now)
    return Entry(
        task=row,
        arguments=arguments,
        positional=tuple(positional) if positional is not None else None,
        paused=hasattr(row, "pause"),
        forecast=expected,
        problem=expected.problem,
    )


def _json(text: str, kind: type) -> Any:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, kind) else None


def schedule_id_of(value: Any) -> int:
    """Return the id that an address names.

    Raises:
        NotFound: it can be none.
    """
    pk = row_id(value)
    if pk is None:
        raise NotFound(f"There is no schedule {str(value)[:50]}.", code="schedule_not_found")
    return pk


def get(periodic_task_id: int, *, now: datetime | None = None) -> Entry:
    """Return one periodic task; one query.

    Raises:
        NotFound: no such task.
    """
    rows = PeriodicTask.objects.select_related("interval", "crontab", "solar", "clocked", "pause")
    row = rows.filter(pk=schedule_id_of(periodic_task_id)).first()
    if row is None:
        raise NotFound(f"There is no schedule {periodic_task_id}.", code="schedule_not_found")
    return entry_of(row, now=now or timezone.now())


def entry_of(row: PeriodicTask, *, now: datetime) -> Entry:
    """Return a periodic task that was read with its schedules and its pause; no query."""
    return _entry(row, now)
