"""How identities and their syncs look in an answer."""

from typing import Any

from identities.health import Health
from identities.queries import CredentialState
from identities.status import SyncOverview, SyncStatus
from jobs.schedules.queries import BeatState
from opsconsole.api.bounds import shorten
from opsconsole.redaction import redact_name


def overview_as_json(found: SyncOverview) -> dict[str, Any]:
    """Return the sync status of identities, and what holds for all of them."""
    statuses = [status_as_json(status) for status in found.statuses]
    shorten(statuses, "last_error")
    return {
        "identities": statuses,
        "overall": _health(found.overall),
        "beat": _beat(found.beat),
        "as_of": found.as_of,
    }


def status_as_json(status: SyncStatus) -> dict[str, Any]:
    """Return the sync status of one identity."""
    identity, last, counts, coverage = status.identity, status.last, status.counts, status.coverage
    shown = coverage.shown
    return {
        "identity_id": identity.pk,
        "id": identity.pk,
        "display_name": identity.display_name,
        "external_username": identity.external_username,
        "provider_id": redact_name(identity.provider_id),
        "provider": identity.provider.display_name,
        "is_default": identity.is_default,
        "is_active": identity.is_active,
        "created_at": identity.created_at,
        "last_sync_at": status.last_sync_at,
        "last_sync_source": status.last_sync_source,
        "last_sync_status": (last.attempt_outcome or None) if last else None,
        "last_success_at": last.success_at if last else None,
        "last_attempt_at": last.attempt_at if last else None,
        "last_error": ((last.attempt_error if last.failures else last.success_error) or None) if last else None,
        "failures": last.failures if last else 0,
        "failing_since": last.failing_since if last else None,
        "next_sync_at": coverage.next_at if identity.is_active else None,
        "schedule": shown.words if shown else None,
        "scheduled": coverage.scheduled,
        "schedule_id": shown.id if shown else None,
        "schedule_is_own": coverage.own,
        "conversations_count": status.conversations_count,
        "messages_count": counts.messages if counts else 0,
        "new_messages_24h": counts.new_messages_24h if counts else 0,
        "counts_as_of": counts.as_of if counts else None,
        "credential": _credential(status.credential),
        "health": {"state": status.health.state, **_health(status.health)},
        "active_job": _active_job(status.active.first[0]) if status.active.first else None,
        "waiting_jobs": max(status.active.count - 1, 0),
    }


def _credential(state: CredentialState) -> dict[str, Any]:
    return {
        "status": state.status,
        "types": state.types,
        "connected_at": state.connected_at,
        "rotated_at": state.rotated_at,
    }


def _health(found: Health) -> dict[str, Any]:
    return {
        "status": found.status,
        "reasons": [{"code": reason.code, "message": reason.message} for reason in found.reasons],
    }


def _beat(state: BeatState) -> dict[str, Any]:
    return {"status": state.status, "since": state.since, "last_run_at": state.last_run_at}


def _active_job(job: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": job["id"],
        "job_type": job["job_type"],
        "title": job["title"],
        "status": job["status"],
        "since": job["since"],
        "progress": job["progress"],
        "cancel_requested_at": job["cancel_requested_at"],
        "waits_for": job["waits_for"],
        "run_id": job["run_id"],
    }
