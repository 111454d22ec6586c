"""Taking over the schedule that the core's own beat keeps in code: the same entries, each of whose runs is a job."""

import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import Q
from django_celery_beat.models import PeriodicTask

from jobs import catalog
from jobs.models import PausedSchedule
from jobs.schedules import pausing, shipped
from jobs.schedules.starting import SUBMIT_JOB, check_schedulable
from opsconsole.audit import Actor, Entity, record, record_refusal
from opsconsole.errors import Conflict, Refused

IMPORT: Final = "schedules.import"


@dataclass(frozen=True, kw_only=True)
class CoreEntry:
    """An entry of the core's schedule; the attributes are those of `jobs.schedules.shipped.ship`."""

    name: str
    task: str
    kwargs: dict[str, Any] = field(default_factory=dict)
    every: timedelta | None = None
    crontab: str = ""
    description: str


def _job(job_type: str, **payload: Any) -> dict[str, Any]:
    return {"job_type": job_type, "payload": payload}


# Everything that the core's beat starts.
ENTRIES: Final = (
    CoreEntry(
        name="Core: sync",
        task="opsconsole.sync_identities",
        kwargs={"default": True},
        every=timedelta(seconds=120),
        description="Fetches what is new for the default identity.",
    ),
    CoreEntry(
        name="Core: sync inbox",
        task=SUBMIT_JOB,
        kwargs=_job(catalog.SYNC_INBOX_FAST),
        every=timedelta(seconds=60),
        description="Looks into the default identity's inbox.",
    ),
    CoreEntry(
        name="Core: database backup",
        task=SUBMIT_JOB,
        kwargs=_job(catalog.CORE_DATABASE_BACKUP),
        crontab="0 3 * * *",
        description="The core's own backup of its database.",
    ),
    CoreEntry(
        name="Core: attachments snapshot",
        task=SUBMIT_JOB,
        kwargs=_job(catalog.CORE_ATTACHMENTS_SNAPSHOT),
        crontab="0 4 * * *",
        description="The core's own snapshot of its attachments.",
    ),
    CoreEntry(
        name="Core: restore test",
        task=SUBMIT_JOB,
        kwargs=_job(catalog.CORE_RESTORE_TEST),
        crontab="0 5 * * 0",
        description="The core's own test of whether its backups can be restored.",
    ),
    CoreEntry(
        name="Core: run all watches",
        task=SUBMIT_JOB,
        kwargs=_job(catalog.RUN_ALL_WATCHES),
        every=timedelta(seconds=300),
        description="Runs all of the scout's watches.",
    ),
    CoreEntry(
        name="Core: clean up watch history",
        task=SUBMIT_JOB,
        kwargs=_job(catalog.CLEANUP_WATCH_HISTORY, retention_days=3),
        crontab="0 2 * * *",
        description="Deletes the scout's watch history that is older than three days.",
    ),
)


@dataclass(frozen=True, kw_only=True)
class Imported:
    """The result of importing the core's entries, by name.

    Attributes:
        made: the entries that were created.
        there: the entries that existed already.
        left: the entries that this console doesn't start, because they are off or their jobs can't be scheduled.
    """

    made: list[str]
    there: list[str]
    left: list[str]


def import_core_schedule(*, enabled: bool = True, dry_run: bool = False, actor: Actor, reason: str = "") -> Imported:
    """Make the entries of the core's schedule that are missing; what is there stays as it is.

    An entry is there when a periodic task has its name, or starts the same with the same arguments.

    Args:
        enabled: whether the new ones are on.
        dry_run: only say what would be made.
        actor: who asks, and through what.
        reason: what the person gave as the reason.

    Raises:
        Conflict: all schedules are paused, and the new ones would run.
    """
    with transaction.atomic():
        pausing.one_at_a_time()
        found = {entry.name: _found(entry) for entry in ENTRIES}
        refused = [entry.name for entry in ENTRIES if not _is_schedulable(entry)]
        missing = [entry for entry in ENTRIES if not found[entry.name] and entry.name not in refused]
        made = [entry.name for entry in missing]
        off = [name for name, switches in found.items() if not any(switches) and not (enabled and name in made)]
        result = Imported(
            made=made,
            there=[name for name, switches in found.items() if switches],
            left=[entry.name for entry in ENTRIES if entry.name in off or entry.name in refused],
        )
        if dry_run or not missing:
            return result
        if not enabled or not PausedSchedule.objects.exists():
            for entry in missing:
                shipped.make(
                    name=entry.name,
                    task=entry.task,
                    kwargs=entry.kwargs,
                    every=entry.every,
                    crontab=entry.crontab,
                    queue="opsconsole",
                    description=entry.description,
                    enabled=enabled,
                )
            record(
                actor=actor,
                action=IMPORT,
                entity=Entity(type="periodictask"),
                reason=reason,
                request={"enabled": enabled},
                response={"made": result.made, "there": result.there, "left": result.left},
            )
            return result
    refusal = Conflict(
        "All schedules are paused, and the new ones would run at once; resume first, or make them switched off.",
        code="paused",
    )
    record_refusal(refusal, actor=actor, action=IMPORT, entity=Entity(type="periodictask"), reason=reason)
    raise refusal


def _found(entry: CoreEntry) -> list[bool]:
    """Return whether each periodic task that matches one of the core's entries is on; empty if none matches."""
    named_or_alike = PeriodicTask.objects.filter(Q(name=entry.name) | Q(task=entry.task))
    return [
        enabled
        for name, kwargs, enabled in named_or_alike.values_list("name", "kwargs", "enabled")
        if name == entry.name or _json(kwargs) == entry.kwargs
    ]


def _is_schedulable(entry: CoreEntry) -> bool:
    """Return whether the catalog lets a schedule start an entry's jobs. An installation can change the catalog."""
    if entry.task != SUBMIT_JOB:
        return True
    job_type = catalog.find(entry.kwargs["job_type"])
    if job_type is None:
        return False
    try:
        check_schedulable(job_type)
    except Refused:
        return False
    return True


def _json(text: str) -> Any:
    try:
        return json.loads(text or "{}")
    except ValueError:
        return None
