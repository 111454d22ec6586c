"""How the ledger's work is getting on, in numbers by job type: bounded looks, whatever the ledger's size."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.db import connection

from jobs import catalog
from jobs.models import ACTIVE_STATUSES
from jobs.pulse import LOOKED_AT

# Among how many of the newest attempts those of the last hour are looked for.
LOOKED_THROUGH: Final = 5_000
# What types are called together that the catalog doesn't know: there may be any number of them.
OTHER: Final = "other"

# Along the index on (status, next_run_at), so many of each.
_ACTIVE: Final = "(SELECT job_type, status::text AS status FROM jobs WHERE status = %s LIMIT %s)"
_RUN_TIMES: Final = """
    SELECT jobs.job_type, count(*), percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY ran.seconds)
      FROM (SELECT job_id, extract(epoch FROM ended_at - started_at)::float8 AS seconds
              FROM (SELECT job_id, started_at, ended_at FROM jobs_dispatch ORDER BY id DESC LIMIT %s) AS newest
             WHERE started_at IS NOT NULL AND ended_at > now() - interval '1 hour') AS ran
      JOIN jobs ON jobs.id = ran.job_id
     GROUP BY jobs.job_type
"""


@dataclass(frozen=True, kw_only=True)
class RunTimes:
    """How long the attempts at jobs of one type ran that have ended within the last hour.

    Attributes:
        job_type: as the catalog has it; attempts at others are left out.
        attempts: how many there were.
        median_seconds, high_seconds: half of them, and 95 of a hundred, ran no longer.
    """

    job_type: str
    attempts: int
    median_seconds: float
    high_seconds: float


def active_by_type() -> dict[tuple[str, str], int]:
    """Return how many jobs are active, by type and status; at most LOOKED_AT of a status are looked at. One query."""
    looks = " UNION ALL ".join([_ACTIVE] * len(ACTIVE_STATUSES))
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT job_type, status, count(*) FROM ({looks}) AS active GROUP BY 1, 2",
            [value for status in ACTIVE_STATUSES for value in (status, LOOKED_AT)],
        )
        rows = cursor.fetchall()
    found: dict[tuple[str, str], int] = {}
    for job_type, status, number in rows:
        key = (known_type(job_type), str(status))
        found[key] = found.get(key, 0) + int(number)
    return found


def run_times() -> Sequence[RunTimes]:
    """Return how long attempts ran, by job type; one query."""
    known = catalog.titles()
    with connection.cursor() as cursor:
        cursor.execute(_RUN_TIMES, [LOOKED_THROUGH])
        return [
            RunTimes(job_type=job_type, attempts=int(number), median_seconds=quantiles[0], high_seconds=quantiles[1])
            for job_type, number, quantiles in cursor.fetchall()
            if job_type in known
        ]


def known_type(job_type: str) -> str:
    """Return a job type as a label may have it: one that the catalog knows, or OTHER."""
    return job_type if job_type in catalog.titles() else OTHER
