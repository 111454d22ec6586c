"""Which jobs are stuck: the one rule as SQL, why one is in words, and what can be done about it.

Stuck is what runs past its lease (own tasks) or past its type's time limit (the core's), what is due and has been
waiting for 15 minutes though no other job is in its way, and what was handed over and is known to no worker.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import orjson
from django.utils import timezone

from jobs import catalog
from jobs.models import ACTIVE_STATUSES, QUEUED, RETRYING, RUNNING
from opsconsole.far_times import held
from opsconsole.formatting import duration, rough

WAITING_SECONDS: Final = 15 * 60
# So long neither a queue nor a worker has known the task.
UNKNOWN_SECONDS: Final = 60

UNKNOWN: Final = "unknown"
LEASE: Final = "lease"
LIMIT: Final = "time limit"
WAITING: Final = "waiting"

AN_UNKNOWN_TIME: Final = "an unknown time"

# What is said of one of several jobs that are stuck for the same cause, and of many.
IN_WORDS: Final = {
    UNKNOWN: ("is known to neither a queue nor a worker.", "are known to neither a queue nor a worker."),
    LEASE: ("was lost by its worker: its lease has run out.", "were lost by their workers: their leases have run out."),
    LIMIT: (
        "has been running for longer than the time limit of its type.",
        "have been running for longer than the time limits of their types.",
    ),
    WAITING: ("is due, and no worker has taken it.", "are due, and no worker has taken them."),
}

# The newest attempt of a job, which is the only one that can be open. To be joined laterally, for each job by itself.
# Where the open attempts are joined, PostgreSQL may go through all of them for each job: by statistics that were made
# while next to nothing was open, it takes that for cheap.
NEWEST_ATTEMPT: Final = "(SELECT * FROM jobs_dispatch WHERE job_id = jobs.id ORDER BY id DESC LIMIT 1)"
# The turn of an attempt hasn't come: another one of its kind goes first, or has the place still. Two looks, each along
# an index of its own: thousands may be waiting.
IS_BEHIND: Final = """
    (EXISTS (SELECT FROM jobs_dispatch o
              WHERE o.serial_key = {own}.serial_key AND o.ended_at IS NULL AND o.id < {own}.id)
     OR EXISTS (SELECT FROM jobs_dispatch o
                 WHERE o.serial_key = {own}.serial_key AND o.holds_place AND o.id <> {own}.id))
