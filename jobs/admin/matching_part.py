"""What a run's page says of a job that retries or cancels all jobs which match a filter."""

from collections.abc import Sequence
from typing import Any, Final

from jobs import catalog
from jobs.admin.sums import counted
from jobs.matching.carrying_out import left_out_of, result_of
from jobs.models import BulkChange
from jobs.queries import Row

_TYPES: Final = frozenset({catalog.RETRY_MATCHING, catalog.CANCEL_MATCHING})


def matching_part(rows: Sequence[Row]) -> dict[str, Any] | None:
    """Return how far such a job has come, also while it is under way or when it has failed; one query at most.

    Args:
        rows: a run's jobs.
    """
    job_id = next((row["id"] for row in rows if row["job_type"] in _TYPES), None)
    asked = BulkChange.objects.filter(pk=job_id).first() if job_id else None
    if asked is None:
        return None
    return {
        "reason": asked.reason,
        "matched": asked.matched,
        "canary": asked.canary,
        "canary_ids": asked.canary_ids,
        "counts": counted(result_of(asked)),
        "left_out": left_out_of(asked),
    }
