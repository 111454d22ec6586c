"""Reads of the ledger: pages of jobs, one job, its attempts.

Plain dictionaries, one query for a page, pages by key in the order of insertion. The ledger has indexes on its id and
on (status, next_run_at) only; whatever no index carries is bounded by a statement time-out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from django.db import connection

from jobs import counts, payloads
from jobs.counts import Counts
from jobs.filters import JobFilter
from jobs.models import STATUSES, Dispatch
from jobs.stuck import NEWEST_ATTEMPT, stuck_cause
from opsconsole import cut_json
from opsconsole.errors import NotFound
from opsconsole.far_times import text_of_far
from opsconsole.redaction import CUT_MARGIN, redact_names
from opsconsole.row_ids import row_id
from opsconsole.slow_filters import bounded

LIST_ERROR_LENGTH: Final = 5_000
DETAIL_ERROR_LENGTH: Final = 200_000
CAPPED_COUNT: Final = 10_000
# How many of the newest ids a status is looked for in, at the most, before its own index is asked.
RECENT_IDS: Final = 20_000
# So few jobs are read through the index of their status right away.
FEW: Final = 1_000
# A status with a larger share of the ledger is found sooner by walking back than through its index.
COMMON_SHARE: Final = 0.1
ATTEMPTS_SHOWN: Final = 100
# An order by the ids that keeps PostgreSQL from walking along them: what the index on the status finds is sorted.
BY_STATUS: Final = "jobs.id + 0"
# Of a row, names of all kinds: nothing private, unless somebody has put it there.
NAMES: Final = (
    "job_type",
    "queue_name",
    "requested_by",
    "via",
    "worker",
    "progress_unit",
    "progress_source",
    "outcome",
)

# The columns of a job that hold times which the core wrote.
TIMES: Final = ("next_run_at", "created_at", "updated_at")

Row = dict[str, Any]
TotalIs = Literal["exact", "estimated", "capped"]

_ROWS: Final = """
    SELECT jobs.id, jobs.queue_name, jobs.job_type, jobs.status::text AS status, jobs.attempts, jobs.max_attempts,
           left(jobs.last_error, {error_length} + {margin}) AS last_error, {length} AS error_length,
           jobs.next_run_at, jobs.created_at, jobs.updated_at, {far_times}, {payload} AS payload,
           {stuck_cause} AS stuck_cause,
           d.id AS dispatch_id, d.task_id, d.requested_by, d.via, d.requested_at, d.published_at, d.publish_error,
           d.started_at, d.retrying_since, d.ended_at, d.next_attempt_at, d.worker, d.outcome, d.in_core, d.lease_until,
           d.unknown_since,
           CASE WHEN d.ended_at IS NULL THEN d.cancel_requested_at END AS cancel_requested_at,
           d.progress_current, d.progress_total, d.progress_unit, d.progress_source, d.progress_at,
           m.run_id,
           CASE WHEN d.published_at IS NULL AND d.ended_at IS NULL AND d.serial_key IS NOT NULL THEN COALESCE(
                (SELECT first.job_id FROM jobs_dispatch first
                  WHERE first.serial_key = d.serial_key AND first.ended_at IS NULL AND first.id < d.id
                  ORDER BY first.id LIMIT 1),
                (SELECT holder.job_id FROM jobs_dispatch holder
                  WHERE holder.serial_key = d.serial_key AND holder.holds_place AND holder.id <> d.id)) END AS waits_for
      FROM ({source}) AS jobs
      LEFT JOIN LATERAL {newest_attempt} AS d ON true
      LEFT JOIN LATERAL (SELECT run_id FROM jobs_runjob WHERE job_id = jobs.id ORDER BY id DESC LIMIT 1) AS m ON true
     ORDER BY jobs.id {direction}
