"""The only writes to the core's ledger: a job's first row, and its transitions.

Every transition is one conditional UPDATE whose row count says who won; nobody reads, decides and then writes.
Locks are taken in one order everywhere: the job, then its dispatch.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import structlog
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from psycopg.types.json import Jsonb
from structlog.contextvars import get_contextvars

from jobs.models import ENDED_STATUSES, QUEUED

logger = structlog.get_logger(__name__)

_SETTABLE: Final = frozenset({"attempts", "last_error", "dedupe_key"})
MAX_ERROR_LENGTH: Final = 5_000  # where the core cuts it
RETRY_DELAY_SECONDS: Final = 60
MAX_RETRY_DELAY_SECONDS: Final = 3_600
MAX_ATTEMPTS: Final = 2**31 - 1  # PostgreSQL's integer


@dataclass(frozen=True, kw_only=True)
class Work:
    """What a job is to do."""

    job_type: str
    queue: str
    payload: Mapping[str, Any]
    max_attempts: int

    @property
    def dedupe_key(self) -> str:
        """The key that it has while it is active."""
        return dedupe_key(self.queue, self.job_type, self.payload)


@dataclass(frozen=True, kw_only=True)
class Inserted:
    """The job that stands for some work: a new one, or the active one that is joined."""

    job_id: int
    work: Work
    joined: bool


@dataclass(frozen=True, kw_only=True)
class Before:
    """A row as it was when its transition won."""

    status: str
    attempts: int
    max_attempts: int


def dedupe_key(queue: str, job_type: str, payload: Any) -> str:
    """Return the key that the same work has while it is active, by the core's rule.

    The SHA-256, as 64 hex digits, of the JSON of `{"queue", "type", "payload"}` with sorted keys and no spaces.
    """
    work = json.dumps({"queue": queue, "type": job_type, "payload": payload}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(work.encode()).hexdigest()


def retry_delay_seconds(attempts: int) -> int:
    """Return how many seconds to wait after this many attempts, by the core's rule: 60·2^(n−1), at most an hour."""
    doublings = min(max(attempts, 1) - 1, 16)
    return min(RETRY_DELAY_SECONDS << doublings, MAX_RETRY_DELAY_SECONDS)


def insert(works: Iterable[Work]) -> list[Inserted]:
    """Insert queued jobs, or find the active ones that do the same work.

    The unique key decides races: of two that insert the same work, the second waits for the first and joins it. They
    are inserted in the order of their keys, so that two who ask for the same never wait for each other in turn.

    Returns:
        A job for each different work, in the order of the keys.
    """
    by_key = {work.dedupe_key: work for work in works}
    with transaction.atomic(), connection.cursor() as cursor:
        found = [_insert(cursor, key, by_key[key]) for key in sorted(by_key)]
        if new := sum(not job.joined for job in found):
            _count(cursor, {QUEUED: new})
    return found


def active_holder(key: str) -> int | None:
    """Return the job that holds a dedupe key and has not ended; a key that an ended job still holds is freed."""
    with transaction.atomic(), connection.cursor() as cursor:
        holder = _active_holder(cursor, key)
        if holder is None:
            _free_ended_key(cursor, key)
        return holder


def active_holders(keys: Collection[str]) -> dict[str, int]:
    """Return which job that has not ended holds each of these dedupe keys, for those that are held; one query."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT dedupe_key, id FROM jobs WHERE dedupe_key = ANY(%s) AND NOT status::text = ANY(%s)",
            [list(keys), list(ENDED_STATUSES)],
        )
        return dict(cursor.fetchall())


def free_ended_keys(keys: Collection[str]) -> None:
    """Free those of these dedupe keys that jobs hold which have ended."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE jobs SET dedupe_key = NULL WHERE dedupe_key = ANY(%s) AND status::text = ANY(%s)",
            [list(keys), list(ENDED_STATUSES)],
        )


