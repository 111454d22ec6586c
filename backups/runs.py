"""The rows of backups and restore tests: written when one begins, and once more when it ends, however it does.

A process that dies leaves its row *running*. The next process that finds the lock free marks the row as lost, or as
succeeded if the file is there. A file gets its name only once it is complete.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import structlog
from django.db import DatabaseError, InterfaceError
from django.db.models.functions import Now

from backups.connections import afresh
from backups.errors import BackupInterrupted
from backups.folder import BackupFolder, Written
from backups.models import (
    COULD_NOT_VERIFY,
    FAILED,
    MANUAL,
    RUNNING,
    SCHEDULED,
    SUCCEEDED,
    BackupRun,
    RestoreTest,
)
from jobs.models import Dispatch
from opsconsole.errors import OpsError
from opsconsole.redaction import redact, redact_text

logger = structlog.get_logger(__name__)

MAX_ERROR_LENGTH: Final = 5_000
OVERTAKEN: Final = (
    "The connection that held its lock broke off, so it was taken for lost and ended meanwhile; nothing was kept."
)
# How long to try to record an end while the database is away. The backup may have taken hours.
PATIENCE_SECONDS: Final = 60.0
# For how many of the newest rows without a file the folder is searched for one.
LOOKED_AT: Final = 100
STOPPED: Final = "It was cancelled, or its worker was told to stop."


def trigger_of(job_id: int | None) -> str:
    """Return whether a job was made by a schedule or by hand; without a job, by hand."""
    if job_id is None:
        return MANUAL
    first = Dispatch.objects.filter(job_id=job_id).order_by("pk").values_list("via", flat=True).first()
    return SCHEDULED if first == "beat" else MANUAL


def begin_backup(kind: str, *, job_id: int | None) -> BackupRun:
    """Write down that a backup begins, under the lock of its kind."""
    run = BackupRun(kind=kind, status=RUNNING, trigger=trigger_of(job_id), job_id=job_id)
    run.started_at = Now()
    run.save(force_insert=True)
    run.refresh_from_db(fields=["started_at"])
    return run


def begin_test(run: BackupRun, *, job_id: int | None) -> RestoreTest:
    """Write down that a restore test of a backup begins, under the lock of restore tests."""
    test = RestoreTest(backup_run=run, status=RUNNING, trigger=trigger_of(job_id), job_id=job_id)
    test.started_at = Now()
    test.save(force_insert=True)
    test.refresh_from_db(fields=["started_at"])
    return test


def keep_manifest(run: BackupRun, manifest: dict[str, Any]) -> None:
    """Store a backup's manifest before its file gets its name, so that every complete file has a manifest.

    Args:
        run: the backup's row.
        manifest: the contents of the file.

    Raises:
        BackupInterrupted: the row has been ended already, as lost.
    """
    mine = BackupRun.objects.filter(pk=run.pk, status=RUNNING)
    if not afresh(lambda: mine.update(manifest_json=manifest), patience_seconds=PATIENCE_SECONDS):
        raise BackupInterrupted(OVERTAKEN, code="lock_lost")


def succeed(run: BackupRun, written: Written) -> bool:
    """Record that a backup has succeeded.

    Args:
        run: the backup's row.
        written: its file, which must be on the disk.

    Returns:
        False if the row has been ended already, as lost.
    """
    mine = BackupRun.objects.filter(pk=run.pk)

    def write() -> bool:
        updated = mine.filter(status=RUNNING).update(completed_at=Now(), **_file(written))
        # An earlier try may have been committed without an answer, or another process recorded the file first.
        return bool(updated) or mine.filter(status=SUCCEEDED, storage_key=written.storage_key).exists()

    return afresh(write, patience_seconds=PATIENCE_SECONDS)


def record_finished(folder: BackupFolder, kind: str) -> int:
    """Record backups as succeeded whose file is complete, although their row says otherwise.

    Their process, or its connection, ended after the file got its name. Call this under the kind's lock.

    Args:
        folder: the folder with the files.
        kind: the kind of the backups.

    Returns:
        How many were recorded.
    """
    without_file = BackupRun.objects.filter(kind=kind, status__in=(RUNNING, FAILED), storage_key=None, removed_at=None)
    recorded = 0
    for run in without_file.defer("manifest_json").order_by("-pk")[:LOOKED_AT]:
        # A row without a time that Python can represent isn't the console's.
        written = folder.finished(kind, run.started_at, run.pk) if run.started_at else None
        if written is not None and run.started_at:
            mine = BackupRun.objects.filter(pk=run.pk, status=run.status)
            recorded += mine.update(completed_at=max(written.at, run.started_at), error=None, **_file(written))
            logger.warning("backup.recorded_late", kind=kind, backup=run.pk)
    return recorded


def conclude(test: RestoreTest, *, status: str, checks: list[dict[str, Any]], error: str | None, **values: int) -> None:
    """Write down a restore test's verdict.

    Args:
        test: the row.
        status: passed, failed or could_not_verify.
        checks: what was checked, as `Check.as_json` has it.
        error: a sentence where it did not pass.
        **values: attachments_sampled and attachments_verified.

    Raises:
        BackupInterrupted: the row had ended already, as that of a lost test.
    """
    mine = RestoreTest.objects.filter(pk=test.pk)
    verdict = {"status": status, "error": None if error is None else bounded(error)}

    def write() -> bool:
        ended = {**verdict, "completed_at": Now(), "checks_json": redact(checks), **values}
        # An earlier try may have been committed without an answer.
        return bool(mine.filter(status=RUNNING).update(**ended)) or mine.filter(**verdict).exists()

    if not afresh(write, patience_seconds=PATIENCE_SECONDS):
        raise BackupInterrupted(OVERTAKEN, code="lock_lost")


@contextmanager
def failures_recorded(row: BackupRun | RestoreTest) -> Iterator[None]:
    """Write down how the enclosed work ended when it ended badly, and let it pass on."""
    try:
        yield
    except BaseException as error:
        sentence = error.message if isinstance(error, OpsError) else STOPPED
        if isinstance(error, Exception) and not isinstance(error, OpsError):
            sentence = f"{type(error).__name__}: {error}"
        fail(row, sentence)
        raise


def fail(row: BackupRun | RestoreTest, sentence: str) -> bool:
    """Record that a backup failed, or that a restore test could not be done.

    Args:
        row: the backup's or the test's row.
        sentence: the error.

    Returns:
        False if the row has ended already, or the database is away.
    """
    ended = {"completed_at": Now(), "error": bounded(sentence)}

    def write() -> int:
        if isinstance(row, BackupRun):
            return BackupRun.objects.filter(pk=row.pk, status=RUNNING).update(status=FAILED, **ended)
        return RestoreTest.objects.filter(pk=row.pk, status=RUNNING).update(status=COULD_NOT_VERIFY, **ended)

    try:
        # The failure may be the database's own, so don't wait for it.
        return bool(afresh(write))
    except (DatabaseError, InterfaceError):
        # The sweeper finds it: its lock is free.
        logger.warning("backup.end_not_written", table=row._meta.db_table, id=row.pk)
        return False


def bounded(sentence: str) -> str:
    """Return an error as it may be kept: without secrets, and not endless."""
    return redact_text(sentence.replace("\0", ""))[:MAX_ERROR_LENGTH]


def _file(written: Written) -> dict[str, Any]:
    return {
        "status": SUCCEEDED,
        "storage_key": written.storage_key,
        "size_bytes": written.size_bytes,
        "sha256": written.sha256,
    }
