"""The stand-in's maintenance: deletes the history of what the scout has watched, one file a day, when it is old."""

from datetime import date, timedelta
from pathlib import Path
from typing import Final

from demo.core_ingest import Result

TASK: Final = "maintenance.cleanup_scout_watch_history"
FOLDER: Final = "watch-history"
# Another run holds it.
LOCK: Final = "lock"


class HistoryLockedError(Exception):
    """Another run is at the history; it can be tried again."""


def cleanup_history(archive: Path, retention_days: int, *, today: date) -> Result:
    """Delete the days that are older than the retention.

    Args:
        archive: Where the demonstration keeps its files.
        retention_days: How many days stay, today not counted.
        today: The day, UTC.

    Returns:
        What the core's task returns.

    Raises:
        HistoryLockedError: Another run is at it.
    """
    folder = archive / FOLDER
    if (folder / LOCK).exists():
        raise HistoryLockedError("The watch history is locked by another run.")
    oldest = today - timedelta(days=retention_days)
    old = [day for day in folder.glob("????-??-??.jsonl") if date.fromisoformat(day.stem) < oldest]
    for day in old:
        day.unlink(missing_ok=True)
    return {"status": "success", "deleted": len(old)}
