"""What pages and answers show of error groups; a fixed number of queries each, whatever the ledger's size."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import orjson
from django.db import connection
from django.utils import timezone

from jobs import queries, subjects
from jobs.error_groups.folding import slot_of
from jobs.models import FAILED
from jobs.queries import Row
from jobs.subjects import Subject
from opsconsole.errors import NotFound, Refused

WINDOWS: Final = {"1h": timedelta(hours=1), "24h": timedelta(hours=24), "7d": timedelta(days=7)}
NEWEST: Final = "-last_seen"
MOST: Final = "-failures"
ORDERINGS: Final = (NEWEST, MOST)
# So many of a group's jobs are looked up in the ledger, or counted; of more, it is said that there are more.
MEMBERS_READ: Final = 1_000
MEMBERS_SHOWN: Final = 20
IDENTITIES_SHOWN: Final = 20
ERROR_LENGTH: Final = 1_000
_FINGERPRINT_LENGTH: Final = 16

# With a parameter for the beginning of each of WINDOWS.
_COUNTED: Final = """
    SELECT g.id, g.fingerprint, g.job_type, g.message, g.first_seen, g.last_seen, g.failures,
           COALESCE(s.failures_1h, 0) AS failures_1h, COALESCE(s.failures_24h, 0) AS failures_24h,
           COALESCE(s.failures_7d, 0) AS failures_7d
      FROM jobs_errorgroup g
      LEFT JOIN (SELECT group_id,
                        sum(failures) FILTER (WHERE slot >= %s)::bigint AS failures_1h,
                        sum(failures) FILTER (WHERE slot >= %s)::bigint AS failures_24h,
                        sum(failures)::bigint AS failures_7d
                   FROM jobs_errorslot WHERE slot >= %s {only} GROUP BY group_id) AS s ON s.group_id = g.id
"""
_FAILED_NOW: Final = """
    (SELECT count(*) FROM (SELECT FROM jobs_failedjob m WHERE m.group_id = shown.id AND m.is_open LIMIT %s) AS failed)
"""


@dataclass(frozen=True, kw_only=True)
class GroupFilter:
    """Which groups to show, and in which order.

    Attributes:
        job_type: of this type only.
        window: one of WINDOWS: only those with failures in it; empty for all that are kept.
        ordering: one of ORDERINGS: those seen last first, or those with the most failures in the window.
    """

    job_type: str = ""
    window: str = ""
    ordering: str = NEWEST

    @property
    def digest(self) -> str:
        """A short name of these values, by which a cursor knows the list that it belongs to."""
        return hashlib.blake2s(orjson.dumps(self), digest_size=9).hexdigest()


@dataclass(frozen=True, kw_only=True)
class GroupPage:
    """One page of groups.

    Attributes:
        rows: the groups, in the list's order, with their failures by window and in all, and their jobs that are
            failed now, which are at most MEMBERS_READ + 1.
        more: whether there are more, that way.
        total: how many there are in all.
    """

    rows: list[Row]
    more: bool
    total: int


@dataclass(frozen=True, kw_only=True)
class GroupDetails:
    """What is known of one group.

    Attributes:
        group: as in a list, and its `sample`.
        jobs: its newest jobs that are failed now, as `queries` reads them.
        failed_now: how many of its newest MEMBERS_READ jobs are failed now.
        is_capped: whether it has more jobs than those.
        identities: whom those of them concern that are failed now, by how many.
    """

    group: Row
    jobs: list[Row]
    failed_now: int
    is_capped: bool
    identities: list[tuple[Subject, int]] = field(default_factory=list)


def page(group_filter: GroupFilter, *, limit: int, beyond: int | None = None, backwards: bool = False) -> GroupPage:
    """Return one page of groups; one query.

    Args:
        group_filter: which groups, in which order.
        limit: rows a page.
        beyond: start after the group with this id, in the list's order.
        backwards: the rows before that group, instead of those after it.

    Raises:
        Refused: the group with that id is gone (`bad_cursor`).
    """
    value = f"failures_{group_filter.window}" if group_filter.window else "failures"
    key = "last_seen" if group_filter.ordering == NEWEST else value
    comparison, direction = (">", "ASC") if backwards else ("<", "DESC")
    where, params = ["true"], []
    if group_filter.job_type:
        where.append("job_type = %s")
        params.append(group_filter.job_type)
    if group_filter.window:
        where.append(f"{value} > 0")
    start = ""
    if beyond is not None:
        start = f"AND ({key}, id) {comparison} (SELECT {key}, id FROM counted WHERE id = %s)"
    sql = f"""
        WITH counted AS MATERIALIZED ({_COUNTED.format(only="")}),
             matching AS (SELECT * FROM counted WHERE {" AND ".join(where)}),
             shown AS (SELECT * FROM matching WHERE true {start} ORDER BY {key} {direction}, id {direction} LIMIT %s)
        SELECT shown.*, {_FAILED_NOW} AS failed_now, (SELECT count(*) FROM matching) AS total,
               {"EXISTS (SELECT FROM counted WHERE id = %s)" if beyond is not None else "true"} AS is_known
          FROM (SELECT) AS always LEFT JOIN shown ON true
         ORDER BY {key} {direction}, id {direction}
    """
    after = [] if beyond is None else [beyond]
    found = _read(sql, [*_beginnings(), *params, *after, limit + 1, MEMBERS_READ + 1, *after])
    if not found[0]["is_known"]:
        raise Refused("The cursor is broken; start again without one.", code="bad_cursor")
    total = found[0]["total"]
    rows = [row for row in found if row["id"] is not None]
    more = len(rows) > limit
    rows = rows[:limit]
    if backwards:
        rows.reverse()
    return GroupPage(rows=rows, more=more, total=total)


def details(fingerprint: str) -> GroupDetails:
    """Return what is known of one group; five queries at most.

    Raises:
        NotFound: there is no such group, or not any more.
    """
    group = find(fingerprint)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT newest.job_id, newest.identity_id, jobs.status::text = %s
              FROM (SELECT job_id, identity_id, failed_at FROM jobs_failedjob
                     WHERE group_id = %s ORDER BY failed_at DESC, job_id DESC LIMIT %s) AS newest
              LEFT JOIN jobs ON jobs.id = newest.job_id
             ORDER BY newest.failed_at DESC, newest.job_id DESC
            """,
            [FAILED, group["id"], MEMBERS_READ + 1],
        )
        members = cursor.fetchall()
    failed = [(job_id, identity_id) for job_id, identity_id, is_failed in members[:MEMBERS_READ] if is_failed]
    shown = [job_id for job_id, _ in failed[:MEMBERS_SHOWN]]
    rows = {row["id"]: row for row in queries.by_id(shown, error_length=ERROR_LENGTH)} if shown else {}
    return GroupDetails(
        group=group,
        jobs=[rows[job_id] for job_id in shown if job_id in rows],
        failed_now=len(failed),
        is_capped=len(members) > MEMBERS_READ,
        identities=_identities([identity_id for _, identity_id in failed if identity_id is not None]),
    )


