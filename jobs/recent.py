"""Cheap reads for pages that show a few jobs at a glance; bounded whatever the ledger's size."""

from collections.abc import Collection, Mapping, Sequence
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
ACTIVE_SHOWN: Final = 1_000

_NEWEST: Final = "SELECT jobs.id FROM jobs WHERE {conditions} ORDER BY jobs.id DESC LIMIT %s"


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


def active_by_serial_key(keys: Sequence[str]) -> Mapping[str, list[Row]]:
    """Return the jobs that run, wait or will be tried again, by the serial key of their attempts; three queries.

    The first of a key is the one that runs, or is the next to run; those that will be tried again come last.
    """
    known = Dispatch.objects.filter(serial_key__in=list(keys)).order_by("pk").values_list("serial_key", "job_id")
    attempts = [
        *known.filter(ended_at=None)[:ACTIVE_SHOWN],
        *known.filter(ended_at__isnull=False, next_attempt_at__isnull=False)[:ACTIVE_SHOWN],
    ]
    if not attempts:
        return {}
    rows = {row["id"]: row for row in queries.by_id([job_id for _, job_id in attempts], error_length=ERROR_LENGTH)}
    found: dict[str, list[Row]] = {}
    for key, job_id in attempts:
        if key is not None and job_id in rows and rows[job_id]["status"] in ACTIVE_STATUSES:
            found.setdefault(key, []).append(rows[job_id])
    return found
