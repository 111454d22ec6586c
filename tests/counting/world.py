"""Having the background count come to its end at once, and counting plainly to compare."""

from datetime import timedelta

from django.db import connection
from django.utils import timezone

from identities.counting import position, totals
from identities.counting.advance import advance
from identities.counting.recount import recount
from identities.models import CountingState, IdentityCounts
from tests.waiting import wait_until

Numbers = dict[int, tuple[int, int]]


def time_passes() -> None:
    """Have the horizon be old enough."""
    CountingState.objects.exclude(horizon_at=None).update(horizon_at=timezone.now() - timedelta(minutes=1))


def advance_on() -> bool:
    """Advance once after some time; say whether everything that can be seen is counted."""
    advance()
    time_passes()
    at = position.look()
    return at.exists and at.counted_as_of is not None and at.horizon_id is None and at.counted_id == at.newest_id


def add_up() -> None:
    totals._pace.wrote_at = float("-inf")
    assert totals.refresh()


def count_new() -> None:
    """Count all new messages. Another session, as autovacuum's, may hold it up."""
    wait_until(advance_on, message="all messages counted")
    add_up()


def recount_all() -> None:
    """Have a whole recount, whatever the tally says."""
    long_ago = timezone.now() - timedelta(days=2)
    CountingState.objects.update(recount_position=None, recount_began_at=long_ago, recounted_at=None)
    wait_until(lambda: recount() and CountingState.objects.get().recounted_at, message="everything recounted")
    add_up()


def written_is_known() -> None:
    """Have PostgreSQL add this session's writes to its tally now."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")


def counted() -> Numbers:
    """Return conversations and messages by identity as they are kept."""
    return {row.identity_id: (row.conversations, row.messages) for row in IdentityCounts.objects.all()}


def plainly() -> Numbers:
    """Return conversations and messages by identity, counted one by one."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT i.id, count(DISTINCT c.id), count(m.id) FROM identities i
              LEFT JOIN conversations c ON c.identity_id = i.id AND c.deleted_at IS NULL
              LEFT JOIN messages m ON m.conversation_id = c.id AND m.deleted_at IS NULL
             GROUP BY i.id
            """
        )
        return {pk: (conversations, messages) for pk, conversations, messages in cursor.fetchall()}
