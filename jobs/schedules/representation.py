"""Periodic tasks as the API answers with them, and as the pages show them: without what is private."""

from typing import Any

from jobs.schedules.queries import BeatState, Entry
from jobs.schedules.starting import title_of_entry, why_not
from opsconsole.redaction import redact, redact_name, redact_text
from opsconsole.row_ids import row_id


def schedule_as_json(entry: Entry) -> dict[str, Any]:
    """Return a periodic task as the API has it."""
    task = entry.task
    cannot_run = why_not(entry)
    shown: dict[str, Any] = {
        "id": entry.id,
        "name": entry.name,
        "task": redact_name(task.task),
        "title": redact_name(title_of_entry(entry)),
        "schedule": entry.words,
        "enabled": task.enabled,
        "paused": entry.paused and not task.enabled,
        "last_run_at": task.last_run_at,
        "next_run_at": entry.forecast.next_at,
        "overdue": entry.forecast.overdue,
        "problem": entry.problem or None,
        "arguments": redact(dict(entry.arguments)) if entry.arguments is not None else None,
        "can_run": not cannot_run,
        "description": redact_text(task.description),
    }
    if entry.positional:
        shown["positional_arguments"] = redact(list(entry.positional))
    if cannot_run:
        shown["cannot_run_because"] = cannot_run
    identity_id = row_id((entry.arguments or {}).get("identity_id"))
    if identity_id is not None:
        shown["identity_id"] = identity_id
    return shown


def beat_as_json(state: BeatState) -> dict[str, Any]:
    """Return how beat is doing as the API has it."""
    return {
        "status": state.status,
        "since": state.since,
        "last_run_at": state.last_run_at,
        "missed": [entry.id for entry in state.missed],
    }
