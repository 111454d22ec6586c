"""How the ledger's work is getting on: what waits, what is stuck, what has failed of late, who is there to do it.

Bounded whatever the ledger's size: of each status only so many are looked at, along the index on (status, next_run_at),
and of what has failed only the newest ids. Workers are never asked here; what they told the sweeper is read.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.core.cache import cache
from django.db import connection

from jobs.models import FAILED, QUEUED, RETRYING, RUNNING, Outcome, SweeperAtWork, WorkerReport
from jobs.stuck import IS_BEHIND, NEWEST_ATTEMPT, WAITING, stuck_cause
from opsconsole.far_times import near

# How many active jobs of one status are looked at, those first that have been due for longest.
LOOKED_AT: Final = 1_000
# Among how many of the newest jobs, and of the newest attempts, failures are looked for.
LOOKED_THROUGH: Final = 5_000
_HOUR_SECONDS: Final = 3_600
# The parts of one page ask for the same within a moment.
KEPT_SECONDS: Final = 3
_KEY: Final = "jobs.work"
SWEEPERS_SHOWN: Final = 50

_COLUMNS: Final = "jobs.id, jobs.status, jobs.queue_name, jobs.job_type, jobs.next_run_at, jobs.updated_at"
# In the order of the index, so that it is walked until there are enough. What has no time of its own is due at once.
_LOOK: Final = """
    (SELECT {columns} FROM jobs WHERE jobs.status = %s AND {due} ORDER BY jobs.next_run_at LIMIT %s)
"""
_AT_ONCE: Final = "jobs.next_run_at IS NULL"
_BY_NOW: Final = "jobs.next_run_at <= now()"
# A job doesn't wait for a worker while another job of its kind goes first.
# A job counts as due now if Python can't represent its times.
_ACTIVE: Final = """
    SELECT queue, count(*) FILTER (WHERE waits), COALESCE(min(due_at) FILTER (WHERE waits), now()),
           count(*) FILTER (WHERE cause <> %s), count(*)
      FROM (SELECT COALESCE(own.queue, jobs.queue_name) AS queue,
                   GREATEST(COALESCE({next_run_at}, {updated_at}), own.published_at) AS due_at,
                   jobs.status IN (%s, %s)
                   AND NOT (own.id IS NOT NULL AND own.published_at IS NULL AND {is_behind}) AS waits,
                   {cause} AS cause
              FROM ({candidates}) AS jobs
              LEFT JOIN LATERAL {newest} AS own ON own.ended_at IS NULL) AS active
     GROUP BY queue
     ORDER BY queue
"""
# A job that was retried meanwhile has not failed any more. The newest are asked for with a LIMIT: where they are asked
# for by a bound that is only found out, PostgreSQL may read the whole table.
_FAILED: Final = """
    SELECT count(*)
      FROM (SELECT newest.id FROM (SELECT id, status, updated_at FROM jobs ORDER BY id DESC LIMIT %s) AS newest
             WHERE newest.status = %s AND newest.updated_at > now() - make_interval(secs => %s)
            UNION
            SELECT jobs.id
              FROM (SELECT job_id, outcome, ended_at FROM jobs_dispatch ORDER BY id DESC LIMIT %s) AS newest
              JOIN jobs ON jobs.id = newest.job_id
             WHERE newest.outcome IN (%s, %s) AND newest.ended_at > now() - make_interval(secs => %s)
               AND jobs.status = %s) AS failed
"""


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """The jobs of one queue that are due and that nobody has begun: how many, and since when the oldest one is due."""

    queue: str
    jobs: int
    oldest_at: datetime


@dataclass(frozen=True, kw_only=True)
class Work:
    """What is active.

    Attributes:
        waiting: by queue, those where something waits.
        stuck: how many are stuck for another cause than that they wait.
        more: there may be more, since only so many were looked at.
    """

    waiting: tuple[Waiting, ...] = ()
    stuck: int = 0
    more: bool = False


@dataclass(frozen=True, kw_only=True)
class Worker:
    """What a worker last told of itself, and when."""

    hostname: str
    queues: tuple[str, ...]
    seen_at: datetime


@dataclass(frozen=True, kw_only=True)
class Sweeper:
    """A sweeper process.

    Attributes:
        name: its process id and host, as `pid@host`.
        alive_at: when it last reported that it is alive.
        ticked_at: when it last completed a tick; None if it has completed none.
        waits_since: since when its next tick is awaited: when it last completed one, otherwise when it started.
    """

    name: str
    alive_at: datetime
    ticked_at: datetime | None
    waits_since: datetime


def work_of_late() -> Work:
    """Return what waited and what was stuck at most KEPT_SECONDS ago; one query, or none."""
    kept: Work | None = cache.get(_KEY)
    return kept or work()


def work() -> Work:
    """Return what waits and what is stuck, and keep it for those who need no newer; one query."""
    looks = (
        (RUNNING, "true"),
        *((status, due) for status in (QUEUED, RETRYING) for due in (_AT_ONCE, _BY_NOW)),
    )
    candidates = " UNION ALL ".join(_LOOK.format(columns=_COLUMNS, due=due) for _, due in looks)
    cause, *cause_params = stuck_cause("own")
    limits = [value for status, _ in looks for value in (status, LOOKED_AT)]
    sql = _ACTIVE.format(
        cause=cause,
        candidates=candidates,
        is_behind=IS_BEHIND.format(own="own"),
        newest=NEWEST_ATTEMPT,
        next_run_at=near("jobs.next_run_at"),
        updated_at=near("jobs.updated_at"),
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [WAITING, QUEUED, RETRYING, *cause_params, *limits])
        rows = cursor.fetchall()
    found = Work(
        waiting=tuple(
            Waiting(queue=queue, jobs=number, oldest_at=oldest_at) for queue, number, oldest_at, _, _ in rows if number
        ),
        stuck=sum(stuck for *_, stuck, _ in rows),
        more=sum(seen for *_, seen in rows) >= LOOKED_AT,
    )
    cache.set(_KEY, found, KEPT_SECONDS)
    return found


def failed_within_an_hour() -> int:
    """Return how many jobs have failed for good within the last hour, among the newest LOOKED_THROUGH; one query."""
    with connection.cursor() as cursor:
        cursor.execute(
            _FAILED,
            [
                LOOKED_THROUGH,
                FAILED,
                _HOUR_SECONDS,
                LOOKED_THROUGH,
                Outcome.FAILED,
                Outcome.UNKNOWN,
                _HOUR_SECONDS,
                FAILED,
            ],
        )
        (number,) = cursor.fetchone()
    return int(number)


def workers() -> tuple[Worker, ...]:
    """Return what the workers last told the sweeper, by name; one query."""
    return tuple(
        Worker(hostname=row.hostname, queues=tuple(map(str, row.queues)), seen_at=row.seen_at)
        for row in WorkerReport.objects.only("hostname", "queues", "seen_at").order_by("hostname", "number")
    )


def has_registered(task: str) -> bool:
    """Return whether a worker that the sweeper saw recently has registered a task; one query."""
    return WorkerReport.objects.filter(tasks__contains=[task]).exists()


def sweepers() -> tuple[Sweeper, ...]:
    """Return the sweeper processes that run or ran recently, the most recently alive first; one query."""
    rows = SweeperAtWork.objects.order_by("-alive_at", "pk")[:SWEEPERS_SHOWN]
    return tuple(
        Sweeper(
            name=f"{row.pid}@{row.hostname}",
            alive_at=row.alive_at,
            ticked_at=row.ticked_at,
            waits_since=row.ticked_at or row.started_at,
        )
        for row in rows
    )
