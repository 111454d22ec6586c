"""The console's own maintenance tasks, and what beat may be told to start."""

from typing import Any

from celery import shared_task

from backups import operations
from backups.making import make_attachments_snapshot, make_database_backup
from backups.testing import run_restore_test
from jobs import catalog
from jobs.ledger_task import Attempt, LedgerTask
from jobs.schedules import entry_tasks
from jobs.schedules.entry_tasks import EntryTask

BACK_UP = "opsconsole.back_up"
TEST_RESTORE = "opsconsole.test_restore"

entry_tasks.register(EntryTask(task=BACK_UP, title="Back up", parameters=("kind",), start=operations.trigger_backup))
entry_tasks.register(
    EntryTask(
        task=TEST_RESTORE, title="Restore test", parameters=("backup_run_id",), start=operations.trigger_restore_test
    )
)


@shared_task(base=LedgerTask, name=catalog.DATABASE_BACKUP)
def database_backup(attempt: Attempt) -> dict[str, Any]:
    """Dump the database."""
    return make_database_backup(attempt, job_id=attempt.job_id)


@shared_task(base=LedgerTask, name=catalog.ATTACHMENTS_SNAPSHOT)
def attachments_snapshot(attempt: Attempt) -> dict[str, Any]:
    """Archive the attachments."""
    return make_attachments_snapshot(attempt, job_id=attempt.job_id)


@shared_task(base=LedgerTask, name=catalog.RESTORE_TEST)
def restore_test(attempt: Attempt, *, backup_run_id: Any = None, all_files: Any = False) -> dict[str, Any]:
    """Restore a backup into a scratch database, and compare it with what was backed up."""
    return run_restore_test(attempt, backup_run_id=backup_run_id, all_files=all_files is True, job_id=attempt.job_id)


@shared_task(bind=True, name=BACK_UP, ignore_result=True)
def back_up(self: Any, /, *args: Any, **kwargs: Any) -> None:
    """Start a backup: `kind`."""
    entry_tasks.begin(self.request, args, kwargs)


@shared_task(bind=True, name=TEST_RESTORE, ignore_result=True)
def test_restore(self: Any, /, *args: Any, **kwargs: Any) -> None:
    """Start a restore test: `backup_run_id`, or the newest backups."""
    entry_tasks.begin(self.request, args, kwargs)
