"""How many jobs have ended by the hour, well and badly, within the last day.

Read from the newest jobs and the newest attempts by their ids, so many at the most: what a day holds, unless more
happens in it than that, which is then said. A job that has failed and was retried counts as what it is now.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from django.core.cache import cache
from django.db import connection
from django.utils import timezone

from jobs.models import DONE, FAILED
from jobs.queries import utc

HOURS: Final = 24
# Of the newest jobs, and of the newest attempts.
LOOKED_THROUGH: Final = 20_000
# One who looks reads for all who look within this time.
KEPT_SECONDS: Final = 20
_KEY: Final = "jobs.throughput"

# Beyond which ids is looked, and when the newest job and the newest attempt came that are not looked at.
_EDGES: Final = """
    SELECT last.job_id, last.attempt_id,
           (SELECT created_at FROM jobs WHERE id <= last.job_id ORDER BY id DESC LIMIT 1),
           (SELECT requested_at FROM jobs_dispatch WHERE id <= last.attempt_id ORDER BY id DESC LIMIT 1)
      FROM (SELECT (SELECT COALESCE(max(id), 0) FROM jobs) - %s AS job_id,
                   (SELECT COALESCE(max(id), 0) FROM jobs_dispatch) - %s AS attempt_id) AS last
"""
# The newest jobs, and what has become of older ones that the console has handed over since. The ids are told and not
# found out along with it: of a bound that it doesn't know PostgreSQL expects a third of the table, and reads all of it.
# Older jobs are named by an array, so that they are looked up by their ids.
_ENDED: Final = """
    SELECT date_trunc('hour', ended.updated_at) AS hour, ended.status::text, ended.job_type, count(*)
      FROM (SELECT jobs.status, jobs.job_type, jobs.updated_at FROM jobs WHERE jobs.id > %s
            UNION ALL
            SELECT jobs.status, jobs.job_type, jobs.updated_at FROM jobs
             WHERE jobs.id = ANY(ARRAY(SELECT d.job_id FROM jobs_dispatch d
                                        WHERE d.id > %s AND d.ended_at >= %s AND d.job_id <= %s))) AS ended
     WHERE ended.status IN (%s, %s) AND ended.updated_at >= %s AND ended.updated_at < %s
     GROUP BY 1, 2, 3
"""


@dataclass(frozen=True, kw_only=True)
class Hour:
    """One hour: when it began, and how many jobs ended in it, well and badly."""

    began_at: datetime
    done: int
    failed: int


@dataclass(frozen=True, kw_only=True)
class Throughput:
    """The last HOURS hours, the oldest first; the last one is under way.

    Attributes:
        hours: each of them, also those in which nothing ended.
        as_of: the moment.
        whole_since: since when all jobs were looked at, where the day holds more than that; None: all of them.
        by_type: how many of all these there are of each job type and status.
    """

    hours: Sequence[Hour]
    as_of: datetime
    whole_since: datetime | None = None
    by_type: Mapping[tuple[str, str], int] = field(default_factory=dict)

    @property
    def done(self) -> int:
        """How many ended well."""
        return sum(hour.done for hour in self.hours)

    @property
    def failed(self) -> int:
        """How many ended badly."""
        return sum(hour.failed for hour in self.hours)


def per_hour() -> Throughput:
    """Return how many jobs ended in each of the last hours, at most KEPT_SECONDS ago; two queries, or none."""
    kept: Throughput | None = cache.get(_KEY)
    if kept is None:
        kept = read()
        cache.set(_KEY, kept, KEPT_SECONDS)
    return kept


def read() -> Throughput:
    """Return how many jobs ended in each of the last hours, as of now; two queries."""
    now = timezone.now()
    this_hour = now.replace(minute=0, second=0, microsecond=0)
    first, end = this_hour - timedelta(hours=HOURS - 1), this_hour + timedelta(hours=1)
    ended = (DONE, FAILED)
    with connection.cursor() as cursor:
        cursor.execute(_EDGES, [LOOKED_THROUGH, LOOKED_THROUGH])
        last_job, last_attempt, *came = cursor.fetchone()
        edges = [utc(moment) for moment in came if moment is not None]
        cursor.execute(_ENDED, [last_job, last_attempt, first, last_job, *ended, first, end])
        counted: Counter[tuple[datetime | None, str]] = Counter()
        by_type: Counter[tuple[str, str]] = Counter()
        for hour, status, job_type, number in cursor.fetchall():
            counted[utc(hour), status] += int(number)
            by_type[job_type, status] += int(number)
    hours = [first + timedelta(hours=number) for number in range(HOURS)]
    since = max((edge for edge in edges if edge is not None), default=None)
    return Throughput(
        hours=[Hour(began_at=hour, done=counted[hour, DONE], failed=counted[hour, FAILED]) for hour in hours],
        as_of=now,
        whole_since=since if since is not None and since > first else None,
        by_type=dict(by_type),
    )
