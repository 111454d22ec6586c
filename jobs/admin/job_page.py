"""What a job's page shows."""

from collections.abc import Sequence
from typing import Any, Final

from jobs import catalog, queries, run_times, stuck
from jobs.admin import run_times_chart
from jobs.admin.looks import handing_over, is_cancelling, of_attempt, of_job, title_of
from jobs.admin.sums import counted
from jobs.error_groups import reading as error_groups
from jobs.models import ACTIVE_STATUSES, FAILED, RUNNING, Dispatch, Outcome
from jobs.queries import Row
from jobs.representation import attempt_as_json, jobs_as_json
from jobs.run_times import RunTime
from opsconsole import audit_queries
from opsconsole.admin.audit_log import LOOKS as AUDIT_LOOKS
from opsconsole.audit import entries_about
from opsconsole.formatting import Look, duration, first_line, size
from opsconsole.templatetags.console import as_json

# Characters of a payload that a page shows.
PAYLOAD_SHOWN: Final = 50_000
AUDIT_SHOWN: Final = 20


def context(row: Row) -> dict[str, Any]:
    """Return all that the page of a job shows; at most ten queries."""
    live = live_context(row)
    job = live["job"]
    made = queries.attempts(row["id"])
    timed = _run_times(row, made)
    attempts = [attempt_as_json(attempt) for attempt in made]
    for attempt in attempts:
        attempt["look"] = of_attempt(attempt)
        attempt["came_late"] = came_late(attempt)
    payload = as_json(job["payload"])
    entries = [audit_queries.as_json(entry) for entry in entries_about("job", row["id"], limit=AUDIT_SHOWN)]
    for entry in entries:
        entry["look"] = AUDIT_LOOKS.get(entry["result"], Look(word=str(entry["result"]), icon="help", tone="idle"))
    error_length = row["error_length"] or 0
    return live | {
        "type_facts": catalog.facts(row["job_type"]),
        "attempts": attempts,
        # The error of an attempt that was retried may have no traceback; the newest one that has counts.
        "traceback": next((attempt["traceback"] for attempt in attempts if attempt["traceback"]), None),
        "error": job["last_error"],
        "error_line": (line := first_line(job["last_error"])),
        "error_goes_on": bool(job["last_error"]) and job["last_error"].strip() != line,
        "similar": error_groups.group_of(row["id"]) if row["status"] == FAILED else None,
        "error_cut": f"The first {queries.DETAIL_ERROR_LENGTH:,} of {error_length:,} characters."
        if error_length > queries.DETAIL_ERROR_LENGTH
        else "",
        "payload": payload[:PAYLOAD_SHOWN],
        "payload_cut": _payload_cut(job, len(payload)),
        "audit": entries,
        "run_times_chart": run_times_chart.chart_of(timed),
        "run_times": run_times_chart.rows_of(timed, job_id=row["id"]),
    }


def _payload_cut(job: dict[str, Any], length: int) -> str:
    if "payload_size" in job:
        return f"Too long to show: {size(job['payload_size'])}. Only the ids in it are shown."
    return f"The beginning of {size(length)}." if length > PAYLOAD_SHOWN else ""


def live_context(row: Row) -> dict[str, Any]:
    """Return what of a job's page moves while it is active; at most four queries."""
    (job,) = jobs_as_json([row], error_length=queries.DETAIL_ERROR_LENGTH)
    active = row["status"] in ACTIVE_STATUSES
    return {
        "job": job,
        "look": of_job(row),
        "title_of_type": title_of(row["job_type"]),
        "active": active,
        "cancelling": is_cancelling(row),
        "stuck_because": stuck.why(row),
        "stuck_advice": stuck.advice(row),
        "running": row["status"] == RUNNING,
        "running_since": row["started_at"] or row["updated_at"],
        "handing_over": handing_over(job, row["publish_error"]) if active else "",
        "by_others": active and not stuck.is_run_here(row),
        "via": row["via"],
        # As long as this stays the same, only the numbers move.
        "stage": (
            f"{row['status']}-{row['attempts']}-{row['dispatch_id']}-{job['handed_over']}"
            f"-{row['stuck_cause']}-{is_cancelling(row)}"
        ),
    }


def _run_times(row: Row, attempts: Sequence[Dispatch]) -> list[RunTime]:
    """Return how long the last attempts with the job's task took; of a task that nobody can tell, none."""
    job_type = catalog.find(row["job_type"])
    task = attempts[0].task if attempts else job_type.task if job_type else None
    return run_times.of_task(task) if task else []


def came_late(attempt: dict[str, Any]) -> str:
    """Return what came of the task of an attempt that had ended before it, as a sentence; empty when nothing did."""
    if attempt["returned_at"] is None or attempt["ended_at"] is None:
        return ""
    later = duration(max(0, int((attempt["returned_at"] - attempt["ended_at"]).total_seconds() * 1_000)))
    if isinstance(attempt["result"], dict):
        brought = ", ".join(f"{value} {label}" for label, value in counted(attempt["result"]))
        what = brought or "it returned"
    else:
        # An attempt that was set failed has the reason as its error.
        what = (first_line(attempt["error"]) if attempt["outcome"] == Outcome.CANCELLED else "") or "it ended"
    return f"Its task returned {later} later: {what}"


def needs_confirmation(job_id: int) -> tuple[str, list[str]]:
    """Return why a job may be retried only after a confirmation, and what it will run into then.

    The reason is empty when it may be retried without, or not at all.

    Raises:
        NotFound: there is no such job.
    """
    (job,) = jobs_as_json([queries.get(job_id)])
    can = job["can"]
    return (str(can["reason"]) if can.get("confirm") else ""), can.get("warnings", [])
