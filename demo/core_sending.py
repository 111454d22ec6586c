"""Sending a message, as the core does it: at most once, and with its row in the ledger written by itself."""

from datetime import UTC, datetime
from typing import Any

from demo.archive import Archive
from demo.cast import Behaviour
from demo.core_provider import Reading, Trouble
from demo.core_rows import Connection, find_identity_of_conversation
from demo.ledger_key import dedupe_key

TASK = "message.send_manual"
QUEUE = "messages"

# Rows that were written before the type was renamed.
_JOB_TYPES = (TASK, "send_manual")
_LONGEST_ERROR = 5000


def send_message(
    connection: Connection, archive: Archive, payload: dict[str, Any], *, pages_per_second: float
) -> dict[str, Any]:
    """Send a message and settle its job.

    Args:
        connection: Where the tables are.
        archive: What the provider holds, and how it behaves.
        payload: The job's payload; `message_id` is what counts.
        pages_per_second: How quickly the provider answers.

    Returns:
        `status` (success, skipped or failed), `message_id`, and `reason` or `error`.
    """
    job_id = _claim(connection, payload)
    message_id = payload.get("message_id")
    row = connection.execute(
        "SELECT conversation_id, provider_id, deleted_at IS NOT NULL FROM messages WHERE id = %s",
        (message_id,),
    ).fetchone()
    if row is None:
        error = f"Message {message_id} not found"
        _settle(connection, job_id, error=error)
        return {"status": "failed", "message_id": message_id, "error": error}
    conversation_id, provider_id, is_deleted = row
    # The one thing that is looked at: neither the ledger nor whether it went out before.
    if is_deleted:
        reason = "The message was deleted before it was sent"
        _settle(connection, job_id, error=reason)
        return {"status": "skipped", "message_id": message_id, "reason": reason}
    identity = find_identity_of_conversation(connection, conversation_id)
    username = "" if identity is None else identity.username
    reading = Reading.begin(archive, provider_id, username, TASK, pages_per_second=pages_per_second)
    reading.wait()
    outcome = _refusal(reading)
    if outcome is not None:
        visibility, error = outcome
        _mark(connection, message_id, visibility)
        _settle(connection, job_id, error=error)
        return {"status": "failed", "message_id": message_id, "error": error}
    _mark(connection, message_id, "visible")
    _settle(connection, job_id, error=None)
    return {"status": "success", "message_id": message_id}


def _refusal(reading: Reading) -> tuple[str, str] | None:
    """Say what becomes of a message that isn't simply sent: its visibility and the job's error."""
    match reading.trouble:
        case None:
            return None
        case Trouble.SLOW_ANSWER | Trouble.UNCAUGHT_TIMEOUT:
            return (
                "unknown",
                "AMBIGUOUS: read timed out after the request had been sent; it may have gone out",
            )
        case Trouble.RATE_LIMIT:
            return "send_failed", "429 Too Many Requests (retry-after: 54)"
        case Trouble.UNAUTHORIZED if reading.profile.behaviour is Behaviour.EXPIRED_TOKEN:
            return (
                "send_failed",
                "401 Unauthorized: invalid_grant: the refresh token was revoked or has expired",
            )
        case Trouble.UNAUTHORIZED:
            return "send_failed", "401 Unauthorized: the token was refreshed elsewhere"
        case Trouble.NONSENSE | Trouble.UNREADABLE:
            return "send_failed", "502 Bad Gateway: the message was not accepted"


def _claim(connection: Connection, payload: dict[str, Any]) -> int | None:
    """Claim the job by its key, all that leads from a payload to its row; None when none is waiting."""
    row = connection.execute(
        "UPDATE jobs SET status = 'running', attempts = attempts + 1, updated_at = %s"
        " WHERE dedupe_key = ANY(%s) AND status IN ('queued', 'retrying') RETURNING id",
        (datetime.now(UTC), [dedupe_key(QUEUE, job_type, payload) for job_type in _JOB_TYPES]),
    ).fetchone()
    return None if row is None else int(row[0])


def _settle(connection: Connection, job_id: int | None, *, error: str | None) -> None:
    connection.execute(
        "UPDATE jobs SET status = %s, last_error = %s, dedupe_key = NULL, updated_at = %s"
        " WHERE id = %s AND status = 'running'",
        ("failed" if error else "done", error and error[:_LONGEST_ERROR], datetime.now(UTC), job_id),
    )


def _mark(connection: Connection, message_id: object, visibility: str) -> None:
    connection.execute("UPDATE messages SET remote_visibility = %s WHERE id = %s", (visibility, message_id))