def lock_unless_held(job_id: int) -> bool:
    """Lock a job's row in the caller's transaction without waiting for it; one that is gone needs no lock.

    Somebody may have begun to change it by hand and gone for lunch: the sweeper has others to look after.

    Returns:
        False when somebody else holds it at the moment.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM jobs WHERE id = %s FOR UPDATE SKIP LOCKED", [job_id])
        if cursor.fetchone():
            return True
        cursor.execute("SELECT 1 FROM jobs WHERE id = %s", [job_id])
        return cursor.fetchone() is None


def transition(
    job_id: int,
    *,
    allowed: Collection[str],
    to: str,
    add_attempt: bool = False,
    run_again_in: int | None = None,
    run_again_at: datetime | None = None,
    **values: Any,
) -> Before | None:
    """Move a job to another status if it has one of the allowed ones, in one statement.

    Args:
        job_id: the row.
        allowed: statuses that it may have now.
        to: the status that it gets.
        add_attempt: count one attempt more.
        run_again_in: seconds until it is due again, by the database's clock.
        run_again_at: the time when it is due again, instead of seconds. Without either, `next_run_at` is cleared.
        values: other columns to set: `attempts`, `last_error`, `dedupe_key`.

    Returns:
        The row before the change, or None if it has none of the allowed statuses, because someone else was quicker.
    """
    if unknown := set(values) - _SETTABLE:
        raise ValueError(f"A transition doesn't set {', '.join(sorted(unknown))}.")
    sets = "".join(f", {column} = %s" for column in values)
    if add_attempt:
        # Somebody may have set it to all that the column holds.
        sets += f", attempts = LEAST(jobs.attempts, {MAX_ATTEMPTS - 1}) + 1"
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"""
            UPDATE jobs SET status = %s, updated_at = now(),
                   next_run_at = COALESCE(now() + make_interval(secs => %s), %s::timestamptz){sets}
              FROM (SELECT id, status, attempts, max_attempts FROM jobs WHERE id = %s FOR UPDATE) AS before
             WHERE jobs.id = before.id AND before.status::text = ANY(%s)
            RETURNING before.status::text, before.attempts, before.max_attempts,
                      (SELECT max(id) FROM jobs_dispatch WHERE job_id = jobs.id),
                      (SELECT run_id FROM jobs_runjob WHERE job_id = jobs.id ORDER BY id DESC LIMIT 1)
            """,
            [to, run_again_in, run_again_at, *values.values(), job_id, list(allowed)],
        )
        row = cursor.fetchone()
        if row is None:
            return None
        before = Before(status=row[0], attempts=row[1], max_attempts=row[2])
        if before.status != to:
            _count(cursor, {before.status: -1, to: 1})
        _log_committed("job.transition", job=job_id, dispatch=row[3], run=row[4], before=before.status, after=to)
        return before


def transition_many(
    keys: Mapping[int, str | None], *, allowed: Collection[str], to: str, anew: bool = False
) -> dict[int, str]:
    """Move jobs to another status, those that have one of the allowed ones, in one statement.

    Args:
        keys: the dedupe key that each of them gets, by its id; its row is locked by the caller.
        allowed: statuses that they may have now.
        to: the status that they get.
        anew: count their attempts from 0, without an error.

    Returns:
        What the status of each was that was moved, by its id.
    """
    sets = ", attempts = 0, last_error = NULL" if anew else ""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"""
            UPDATE jobs SET status = %s, updated_at = now(), next_run_at = NULL, dedupe_key = before.key{sets}
              FROM (SELECT jobs.id, jobs.status, wanted.key
                      FROM unnest(%s::bigint[], %s::text[]) AS wanted (id, key) JOIN jobs ON jobs.id = wanted.id
                     ORDER BY jobs.id FOR UPDATE OF jobs) AS before
             WHERE jobs.id = before.id AND before.status::text = ANY(%s)
            RETURNING jobs.id, before.status::text,
                      (SELECT max(id) FROM jobs_dispatch WHERE job_id = jobs.id),
                      (SELECT run_id FROM jobs_runjob WHERE job_id = jobs.id ORDER BY id DESC LIMIT 1)
            """,
            [to, list(keys), list(keys.values()), list(allowed)],
        )
        moved = cursor.fetchall()
        changes: Counter[str] = Counter({to: len(moved)})
        changes.subtract(before for _, before, _, _ in moved)
        if moved:
            _count(cursor, {status: change for status, change in changes.items() if change})
        for job_id, before, dispatch_id, run_id in moved:
            _log_committed("job.transition", job=job_id, dispatch=dispatch_id, run=run_id, before=before, after=to)
    return {job_id: before for job_id, before, _, _ in moved}


def _insert(cursor: CursorWrapper, key: str, work: Work) -> Inserted:
    # psycopg adapts it; Django's stubs list only the plain types.
    payload: Any = Jsonb(work.payload)
    while True:
        cursor.execute(
            """
            INSERT INTO jobs (queue_name, job_type, payload_json, status, attempts, max_attempts, dedupe_key,
                              created_at, updated_at)
            VALUES (%s, %s, %s, %s, 0, %s, %s, now(), now())
            ON CONFLICT (dedupe_key) DO NOTHING RETURNING id
            """,
            [work.queue, work.job_type, payload, QUEUED, work.max_attempts, key],
        )
        if row := cursor.fetchone():
            _log_committed("job.queued", job=row[0], job_type=work.job_type)
            return Inserted(job_id=row[0], work=work, joined=False)
        if (holder := _active_holder(cursor, key)) is not None:
            return Inserted(job_id=holder, work=work, joined=True)
        _free_ended_key(cursor, key)


def _active_holder(cursor: CursorWrapper, key: str) -> int | None:
    # Locked, so that it can't end between being joined here and the joining run's commit. A status that nobody
    # here knows counts as active: its row is somebody else's business.
    cursor.execute(
        "SELECT id FROM jobs WHERE dedupe_key = %s AND NOT status::text = ANY(%s) FOR UPDATE",
        [key, list(ENDED_STATUSES)],
    )
    row = cursor.fetchone()
    return int(row[0]) if row else None


def _free_ended_key(cursor: CursorWrapper, key: str) -> None:
    cursor.execute(
        "UPDATE jobs SET dedupe_key = NULL WHERE dedupe_key = %s AND status::text = ANY(%s)",
        [key, list(ENDED_STATUSES)],
    )


def _count(cursor: CursorWrapper, changes: Mapping[str, int]) -> None:
    cursor.executemany(
        "INSERT INTO jobs_statuschange (status, change) VALUES (%s, %s)", [(k, v) for k, v in changes.items()]
    )


def _log_committed(event: str, **fields: Any) -> None:
    """Log a line once it is true; who acts is taken now, since the commit may come after whoever acted is done."""
    fields = {**get_contextvars(), **{name: value for name, value in fields.items() if value is not None}}
    transaction.on_commit(lambda: logger.info(event, **fields))
