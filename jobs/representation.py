"""How jobs, attempts and runs look in an answer or on a page; what is private is redacted here."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.utils import timezone

from jobs import cancel_rules, preflight, progress, stuck, subjects
from jobs.models import ACTIVE_STATUSES, FAILED, RUNNING, Dispatch
from jobs.queries import LIST_ERROR_LENGTH, TIMES, Row
from jobs.subjects import Subject
from opsconsole import far_times
from opsconsole.api.bounds import shorten
from opsconsole.redaction import redact, redact_names, redact_start, redact_text

UNKNOWN_AFTER_SECONDS = 24 * 60 * 60  # the core's results expire after a day


def jobs_as_json(rows: Sequence[Row], *, error_length: int = LIST_ERROR_LENGTH) -> list[dict[str, Any]]:
    """Return jobs as answers show them; at most five queries, however many there are.

    Args:
        rows: the jobs.
        error_length: how many characters of each error to show; the rows were read with the same.
    """
    concerns = subjects.registered().of({row["id"]: row["payload"] for row in rows})
    abilities = abilities_of(rows, concerns)
    jobs = [_job(row, concerns.get(row["id"]), abilities[row["id"]], error_length) for row in rows]
    if len(jobs) > 1:
        shorten(jobs, "last_error")
    return jobs


def abilities_of(rows: Sequence[Row], concerns: Mapping[int, Subject]) -> dict[int, dict[str, Any]]:
    """Return what may be done with each job, and why a failed one may not be retried, or an active one cancelled.

    At most three queries.

    Args:
        rows: the jobs.
        concerns: whom each of them concerns, by its id, where that exists.
    """
    abilities: dict[int, dict[str, Any]] = {row["id"]: _ending(row) for row in rows}
    failed = [failed_of(row) for row in rows if row["status"] == FAILED]
    for job_id, found in preflight.preflights(failed, concerns).items():
        ability = abilities[job_id]
        ability["retry"] = found.is_possible
        if found.refusal is not None:
            ability["reason"] = found.refusal.message
        if found.needs_confirmation:
            ability["confirm"] = True
        if found.is_possible and found.warnings:
            ability["warnings"] = list(found.warnings)
    return abilities


def failed_of(row: Row) -> preflight.Failed:
    """Return a failed job as the preflight of a retry sees it."""
    return preflight.Failed(
        job_id=row["id"],
        job_type=row["job_type"],
        queue=row["queue_name"],
        payload=row["payload"],
        last_error=row["last_error"],
        payload_is_cut=row["payload_size"] is not None,
    )


def candidate_of(row: Row) -> cancel_rules.Candidate:
    """Return a job as the rules for cancelling see it."""
    is_open = row["dispatch_id"] is not None and row["ended_at"] is None
    if not is_open:
        return cancel_rules.Candidate(status=row["status"], job_type=row["job_type"])
    return cancel_rules.Candidate(
        status=row["status"],
        job_type=row["job_type"],
        dispatched=True,
        in_core=row["in_core"],
        published=row["published_at"] is not None,
        leased=row["lease_until"] is not None,
        cancel_requested=row["cancel_requested_at"] is not None,
    )


def _ending(row: Row) -> dict[str, Any]:
    """Return how a job may be brought to its end."""
    job = candidate_of(row)
    refusal = cancel_rules.refusal(job)
    ability: dict[str, Any] = {
        "retry": False,
        "cancel": refusal is None,
        "terminate": refusal is None and job.is_terminable,
        "fail": row["stuck_cause"] is not None,
    }
    if refusal is not None and row["status"] in ACTIVE_STATUSES:
        ability["reason"] = refusal.message
    return ability


def _job(row: Row, subject: Subject | None, can: dict[str, Any], error_length: int) -> dict[str, Any]:
    error = row["last_error"]
    job: dict[str, Any] = {
        "id": row["id"],
        "queue_name": row["queue_name"],
        "job_type": row["job_type"],
        "status": row["status"],
        "attempts": row["attempts"],
        "max_attempts": row["max_attempts"],
        "last_error": redact_start(error, error_length) if error else error,
        "next_run_at": row["next_run_at"],
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
        **far_times.texts(row, **{name: name for name in TIMES}),
        "payload": payload_as_json(row["payload"]),
        "identity": {"id": subject.id, "display_name": subject.display_name} if subject else None,
        "task_id": row["task_id"],
        "run_id": row["run_id"],
        "duration_ms": duration_ms(row["started_at"], row["ended_at"]),
        "progress": progress.as_json(row) if row["status"] in ACTIVE_STATUSES else None,
        "cancel_requested_at": row["cancel_requested_at"],
        "waits_for": row["waits_for"],
        "handed_over": handed_over(row),
        "stuck": row["stuck_cause"] is not None,
        "stuck_reason": stuck_reason(row),
        "requested_by": row["requested_by"],
        "can": can,
    }
    if row["payload_size"] is not None:
        job |= {"payload": job["payload"] if row["payload"] else {}, "payload_cut": True}
        job["payload_size"] = row["payload_size"]
    return job


def stuck_reason(row: Row) -> str | None:
    """Return why a job is stuck and what can be done about it, or None for one that isn't."""
    return f"{stuck.why(row)} {stuck.advice(row)}" if row["stuck_cause"] else None


