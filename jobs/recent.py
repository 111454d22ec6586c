"""Cheap reads for pages that show a few jobs at a glance; bounded whatever the ledger's size."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from django.db import connection
from django.db.models import Exists, Max, OuterRef, QuerySet

from jobs import queries
from jobs.filters import JobFilter
from jobs.models import ACTIVE_STATUSES, DONE, FAILED, Dispatch, Job
from jobs.queries import Row

# How many of the newest ids are looked through; what lies further back is found in the list.
LOOKED_THROUGH: Final = queries.RECENT_IDS
# Enough for what a traceback says at its end.
ERROR_LENGTH: Final = 5_000
# So many jobs of one serial key are counted at the most.
COUNTED_OF_KEY: Final = 1_000

_NEWEST: Final = "SELECT jobs.id FROM jobs WHERE {conditions} ORDER BY jobs.id DESC LIMIT %s"


# The first of each key, and how many there are, along the index on (serial_key, id) of open attempts.
_OPEN: Final = """
    SELECT wanted.key, first.job_id, counted.number, true
      FROM unnest(%s::text[]) AS wanted(key),
           LATERAL (SELECT count(*) AS number
                      FROM (SELECT FROM jobs_dispatch WHERE serial_key = wanted.key AND ended_at IS NULL LIMIT %s)
                        AS attempts) AS counted,
           LATERAL (SELECT id, job_id FROM jobs_dispatch
                     WHERE serial_key = wanted.key AND ended_at IS NULL ORDER BY id LIMIT %s) AS first
     ORDER BY first.id
"""
_TRIED_AGAIN: Final = """
    SELECT serial_key, job_id, count(*) OVER (PARTITION BY serial_key), false
      FROM (SELECT id, serial_key, job_id FROM jobs_dispatch
             WHERE serial_key = ANY(%s) AND ended_at IS NOT NULL AND next_attempt_at IS NOT NULL
             ORDER BY id LIMIT %s) AS attempts
     ORDER BY id
"""


@dataclass(frozen=True, kw_only=True)
class ActiveOfKey:
    """The jobs of one serial key that have not ended: the first ones, and how many there are in all."""

    rows: Sequence[Row]
    count: int


def newest_ids(job_filter: JobFilter, *, limit: int) -> list[int]:
    """Return the ids of the newest jobs that a filter lets through, among the newest LOOKED_THROUGH; one query."""
    where, params = job_filter.conditions()
    where.insert(0, "jobs.id > (SELECT COALESCE(max(id), 0) FROM jobs) - %s")
    with connection.cursor() as cursor:
        cursor.execute(
            _NEWEST.format(conditions=" AND ".join(where)),
            [LOOKED_THROUGH, *params, limit],
        )
        return [job_id for (job_id,) in cursor.fetchall()]


def newest(job_filter: JobFilter, *, limit: int) -> list[Row]:
    """Return the newest jobs that a filter lets through, among the newest LOOKED_THROUGH; two queries."""
    ids = newest_ids(job_filter, limit=limit)
    return queries.by_id(ids, error_length=ERROR_LENGTH) if ids else []


def ended_by_others(job_types: Collection[str]) -> QuerySet[Job]:
    """Return the jobs of some types that are done or failed without an attempt of the console's.

    Only those among the newest LOOKED_THROUGH; finding out where these begin takes a query at once.
    """
    newest = Job.objects.aggregate(newest=Max("pk"))["newest"] or 0
    ours = Dispatch.objects.filter(job_id=OuterRef("pk"))
    return Job.objects.filter(
        ~Exists(ours), pk__gt=newest - LOOKED_THROUGH, job_type__in=job_types, status__in=(DONE, FAILED)
    )


def active_by_serial_key(keys: Sequence[str], *, of_each: int) -> Mapping[str, ActiveOfKey]:
    """Return the jobs that run, wait or will be tried again, by the serial key of their attempts; three queries.

    The first of a key is the one that runs, or is the next to run; those that will be tried again come last.

    Args:
        keys: the serial keys.
        of_each: how many jobs of each are returned; the others are only counted.
    """
    with connection.cursor() as cursor:
        cursor.execute(_OPEN, [list(keys), COUNTED_OF_KEY, of_each])
        found = cursor.fetchall()
        cursor.execute(_TRIED_AGAIN, [list(keys), COUNTED_OF_KEY])
        found += cursor.fetchall()
    job_ids: dict[str, list[int]] = {}
    counts: dict[str, dict[bool, int]] = {}
    for key, job_id, number, is_open in found:
        counts.setdefault(key, {})[is_open] = int(number)
        shown = job_ids.setdefault(key, [])
        if len(shown) < of_each:
            shown.append(job_id)
    if not job_ids:
        return {}
    ids = [job_id for shown in job_ids.values() for job_id in shown]
    rows = {row["id"]: row for row in queries.by_id(ids, error_length=ERROR_LENGTH)}
    active = {}
    for key, shown in job_ids.items():
        known = [rows[job_id] for job_id in shown if job_id in rows and rows[job_id]["status"] in ACTIVE_STATUSES]
        # Somebody has ended or deleted the others in the ledger itself.
        if known:
            active[key] = ActiveOfKey(rows=known, count=sum(counts[key].values()) - len(shown) + len(known))
    return active