"""


@dataclass(frozen=True, kw_only=True)
class Position:
    """Where a page starts: beyond a job's id, forwards or backwards in the list's order."""

    job_id: int
    backwards: bool = False


@dataclass(frozen=True, kw_only=True)
class JobPage:
    """One page of jobs.

    Attributes:
        rows: the jobs, in the list's order.
        has_next: whether there are more after it.
        has_previous: whether there are more before it.
        total: how many there are in all.
        total_is: exact, estimated (as of `as_of`) or capped (that many or more).
        as_of: when they were counted, for an estimated total.
    """

    rows: list[Row]
    has_next: bool
    has_previous: bool
    total: int
    total_is: TotalIs
    as_of: datetime | None = None


def page(
    job_filter: JobFilter,
    *,
    limit: int,
    ascending: bool = False,
    position: Position | None = None,
    offset: int = 0,
    error_length: int = LIST_ERROR_LENGTH,
) -> JobPage:
    """Return one page of the jobs that a filter lets through, in the order of insertion.

    Args:
        job_filter: which jobs.
        limit: rows a page.
        ascending: oldest first; newest first otherwise.
        position: start beyond this job, instead of at `offset`.
        offset: skip that many.
        error_length: how many characters of each error are to be shown; CUT_MARGIN more are read.

    Raises:
        Refused: no index carries the filter and it ran out of its time (`filter_too_slow`).
    """
    known = counts.current()
    backwards = position is not None and position.backwards
    descending = ascending if backwards else not ascending
    with bounded(not job_filter.is_indexed or offset > (0 if job_filter.statuses else RECENT_IDS)):
        found = _find(
            job_filter,
            known=known,
            limit=limit + 1,
            descending=descending,
            beyond=position.job_id if position else None,
            offset=offset,
            error_length=error_length,
        )
        rows = found[:limit]
        more = len(found) > limit
        total, total_is = _total(job_filter, known, rows=None if position or offset or more else len(rows))
    if backwards:
        rows.reverse()
    return JobPage(
        rows=rows,
        has_next=bool(rows) if backwards else more,
        has_previous=more if backwards else position is not None or offset > 0,
        total=total,
        total_is=total_is,
        as_of=known.as_of if total_is == "estimated" else None,
    )


def get(job_id: int) -> Row:
    """Return one job with its error, newest attempt and run; one query.

    Raises:
        NotFound: there is no such job.
    """
    rows = _by_id([job_id], error_length=DETAIL_ERROR_LENGTH, whole=True) if row_id(job_id) else []
    if not rows:
        raise NotFound(f"There is no job {job_id}.", code="job_not_found")
    return rows[0]


def job_id_of(text: str) -> int:
    """Return the job id that an address names.

    Raises:
        NotFound: it is no number that a row could have.
    """
    if (found := row_id(text)) is not None:
        return found
    raise NotFound(f"There is no job {text[:50]}.", code="job_not_found")


def by_id(job_ids: Sequence[int], *, error_length: int = LIST_ERROR_LENGTH) -> list[Row]:
    """Return these jobs, newest first, those that exist; one query."""
    return _by_id(job_ids, error_length=error_length)


def attempts(job_id: int) -> list[Dispatch]:
    """Return a job's attempts that the console made, newest first; one query."""
    # Without the arguments, which repeat the payload.
    return list(Dispatch.objects.filter(job_id=job_id).defer("kwargs_json").order_by("-pk")[:ATTEMPTS_SHOWN])


def count_by_status(job_filter: JobFilter) -> Counts:
    """Return how many jobs of each status a filter lets through; from the snapshot where nothing is filtered.

    Raises:
        Refused: no index carries the filter and it ran out of its time.
    """
    if job_filter.is_indexed:
        return counts.current()
    where, params = job_filter.without_status().conditions()
    with bounded(True), connection.cursor() as cursor:
        cursor.execute(f"SELECT jobs.status::text, count(*) FROM jobs WHERE {' AND '.join(where)} GROUP BY 1", params)
        return Counts(by_status=dict(cursor.fetchall()), as_of=None)


def _by_id(job_ids: Sequence[int], *, error_length: int, whole: bool = False) -> list[Row]:
    source = "SELECT * FROM jobs WHERE id = ANY(%s)"
    return _rows(source, [list(job_ids)], descending=True, error_length=error_length, whole=whole)


