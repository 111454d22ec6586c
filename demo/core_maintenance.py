"""The stand-in's maintenance: deletes old watch history, which has one file for each day."""

from datetime import date, timedelta
from pathlib import Path
from typing import Final

from demo.core_ingest import Result

TASK: Final = "maintenance.cleanup_scout_watch_history"
FOLDER: Final = "watch-history"
# The file exists while another run works on the history.
LOCK: Final = "lock"


class HistoryLockedError(Exception):
    """Another run works on the history. Try again later."""


def cleanup_history(archive: Path, retention_days: int, *, today: date) -> Result:
    """Delete the days that are older than the retention.

    Args:
        archive: The folder where the demonstration keeps its files.
        retention_days: How many days to keep, not counting today.
        today: Today in UTC.

    Returns:
        The result of the core's task.

    Raises:
        HistoryLockedError: Another run works on the history.
    """
    folder = archive / FOLDER
    if (folder / LOCK).exists():
        raise HistoryLockedError("The watch history is locked by another run.")
    oldest = today - timedelta(days=retention_days)
    old = [day for day in folder.glob("????-??-??.jsonl") if date.fromisoformat(day.stem) < oldest]
    for day in old:
        day.unlink(missing_ok=True)
    return {"status": "success", "deleted": len(old)}
