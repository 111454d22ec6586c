"""How the states of jobs, attempts and runs are shown. Green is only what has ended well."""

from collections.abc import Mapping
from typing import Any, Final

from jobs import catalog
from jobs.filters import OTHER
from jobs.models import ACTIVE_STATUSES, CANCELLED, DONE, FAILED, QUEUED, RETRYING, RUNNING, STATUSES, Outcome
from jobs.run_queries import FAILURE, GONE, PENDING, SUCCESS
from opsconsole.formatting import Look

STATUS_LOOKS: Final = {
    QUEUED: Look(word="Queued", icon="schedule", tone="idle"),
    RUNNING: Look(word="Running", icon="autorenew", tone="busy"),
    RETRYING: Look(word="Retrying", icon="update", tone="warn"),
    FAILED: Look(word="Failed", icon="error", tone="bad"),
    DONE: Look(word="Done", icon="check_circle", tone="good"),
    CANCELLED: Look(word="Cancelled", icon="block", tone="idle"),
    GONE: Look(word="Gone", icon="delete", tone="idle"),
}
# Running, in the ledger's words, until its task has ended.
CANCELLING: Final = Look(word="Cancelling", icon="hourglass_top", tone="warn")
# Of whatever status, and to be looked at.
STUCK: Final = Look(word="Stuck", icon="report", tone="bad")
# The order of the tabs: what needs attention first.
TABS: Final = (FAILED, RUNNING, RETRYING, QUEUED, DONE, CANCELLED)

_OUTCOME_LOOKS: Final[Mapping[str, Look]] = {
    Outcome.DONE: Look(word="Done", icon="check_circle", tone="good"),
    Outcome.PARTIAL: Look(word="Done, with errors", icon="check_circle", tone="warn"),
    Outcome.SKIPPED: Look(word="Skipped", icon="skip_next", tone="idle"),
    Outcome.FAILED: Look(word="Failed", icon="error", tone="bad"),
    Outcome.RETRYING: Look(word="Failed, tried again", icon="update", tone="warn"),
    Outcome.UNKNOWN: Look(word="Outcome unknown", icon="help", tone="warn"),
    Outcome.CANCELLED: STATUS_LOOKS[CANCELLED],
    Outcome.SUPERSEDED: Look(word="Superseded", icon="swap_horiz", tone="idle"),
}

_RUN_LOOKS: Final = {
    PENDING: Look(word="Under way", icon="autorenew", tone="busy"),
    SUCCESS: Look(word="Done", icon="check_circle", tone="good"),
    FAILURE: Look(word="Not all done", icon="error", tone="bad"),
}


def of_status(status: str) -> Look:
    """Return how a job's status is shown; one that the console doesn't know by its own name."""
    return STATUS_LOOKS.get(status, Look(word="Other" if status == OTHER else status, icon="help", tone="idle"))


def of_job(job: Mapping[str, Any]) -> Look:
    """Return how a job is shown, by its `status` and its `cancel_requested_at`."""
    return CANCELLING if is_cancelling(job) else of_status(job["status"])


def is_cancelling(job: Mapping[str, Any]) -> bool:
    """Say whether a job's task has been asked to end and has not ended yet."""
    return job["status"] == RUNNING and job["cancel_requested_at"] is not None


def of_outcome(outcome: str | None) -> Look:
    """Return how the end of an attempt is shown; one that nobody has told as unknown."""
    word = outcome or Outcome.UNKNOWN.value
    return _OUTCOME_LOOKS.get(word, Look(word=word, icon="help", tone="idle"))


def of_attempt(attempt: dict[str, Any]) -> Look:
    """Return how an attempt is shown: by its outcome, or by how far it has come."""
    if attempt["outcome"]:
        return of_outcome(attempt["outcome"])
    if attempt["started_at"] and attempt["cancel_requested_at"]:
        return CANCELLING
    if attempt["retrying_since"]:
        return STATUS_LOOKS[RETRYING]
    if attempt["started_at"]:
        return STATUS_LOOKS[RUNNING]
    if attempt["published_at"]:
        return Look(word="Handed over", icon="outbox", tone="busy")
    return Look(word="Not yet handed over", icon="schedule", tone="idle")


def of_run(status: str, by_status: dict[str, int], cancelling: int = 0) -> Look:
    """Return how a run is shown; one that ended without failures but with cancelled jobs is cancelled, not failed.

    Args:
        status: the run's.
        by_status: how many jobs it has of each status.
        cancelling: how many of those that run are being cancelled.
    """
    if cancelling and cancelling == sum(by_status.get(active, 0) for active in ACTIVE_STATUSES):
        return CANCELLING
    if status == FAILURE and not by_status.get(FAILED) and set(by_status) <= {*STATUSES}:
        return Look(word="Cancelled in part" if by_status.get(DONE) else "Cancelled", icon="block", tone="idle")
    return _RUN_LOOKS.get(status, Look(word=status, icon="help", tone="idle"))


def title_of(job_type: str | None) -> str:
    """Return what people call a job type; an unknown one by its own name.

    Args:
        job_type: the type, or None for a job that the ledger has lost.
    """
    if job_type is None:
        return "A job that is not in the ledger any more"
    return catalog.titles().get(job_type, job_type) or "Job without a type"


def handing_over(job: dict[str, Any], publish_error: str | None) -> str:
    """Return how far the handing over of an active job has come, as a sentence; empty when that says nothing new."""
    match job["handed_over"]:
        case "waiting":
            return f"Waiting for job {job['waits_for']}: only one of its kind runs at a time for an identity."
        case "not_yet" if publish_error:
            return "Not yet handed over: the broker can't be reached. The console tries again every few seconds."
        case "not_yet":
            return "Not yet handed over; the console does it within seconds."
        case "handed_over":
            return "Handed over to Celery; no worker was seen working on it yet."
        case "retrying":
            return "Its worker will retry it."
        case "unknown":
            return "Handed over more than a day ago and never seen again: its outcome is unknown."
    return ""
