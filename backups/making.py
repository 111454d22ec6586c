"""Making a backup: its lock, its row, its file, and what of the older ones goes. Called by tasks and commands."""

import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError

from backups import locks, queries, retention, runs
from backups.attachments import snapshot
from backups.database import dump
from backups.errors import BackupFailed, BackupInterrupted
from backups.folder import BackupFolder, Written
from backups.models import ATTACHMENTS, DATABASE, BackupRun
from backups.operations import NO_ATTACHMENTS, NOT_CONFIGURED
from backups.reporting import Reporter

logger = structlog.get_logger(__name__)


def make_database_backup(reporter: Reporter, *, job_id: int | None) -> dict[str, Any]:
    """Dump the console's database into the backups folder.

    Args:
        reporter: is told how far it is, in bytes.
        job_id: the job that it is done for, if any.

    Returns:
        What the job keeps: the backup's id, size in bytes, checksum, rows and tables.

    Raises:
        Busy: another one is running.
        BackupFailed: it can't be done as things are.
        BackupInterrupted: it broke off; a second attempt may succeed.
    """
    with locks.held(DATABASE) as lock:
        run = runs.begin_backup(DATABASE, job_id=job_id)
        with runs.failures_recorded(run):
            folder = _usable_folder(DATABASE)
            began = time.monotonic()
            assert run.started_at is not None
            with folder.writing(DATABASE, run.started_at, run.pk) as part:
                manifest = dump.write_dump(part, reporter, expected_bytes=queries.last_size(DATABASE))
                lock.check()
                runs.keep_manifest(run, manifest)
            written = _finished(part.written)
            _succeed(run, folder, written)
        _apply_retention(folder, DATABASE)
    tables = manifest["tables"]
    return _result(run, written, began) | {
        "tables": len(tables),
        "rows": sum(table["rows"] for table in tables.values()),
    }


def make_attachments_snapshot(reporter: Reporter, *, job_id: int | None) -> dict[str, Any]:
    """Archive the attachments folder into the backups folder.

    Args:
        reporter: is told how far it is, in files.
        job_id: the job that it is done for, if any.

    Returns:
        What the job keeps: the backup's id, size in bytes, checksum, files, and how many were left out.

    Raises:
        Busy: another one is running.
        BackupFailed: it can't be done as things are.
        BackupInterrupted: it broke off; a second attempt may succeed.
    """
    with locks.held(ATTACHMENTS) as lock:
        run = runs.begin_backup(ATTACHMENTS, job_id=job_id)
        with runs.failures_recorded(run):
            if not settings.ATTACHMENTS_DIR:
                raise BackupFailed(NO_ATTACHMENTS, code="not_configured")
            folder = _usable_folder(ATTACHMENTS)
            began = time.monotonic()
            assert run.started_at is not None
            with folder.writing(ATTACHMENTS, run.started_at, run.pk) as part:
                manifest = snapshot.write_snapshot(Path(settings.ATTACHMENTS_DIR), part, reporter)
                lock.check()
                runs.keep_manifest(run, manifest)
            written = _finished(part.written)
            _succeed(run, folder, written)
        _apply_retention(folder, ATTACHMENTS)
    return _result(run, written, began) | {
        "files": manifest["files"],
        "left_out": manifest["skipped_count"],
    }


def _usable_folder(kind: str) -> BackupFolder:
    folder = BackupFolder.configured()
    if folder is None:
        raise BackupFailed(NOT_CONFIGURED, code="not_configured")
    folder.check(last_size_bytes=queries.last_size(kind))
    runs.record_finished(folder, kind)
    folder.remove_parts(kind)
    return folder


def _succeed(run: BackupRun, folder: BackupFolder, written: Written) -> None:
    if runs.succeed(run, written):
        return
    with suppress(OSError):
        folder.remove(written.storage_key)
    raise BackupInterrupted(runs.OVERTAKEN, code="lock_lost")


def _apply_retention(folder: BackupFolder, kind: str) -> None:
    try:
        retention.apply(folder, kind)
    except (DatabaseError, InterfaceError) as error:
        # The backup is there; the next one deletes what should have gone by now.
        logger.warning("retention.not_applied", kind=kind, error=(str(error).splitlines() or [""])[0])


def _finished(written: Written | None) -> Written:
    assert written is not None
    return written


def _result(run: BackupRun, written: Written, began: float) -> dict[str, Any]:
    return {
        "backup_run_id": run.pk,
        "size_bytes": written.size_bytes,
        "sha256": written.sha256,
        "seconds": round(time.monotonic() - began, 1),
    }
