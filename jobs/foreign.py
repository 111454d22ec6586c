"""Active rows of the ledger that the console doesn't run: other applications wrote them or queued them again.

Such a row holds its dedupe key, so the console can't queue the same work beside it. The console must not free the key
either. So a submit or a retry that finds such a row is refused, and the refusal names the row.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

from django.db import connection

from jobs.models import ACTIVE_STATUSES, RUNNING
from jobs.retry_rules import identical
from jobs.stuck import IS_RUN_HERE, NEWEST_ATTEMPT, stuck_cause
from opsconsole.errors import Conflict

BLOCKED: Final = "blocked_by_foreign_job"

_ROWS: Final = """
    SELECT jobs.id, jobs.status::text, {cause} IS NOT NULL, {is_run_here}
      FROM jobs LEFT JOIN LATERAL {newest_attempt} AS newest ON true
     WHERE jobs.id = ANY(%s) ORDER BY jobs.id
"""


@dataclass(frozen=True, kw_only=True)
class Joined:
    """Problems of the active jobs that already do some requested work.

    Attributes:
        blocking: the refusal for each job that the console doesn't run and must not join, by job id.
        stuck: the console's own jobs that are stuck.
    """

    blocking: dict[int, Conflict] = field(default_factory=dict)
    stuck: tuple[int, ...] = ()


def look_at(job_ids: Collection[int]) -> Joined:
    """Return which active jobs must not be joined, and which of the others are stuck; one query.

    The console runs a job if it has an open attempt, or one that is planned. A row that another application has set
    to running may be joined until it is stuck. That application ends the row, or an operator marks it as failed.

    Args:
        job_ids: jobs that have not ended.

    Returns:
        The jobs that block, with the refusal, and those that are stuck.
    """
    if not job_ids:
        return Joined()
    cause, *params = stuck_cause("newest")
    sql = _ROWS.format(cause=cause, is_run_here=IS_RUN_HERE.format(own="newest"), newest_attempt=NEWEST_ATTEMPT)
    with connection.cursor() as cursor:
        cursor.execute(sql, [*params, list(job_ids)])
        rows = cursor.fetchall()
    blocking: dict[int, Conflict] = {}
    stuck: list[int] = []
    for job_id, status, is_stuck, is_run_here in rows:
        if is_run_here and status in ACTIVE_STATUSES:
            stuck += [job_id] if is_stuck else []
        elif status != RUNNING or is_stuck:
            blocking[job_id] = _blocked(job_id, status, is_stuck=is_stuck)
    return Joined(blocking=blocking, stuck=tuple(stuck))


def in_the_way(holder: int | None) -> Conflict:
    """Return the refusal for a job while another active job does the same work; one query.

    Args:
        holder: the id of the other job, if it is known.
    """
    blocking = look_at([holder]).blocking if holder is not None else {}
    return next(iter(blocking.values()), None) or identical(holder)


def _blocked(job_id: int, status: str, *, is_stuck: bool) -> Conflict:
    if status not in ACTIVE_STATUSES:
        why = f"Job {job_id} does the same work. This console doesn't know that job's status “{status[:32]}”."
        todo = "Try again once that job has ended."
    else:
        why = f"Job {job_id} does the same work. That job was queued outside this console, which doesn't run it."
        todo = (
            "The job is stuck. Mark it as failed, then try again."
            if is_stuck
            else "Try again once that job has ended. If it gets stuck, you can mark it as failed."
        )
    return Conflict(f"{why} {todo}", code=BLOCKED, job_id=job_id, stuck=is_stuck)
