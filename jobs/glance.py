"""Jobs at a glance, for the pages that show a few of them beside other things; no query of their own."""

from collections.abc import Iterable, Mapping
from typing import Any

from jobs import catalog, progress
from jobs.models import ACTIVE_STATUSES
from jobs.queries import Row
from jobs.recent import ERROR_LENGTH
from jobs.subjects import Subject
from opsconsole.redaction import redact_start


def glances(
    rows: Iterable[Row], concerns: Mapping[int, Subject] | None = None, *, error_length: int = ERROR_LENGTH
) -> list[dict[str, Any]]:
    """Return what a glance at each job shows; redacted.

    Args:
        rows: the jobs.
        concerns: whom they concern, by job id, where the page doesn't say so already.
        error_length: how many characters of each error to show; the rows were read with the same.
    """
    titles = catalog.titles()
    return [
        {
            "id": row["id"],
            "job_type": row["job_type"],
            "title": titles.get(row["job_type"], row["job_type"]),
            "status": row["status"],
            "cancel_requested_at": row["cancel_requested_at"],
            "subject": (concerns or {}).get(row["id"]),
            "error": redact_start(row["last_error"] or "", error_length),
            "since": row["started_at"] or row["updated_at"],
            "updated_at": row["updated_at"],
            "next_run_at": row["next_run_at"],
            "progress": progress.as_json(row) if row["status"] in ACTIVE_STATUSES else None,
            "waits_for": row["waits_for"],
            "run_id": row["run_id"],
        }
        for row in rows
    ]
