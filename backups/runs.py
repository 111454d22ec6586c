"""The rows of backups and restore tests: written when one begins, and once more when it ends, however it does.

A process that dies leaves its row *running*; whoever finds its lock free says then that it was lost.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import structlog
from django.db import DatabaseError, InterfaceError
from django.db.models.functions import Now

from backups.errors import BackupInterrupted
from backups.folder import Written
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


def succeed(run: BackupRun, written: Written, manifest: dict[str, Any]) -> bool:
    """Write down that a backup is there; its file must be on the disk by now. False when its row had ended already."""
    updated = BackupRun.objects.filter(pk=run.pk, status=RUNNING).update(
        status=SUCCEEDED,
        completed_at=Now(),
        storage_key=written.storage_key,
        size_bytes=written.size_bytes,
        sha256=written.sha256,
        manifest_json=manifest,
    )
    return bool(updated)


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
    updated = RestoreTest.objects.filter(pk=test.pk, status=RUNNING).update(
        status=status,
        completed_at=Now(),
        checks_json=redact(checks),
        error=None if error is None else bounded(error),
        **values,
    )
    if not updated:
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
    """Write down that a backup failed, or that a restore test could not be done; False when it had ended already."""
    ended = {"completed_at": Now(), "error": bounded(sentence)}
    try:
        if isinstance(row, BackupRun):
            return bool(BackupRun.objects.filter(pk=row.pk, status=RUNNING).update(status=FAILED, **ended))
        return bool(RestoreTest.objects.filter(pk=row.pk, status=RUNNING).update(status=COULD_NOT_VERIFY, **ended))
    except (DatabaseError, InterfaceError):
        # The sweeper finds it: its lock is free.
        logger.warning("backup.end_not_written", table=row._meta.db_table, id=row.pk)
        return False


def bounded(sentence: str) -> str:
    """Return an error as it may be kept: without secrets, and not endless."""
    return redact_text(sentence.replace("\0", ""))[:MAX_ERROR_LENGTH]
