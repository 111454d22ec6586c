"""Decides which job does some work: a new job, an active job with the same key, or a job that covers the work.

Some tasks fetch a whole identity, whichever conversation they are given (`covers` in the catalog). Such a task needs to
run only once for many conversations. So a request for several of them makes one job, and joins a job that hasn't
started yet, where there is one.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from django.db import connection

from jobs import catalog, ledger, subjects
from jobs.ledger import Inserted, Work
from jobs.models import QUEUED, RETRYING


class _Cover(NamedTuple):
    """The work that one job covers: all work of its type with the same serial key."""

    job_type: str
    key: str


def insert(works: Sequence[Work]) -> dict[str, Inserted]:
    """Return the job for each piece of work, by the work's dedupe key. Jobs that don't exist yet are inserted.

    Call this in the transaction that creates the attempts. Its lock makes others wait for the commit before they decide
    which job covers the same work.
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
    """Return the work whose job stands for all of its cover, preferably work that no active job does already."""
    several = [key for alike in covers.values() if len(alike) > 1 for key in alike]
    held = ledger.active_holders(several) if several else {}
    return {
        cover: next((work for key, work in alike.items() if key not in held), next(iter(alike.values())))
        for cover, alike in covers.items()
    }


def _waiting(covers: Sequence[_Cover]) -> dict[_Cover, int]:
    """Return the job that hasn't started yet for each cover, where there is one, and lock it; two queries.

    The lock keeps the job from ending, or being cancelled, before the run that joins it is committed.
    """
    with connection.cursor() as cursor:
        # Requests for different conversations have no unique key in common, so only this lock lets one go first.
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
