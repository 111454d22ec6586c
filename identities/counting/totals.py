"""Adding conversations up to one row per identity."""

import time
from dataclasses import dataclass
from typing import Final

from django.db import connection

from identities.counting.position import STATE_ID, alone

MIN_INTERVAL_SECONDS: Final = 5.0
MAX_INTERVAL_SECONDS: Final = 60.0
# Adding up may take a twentieth of one process's time at the most.
INTERVAL_PER_SECOND: Final = 20.0


@dataclass
class _Pace:
    """When this process last added up, how long that took, and whether it has counted anything since."""

    wrote_at: float = float("-inf")
    last_seconds: float = 0.0
    changed: bool = False

    def due(self) -> bool:
        """Whether enough time has passed."""
        shortest = MIN_INTERVAL_SECONDS if self.changed else MAX_INTERVAL_SECONDS
        return time.monotonic() - self.wrote_at >= max(shortest, self.last_seconds * INTERVAL_PER_SECOND)


_pace = _Pace()


def changed() -> None:
    """Have the totals added up soon: a count has changed."""
    _pace.changed = True


def refresh() -> bool:
    """Add up, when counts have changed or a minute has passed; of several who try at once, one does.

    Returns:
        Whether this call has.
    """
    if not _pace.due():
        return False
    with alone() as position:
        if position is None or not position.exists:
            return False
        began = time.monotonic()
        write()
    _pace.wrote_at = time.monotonic()
    _pace.last_seconds = _pace.wrote_at - began
    _pace.changed = False
    return True


def write() -> None:
    """Bring the rows of all identities up to date, inside a transaction that counts alone.

    While no message lies above those that are counted, they are all counted as of now. Until the first count is done
    there is no such moment.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE identities_countingstate SET counted_as_of = now()
             WHERE id = %s AND counted_as_of IS NOT NULL AND counted_id = COALESCE((SELECT max(id) FROM messages), 0)
            """,
            [STATE_ID],
        )
        # The window moves by whole slots: the first one began within the last 24 hours.
        cursor.execute(
            """
            WITH added AS (
                SELECT c.identity_id, count(*) AS conversations, COALESCE(sum(known.messages), 0)::bigint AS messages
                  FROM conversations c LEFT JOIN identities_conversationcount known ON known.conversation_id = c.id
                 WHERE c.deleted_at IS NULL GROUP BY c.identity_id),
            arrived AS (
                SELECT identity_id, sum(messages)::bigint AS messages FROM identities_messagearrivals
                 WHERE slot >= now() - interval '24 hours' GROUP BY identity_id),
            pruned AS (DELETE FROM identities_messagearrivals WHERE slot < now() - interval '25 hours'),
            gone AS (
                DELETE FROM identities_identitycounts known
                 WHERE NOT EXISTS (SELECT FROM identities i WHERE i.id = known.identity_id))
            INSERT INTO identities_identitycounts (identity_id, conversations, messages, new_messages_24h, as_of)
            SELECT i.id, COALESCE(added.conversations, 0), COALESCE(added.messages, 0), COALESCE(arrived.messages, 0),
                   (SELECT counted_as_of FROM identities_countingstate WHERE id = %s)
              FROM identities i LEFT JOIN added ON added.identity_id = i.id
                                LEFT JOIN arrived ON arrived.identity_id = i.id
            ON CONFLICT (identity_id) DO UPDATE
               SET conversations = excluded.conversations, messages = excluded.messages,
                   new_messages_24h = excluded.new_messages_24h, as_of = excluded.as_of
            """,
            [STATE_ID],
        )
