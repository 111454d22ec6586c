"""How far the counting has come, and what the database says about how far it can go."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import connection, transaction

from identities.models import CountingState

STATE_ID: Final = 1
_LOCK_KEY: Final = 0x6F7073_02
# Nothing where nobody keeps a tally: of a view, or with track_counts off.
_TALLY: Final = """
    (SELECT pg_stat_get_tuples_updated(oid) + pg_stat_get_tuples_deleted(oid) FROM pg_class
      WHERE oid = to_regclass('messages') AND relkind = 'r' AND current_setting('track_counts')::boolean)
"""
_LOOK: Final = f"""
    SELECT s.id IS NOT NULL, COALESCE(s.counted_id, 0), s.counted_as_of, s.horizon_id, s.horizon_xid, s.horizon_at,
           s.recount_position, s.recount_began_at, s.recounted_at, s.recount_tally,
           COALESCE((SELECT max(id) FROM messages), 0),
           pg_snapshot_xmin(pg_current_snapshot())::text::bigint,
           pg_snapshot_xmax(pg_current_snapshot())::text::bigint,
           {_TALLY}, now()
      FROM (SELECT) AS nothing LEFT JOIN identities_countingstate s ON s.id = {STATE_ID}
"""


@dataclass(frozen=True)
class Position:
    """The row of `CountingState`, and beside it the database as it is at the same moment.

    Attributes:
        exists: whether anybody has begun to count.
        newest_id: the highest id of all messages that can be seen.
        oldest_xid: every transaction before this one has ended.
        unused_xid: no transaction from this one on has ended.
        tally: messages that were ever changed or deleted, as PostgreSQL keeps it; None where nobody does.
        now: when this was read.
    """

    exists: bool
    counted_id: int
    counted_as_of: datetime | None
    horizon_id: int | None
    horizon_xid: int | None
    horizon_at: datetime | None
    recount_position: int | None
    recount_began_at: datetime | None
    recounted_at: datetime | None
    recount_tally: int | None
    newest_id: int
    oldest_xid: int
    unused_xid: int
    tally: int | None
    now: datetime


def look() -> Position:
    """Return where the counting stands; one query, each part of it by a key."""
    with connection.cursor() as cursor:
        cursor.execute(_LOOK)
        return Position(*cursor.fetchone())


@contextmanager
def alone() -> Iterator[Position | None]:
    """Keep everybody else from counting for one transaction; yields None, at once, while somebody else is at it."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK_KEY])
            (alone,) = cursor.fetchone()
        # Another statement, and so another snapshot: what the last holder of the lock has done is seen.
        yield look() if alone else None


def note(**changes: object) -> None:
    """Write down how far it has come."""
    CountingState.objects.filter(pk=STATE_ID).update(**changes)
