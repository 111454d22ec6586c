"""Counting everything again, in slices, which finds what was deleted, undeleted or moved since it was counted.

Needed only when PostgreSQL's tally of messages changed and deleted has moved since the last time.
"""

import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.db import connection
from django.db.models import F
from django.db.models.functions import Now

from identities.counting import totals
from identities.counting.position import Position, alone, look, note

BUDGET_SECONDS: Final = 0.1
# A recount may take a twentieth of one process's time at the most.
REST_PER_SECOND: Final = 19.0
SLICE_CONVERSATIONS: Final = 500
SLICE_MESSAGES: Final = 5_000
MIN_INTERVAL: Final = timedelta(minutes=1)
# Where nobody keeps a tally.
INTERVAL_WITHOUT_TALLY: Final = timedelta(hours=1)
# Whatever the tally says: it is lost when PostgreSQL crashes, and ids may have been filled in below those counted.
MAX_INTERVAL: Final = timedelta(days=1)
_LAST_ID: Final = 2**63 - 1


@dataclass
class _Pace:
    """Until when this process leaves the recount alone."""

    rests_until: float = float("-inf")


_pace = _Pace()


def recount() -> int:
    """Begin a whole recount if one is due, or go on with it, as far as one step's time goes; one at a time.

    Returns:
        How many slices were recounted.
    """
    began = time.monotonic()
    if began < _pace.rests_until:
        return 0
    slices = 0
    more = _is_wanted(look())
    while more:
        with alone() as position:
            if position is None or not _is_wanted(position):
                break
            _recount_slice(position)
        slices += 1
        took = time.monotonic() - began
        _pace.rests_until = began + took + took * REST_PER_SECOND
        more = took < BUDGET_SECONDS
    return slices


def _is_wanted(at: Position) -> bool:
    """Whether one is under way or to begin."""
    return at.recount_position is not None or _is_due(at)


def _is_due(at: Position) -> bool:
    """Whether a whole recount is to begin: after the first count, and not sooner than the last one has taken."""
    if at.counted_as_of is None or at.recount_began_at is None:
        return False
    since = at.now - at.recount_began_at
    if since >= MAX_INTERVAL:
        return True
    if at.tally is None and at.recount_tally is None:
        return since >= INTERVAL_WITHOUT_TALLY
    ended = at.recounted_at or at.recount_began_at
    return at.tally != at.recount_tally and at.now - ended >= max(MIN_INTERVAL, ended - at.recount_began_at)


def _recount_slice(at: Position) -> None:
    begins = at.recount_position is None
    above_id = at.recount_position or 0
    last_id = _slice_end(above_id)
    if _write_differences(above_id, last_id or _LAST_ID, at.counted_id):
        totals.changed()
    if begins:
        # As it was before: what is changed meanwhile has to be found the next time.
        note(recount_began_at=at.now, recounting_tally=at.tally)
    if last_id is not None:
        note(recount_position=last_id)
        return
    note(recount_position=None, recounted_at=Now(), recount_tally=F("recounting_tally"))


def _slice_end(above_id: int) -> int | None:
    """Return the last conversation of the next slice, which has about SLICE_MESSAGES; None when it is the last one."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT max(id) FROM (
                SELECT c.id,
                       sum(COALESCE(known.messages, 0)) OVER (ORDER BY c.id) - COALESCE(known.messages, 0) AS before
                  FROM (SELECT id FROM conversations WHERE id > %s ORDER BY id LIMIT %s) AS c
                  LEFT JOIN identities_conversationcount known ON known.conversation_id = c.id) AS next
             WHERE before < %s
            """,
            [above_id, SLICE_CONVERSATIONS, SLICE_MESSAGES],
        )
        (last_id,) = cursor.fetchone()
    return None if last_id is None else int(last_id)


def _write_differences(above_id: int, last_id: int, counted_id: int) -> bool:
    """Recount the messages that are counted already of the conversations between two ids; say whether any differed."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH recounted AS MATERIALIZED (
                SELECT c.id, (SELECT count(*) FROM messages m WHERE m.conversation_id = c.id AND m.id <= %(counted)s
                                                                AND m.deleted_at IS NULL) AS messages
                  FROM conversations c WHERE c.id > %(above)s AND c.id <= %(last)s),
            gone AS (
                DELETE FROM identities_conversationcount known
                 WHERE known.conversation_id > %(above)s AND known.conversation_id <= %(last)s
                   AND NOT EXISTS (SELECT FROM recounted WHERE recounted.id = known.conversation_id)
                RETURNING 1),
            written AS (
                INSERT INTO identities_conversationcount (conversation_id, messages)
                SELECT recounted.id, recounted.messages
                  FROM recounted LEFT JOIN identities_conversationcount known ON known.conversation_id = recounted.id
                 WHERE recounted.messages <> COALESCE(known.messages, 0)
                ON CONFLICT (conversation_id) DO UPDATE SET messages = excluded.messages
                RETURNING 1)
            SELECT (SELECT count(*) FROM gone) + (SELECT count(*) FROM written)
            """,
            {"above": above_id, "last": last_id, "counted": counted_id},
        )
        (differences,) = cursor.fetchone()
    return bool(differences)
