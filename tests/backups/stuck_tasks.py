"""Own tasks that are in the middle of a backup or a restore test until somebody kills them."""

import time
from datetime import UTC, datetime
from typing import Any, NoReturn

from celery import shared_task

from backups import locks, runs
from backups.folder import BackupFolder
from backups.models import BackupRun
from jobs.ledger_task import Attempt, LedgerTask

QUEUE = "opsconsole"
TYPES: dict[str, dict[str, Any]] = {
    name: {"task": name, "queue": QUEUE, "in_core": False} for name in ("tests.stuck_backup", "tests.stuck_test")
}


@shared_task(base=LedgerTask, name="tests.stuck_backup")
def stuck_backup(attempt: Attempt, kind: str) -> None:
    folder = BackupFolder.configured()
    assert folder is not None
    with locks.held(kind):
        run = runs.begin_backup(kind, job_id=attempt.job_id)
        with runs.failures_recorded(run), folder.writing(kind, datetime.now(UTC), run.pk) as part:
            part.write(b"half")
            _wait(attempt)


@shared_task(base=LedgerTask, name="tests.stuck_test")
def stuck_test(attempt: Attempt, backup_run_id: int) -> None:
    with locks.held(locks.RESTORE_TEST):
        test = runs.begin_test(BackupRun.objects.get(pk=backup_run_id), job_id=attempt.job_id)
        with runs.failures_recorded(test):
            _wait(attempt)


def _wait(attempt: Attempt) -> NoReturn:
    while True:
        attempt.check()
        time.sleep(0.02)
