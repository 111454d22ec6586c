"""Attempts as the sweeper finds them: rows that have ended, without anybody having run anything."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django_celery_results.models import TaskResult

from identities.models import Identity, LastSync, SyncAttempt
from jobs.models import DONE, Dispatch, Job
from tests.cast import make_job

NOON = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


def minutes(count: float) -> datetime:
    """The moment so many minutes after noon."""
    return NOON + timedelta(minutes=count)


def attempt(
    payload: Any, outcome: str = "done", *, at: datetime = NOON, job_type: str = "ingest.sync_delta", **values: Any
) -> Dispatch:
    """Insert a job with an attempt that has ended; an identity as the payload stands for one that names it."""
    if isinstance(payload, Identity):
        payload = {"provider_id": payload.provider_id, "identity_id": payload.pk}
    job = make_job(job_type, status=DONE, payload=payload)
    defaults: dict[str, Any] = {
        "task": job_type,
        "queue": "ingest",
        "in_core": True,
        "requested_by": "olivia",
        "via": "api",
        "requested_at": at - timedelta(minutes=1),
        "publication_lease_until": at,
        "started_at": at - timedelta(seconds=30),
        "ended_at": at,
        "outcome": outcome,
    }
    return Dispatch.objects.create(job=job, **{**defaults, **values})


def task_result(task_id: str, *, at: datetime = NOON, **values: Any) -> TaskResult:
    """Insert what django-celery-results keeps of a task; it was saved then."""
    defaults: dict[str, Any] = {
        "task_name": "ingest.sync_delta",
        "status": "SUCCESS",
        "content_type": "application/json",
        "content_encoding": "utf-8",
        "result": '{"status": "success", "messages_synced": 3, "new_messages": 2, "errors": []}',
    }
    row = TaskResult.objects.create(task_id=task_id, **{**defaults, **values})
    TaskResult.objects.filter(pk=row.pk).update(date_done=at)
    return row


def history(identity: Identity) -> list[tuple[str, str]]:
    """The sources and outcomes of an identity's history, newest first."""
    kept = SyncAttempt.objects.filter(identity_id=identity.pk).order_by("-ended_at", "-id")
    return [(one.source, one.outcome) for one in kept]


def last(identity: Identity) -> LastSync:
    """What is known of an identity's last sync."""
    return LastSync.objects.get(identity_id=identity.pk)


def facts(identity: Identity) -> dict[str, Any]:
    """All that is known of an identity's last sync."""
    return dict(LastSync.objects.filter(identity_id=identity.pk).values().get())


def ended_job(payload: Any, status: str = DONE, *, at: datetime = NOON, **values: Any) -> Job:
    """Insert a job that others have done."""
    return make_job(
        values.pop("job_type", "ingest.sync_delta"), status=status, payload=payload, updated_at=at, **values
    )
