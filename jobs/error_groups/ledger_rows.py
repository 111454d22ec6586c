"""Failed rows of the ledger that no attempt has told of: others have written them, or they were there before.

The ledger is walked by id in slices, from its newest row down: at first and once an hour all of it, and every minute
its newest rows, and only when somebody has written to it since.
"""

import time
from datetime import timedelta
from typing import Final

import structlog
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.utils import timezone

from jobs import counts, queries
from jobs.error_groups.folding import KEPT, READ_LENGTH, Failure, fold
from jobs.error_groups.telling import FAILURES
from jobs.models import FAILED
from opsconsole.fields import parse_json
from opsconsole.schema import enums

logger = structlog.get_logger(__name__)

LOOK_EVERY_SECONDS: Final = 2.0
NEWEST_EVERY_SECONDS: Final = 60.0
ALL_EVERY_SECONDS: Final = 3_600.0
# Ids that are looked through at once, and failed ones among them that are folded at once.
SLICE: Final = 10_000
FOLDED_AT_ONCE: Final = 200
BUDGET_SECONDS: Final = 0.3
CLOCKS_DIFFER_BY: Final = timedelta(days=1)

# The attempt's own end is what was told of it, where with it the job has failed.
_ROWS: Final = """
    SELECT found.id, found.dispatch_id, found.failed_at, found.job_type, found.error, found.payload
      FROM (SELECT jobs.id, jobs.job_type, left(jobs.last_error, %(length)s) AS error,
                   jobs.payload_json::text AS payload, COALESCE(d.id, 0) AS dispatch_id,
                   CASE WHEN d.outcome = ANY(%(failures)s) THEN d.ended_at
                        ELSE jobs.updated_at::timestamptz END AS failed_at
              FROM jobs
              LEFT JOIN LATERAL (SELECT id, ended_at, outcome FROM jobs_dispatch
                                  WHERE job_id = jobs.id ORDER BY id DESC LIMIT 1) AS d ON true
             WHERE jobs.id > %(above)s AND jobs.id <= %(upto)s AND jobs.status = %(status)s) AS found
      LEFT JOIN jobs_failedjob known ON known.job_id = found.id
     WHERE found.failed_at > %(since)s AND found.failed_at < %(until)s
       AND (known.job_id IS NULL
            OR (found.dispatch_id, found.failed_at) > (known.dispatch_id, known.failed_at))
     ORDER BY found.id DESC LIMIT %(limit)s
"""


class FailedRows:
    """What one process has seen of the ledger's rows."""

    def __init__(self) -> None:
        self._tally: int | None = None
        self._upto: int | None = None
        self._down_to = 0
        self._began_at = self._began_all_at = float("-inf")

    def look(self) -> int:
        """Fold failed rows that are not known, as far as one step's time goes; return how many.

        No query between two walks, and one where nobody has written to the ledger since.
        """
        if self._upto is None and not self._begin():
            return 0
        ends = time.monotonic() + BUDGET_SECONDS
        folded = 0
        while self._upto is not None and time.monotonic() < ends:
            folded += self._slice(self._upto)
        return folded

    def _begin(self) -> bool:
        """Begin a walk, when its time has come and there may be anything new."""
        now = time.monotonic()
        if now - self._began_at < NEWEST_EVERY_SECONDS:
            return False
        self._began_at = now
        tally = counts.tally()
        everything = now - self._began_all_at >= ALL_EVERY_SECONDS
        # What is written while it walks is found by the next walk: the tally is from before.
        if tally and tally == self._tally and not (everything and self._down_to):
            return False
        if not enums.accepts("jobs", "status", FAILED):
            return False
        newest = _newest_id()
        self._tally, self._upto = tally, newest
        self._down_to = 0 if everything else max(0, newest - queries.RECENT_IDS)
        if everything:
            self._began_all_at = now
        return True

    def _slice(self, upto: int) -> int:
        """Fold what is new among the next ids."""
        above = max(self._down_to, upto - SLICE)
        found = _rows(above, upto)
        folded = _fold_what_can_be(found)
        if len(found) == FOLDED_AT_ONCE:
            self._upto = found[-1].job_id - 1
        else:
            self._upto = above if above > self._down_to else None
        return folded


def _fold_what_can_be(failures: list[Failure]) -> int:
    """Fold failures, and where the database refuses one, the others; return how many."""
    try:
        return fold(failures)
    except (OperationalError, InterfaceError):
        raise
    except (DatabaseError, ValueError):
        if len(failures) == 1:
            logger.exception("failure.not_folded", job=failures[0].job_id)
            return 0
    return sum(_fold_what_can_be([failure]) for failure in failures)


def _newest_id() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT COALESCE(max(id), 0) FROM jobs")
        (newest,) = cursor.fetchone()
    return int(newest)


def _rows(above: int, upto: int) -> list[Failure]:
    """Return failures between two ids that are not known, newest id first; one query."""
    with connection.cursor() as cursor:
        cursor.execute(
            _ROWS,
            {
                "length": READ_LENGTH,
                "failures": [str(outcome) for outcome in FAILURES],
                "above": above,
                "upto": upto,
                "status": FAILED,
                "since": timezone.now() - KEPT,
                # Later ones are no times at all, and some none that Python knows.
                "until": timezone.now() + CLOCKS_DIFFER_BY,
                "limit": FOLDED_AT_ONCE,
            },
        )
        return [
            Failure(
                job_id=job_id,
                dispatch_id=dispatch_id,
                failed_at=failed_at,
                job_type=job_type,
                error=error,
                payload=parse_json(payload),
            )
            for job_id, dispatch_id, failed_at, job_type, error, payload in cursor.fetchall()
        ]
