"""Progress of a job: reported by its task, or observed from the rows that have arrived in the database.

Unknown progress is not 0. The core commits only at the end of a task, so until then no rows are observed, however far
the task is. So an observed 0 means that progress is unknown. A reported 0 means 0.
"""

from collections.abc import Iterable
from typing import Any, Final, Literal

from django.db.models.functions import Now

from jobs import subjects
from jobs.models import Dispatch, Outcome
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
    """Count the rows that have arrived for a job's subject since its dispatch, for a task that reports no progress.

    A count of 0 is not stored, because it says nothing about the task.

    Args:
        dispatch: the attempt.
        payload: the job's payload, any JSON value.
    """
    if dispatch.conversations_watermark is None or dispatch.messages_watermark is None:
        return
    since = Watermarks(conversations=dispatch.conversations_watermark, messages=dispatch.messages_watermark)
    arrived = subjects.registered().arrived(payload, since)
    if arrived is not None and arrived.messages:
        _write(dispatch, arrived.messages, None, "messages", OBSERVED)


def at_the_end(dispatch: Dispatch, outcome: str, result: Any) -> dict[str, Any]:
    """Return the final progress columns of an attempt, from the task's own numbers.

    Args:
        dispatch: the attempt, as it was before its end.
        outcome: how it ended, one of jobs.models.Outcome.
        result: what its task returned, any JSON value.

    Returns:
        The columns to set; empty if progress stays as it is.
    """
    if dispatch.progress_source == REPORTED:
        # A task that is done has reached its total, even if it didn't report that.
        if outcome == Outcome.DONE and dispatch.progress_total:
            return {"progress_current": dispatch.progress_total, "progress_at": Now()}
        return {}
    synced = _whole(result.get("messages_synced")) if isinstance(result, dict) else None
    if outcome not in (Outcome.DONE, Outcome.PARTIAL) or synced is None:
        return {}
    return {
        "progress_current": synced,
        "progress_total": synced,
        "progress_unit": "messages",
        "progress_source": REPORTED,
        "progress_at": Now(),
    }


def as_json(row: dict[str, Any]) -> dict[str, Any] | None:
    """Return the `progress` of an API answer from a dispatch's columns, or None if it isn't known."""
    current, total = row["progress_current"], row["progress_total"]
    if current is None or (not current and row["progress_source"] == OBSERVED):
        return None
    progress: dict[str, Any] = {
        "current": current,
        "unit": row["progress_unit"],
        "source": row["progress_source"],
        "updated_at": row["progress_at"],
    }
    if total is not None:
        progress |= _of_total(current, total)
    return progress


def total_of(parts: Iterable[dict[str, Any] | None]) -> dict[str, Any] | None:
    """Return the summed progress of several jobs, or None if it isn't known.

    The sum is unknown if no job's progress is known, or if jobs count different units, such as files and bytes. There
    is a total only if every job's total is known.

    Args:
        parts: each job's progress, as `as_json` returns it; None for a job whose progress isn't known.

    Returns:
        The sum, in the form that `as_json` returns.
    """
    every = list(parts)
    known = [part for part in every if part is not None]
    if len({part["unit"] for part in known}) != 1:
        return None
    current = sum(part["current"] for part in known)
    summed: dict[str, Any] = {
        "current": current,
        "unit": known[0]["unit"],
        "source": REPORTED if all(part["source"] == REPORTED for part in known) else OBSERVED,
        "updated_at": max(part["updated_at"] for part in known),
    }
    if len(known) == len(every) and all("total" in part for part in known):
        # A job beyond its own total must not hide what another one still has to do.
        done = sum(min(part["current"], part["total"]) for part in known)
        summed |= _of_total(done, sum(part["total"] for part in known))
    return summed


def _of_total(current: int, total: int) -> dict[str, int]:
    """Return the total and the percentage that is done; a total of 0 has no percentage."""
    return {"total": total, "percent": min(100, current * 100 // total)} if total > 0 else {"total": total}


def _write(
    dispatch: Dispatch, current: int, total: int | None, unit: str, source: Literal["reported", "observed"]
) -> None:
    """Store an attempt's progress if it has changed."""
    found = {
        "progress_current": current,
        "progress_total": total,
        "progress_unit": redact_text(unit)[:MAX_UNIT_LENGTH],
        "progress_source": source,
    }
    if any(getattr(dispatch, name) != value for name, value in found.items()):
        Dispatch.objects.filter(pk=dispatch.pk, ended_at=None).update(**found, progress_at=Now())


def _whole(value: Any) -> int | None:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 2**53:
        return int(value)
    return None
