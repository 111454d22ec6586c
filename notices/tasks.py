"""The job that tells of the verdict when the first attempt has failed; the ledger tries it again and again."""

from typing import Any
from uuid import UUID

from celery import shared_task

from jobs import catalog
from jobs.ledger_task import Attempt, LedgerTask
from notices import sending


@shared_task(base=LedgerTask, name=catalog.TELL_VERDICT)
def tell_verdict(attempt: Attempt, *, notice_id: Any = None) -> dict[str, int]:
    """Send a notice."""
    return {"answered_with": sending.send(UUID(str(notice_id)))}
