"""Counting new messages by id, from where it stood.

Ids become visible out of order: a transaction that took a lower one may commit later. So the highest id is remembered
as a horizon, and is counted up to once all transactions have ended that may hold an id below it.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.db import connection
from django.db.models.functions import Greatest

from identities.counting import totals
from identities.counting.position import STATE_ID, Position, alone, look, note
from opsconsole.far_times import held

BUDGET_SECONDS: Final = 0.2
SLICE_SECONDS: Final = 0.2
"""How long one transaction should take."""
LEAST_SLICE: Final = 5_000
LARGEST_SLICE: Final = 200_000
GRACE: Final = timedelta(seconds=2)
"""How long a transaction may take from its id to its number: it has none before it writes."""
ARRIVALS_KEPT_HOURS: Final = 25

Step = Callable[[Position], None]


@dataclass
class _Pace:
    """How many messages this process counts in one transaction; a larger one changes each conversation less often."""

    slice: int = 10_000

    def adapt(self, seconds: float) -> None:
        """Have the next slice take about SLICE_SECONDS, knowing how long a whole one has taken."""
        wanted = int(self.slice * min(SLICE_SECONDS / max(seconds, 0.001), 2.0))
        self.slice = min(max(wanted, LEAST_SLICE), LARGEST_SLICE)


_pace = _Pace()


def advance() -> int:
    """Count what has become countable, as far as one step's time goes; of several who try at once, one counts.

    Returns:
        How many slices were counted.
    """
    ends = time.monotonic() + BUDGET_SECONDS
    slices = 0
    more = _next_step(look()) is not None
    while more:
        with alone() as position:
            step = _next_step(position) if position else None
            if position is None or step is None:
                break
            step(position)
        if step is _count_slice:
            slices += 1
            totals.changed()
        more = time.monotonic() < ends
    return slices


def _next_step(at: Position) -> Step | None:
    """Return what is to be done next; None when there is nothing, or nothing yet."""
    if not at.exists:
        return _begin
    if at.newest_id < at.counted_id:
        return _fall_back
    if at.horizon_id is None or at.horizon_at is None:
        if at.newest_id == at.counted_id:
            return None if at.counted_as_of else _find_nothing
        return _look_ahead
    if at.horizon_xid is None or at.horizon_xid >= at.unused_xid:
        # A number that nobody has come to yet is another server's, from which this database was restored.
        return _note_transactions if at.now - at.horizon_at >= GRACE else None
    return _count_slice if at.oldest_xid >= at.horizon_xid else None


def _begin(at: Position) -> None:
    """Begin the first count. It is as good as a whole recount that begins now."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO identities_countingstate (id, counted_id, recount_began_at, recount_tally)
            VALUES (%s, 0, now(), %s)
            """,
            [STATE_ID, at.tally],
        )


def _find_nothing(at: Position) -> None:
    """There was no message to begin with: this is counted."""
    note(counted_as_of=at.now)


def _fall_back(at: Position) -> None:
    """The newest messages are gone. What may come with their ids is counted; what had them, the recount takes off."""
    note(
        counted_id=at.newest_id,
        horizon_id=None,
        horizon_xid=None,
        horizon_at=None,
        # No tally is negative. After a TRUNCATE it tells nothing.
        recount_tally=-1,
        recounting_tally=-1,
    )


def _look_ahead(at: Position) -> None:
    """Remember how far the ids go. Whoever took a lower one has done so by now."""
    note(horizon_id=at.newest_id, horizon_xid=None, horizon_at=at.now)


def _note_transactions(_: Position) -> None:
    """Remember which transactions have begun by now: whoever took an id below the horizon is among them."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()::text::bigint")
        (xid,) = cursor.fetchone()
    note(horizon_xid=xid)


def _count_slice(at: Position) -> None:
    """Count the next ids below the horizon."""
    began = time.monotonic()
    last_id = _slice_end(at)
    _add(at.counted_id, last_id)
    note(counted_id=last_id)
    if last_id != at.horizon_id:
        _pace.adapt(time.monotonic() - began)
        return
    as_of = Greatest("counted_as_of", "horizon_at")
    note(counted_as_of=as_of, horizon_id=None, horizon_xid=None, horizon_at=None)


def _slice_end(at: Position) -> int:
    """Return the last id of the next slice: a number of messages, not of ids, which may have wide gaps."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT COALESCE((SELECT id FROM messages WHERE id > %(above)s AND id <= %(horizon)s
                              ORDER BY id OFFSET %(others)s LIMIT 1), %(horizon)s)
            """,
            {"above": at.counted_id, "horizon": at.horizon_id, "others": _pace.slice - 1},
        )
        (last_id,) = cursor.fetchone()
    return int(last_id)


def _add(above_id: int, last_id: int) -> None:
    """Add the messages between two ids to the counts of conversations and of arrivals by identity and time.

    A message's identity is its conversation's. A time in the future counts as now. A message counts for its
    conversation, but not as an arrival, if Python can't represent its time.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH arrived AS MATERIALIZED (
                SELECT conversation_id,
                       CASE WHEN {held("created_at")} THEN LEAST(created_at::timestamptz, now()) END AS at
                  FROM messages WHERE id > %(above)s AND id <= %(last)s AND deleted_at IS NULL),
            by_conversation AS MATERIALIZED (
                SELECT conversation_id, count(*) AS messages, max(at) AS newest_at
                  FROM arrived GROUP BY conversation_id),
            conversations_added AS (
                INSERT INTO identities_conversationcount AS known (conversation_id, messages)
                SELECT conversation_id, messages FROM by_conversation
                ON CONFLICT (conversation_id) DO UPDATE SET messages = known.messages + excluded.messages),
            arrivals_added AS (
                INSERT INTO identities_messagearrivals AS known (identity_id, slot, messages)
                SELECT c.identity_id, to_timestamp(floor(extract(epoch FROM arrived.at) / 900) * 900) AS slot, count(*)
                  FROM arrived JOIN conversations c ON c.id = arrived.conversation_id
                 WHERE arrived.at > now() - make_interval(hours => %(hours)s)
                 GROUP BY c.identity_id, slot
                ON CONFLICT (identity_id, slot) DO UPDATE SET messages = known.messages + excluded.messages)
            INSERT INTO identities_identitycounts AS known
                   (identity_id, conversations, messages, new_messages_24h, newest_message_at, as_of)
            SELECT c.identity_id, 0, 0, 0, max(n.newest_at), now()
              FROM by_conversation n JOIN conversations c ON c.id = n.conversation_id
             GROUP BY c.identity_id
            ON CONFLICT (identity_id) DO UPDATE
               SET newest_message_at = GREATEST(known.newest_message_at, excluded.newest_message_at)
            RETURNING xmax = 0
            """,
            {"above": above_id, "last": last_id, "hours": ARRIVALS_KEPT_HOURS},
        )
        # A row that is new has only this slice's date: its numbers go in before anybody sees it.
        if any(inserted for (inserted,) in cursor.fetchall()):
            totals.write()
