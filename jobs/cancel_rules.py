"""When a job may be cancelled, and what is said when it may not, or what it doesn't stop."""

from typing import Final

from jobs import catalog
from jobs.models import ACTIVE_STATUSES, CANCELLED, RUNNING, Job
from opsconsole.errors import Conflict, OpsError
from opsconsole.schema import enums

GOES_ON: Final = "Its task runs in the core's worker, which doesn't ask: the work may go on until it ends by itself."
MAY_BEGIN: Final = "Nobody knows whether the worker of this type looks at the ledger before it begins."
TERMINATE_WARNING: Final = (
    "Terminating kills the process that runs the task; if the task ends at that moment, it can hit the next one."
)


def refusal(*, status: str, job_type: str, cancel_requested: bool = False) -> OpsError | None:
    """Return why a job can't be cancelled, or None when it can.

    Args:
        status: the job's.
        job_type: its name.
        cancel_requested: its cancellation was asked for already, and its task has not ended yet.
    """
    if status not in ACTIVE_STATUSES:
        return Conflict(f"This job is {status}; only one that has not ended can be cancelled.", code="not_active")
    if not enums.accepts(Job._meta.db_table, "status", CANCELLED):
        return Conflict(
            "The database of this core knows no status “cancelled” yet, so nothing can be cancelled; it needs to be "
            "migrated first.",
            code="cancelling_is_off",
        )
    known = catalog.find(job_type)
    if known is not None and known.not_cancellable:
        return Conflict(
            f"A job of this type can't be cancelled here, since its worker asks nobody before it acts. "
            f"{known.not_cancellable}",
            code="not_cancellable",
        )
    if cancel_requested:
        return Conflict("This job is being cancelled already; its task has not ended yet.", code="already_cancelling")
    return None


def warning(*, status: str, job_type: str, in_core: bool) -> str:
    """Return what cancelling doesn't stop, as a sentence; empty when it stops all.

    Args:
        status: the job's before it is cancelled.
        job_type: its name.
        in_core: its task runs in the core's worker, or in one that the console doesn't know.
    """
    if status == RUNNING:
        return GOES_ON if in_core else ""
    return "" if catalog.find(job_type) is not None else MAY_BEGIN
