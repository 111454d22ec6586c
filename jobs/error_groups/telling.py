"""Failures that the console has seen itself: attempts that have ended, and their jobs with them."""

from collections.abc import Sequence
from typing import Final

from jobs.ended import EndedAttempt
from jobs.error_groups.folding import READ_LENGTH, Failure, fold
from jobs.models import Outcome

# With these, a job has failed. One that is tried again has not.
FAILURES: Final = (Outcome.FAILED, Outcome.UNKNOWN)


def note_ended(attempts: Sequence[EndedAttempt]) -> None:
    """Fold those attempts with which their jobs have failed; a receiver of jobs.ended."""
    fold(
        Failure(
            job_id=attempt.job_id,
            dispatch_id=attempt.dispatch_id,
            failed_at=attempt.ended_at,
            job_type=attempt.job_type or attempt.task,
            error=attempt.error[:READ_LENGTH] if attempt.error else None,
            payload=attempt.payload,
        )
        for attempt in attempts
        if attempt.outcome in FAILURES
    )
