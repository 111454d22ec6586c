"""Which job does some work: a new one, an active one that is joined, or one whose task covers it.

A task that fetches a whole identity, whatever conversation it is given, is to run once for all of them. Of a type whose
catalog entry says so, one job of an identity is made for all that is asked for at once, and none at all while one that
has not started yet waits.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from django.db import connection

from jobs import catalog, ledger, subjects
from jobs.ledger import Inserted, Work
from jobs.models import QUEUED, RETRYING


class _Cover(NamedTuple):
    """What one job of a type covers: all of the work that has the same serial key."""

    job_type: str
    key: str


def insert(works: Sequence[Work]) -> dict[str, Inserted]:
    """Return the job that does each work, by the work's dedupe key; new ones are inserted.

    To be called in the transaction that makes their attempts: until its commit, nobody else decides which job covers
    the same.
    """
    covers: dict[_Cover, dict[str, Work]] = {}
    chosen: list[Work] = []
    for work in works:
        if cover := _cover_of(work):
            covers.setdefault(cover, {})[work.dedupe_key] = work
        else:
            chosen.append(work)
    found: dict[str, Inserted] = {}
    waiting = _waiting(sorted(covers)) if covers else {}
    for cover, alike in covers.items():
        if (job_id := waiting.get(cover)) is not None:
            found |= {key: Inserted(job_id=job_id, work=work, joined=True) for key, work in alike.items()}
    left = {cover: alike for cover, alike in covers.items() if cover not in waiting}
    standing = _representatives(left)
    inserted = {one.work.dedupe_key: one for one in ledger.insert([*chosen, *standing.values()])}
    for cover, alike in left.items():
        found |= dict.fromkeys(alike, inserted[standing[cover].dedupe_key])
    return inserted | found


def _cover_of(work: Work) -> _Cover | None:
    job_type = catalog.find(work.job_type)
    identity_id = subjects.identity_id_of(work.payload)
    if job_type is None or job_type.covers != catalog.IDENTITY or identity_id is None:
        return None
    return _Cover(job_type.name, job_type.serial_key(identity_id) or f"{catalog.IDENTITY}:{identity_id}")


def _representatives(covers: Mapping[_Cover, Mapping[str, Work]]) -> dict[_Cover, Work]:
    """Return the work whose job stands for all: one that no job has begun, where there is such a one."""
    several = [key for alike in covers.values() if len(alike) > 1 for key in alike]
    held = ledger.active_holders(several) if several else {}
    return {
        cover: next((work for key, work in alike.items() if key not in held), next(iter(alike.values())))
        for cover, alike in covers.items()
    }


def _waiting(covers: Sequence[_Cover]) -> dict[_Cover, int]:
    """Return the job that waits to run and covers each, where there is one, and lock it; two queries.

    Locked, so that it neither ends nor is cancelled before whoever joins it has committed.
    """
    with connection.cursor() as cursor:
        # Two that ask for different conversations have no key in common that would decide who is first.
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(cover, 0)) FROM unnest(%s::text[]) AS cover",
            [[f"{cover.job_type} {cover.key}" for cover in covers]],
        )
        cursor.execute(
            """
            SELECT wanted.job_type, wanted.key, found.id
              FROM unnest(%s::text[], %s::text[]) AS wanted (job_type, key)
             CROSS JOIN LATERAL (
                   SELECT jobs.id FROM jobs_dispatch d JOIN jobs ON jobs.id = d.job_id
                    WHERE d.serial_key = wanted.key AND d.ended_at IS NULL AND d.started_at IS NULL
                      AND jobs.job_type = wanted.job_type AND jobs.status::text = ANY(%s)
                    ORDER BY d.id LIMIT 1 FOR UPDATE OF jobs) AS found
            """,
            [[cover.job_type for cover in covers], [cover.key for cover in covers], [QUEUED, RETRYING]],
        )
        return {_Cover(job_type, key): job_id for job_type, key, job_id in cursor.fetchall()}
