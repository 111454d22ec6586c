"""How backups, restore tests and their status look in an answer. Never a manifest, and never a file's path."""

import json
import math
from datetime import datetime
from typing import Any, Final

from backups.backup_schedules import RESTORE_TEST, Coverage
from backups.checks import TITLES, tally
from backups.details import Details, file_of
from backups.folder import BackupFolder
from backups.health import Health
from backups.history import HistoryPage
from backups.models import BackupRun, RestoreTest
from backups.recent import shown_error
from backups.status import BackupStatus, KindStatus, Size
from opsconsole.api.bounds import shorten
from opsconsole.far_times import texts
from opsconsole.redaction import redact, redact_name, redact_start

CHECKS_SHOWN: Final = 100
VALUE_LENGTH: Final = 1_000
# Bytes. Something always writes a little, and then no status would ever be the same as before.
_DISK_STEP: Final = 64 * 1024 * 1024


def status_as_json(found: BackupStatus) -> dict[str, Any]:
    """Return how backups are doing."""
    folder = BackupFolder.configured()
    details, last_test = found.details, found.last_test

    def runs(name: str) -> dict[str, Any]:
        rows = {kind.kind: getattr(kind, name) for kind in found.kinds}
        return {kind: run_as_json(row, details, folder) for kind, row in rows.items() if row is not None}

    def tests(name: str) -> dict[str, Any]:
        rows = {kind.kind: getattr(kind, name) for kind in found.kinds}
        return {kind: test_as_json(row, row.backup_run, details) for kind, row in rows.items() if row is not None}

    return {
        "configured": found.configured,
        "problem": found.problem or None,
        "kinds": {kind.kind: _kind(kind) for kind in found.kinds},
        "last_backup": runs("last_good"),
        "last_attempt": runs("last"),
        "last_restore_test": test_as_json(last_test, last_test.backup_run, details) if last_test else None,
        "last_restore_tests": tests("last_test"),
        "last_passed_restore_tests": tests("last_passed_test"),
        "running": {"backups": runs("running"), "restore_tests": tests("running_test")},
        "next_backup_at": found.next_backup_at,
        "next_restore_test_at": found.next_restore_test_at,
        "schedules": {
            **{kind.kind: _coverage(kind.coverage) for kind in found.kinds},
            RESTORE_TEST: _coverage(found.test_coverage),
        },
        "disk": _disk(found),
        "trend": {kind.kind: [_size(point) for point in kind.trend] for kind in found.kinds},
        "beat": {
            "status": found.beat.status,
            "since": found.beat.since,
            "last_run_at": found.beat.last_run_at,
        }
        if found.beat
        else None,
        "health": _health(found.health),
        "as_of": found.as_of,
    }


def history_as_json(found: HistoryPage) -> list[dict[str, Any]]:
    """Return the rows of a page of backups and restore tests."""
    folder = BackupFolder.configured()
    rows = [
        run_as_json(row, found.details, folder)
        if isinstance(row, BackupRun)
        else test_as_json(row, found.backups.get(row.backup_run_id), found.details)
        for row in found.rows
    ]
    shorten(rows, "error")
    return rows


def run_as_json(run: BackupRun, details: Details, folder: BackupFolder | None) -> dict[str, Any]:
    """Return a backup.

    Args:
        run: its row, as `recent` reads it.
        details: what is known beside it.
        folder: where files are kept; None where there is none.
    """
    tested = details.tested(run)
    return {
        "type": "backup",
        "id": run.pk,
        "kind": _name(run.kind),
        **_common(run, details),
        "size_bytes": run.size_bytes,
        "sha256": _name(run.sha256),
        "removed_at": run.removed_at,
        **texts(run, removed_at="removed_at"),
        "file": file_of(run, folder),
        "verified_by": {"id": tested.id, "status": tested.status, "at": tested.at} if tested else None,
    }


