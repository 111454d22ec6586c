"""When a job may be cancelled, what that does, and what is said when it may not, or what it doesn't stop."""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from jobs import catalog
from jobs.models import ACTIVE_STATUSES, CANCELLED, RUNNING, Job
from opsconsole.errors import Conflict, OpsError
from opsconsole.schema import enums

# They hold for one job and for many.
GOES_ON: Final = "What runs in the core's worker may go on until it ends by itself: that worker doesn't ask."
MAY_BEGIN: Final = (
    "Nobody knows whether the worker of a type that the catalog lacks looks at the ledger before it begins."
)
TERMINATED: Final = "The core's worker is asked to kill the process that runs it, and doesn't say whether it did."
TERMINATE_WARNING: Final = (
    "Terminating kills the process that runs the task; if the task ends at that moment, it can hit the next one."
)


class Consequence(Enum):
    """What cancelling a job does."""

    NOT_BEGUN = "not begun"
    # It was handed over; the workers are told not to begin it.
    WITHDRAWN = "withdrawn"
    # Nobody knows whether its worker minds.
    MAY_BEGIN = "may begin"
    # An own task: asked to end, and running until it has.
    ASKED_TO_END = "asked to end"
    # Cancelled at once, while its task runs in the core's worker.
    GOES_ON = "goes on"


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A job that might be cancelled, with what its open attempt says.

    Attributes:
        status: the job's.
        job_type: its name.
        dispatched: the console has made an attempt that is open.
        in_core: its task runs in the core's worker, or in one that the console doesn't know.
        published: its message was sent.
        leased: a worker of the console's own has claimed it.
        cancel_requested: its cancellation was asked for already, and its task has not ended yet.
    """

    status: str
    job_type: str
    dispatched: bool = False
    in_core: bool = True
    published: bool = False
    leased: bool = False
    cancel_requested: bool = False

    @property
    def is_terminable(self) -> bool:
        """Whether there is a process of the core's worker to be killed, and a task id to name it by."""
        return self.status == RUNNING and self.dispatched and self.in_core

    @property
    def consequence(self) -> Consequence:
        """What cancelling it does."""
        if self.status == RUNNING and (self.leased or self.in_core):
            return Consequence.ASKED_TO_END if self.leased else Consequence.GOES_ON
        if catalog.find(self.job_type) is None:
            return Consequence.MAY_BEGIN
        return Consequence.WITHDRAWN if self.published and self.in_core else Consequence.NOT_BEGUN


def refusal(job: Candidate) -> OpsError | None:
    """Return why a job can't be cancelled, or None when it can."""
    if job.status not in ACTIVE_STATUSES:
        return Conflict(f"This job is {job.status}; only one that has not ended can be cancelled.", code="not_active")
    if not enums.accepts(Job._meta.db_table, "status", CANCELLED):
        return Conflict(
            "The database of this core knows no status “cancelled” yet, so nothing can be cancelled; it needs to be "
            "migrated first.",
            code="cancelling_is_off",
        )
    known = catalog.find(job.job_type)
    if known is not None and known.not_cancellable:
        return Conflict(
            f"A job of this type can't be cancelled here, since its worker asks nobody before it acts. "
            f"{known.not_cancellable}",
            code="not_cancellable",
        )
    if job.cancel_requested:
        return Conflict("This job is being cancelled already; its task has not ended yet.", code="already_cancelling")
    return None


def warning(consequence: Consequence, *, terminate: bool = False) -> str:
    """Return what cancelling doesn't stop, or not for sure, as a sentence; empty when it stops all."""
    match consequence:
        case Consequence.GOES_ON:
            return TERMINATED if terminate else GOES_ON
        case Consequence.MAY_BEGIN:
            return MAY_BEGIN
        case _:
            return ""
