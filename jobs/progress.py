"""How far a job has come: reported by its task, or observed from what has arrived in the database."""

from typing import Any, Final, Literal

from django.db.models.functions import Now

from jobs import subjects
from jobs.models import Dispatch, Job, Outcome
from jobs.subjects import Watermarks
from opsconsole.redaction import redact_text

REPORTED: Final = "reported"
OBSERVED: Final = "observed"
MAX_UNIT_LENGTH: Final = 32


def report(dispatch: Dispatch, meta: Any) -> bool:
    """Keep what a task said with `update_state(state="PROGRESS", meta={"current", "total", "unit"})`.

    Returns:
        Whether the numbers were usable.
    """
    if not isinstance(meta, dict):
        return False
    current, total = _whole(meta.get("current")), _whole(meta.get("total"))
    if current is None:
        return False
    unit = meta.get("unit")
    _write(dispatch, current, total, unit if isinstance(unit, str) else "messages", REPORTED)
    return True


def observe(dispatch: Dispatch, payload: Any) -> None:
    """Count what has arrived for the job's subject since it was dispatched, for a task that says nothing."""
    if dispatch.conversations_watermark is None or dispatch.messages_watermark is None:
        return
    since = Watermarks(conversations=dispatch.conversations_watermark, messages=dispatch.messages_watermark)
    arrived = subjects.registered().arrived(payload, since)
    if arrived is not None:
        _write(dispatch, arrived.messages, None, "messages", OBSERVED)


def observe_all(dispatches: list[Dispatch]) -> None:
    """Observe the progress of attempts whose tasks report none; a query each, and one for their payloads."""
    payloads = dict(Job.objects.filter(pk__in=[d.job_id for d in dispatches]).values_list("pk", "payload_json"))
    for dispatch in dispatches:
        observe(dispatch, payloads.get(dispatch.job_id))


def at_the_end(dispatch: Dispatch, outcome: str) -> dict[str, Any]:
    """Return the progress columns of an attempt that has ended: a task that is done has done all that it counted."""
    if outcome == Outcome.DONE and dispatch.progress_source == REPORTED and dispatch.progress_total:
        return {"progress_current": dispatch.progress_total, "progress_at": Now()}
    return {}


def as_json(row: dict[str, Any]) -> dict[str, Any] | None:
    """Return the `progress` of an answer from a dispatch's columns, or None when nothing is known."""
    current, total = row["progress_current"], row["progress_total"]
    if current is None:
        return None
    progress: dict[str, Any] = {
        "current": current,
        "unit": row["progress_unit"],
        "source": row["progress_source"],
        "updated_at": row["progress_at"],
    }
    if total:
        progress |= {"total": total, "percent": percent(current, total)}
    return progress


def percent(current: int, total: int) -> int:
    """Return how many per cent are done, never more than 100."""
    return min(100, current * 100 // total) if total > 0 else 0


def total_of(parts: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the summed progress of several jobs; a total only where every one of them knows its own.

    None where they count different things: files and bytes have no sum.
    """
    known = [part for part in parts if part]
    if len({part["unit"] for part in known}) != 1:
        return None
    current = sum(part["current"] for part in known)
    summed: dict[str, Any] = {
        "current": current,
        "unit": known[0]["unit"],
        "source": REPORTED if all(part["source"] == REPORTED for part in known) else OBSERVED,
        "updated_at": max(part["updated_at"] for part in known),
    }
    if len(known) == len(parts) and all("total" in part for part in known):
        total = sum(part["total"] for part in known)
        summed |= {"total": total, "percent": percent(current, total)}
    return summed


def _write(
    dispatch: Dispatch, current: int, total: int | None, unit: str, source: Literal["reported", "observed"]
) -> None:
    Dispatch.objects.filter(pk=dispatch.pk, ended_at=None).update(
        progress_current=current,
        progress_total=total,
        progress_unit=redact_text(unit)[:MAX_UNIT_LENGTH],
        progress_source=source,
        progress_at=Now(),
    )


def _whole(value: Any) -> int | None:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 2**53:
        return int(value)
    return None