def test_as_json(test: RestoreTest, run: BackupRun | None, details: Details) -> dict[str, Any]:
    """Return a restore test with its checks.

    Args:
        test: its row, as `recent` reads it.
        run: the backup that it restored; None where that row is gone.
        details: what is known beside it.
    """
    checks = checks_of(test)
    passed, judged = tally(checks)
    return {
        "type": "restore_test",
        "id": test.pk,
        "backup_run_id": test.backup_run_id,
        "kind": _name(run.kind) if run else None,
        **_common(test, details),
        "checks": checks,
        "checks_passed": passed,
        "checks_total": judged,
        "attachments_sampled": test.attachments_sampled,
        "attachments_verified": test.attachments_verified,
        "restore_seconds": _measured(checks, "restore_seconds"),
        "backup_age_seconds": _measured(checks, "backup_age_seconds"),
    }


def checks_of(test: RestoreTest) -> list[dict[str, Any]]:
    """Return the checks of a restore test, bounded and redacted; what is no check as what was found."""
    found = test.checks_json
    if found is None:
        return []
    return [_check(each) for each in (found if isinstance(found, list) else [found])[:CHECKS_SHOWN]]


def _check(given: Any) -> dict[str, Any]:
    check = given if isinstance(given, dict) else {"actual": given}
    name = check.get("check_name")
    shown = redact_name(name)[:VALUE_LENGTH] if isinstance(name, str) else None
    passed = check.get("passed")
    return {
        "check_name": shown,
        "title": TITLES.get(shown or "", shown),
        "passed": passed if isinstance(passed, bool) else None,
        "expected": _value(check.get("expected")),
        "actual": _value(check.get("actual")),
        "error": _value(check.get("error")),
    }


def _value(value: Any) -> Any:
    """Return a number as it is, and everything else as a text that isn't endless."""
    if value is None or isinstance(value, bool) or (isinstance(value, int | float) and math.isfinite(value)):
        return value
    text = value if isinstance(value, str) else json.dumps(redact(value), default=str)
    return redact_start(text, VALUE_LENGTH)


def _measured(checks: list[dict[str, Any]], name: str) -> float | None:
    for check in checks:
        value = check["actual"]
        if check["check_name"] == name and isinstance(value, int | float) and not isinstance(value, bool):
            return value
    return None


def _common(row: BackupRun | RestoreTest, details: Details) -> dict[str, Any]:
    asked = details.asked_for(row)
    return {
        "status": _name(row.status),
        "trigger": _name(row.trigger),
        "requested_by": asked.requested_by,
        "started_at": row.started_at,
        "completed_at": row.completed_at,
        **texts(row, started_at="started_at", completed_at="completed_at"),
        "duration_seconds": _seconds(row.started_at, row.completed_at),
        "job_id": row.job_id,
        "run_id": asked.run_id,
        "error": shown_error(row) or None,
        "progress": asked.progress,
    }


def _seconds(started: datetime | None, completed: datetime | None) -> float | None:
    if started is None or completed is None:
        return None
    return round(max(0.0, (completed - started).total_seconds()), 1)


def _name(value: str | None) -> str | None:
    return None if value is None else redact_name(value).strip()


def _kind(kind: KindStatus) -> dict[str, Any]:
    return {
        "configured": kind.configured,
        "problem": kind.problem or None,
        "in_core": kind.in_core,
        "next_at": kind.next_at,
        "verified_backup_id": kind.verified_id,
    }


def _coverage(coverage: Coverage | None) -> dict[str, Any] | None:
    if coverage is None:
        return None
    shown = coverage.shown
    return {
        "scheduled": coverage.scheduled,
        "schedule": shown.words if shown else None,
        "schedule_id": shown.id if shown else None,
        "next_at": coverage.next_at,
    }


def _disk(found: BackupStatus) -> dict[str, Any] | None:
    if found.disk is None:
        return None
    disk = found.disk
    used = disk.used_bytes - disk.used_bytes % _DISK_STEP
    return {"used_bytes": used, "free_bytes": disk.total_bytes - used, "total_bytes": disk.total_bytes}


def _size(point: Size) -> dict[str, Any]:
    return {
        "id": point.id,
        "completed_at": point.completed_at,
        "size_bytes": point.size_bytes,
        "seconds": point.seconds,
    }


def _health(found: Health) -> dict[str, Any]:
    return {
        "status": found.status,
        "reasons": [
            {"code": reason.code, "message": reason.message, "status": reason.status, "kind": reason.kind or None}
            for reason in found.reasons
        ],
    }