"""
# The SQL for `is_run_here`: the console runs the active job whose newest attempt this is.
IS_RUN_HERE: Final = "({own}.id IS NOT NULL AND ({own}.ended_at IS NULL OR {own}.next_attempt_at IS NOT NULL))"
# If Python can't represent the time of a job's last change, the job counts as older than any limit and can be ended.
_UPDATED_AT: Final = f"CASE WHEN {held('jobs.updated_at')} THEN jobs.updated_at ELSE '-infinity' END"
_IS_OPEN: Final = "{own}.id IS NOT NULL AND {own}.ended_at IS NULL"
# The most telling one first.
_CONDITIONS: Final = {
    UNKNOWN: """
        (jobs.status IN (%s, %s, %s) AND {is_open} AND {own}.unknown_since < now() - make_interval(secs => %s))
    """,
    LEASE: """
        (jobs.status = %s AND {is_open} AND NOT {own}.in_core AND {own}.lease_until < now())
    """,
    LIMIT: """
        (jobs.status = %s
         AND {updated_at} < now() - make_interval(secs => COALESCE((%s::jsonb ->> jobs.job_type)::float, %s))
         AND NOT ({is_open} AND NOT {own}.in_core AND {own}.lease_until IS NOT NULL))
    """,
    # It waits for nobody: neither for one before it, nor for a place that a task keeps whose job was cancelled.
    WAITING: """
        (jobs.status IN (%s, %s)
         AND GREATEST(COALESCE(jobs.next_run_at, {updated_at}), CASE WHEN {is_open} THEN {own}.published_at END)
             < now() - make_interval(secs => %s)
         AND NOT ({is_open} AND {own}.published_at IS NULL AND {is_behind}))
    """,
}


def is_run_here(row: Mapping[str, Any]) -> bool:
    """Return whether the console runs an active job: the job has an open attempt, or one that is planned.

    Args:
        row: the job with its newest attempt, as `queries` reads it.
    """
    return row["dispatch_id"] is not None and (row["ended_at"] is None or row["next_attempt_at"] is not None)


def stuck_condition() -> tuple[Any, ...]:
    """Return the SQL condition for a stuck job of `jobs`, followed by its parameters."""
    cause, *params = stuck_cause("newest")
    return (
        f"(SELECT {cause} FROM (SELECT 1) AS one LEFT JOIN LATERAL {NEWEST_ATTEMPT} AS newest ON true) IS NOT NULL",
        *params,
    )


def stuck_cause(attempt: str) -> tuple[Any, ...]:
    """Return the SQL for why a job of `jobs` is stuck, NULL for one that isn't, followed by its parameters.

    Args:
        attempt: what the job's newest attempt is called, left joined to it; it may be one that has ended.
    """
    cases: list[str] = []
    params: list[Any] = []
    for name, (sql, values) in _causes(attempt).items():
        cases.append(f"WHEN {sql} THEN '{name}'")
        params += values
    return (f"CASE {' '.join(cases)} END", *params)


def why(row: Mapping[str, Any]) -> str:
    """Return why a job is stuck, as a sentence; empty when it isn't.

    Args:
        row: the job with its newest attempt, as `queries` reads it.
    """
    match row["stuck_cause"]:
        case "unknown":
            return f"Neither its queue nor any worker has known its task for {_since(row['unknown_since'])}."
        case "lease":
            return f"Its worker was lost: its lease ran out {_since(row['lease_until'])} ago."
        case "time limit":
            limit = catalog.time_limits().get(row["job_type"])
            since = row["updated_at"]
            running = _finely((timezone.now() - since).total_seconds()) if since else AN_UNKNOWN_TIME
            if limit is None:
                unknown = _finely(catalog.UNKNOWN_TIME_LIMIT_SECONDS)
                return f"Running for {running}. The time limit for unknown job types is {unknown}."
            return f"Running for {running}. The time limit of its type is {_finely(limit)}."
        case "waiting":
            return f"It has been due for {_since(_due_at(row))}, and no worker has taken it."
    return ""


def advice(row: Mapping[str, Any]) -> str:
    """Return what can be done about a stuck job, in a sentence or two; empty for one that isn't stuck."""
    match row["stuck_cause"]:
        case "unknown":
            return "Its message got lost or its worker was killed. Set it failed; then it can be retried."
        case "lease":
            return "A sweeper ends such a job by itself, so see whether one runs; or set it failed."
        case "time limit":
            return "Find out whether its worker still works on it. If not, set it failed; then it can be retried."
        case "waiting":
            return f"{_missing(row)} To give it up, set it failed."
    return ""


def _causes(attempt: str) -> dict[str, tuple[str, tuple[Any, ...]]]:
    """Return each cause's condition and its parameters."""
    params: dict[str, tuple[Any, ...]] = {
        UNKNOWN: (*ACTIVE_STATUSES, UNKNOWN_SECONDS),
        LEASE: (RUNNING,),
        LIMIT: (RUNNING, orjson.dumps(catalog.time_limits()).decode(), catalog.UNKNOWN_TIME_LIMIT_SECONDS),
        WAITING: (QUEUED, RETRYING, WAITING_SECONDS),
    }
    known = {
        "own": attempt,
        "is_open": _IS_OPEN.format(own=attempt),
        "is_behind": IS_BEHIND.format(own=attempt),
        "updated_at": _UPDATED_AT,
    }
    return {name: (sql.format(**known), params[name]) for name, sql in _CONDITIONS.items()}


def _due_at(row: Mapping[str, Any]) -> datetime | None:
    due = row["next_run_at"] or row["updated_at"]
    handed_over = row["published_at"] if row["ended_at"] is None else None
    return max((at for at in (due, handed_over) if at), default=None)


def _missing(row: Mapping[str, Any]) -> str:
    """Return what seems to be missing for a job that waits."""
    if not is_run_here(row):
        return "Another application queued it: see whether its worker runs."
    if row["ended_at"] is not None:
        return "Its next attempt is to be made by a sweeper: see whether one runs."
    if row["published_at"] is not None:
        return f"It was handed over: see whether a worker listens on the queue {row['queue_name']}."
    if row["publish_error"]:
        return "The broker can't be reached; it is handed over as soon as it can."
    return "It is to be handed over by a sweeper: see whether one runs."


def _finely(seconds: float) -> str:
    return duration(int(seconds * 1_000)).removesuffix(" 0 min").removesuffix(" 0 s").removesuffix(" 0 h")


def _since(moment: datetime | None) -> str:
    return rough((timezone.now() - moment).total_seconds()) if moment else AN_UNKNOWN_TIME
