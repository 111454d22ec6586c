"""Rows of backups and restore tests. Every column is set: the native variant has no defaults."""

from datetime import UTC, datetime, timedelta
from typing import Any

from backups.models import DATABASE, MANUAL, PASSED, SUCCEEDED, BackupRun, RestoreTest


def make_backup(kind: str = DATABASE, *, age: timedelta = timedelta(hours=1), **values: Any) -> BackupRun:
    """Insert a backup that ended some time ago, a succeeded one with a file's name if nothing else is said."""
    ended = datetime.now(UTC) - age
    defaults: dict[str, Any] = {
        "status": SUCCEEDED,
        "trigger": MANUAL,
        "job_id": None,
        "started_at": ended - timedelta(seconds=30),
        "completed_at": ended,
        "storage_key": None,
        "size_bytes": 1_000_000,
        "sha256": "0" * 64,
        "manifest_json": {"format": 1},
        "error": None,
        "removed_at": None,
    }
    run = BackupRun.objects.create(kind=kind, **{**defaults, **values})
    if run.status == SUCCEEDED and "storage_key" not in values:
        # As the console names a file: with its row's id.
        run.storage_key = f"{kind}/{kind}-{ended:%Y%m%dT%H%M%SZ}-{run.pk}.{'dump' if kind == DATABASE else 'tar.zst'}"
        run.save(update_fields=["storage_key"])
    return run


def make_restore_test(run: BackupRun, *, age: timedelta = timedelta(minutes=30), **values: Any) -> RestoreTest:
    """Insert a restore test that ended some time ago, a passed one if nothing else is said."""
    ended = datetime.now(UTC) - age
    defaults: dict[str, Any] = {
        "status": PASSED,
        "trigger": MANUAL,
        "job_id": None,
        "started_at": ended - timedelta(seconds=10),
        "completed_at": ended,
        "checks_json": [
            {"check_name": "archive_checksum", "passed": True, "expected": "0" * 64, "actual": "0" * 64, "error": None}
        ],
        "attachments_sampled": 0,
        "attachments_verified": 0,
        "error": None,
    }
    return RestoreTest.objects.create(backup_run=run, **{**defaults, **values})
