"""Which periodic tasks back up what, and which test restores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from backups.models import ATTACHMENTS, DATABASE, KINDS
from jobs import catalog
from jobs.schedules.queries import Entry

BACK_UP_TASK: Final = "opsconsole.back_up"
TEST_TASK: Final = "opsconsole.test_restore"
SUBMIT_TASK: Final = "opsconsole.submit_job"

# Beside the kinds of backups.
RESTORE_TEST: Final = "restore_test"
_ALL: Final = "all"

# What a job of each type is about, the core's own ones included.
WORK: Final = {
    catalog.DATABASE_BACKUP: DATABASE,
    catalog.CORE_DATABASE_BACKUP: DATABASE,
    catalog.ATTACHMENTS_SNAPSHOT: ATTACHMENTS,
    catalog.CORE_ATTACHMENTS_SNAPSHOT: ATTACHMENTS,
    catalog.RESTORE_TEST: RESTORE_TEST,
    catalog.CORE_RESTORE_TEST: RESTORE_TEST,
}

Scheduled = Literal["on", "off", "paused", "broken", "missing"]


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """The periodic tasks that back up one kind, or test restores.

    Attributes:
        scheduled: whether it is: `on`; `off`: switched off; `paused`: with all the others; `broken`: it can't run;
            `missing`: there is none.
        entries: the tasks.
    """

    scheduled: Scheduled = "missing"
    entries: tuple[Entry, ...] = ()

    @property
    def next(self) -> Entry | None:
        """The task that is expected to run next."""
        known = [(at, entry.id, entry) for entry in self.entries if (at := entry.forecast.next_at) is not None]
        return min(known)[-1] if known else None

    @property
    def next_at(self) -> datetime | None:
        """When it is expected next."""
        return self.next.forecast.next_at if self.next else None

    def expected_at(self, *, configured: bool) -> datetime | None:
        """Return when something is expected to be done.

        Args:
            configured: whether the console can do it; what the core does by tasks of its own is done all the same.
        """
        entries = self.entries if configured else [entry for entry in self.entries if _is_the_cores(entry)]
        return min((at for entry in entries if (at := entry.forecast.next_at) is not None), default=None)

    @property
    def shown(self) -> Entry | None:
        """The task that people mean by its schedule: the one that runs next, else the first one."""
        return self.next or (self.entries[0] if self.entries else None)

    @property
    def missed_at(self) -> datetime | None:
        """When beat should have started it and didn't."""
        return min(
            (due for entry in self.entries if entry.forecast.overdue and (due := entry.forecast.due_at)), default=None
        )


def coverages(found: Sequence[Entry]) -> dict[str, Coverage]:
    """Return what the periodic tasks mean for each kind of backup, and for restore tests; no query.

    Args:
        found: all of them.
    """
    by_work: dict[str, list[Entry]] = {work: [] for work in (*KINDS, RESTORE_TEST)}
    for entry in found:
        for work in work_of(entry):
            by_work[work].append(entry)
    return {work: Coverage(scheduled=_scheduled(mine), entries=tuple(mine)) for work, mine in by_work.items()}


def work_of(entry: Entry) -> tuple[str, ...]:
    """Return what a periodic task does: kinds that it backs up, or `restore_test`; nothing for any other task."""
    if entry.arguments is None or entry.positional is None:
        return ()
    task = str(entry.task.task)
    if task == BACK_UP_TASK:
        return _kinds(entry.positional, entry.arguments)
    if task == TEST_TASK:
        return (RESTORE_TEST,)
    name = _job_type_of(entry)
    return (WORK[name],) if name in WORK else ()


def _job_type_of(entry: Entry) -> str:
    """Return the type of the jobs that a periodic task makes, or does the work of; empty for one of no such type."""
    task = str(entry.task.task)
    if task == SUBMIT_TASK:
        name = entry.positional[0] if entry.positional else (entry.arguments or {}).get("job_type")
        return name if isinstance(name, str) else ""
    # The first one that fits: an installation may map the console's types to the core's tasks.
    for name in WORK:
        job_type = catalog.find(name)
        if job_type is not None and job_type.task == task:
            return name
    return ""


def _is_the_cores(entry: Entry) -> bool:
    job_type = catalog.find(_job_type_of(entry))
    return job_type is not None and job_type.in_core


def _kinds(positional: tuple[Any, ...], arguments: Mapping[str, Any]) -> tuple[str, ...]:
    wanted = positional[0] if positional else arguments.get("kind", _ALL)
    if wanted == _ALL:
        return KINDS
    return (wanted,) if wanted in KINDS else ()


def _scheduled(entries: Sequence[Entry]) -> Scheduled:
    if any(entry.forecast.next_at or entry.forecast.overdue for entry in entries):
        return "on"
    if any(entry.paused for entry in entries):
        return "paused"
    if any(entry.task.enabled for entry in entries):
        return "broken"
    return "off" if entries else "missing"
