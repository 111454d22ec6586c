"""What a process that died has left: a row that says *running*, half a file, a scratch database.

A row is written only under its kind's lock, and ended before that is let go of; so one that is running while this
process holds the lock is nobody's any more, and neither is what is unfinished then. Any number of sweepers may look.
"""

import time
from pathlib import Path
from typing import Final

import structlog
from django.db import ProgrammingError, connection, transaction
from django.db.models.functions import Now

from backups import locks, runs
from backups.database import scratch
from backups.folder import PART, BackupFolder
from backups.models import COULD_NOT_VERIFY, FAILED, KINDS, RUNNING, BackupRun, RestoreTest
from opsconsole.errors import OpsError

logger = structlog.get_logger(__name__)

LOOK_EVERY_SECONDS: Final = 5.0
# What is left without a row is looked for less often: it takes space, and misleads nobody.
LEFT_EVERY_SECONDS: Final = 60.0
# A server that does not answer holds up the jobs that the sweeper has to hand over, so it is not asked often.
UNREACHABLE_FOR_SECONDS: Final = 600.0

BACKUP_LOST: Final = (
    "The process that made it is gone: its worker was killed, or its machine went down. Its job is tried again by "
    "itself if it has an attempt left; otherwise start a new one."
)
TEST_LOST: Final = (
    "The process that did it is gone: its worker was killed, or its machine went down; so nothing is known of the "
    "backup. Its job is tried again by itself if it has an attempt left; otherwise start a new one."
)
_LOCKS: Final = (*KINDS, locks.RESTORE_TEST)
_UNDEFINED_TABLE: Final = "42P01"


class Cleaner:
    """One sweeper process's state: when it looks next for what is left of each kind."""

    def __init__(self) -> None:
        self._next_look = dict.fromkeys(_LOCKS, float("-inf"))

    def look(self) -> int:
        """End the rows of those that died and delete what they left; returns how many rows; one query in most cases."""
        running = _running()
        if running is None:
            # The tables are missing; the check of the schema says so.
            return 0
        return sum(self._clean(kind, kind in running) for kind in _LOCKS)

    def _clean(self, kind: str, running: bool) -> int:
        ended = _end_lost(kind) if running else 0
        if not ended and time.monotonic() < self._next_look[kind]:
            return ended
        pause = LEFT_EVERY_SECONDS
        try:
            _delete_left(kind)
        except OpsError as error:
            # The server with the scratch databases, or the role that works there.
            pause = UNREACHABLE_FOR_SECONDS
            logger.warning("backup.left_not_deleted", kind=kind, error=error.message)
        self._next_look[kind] = time.monotonic() + pause
        return ended


def _end_lost(kind: str) -> int:
    """End the rows of a kind whose process is gone, unless a process holds the kind's lock; return how many.

    A backup counts as succeeded if its file is complete.
    """
    with transaction.atomic():
        if not locks.is_free(kind):
            return 0
        # One that has ended since it was seen is not running any more, and stays as it is.
        recorded, ended = _record_finished(kind), _end_rows(kind)
    if ended:
        logger.warning("backup.lost", kind=kind, rows=ended)
    return recorded + ended


def _delete_left(kind: str) -> None:
    """Delete what is left of a kind, under its lock: in a transaction of its own, so that rows are ended regardless."""
    # Where nothing is, the lock isn't taken: whoever wants to begin just then would have to wait for it.
    if not _is_left(kind):
        return
    with transaction.atomic():
        if not locks.is_free(kind):
            return
        if kind == locks.RESTORE_TEST:
            _drop_scratch_databases()
        elif (folder := BackupFolder.configured()) and (removed := folder.remove_parts(kind)):
            logger.info("backup.parts_removed", kind=kind, files=removed)


def _running() -> set[str] | None:
    """Return the kinds of which some row says that it runs, None where the tables are missing; one query."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                """
                SELECT DISTINCT kind::text FROM backup_runs WHERE status = 'running'
                 UNION ALL
                (SELECT %s FROM restore_tests WHERE status = 'running' LIMIT 1)
                """,
                [locks.RESTORE_TEST],
            )
            return {kind for (kind,) in cursor.fetchall()}
    except ProgrammingError as error:
        if getattr(error.__cause__, "sqlstate", None) != _UNDEFINED_TABLE:
            raise
        return None


def _record_finished(kind: str) -> int:
    folder = BackupFolder.configured() if kind in KINDS else None
    return runs.record_finished(folder, kind) if folder else 0


def _end_rows(kind: str) -> int:
    if kind == locks.RESTORE_TEST:
        tests = RestoreTest.objects.filter(status=RUNNING)
        return tests.update(status=COULD_NOT_VERIFY, completed_at=Now(), error=TEST_LOST)
    lost = BackupRun.objects.filter(kind=kind, status=RUNNING)
    return lost.update(status=FAILED, completed_at=Now(), error=BACKUP_LOST)


def _is_left(kind: str) -> bool:
    """Say whether there is something unfinished, somebody's who is at it or nobody's."""
    if kind == locks.RESTORE_TEST:
        # Where none was ever made, its server isn't asked.
        return RestoreTest.objects.exists() and bool(scratch.leftovers())
    folder = BackupFolder.configured()
    return folder is not None and any(Path(folder.path, kind).glob(f"*{PART}"))


def _drop_scratch_databases() -> None:
    for name in scratch.leftovers():
        scratch.drop(name)
        logger.info("restore_test.scratch_dropped", database=name)
