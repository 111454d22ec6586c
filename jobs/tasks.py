"""The ledger's own tasks."""

from celery import shared_task

from jobs.ledger_task import Attempt, LedgerTask
from opsconsole.housekeeping import clear_expired


@shared_task(base=LedgerTask, name="opsconsole.housekeeping")
def housekeeping(attempt: Attempt) -> dict[str, int]:
    """Delete what has expired in the console's own tables."""
    return clear_expired()
