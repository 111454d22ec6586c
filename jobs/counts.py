"""How many jobs there are of each status, without counting the ledger while somebody waits.

A small snapshot is counted in the background, by the index on (status, next_run_at), and is exact as of its moment.
What the console changes since is kept beside it and folded in by the next count, in the same database snapshot, so
that nothing counts twice. While nobody writes to the ledger, nothing is counted: PostgreSQL keeps a tally of the rows
that were inserted, updated and deleted, and the snapshot remembers how far that was.
"""

import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import InternalError, connection, transaction
from django.utils import timezone

from jobs.models import STATUSES

MIN_INTERVAL_SECONDS: Final = 5.0
# The background count may take a twentieth of one process's time at the most.
INTERVAL_PER_COUNTING_SECOND: Final = 20.0
# A session's writes show in PostgreSQL's tally when it has been idle for ten seconds, at the latest
# (PGSTAT_IDLE_INTERVAL in its source).
TALLY_DELAY_SECONDS: Final = 10.0
# Characters of a status that are kept. An index takes no row of more than 2,704 bytes.
MAX_STATUS_LENGTH: Final = 600
_LOCK_KEY: Final = 0x6F7073_01
# 0 where nobody keeps a tally, as for a view.
_TALLY: Final = """
    (SELECT pg_stat_get_tuples_inserted(oid) + pg_stat_get_tuples_updated(oid) + pg_stat_get_tuples_deleted(oid)
       FROM (SELECT to_regclass('jobs')::oid AS oid) AS ledger)
"""


@dataclass
class _Pace:
    """How long the last count of this process took, which says how soon the next one may be."""

    last_seconds: float = 0.0


_pace = _Pace()


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Jobs by status as of a moment; `as_of` is None when nobody has counted yet."""

    by_status: dict[str, int]
    as_of: datetime | None

    @property
    def total(self) -> int:
        """Jobs of every status."""
        return sum(self.by_status.values())

    @property
    def other(self) -> int:
        """Jobs whose status this console doesn't know."""
        return sum(count for status, count in self.by_status.items() if status not in STATUSES)

    def of(self, statuses: tuple[str, ...]) -> int:
        """Jobs that have one of the statuses (`other` stands for all unknown ones); of all when none is named."""
        if not statuses:
            return self.total
        return sum(self.other if status == "other" else self.by_status.get(status, 0) for status in statuses)


def current() -> Counts:
    """Return the last snapshot with the console's own changes since; one query, whatever the ledger's size.

    Where nobody has counted yet (a new installation whose sweeper has not run) it is counted now, once.
    """
    counts = _read()
    if counts.as_of is None:
        # A read-only database keeps no snapshot.
        with suppress(InternalError):
            refresh(max_age_seconds=0)
        counts = _read()
    return counts


def tally() -> int | None:
    """Return how many rows of the ledger were ever written, as PostgreSQL keeps the tally; one query.

    A write shows in it ten seconds later at the latest. None or 0 where nobody keeps one.
    """
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {_TALLY}")
        (found,) = cursor.fetchone()
    return None if found is None else int(found)


def refresh(*, max_age_seconds: float = MIN_INTERVAL_SECONDS) -> bool:
    """Count the ledger again unless the snapshot is younger; of several who try at once, one counts.

    Args:
        max_age_seconds: how old the snapshot may be; the age grows with how long counting takes.

    Returns:
        Whether this call has counted.
    """
    slowly = _pace.last_seconds * INTERVAL_PER_COUNTING_SECOND if max_age_seconds else 0
    age = max(max_age_seconds, slowly)
    with transaction.atomic(), connection.cursor() as cursor:
        # The row without a status stands for all of them; its count is the tally. A status, which may be an empty text,
        # is stored with a colon before it.
        cursor.execute(f"SELECT max(as_of), COALESCE(max(count), 0), {_TALLY} FROM jobs_statuscount WHERE status = ''")
        as_of, counted_tally, tally = cursor.fetchone()
        unchanged = bool(max_age_seconds and tally and tally == counted_tally)
        if unchanged:
            age += TALLY_DELAY_SECONDS
        if as_of is not None and as_of > timezone.now() - timedelta(seconds=age):
            return False
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK_KEY])
        if not cursor.fetchone()[0]:
            return False
        if unchanged:
            cursor.execute(
                "UPDATE jobs_statuscount SET as_of = GREATEST(as_of, now() - make_interval(secs => %s))",
                [TALLY_DELAY_SECONDS],
            )
            return False
        started = time.monotonic()
        # One statement has one snapshot: the changes that it folds in are exactly those that it has counted.
        cursor.execute(
            """
            WITH counted AS (SELECT ':' || left(status::text, %s) AS status, sum(count) AS count
                               FROM (SELECT status, count(*) AS count FROM jobs GROUP BY jobs.status) AS whole
                              GROUP BY 1),
                 folded AS (DELETE FROM jobs_statuschange),
                 gone AS (DELETE FROM jobs_statuscount
                           WHERE status <> '' AND status NOT IN (SELECT status FROM counted)),
                 marked AS (SELECT status, count FROM counted UNION ALL SELECT '', %s)
            INSERT INTO jobs_statuscount (status, count, as_of)
            SELECT status, count, statement_timestamp() FROM marked
            ON CONFLICT (status) DO UPDATE SET count = excluded.count, as_of = excluded.as_of
            """,
            # As it was before: what is written meanwhile has to be counted the next time.
            [MAX_STATUS_LENGTH, tally or 0],
        )
        _pace.last_seconds = time.monotonic() - started
    return True


def _read() -> Counts:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT status, sum(count)::bigint, max(as_of)
              FROM (SELECT status, count, as_of FROM jobs_statuscount
                    UNION ALL SELECT ':' || left(status, %s), change, NULL FROM jobs_statuschange) AS known
             GROUP BY status
            """,
            [MAX_STATUS_LENGTH],
        )
        rows = cursor.fetchall()
    # The row without a status says that somebody has counted, also when the ledger is empty.
    return Counts(
        by_status={status[1:]: max(count, 0) for status, count, _ in rows if status},
        as_of=max((as_of for _, _, as_of in rows if as_of), default=None),
    )
