"""Who calls the API, what they may do, and what this installation can: a front end shows only what works."""

from typing import Any, ClassVar, Final

from django.conf import settings
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from backups import operations as backups
from backups.models import KINDS
from jobs.models import CANCELLED, Job
from opsconsole.api.permissions import may_enter
from opsconsole.api.viewsets import OpsViewSet
from opsconsole.schema import enums
from opsconsole.verdict.shapes import Meta
from opsconsole.version import VERSION

# What somebody may do, in plain words, and the permission that it takes.
ABILITIES: Final = {
    "view_jobs": "jobs.view_job",
    "view_runs": "jobs.view_run",
    "view_identities": "identities.view_identity",
    "view_conversations": "identities.view_conversation",
    "view_schedules": "django_celery_beat.view_periodictask",
    "view_backups": "backups.view_backuprun",
    "view_restore_tests": "backups.view_restoretest",
    "view_audit": "opsconsole.view_auditlog",
    "retry": "jobs.retry_job",
    "cancel": "jobs.cancel_job",
    "terminate": "jobs.terminate_job",
    "fail": "jobs.fail_job",
    "sync": "identities.sync_identity",
    "backfill": "identities.backfill_identity",
    "schedule": "identities.schedule_identity",
    "change_schedules": "django_celery_beat.change_periodictask",
    "backup": "backups.start_backuprun",
    "restore_test": "backups.start_restoretest",
}


class HasAnyAbility(BasePermission):
    """Lets staff through who may do or see anything at all here."""

    message = "You are not allowed to do this."

    def has_permission(self, request: Request, view: Any) -> bool:
        """Say whether the caller may do anything."""
        return may_enter(request) and any(request.user.has_perm(permission) for permission in ABILITIES.values())


class MetaViewSet(OpsViewSet):
    """Who calls, what they may do, and what this installation supports."""

    permission_classes = (HasAnyAbility,)
    tag = "The whole"
    answers: ClassVar[dict[str, Any]] = {"list": Meta}
    permissions: ClassVar[dict[str, str]] = {}

    def list(self, request: Request) -> Response:
        """The caller with groups and abilities, what works here, the thresholds, and the version."""
        user = request.user
        return Response(
            {
                "user": {
                    "username": user.get_username(),
                    "groups": list(user.groups.order_by("name").values_list("name", flat=True)),
                    "is_superuser": user.is_superuser,
                },
                "may": {name: user.has_perm(permission) for name, permission in ABILITIES.items()},
                "supports": supports(),
                "thresholds": thresholds(),
                "version": VERSION,
            }
        )


def supports() -> dict[str, Any]:
    """Return what works in this installation, and why not where it doesn't; one query a minute at the most."""
    cannot_test = backups.why_no_test()
    return {
        "cancel": enums.accepts(Job._meta.db_table, "status", CANCELLED),
        # Without it nobody knows how the core's tasks end.
        "core_results": bool(settings.CORE_RESULT_BACKEND),
        # Another scheduler than beat's on the database doesn't look at what is changed here.
        "schedules": settings.CELERY_BEAT_SCHEDULER.endswith(":DatabaseScheduler"),
        "backup": {kind: _works(backups.why_not(kind)) for kind in KINDS},
        "restore_test": _works(cannot_test),
    }


def thresholds() -> dict[str, float]:
    """Return from when on something counts as wrong, in the units that the names end with."""
    return {
        "queue_age_warning_seconds": settings.QUEUE_AGE_WARNING_SECONDS,
        "queue_age_critical_seconds": settings.QUEUE_AGE_CRITICAL_SECONDS,
        "failures_warning_per_hour": settings.FAILURES_WARNING,
        "failures_critical_per_hour": settings.FAILURES_CRITICAL,
        "worker_silent_seconds": settings.WORKER_SILENT_SECONDS,
        "sweeper_silent_seconds": settings.SWEEPER_SILENT_SECONDS,
        "beat_grace_seconds": settings.BEAT_GRACE_SECONDS,
        "sync_late_after_intervals": settings.SYNC_LATE_AFTER_INTERVALS,
        "sync_failing_after_intervals": settings.SYNC_FAILING_AFTER_INTERVALS,
        "sync_failing_after_failures": settings.SYNC_FAILING_AFTER_FAILURES,
        "sync_long_after_seconds": settings.SYNC_LONG_AFTER_SECONDS,
        "backup_max_age_hours": settings.BACKUP_MAX_AGE_HOURS,
        "restore_test_max_age_days": settings.RESTORE_TEST_MAX_AGE_DAYS,
        "backup_disk_full_percent": settings.BACKUP_DISK_FULL_PERCENT,
    }


def _works(problem: str) -> dict[str, Any]:
    return {"configured": not problem, "problem": problem or None}
