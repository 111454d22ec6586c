"""The ledger's own tasks."""

from typing import Any

from celery import shared_task

from jobs import catalog
from jobs.ledger_task import Attempt, LedgerTask
from jobs.matching.carrying_out import carry_out
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


@shared_task(base=LedgerTask, name=catalog.RETRY_MATCHING)
def retry_matching(attempt: Attempt) -> dict[str, Any]:
    """Retry all failed jobs that match a filter."""
    return carry_out(attempt)


@shared_task(base=LedgerTask, name=catalog.CANCEL_MATCHING)
def cancel_matching(attempt: Attempt) -> dict[str, Any]:
    """Cancel all jobs that match a filter and have not ended."""
    return carry_out(attempt)


# Whatever the arguments: beat checks a signature itself, and a task that doesn't fit would end in its log only.
@shared_task(bind=True, name=SUBMIT_JOB, ignore_result=True)
def submit_job(self: Any, /, *args: Any, **kwargs: Any) -> None:
    """Submit a job of a catalog type: `job_type`, `payload`."""
    entry_tasks.begin(self.request, args, kwargs)
