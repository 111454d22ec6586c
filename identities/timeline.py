"""What has happened to an identity: syncs, backfills and their failures, and changes of its schedule, newest first."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from identities.models import SyncAttempt
from identities.sync_history import attempts_of
from jobs import catalog
from opsconsole.audit import AuditLog, entries_about
from opsconsole.far_times import EARLIEST

TRACKED: Final = 50
SHOWN: Final = 30
_CHANGES: Final = "schedule.change"


@dataclass(frozen=True, kw_only=True)
class Happening:
    """One thing that happened: an attempt at a sync or backfill that has ended, or a change of the schedule."""

    at: datetime | None
    attempt: SyncAttempt | None = None
    title: str = ""
    change: AuditLog | None = None
    words: str = ""


def timeline(identity_id: int, attempts: list[SyncAttempt]) -> list[Happening]:
    """Return the newest things that happened to an identity; two queries.

    Args:
        identity_id: the identity.
        attempts: its newest ones.
    """
    titles = catalog.titles()
    found = [
        Happening(at=each.ended_at, attempt=each, title=titles.get(each.job_type, each.job_type))
        for each in attempts[:SHOWN]
    ]
    found += [
        Happening(at=row.ts, change=row, words=_change_in_words(row))
        for row in entries_about("identity", identity_id, limit=SHOWN)
        if row.action_type == _CHANGES
    ]
    return sorted(found, key=lambda each: each.at or EARLIEST, reverse=True)[:SHOWN]


def tracked(identity_id: int) -> list[SyncAttempt]:
    """Return the last attempts at syncs and backfills of an identity, newest first; one query."""
    return attempts_of(identity_id, limit=TRACKED)


def _change_in_words(row: AuditLog) -> str:
    request = row.request_json if isinstance(row.request_json, dict) else {}
    if row.result != "ok":
        return f"Schedule not changed: {row.error_detail or 'refused'}"
    before, after = request.get("from"), request.get("to")
    if not isinstance(after, dict):
        return "Own schedule deleted; the general one holds again."
    if not after.get("enabled"):
        return "Schedule switched off."
    when = after.get("schedule")
    if not isinstance(before, dict):
        return f"Own schedule made: {when}."
    if before.get("schedule") != when:
        return f"Schedule changed from {before.get('schedule')} to {when}."
    return f"Schedule switched on: {when}."
