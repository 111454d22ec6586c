"""What is known of the syncs of identities, as the sweeper writes it down, and the schedules that sync them."""

from datetime import datetime, timedelta
from itertools import count
from typing import Any

from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from identities.models import IdentityCounts, LastSync, SyncAttempt
from jobs.models import Job, PausedSchedule
from tests.api.cast import make_attempt
from tests.cast import NOW, make_job
from tests.schedules.cast import make_schedule

_serial = count(1)


def before(**length: float) -> datetime:
    """Return the moment that was that long ago."""
    return timezone.now() - timedelta(**length)


def synced(identity: Any, *, minutes_ago: float = 1, **values: Any) -> LastSync:
    """Write down that an identity synced; values override it."""
    at = before(minutes=minutes_ago)
    facts = {"success_at": at, "success_source": "dispatch", "attempt_at": at, "attempt_outcome": "done"}
    return LastSync.objects.create(identity=identity, **{**facts, **values})


def counted(identity: Any, **values: Any) -> IdentityCounts:
    """Write down how much an identity has."""
    return IdentityCounts.objects.create(identity=identity, **{"as_of": timezone.now(), **values})


def attempted(identity: Any, outcome: str = "done", *, minutes_ago: float = 1, **values: Any) -> SyncAttempt:
    """Write down a sync of an identity that has ended."""
    given = {"job_type": "ingest.sync_delta", "source": f"dispatch:{next(_serial)}", **values}
    return SyncAttempt.objects.create(identity=identity, outcome=outcome, ended_at=before(minutes=minutes_ago), **given)


def active_job(identity: Any, job_type: str = "ingest.backfill_conversations", **values: Any) -> Job:
    """Insert a job of an identity that runs, or waits to."""
    payload = {"provider_id": identity.provider_id, "identity_id": identity.pk}
    job = make_job(job_type, status=values.pop("status", "running"), payload=payload)
    make_attempt(job.pk, **{"serial_key": f"ingest:{identity.pk}", "started_at": NOW, **values})
    return job


def general_schedule(**values: Any) -> PeriodicTask:
    """Make a schedule that syncs everybody every ten minutes, and that beat keeps."""
    return schedule_for({}, **values)


def schedule_for(target: dict[str, Any], **values: Any) -> PeriodicTask:
    """Make a schedule that syncs those whom its arguments name."""
    return make_schedule("opsconsole.sync_identities", target, **{"last_run_at": before(minutes=1), **values})


def pause(task: PeriodicTask) -> None:
    """Pause a schedule as the panic switch does."""
    PeriodicTask.objects.filter(pk=task.pk).update(enabled=False)
    PausedSchedule.objects.create(task=task, paused_at=before(minutes=5), paused_by="olivia")