def find(fingerprint: str) -> Row:
    """Return one group with its counts and its sample; one query.

    Raises:
        NotFound: there is no such group, or not any more.
    """
    found = []
    # What no fingerprint can be may be no text to PostgreSQL.
    if len(fingerprint) == _FINGERPRINT_LENGTH and fingerprint.isalnum():
        only = "AND group_id = (SELECT id FROM jobs_errorgroup WHERE fingerprint = %s)"
        sql = f"""
            SELECT counted.*, g.sample
              FROM ({_COUNTED.format(only=only)} WHERE g.fingerprint = %s) AS counted JOIN jobs_errorgroup g USING (id)
        """
        found = _read(sql, [*_beginnings(), fingerprint, fingerprint])
    if not found:
        raise NotFound(f"There is no error group {fingerprint[:50]}, or not any more.", code="error_group_not_found")
    return found[0]


def group_of(job_id: int) -> Row | None:
    """Return the group that a job's newest failure is in, and how many more failures there are in it; one query."""
    found = _read(
        """
        SELECT g.fingerprint, g.first_seen, g.failures - 1 AS more
          FROM jobs_failedjob m JOIN jobs_errorgroup g ON g.id = m.group_id WHERE m.job_id = %s
        """,
        [job_id],
    )
    return found[0] if found else None


def _beginnings() -> list[datetime]:
    """Return when each window began: with the quarter of an hour that it begins in."""
    now = timezone.now()
    return [slot_of(now - span) for span in WINDOWS.values()]


def _identities(identity_ids: Sequence[int]) -> list[tuple[Subject, int]]:
    """Return whom jobs concern, as they are called now, with the number of jobs, most first."""
    counted: dict[int, int] = {}
    for identity_id in identity_ids:
        counted[identity_id] = counted.get(identity_id, 0) + 1
    most = sorted(counted, key=lambda pk: (-counted[pk], pk))[:IDENTITIES_SHOWN]
    named: Mapping[int, Subject] = subjects.registered().of({pk: {"identity_id": pk} for pk in most}) if most else {}
    return [(named[pk], counted[pk]) for pk in most if pk in named]


def _read(sql: str, params: Sequence[Any]) -> list[Row]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        names = [column.name for column in cursor.description]
        return [dict(zip(names, values, strict=True)) for values in cursor.fetchall()]