def payload_as_json(payload: Any) -> Any:
    """Return a payload without what is private; the front end reads keys from it, so anything else stands in one."""
    shown = redact(payload)
    return shown if isinstance(shown, dict) else {"value": shown}


def handed_over(row: Row) -> str | None:
    """Return how far an active job's newest attempt has come, or None if it has no open attempt.

    Returns:
        `waiting`: for another job. `not_yet`: not published. `handed_over`: published, but not seen running. `running`.
        `retrying`: its worker waits to retry it. `unknown`: its result must have expired without being seen.
    """
    if row["dispatch_id"] is None or row["ended_at"] is not None or row["status"] not in ACTIVE_STATUSES:
        return None
    if row["published_at"] is None:
        return "waiting" if row["waits_for"] else "not_yet"
    # A worker keeps a task that it retries, however long ago the task was published.
    if row["retrying_since"] is not None:
        return "retrying"
    if (timezone.now() - row["published_at"]).total_seconds() > UNKNOWN_AFTER_SECONDS:
        return "unknown"
    return "running" if row["status"] == RUNNING else "handed_over"


def attempt_as_json(attempt: Dispatch) -> dict[str, Any]:
    """Return one attempt as answers and pages show it."""
    shown = {
        "id": attempt.pk,
        "task_id": attempt.task_id,
        "task": attempt.task,
        "queue": attempt.queue,
        "requested_by": attempt.requested_by,
        "via": attempt.via,
        "dispatched_at": attempt.requested_at,
        "published_at": attempt.published_at,
        "publish_error": redact_text(attempt.publish_error) if attempt.publish_error else None,
        "publications": attempt.publications,
        "started_at": attempt.started_at,
        "retrying_since": attempt.retrying_since,
        "cancel_requested_at": attempt.cancel_requested_at,
        "ended_at": attempt.ended_at,
        "returned_at": attempt.returned_at,
        "worker": attempt.worker,
        "wait_ms": duration_ms(attempt.requested_at, attempt.started_at) if attempt.started_at else None,
        "run_ms": duration_ms(attempt.started_at, attempt.ended_at),
        "outcome": attempt.outcome,
        "error": redact_text(attempt.error) if attempt.error else None,
        "traceback": redact_text(attempt.traceback) if attempt.traceback else None,
        "result": redact(attempt.result),
    }
    redact_names(shown, ("task", "queue", "requested_by", "via", "worker"))
    return shown


def duration_ms(started_at: datetime | None, ended_at: datetime | None) -> int | None:
    """Return the milliseconds from a start to an end, or to now while it has not ended; None when not started."""
    if started_at is None:
        return None
    return max(0, int(((ended_at or timezone.now()) - started_at).total_seconds() * 1000))
