"""How long the last attempts with one task took: those that this console has handed over, and that have begun."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from jobs.models import Dispatch
from jobs.representation import duration_ms

SHOWN: Final = 30


@dataclass(frozen=True, kw_only=True)
class RunTime:
    """One attempt: of which job, how it ended and when, and how many milliseconds it ran."""

    job_id: int
    outcome: str | None
    ended_at: datetime
    milliseconds: int


def of_task(task: str) -> list[RunTime]:
    """Return how long the last SHOWN attempts with a task ran, the oldest first; one query.

    Args:
        task: its name, as Celery knows it.
    """
    ended = (
        Dispatch.objects.filter(task=task, started_at__isnull=False, ended_at__isnull=False)
        .order_by("-pk")
        .values_list("job_id", "outcome", "started_at", "ended_at")[:SHOWN]
    )
    return [
        RunTime(job_id=job_id, outcome=outcome, ended_at=ended_at, milliseconds=duration_ms(started_at, ended_at) or 0)
        for job_id, outcome, started_at, ended_at in reversed(ended)
        if ended_at is not None
    ]