def _find(
    job_filter: JobFilter,
    *,
    known: Counts,
    limit: int,
    descending: bool,
    beyond: int | None,
    offset: int,
    error_length: int,
) -> list[Row]:
    others = tuple(status for status in known.by_status if status not in STATUSES)
    where, params = job_filter.conditions(others)
    comparison, direction = ("<", "DESC") if descending else (">", "ASC")
    if beyond is not None:
        where.append(f"jobs.id {comparison} %s")
        params.append(beyond)

    def find(extra: list[str], extra_params: list[Any], order: str = "jobs.id") -> list[Row]:
        clauses = [*where, *extra]
        matching = f" WHERE {' AND '.join(clauses)}" if clauses else ""
        # The ids alone are walked in the index, or sorted; only the page's own rows are read whole.
        source = (
            f"SELECT * FROM jobs WHERE id = ANY(ARRAY(SELECT jobs.id FROM jobs{matching}"
            f" ORDER BY {order} {direction} LIMIT %s OFFSET %s))"
        )
        return _rows(source, [*params, *extra_params, limit, offset], descending=descending, error_length=error_length)

    if job_filter.stuck:
        # PostgreSQL can't know how few are, and would walk back through the ledger.
        return find([], [], order=BY_STATUS)
    if not job_filter.statuses or not job_filter.is_indexed or offset:
        return find([], [])
    count = known.of(job_filter.statuses)
    if count > known.total * COMMON_SHARE:
        return find([], [])
    if count > FEW:
        # Most often its newest rows are near the end; were they spread evenly, a quarter of this would do.
        window = min(4 * limit * known.total // count, RECENT_IDS)
        start = beyond if beyond is not None else _end(descending)
        edge = start - window if descending else start + window
        near = find([f"jobs.id {'>=' if descending else '<='} %s"], [edge])
        if len(near) == limit:
            return near
    # Walking back for a rare status might read the whole table, so its own index is asked.
    return find([], [], order=BY_STATUS)


def _end(descending: bool) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT COALESCE({'max' if descending else 'min'}(id), 0) FROM jobs")
        (end,) = cursor.fetchone()
    return int(end)


def _total(job_filter: JobFilter, known: Counts, *, rows: int | None) -> tuple[int, TotalIs]:
    if rows is not None:
        return rows, "exact"
    if job_filter.is_indexed:
        return known.of(job_filter.statuses), "estimated"
    where, params = job_filter.conditions(tuple(status for status in known.by_status if status not in STATUSES))
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*) FROM (SELECT 1 FROM jobs WHERE {' AND '.join(where)} LIMIT %s) AS found",
            [*params, CAPPED_COUNT + 1],
        )
        (count,) = cursor.fetchone()
    return (CAPPED_COUNT, "capped") if count > CAPPED_COUNT else (count, "exact")


def _rows(source: str, params: list[Any], *, descending: bool, error_length: int, whole: bool = False) -> list[Row]:
    """Return rows with their newest attempts.

    Args:
        source: the SQL query for the jobs.
        params: its parameters.
        descending: newest first.
        error_length: how many characters of the error to read.
        whole: for the page of a single job: more of the payload, and the error's full length.
    """
    cause, *cause_params = stuck_cause("d")
    sql = _ROWS.format(
        error_length=int(error_length),
        margin=CUT_MARGIN,
        payload=payloads.cut(limit=cut_json.IN_DETAIL if whole else cut_json.IN_LISTS),
        # Only for a single job: PostgreSQL must read all of a long error to count its characters.
        length="length(jobs.last_error)" if whole else "NULL",
        stuck_cause=cause,
        far_times=", ".join(f"{text_of_far(f'jobs.{name}')} AS {name}_text" for name in TIMES),
        source=source,
        newest_attempt=NEWEST_ATTEMPT,
        direction="DESC" if descending else "ASC",
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [*cause_params, *params])
        names = [column.name for column in cursor.description]
        rows = [dict(zip(names, values, strict=True)) for values in cursor.fetchall()]
    for row in rows:
        for name in TIMES:
            row[name] = utc(row[name])
        payload = cut_json.parse(row["payload"])
        row["payload"], row["payload_size"] = payload.value, payload.size
        redact_names(row, NAMES)
    return rows


def utc(moment: datetime | None) -> datetime | None:
    """Return a time of the core's with its zone, which one variant of its columns lacks."""
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment
