"""Jobs that have failed, and the attempts with which they have."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from jobs import ended
from jobs.error_groups.forgetting import OpenMembers
from jobs.error_groups.ledger_rows import FailedRows
from jobs.models import Dispatch, ErrorGroup, Job
from tests.api.cast import make_attempt
from tests.cast import make_job

DOWN = "TimeoutError: the provider did not answer"


def failed_job(error: str | None = DOWN, *, minutes_ago: float = 1, **values: Any) -> Job:
    """Insert a failed job as the core leaves it."""
    moment = timezone.now() - timedelta(minutes=minutes_ago)
    return make_job(**{"last_error": error, "created_at": moment, "updated_at": moment, **values})


def failed_attempt(job: Job, error: str | None = DOWN, *, minutes_ago: float = 1, **values: Any) -> Dispatch:
    """Insert an attempt with which a job has failed."""
    moment = timezone.now() - timedelta(minutes=minutes_ago)
    return make_attempt(job.pk, **{"ended_at": moment, "outcome": "failed", "error": error, **values})


def fold() -> None:
    """Do what sweepers do about failures, all of it."""
    while ended.tell():
        pass
    walk()
    OpenMembers().look()


def walk() -> None:
    """Walk the ledger for failed rows, all of it."""
    rows = FailedRows()
    rows.look()
    while rows._upto is not None:
        rows.look()


def groups() -> list[tuple[str, int]]:
    """All groups: what each says, and how many failures it has, the largest first."""
    return list(ErrorGroup.objects.order_by("-failures", "message").values_list("message", "failures"))
