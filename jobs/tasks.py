"""The ledger's own tasks."""

from typing import Any

from celery import shared_task

from jobs.ledger_task import Attempt, LedgerTask
from jobs.schedules import entry_tasks, shipped
from jobs.schedules.entry_tasks import EntryTask
from jobs.schedules.starting import SUBMIT_JOB
from jobs.schedules.starting import submit_job as submit_job_operation
from opsconsole.housekeeping import clear_expired

entry_tasks.register(
    EntryTask(task=SUBMIT_JOB, title="Submit a job", parameters=("job_type", "payload"), start=submit_job_operation)
)


@shared_task(base=LedgerTask, name="opsconsole.housekeeping")
def housekeeping(attempt: Attempt) -> dict[str, int]:
    """Delete what has expired in the console's own tables, and make the schedules that came to be due."""
    return clear_expired() | {"schedules_made": len(shipped.ship_all())}


# Whatever the arguments: beat checks a signature itself, and a task that doesn't fit would end in its log only.
@shared_task(bind=True, name=SUBMIT_JOB, ignore_result=True)
def submit_job(self: Any, /, *args: Any, **kwargs: Any) -> None:
    """Submit a job of a catalog type: `job_type`, `payload`."""
    entry_tasks.begin(self.request, args, kwargs)
