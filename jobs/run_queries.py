"""Reads of runs: what one click asked for, and how far its jobs have come."""

import uuid
from collections.abc import Callable, Sequence
from typing import Any, Final

from django.db import connection
from django.db.models import Q, QuerySet

from jobs import catalog, payloads, progress, subjects
from jobs.models import CANCELLED, DONE, ENDED_STATUSES, Run, RunJob
from jobs.outcomes import error_list
from jobs.queries import NAMES, Row, utc
from jobs.stuck import stuck_cause, stuck_condition
from opsconsole import cut_json
from opsconsole.errors import NotFound
from opsconsole.fields import parse_json
from opsconsole.redaction import CUT_MARGIN, redact, redact_names, redact_start

PENDING: Final = "pending"
SUCCESS: Final = "success"
FAILURE: Final = "failure"
# The core may delete rows of its ledger: what a run asked for is then known by its number only.
GONE: Final = "gone"
ERROR_LENGTH: Final = 1_000
ERRORS_NAMED: Final = 3
ERRORS_SHOWN: Final = 50
# Of a result that is too long, only values up to this many bytes and this many errors are read.
SHORT_VALUE: Final = 200
ERRORS_OF_EACH: Final = 5
_RUN_NAMES: Final = ("title", "operation", "requested_by", "via")
# What the front end calls the numbers that fetching attachments again returns.
_ATTACHMENT_NAMES: Final = {
    "attachments_created": "downloaded",
    "already_exists": "skipped",
    "download_failed": "failed",
}
# The numbers of a result that the API names; there may be others.
NUMBERS: Final = (
    "new_conversations",
    "new_messages",
    "conversations_synced",
    "messages_synced",
    "downloaded",
    "skipped",
    "failed",
    "retried",
    "cancelled",
    "changed_meanwhile",
    "refused",
    "not_changed",
    "backup_run_id",
    "restore_test_id",
)

_MEMBERS: Final = """
    SELECT m.run_id, m.joined, m.job_id AS id, jobs.queue_name, jobs.job_type,
           COALESCE(jobs.status::text, '{gone}') AS status, jobs.attempts, jobs.max_attempts, jobs.next_run_at,
           jobs.updated_at, left(jobs.last_error, {error_length}) AS last_error, {payload} AS payload,
           {stuck_cause} AS stuck_cause,
           d.id AS dispatch_id, d.published_at, d.publish_error, d.started_at, d.retrying_since, d.ended_at,
           d.next_attempt_at, d.outcome,
           d.in_core, d.lease_until, d.unknown_since,
           CASE WHEN d.ended_at IS NULL THEN d.cancel_requested_at END AS cancel_requested_at,
           {result} AS result, octet_length(d.result::text) > {result_length} AS result_is_cut,
           d.progress_current, d.progress_total, d.progress_unit, d.progress_source, d.progress_at,
           CASE WHEN d.published_at IS NULL AND d.ended_at IS NULL AND d.serial_key IS NOT NULL THEN COALESCE(
                (SELECT first.job_id FROM jobs_dispatch first
                  WHERE first.serial_key = d.serial_key AND first.ended_at IS NULL AND first.id < d.id
                  ORDER BY first.id LIMIT 1),
                (SELECT holder.job_id FROM jobs_dispatch holder
                  WHERE holder.serial_key = d.serial_key AND holder.holds_place AND holder.id <> d.id)) END AS waits_for
      FROM ({source}) AS m
      LEFT JOIN jobs ON jobs.id = m.job_id
      LEFT JOIN LATERAL (SELECT * FROM jobs_dispatch WHERE job_id = m.job_id ORDER BY id DESC LIMIT 1) AS d ON true
     ORDER BY m.job_id
"""

# Groups jobs that look the same into one row: a run may have thousands of jobs, and a list shows many runs.
_SUMS: Final = """
    SELECT m.run_id, COALESCE(jobs.status::text, %s) AS status, count(*) AS jobs,
           CASE WHEN d.cancel_requested_at IS NOT NULL AND d.ended_at IS NULL THEN max(d.cancel_requested_at) END
             AS cancel_requested_at,
           sum(d.progress_current)::bigint AS progress_current,
           sum(d.progress_total)::bigint AS progress_total,
           d.progress_unit, d.progress_source, max(d.progress_at) AS progress_at
      FROM jobs_runjob AS m
      LEFT JOIN jobs ON jobs.id = m.job_id
      LEFT JOIN LATERAL (SELECT cancel_requested_at, ended_at, progress_current, progress_total, progress_unit,
                                progress_source, progress_at
                           FROM jobs_dispatch WHERE job_id = m.job_id ORDER BY id DESC LIMIT 1) AS d ON true
     WHERE m.run_id = ANY(%s)
     GROUP BY m.run_id, jobs.status, d.cancel_requested_at IS NOT NULL AND d.ended_at IS NULL,
              d.progress_current IS NULL, d.progress_current = 0, d.progress_total IS NULL,
              d.progress_current > d.progress_total, d.progress_unit, d.progress_source
     ORDER BY m.run_id, min(m.job_id)
"""
_STUCK: Final = """
    SELECT jobs.id FROM jobs_runjob AS m JOIN jobs ON jobs.id = m.job_id
     WHERE m.run_id = %s AND {condition} ORDER BY jobs.id
"""
# Of a long result, only the parts that are summed are read: short values and the start of its errors. The fewer jobs
# are read, the longer each result may be.
_RESULT_LENGTH: Final = "GREATEST(2048, 524288 / count(*) OVER ())"
_RESULT: Final = """
    CASE WHEN octet_length(d.result::text) <= {limit} OR jsonb_typeof(d.result) <> 'object' THEN d.result::text
         ELSE (SELECT jsonb_object_agg(key, CASE WHEN key = 'errors' AND jsonb_typeof(value) = 'array' THEN
                          (SELECT jsonb_agg(left(error, {length}))
                             FROM (SELECT error FROM jsonb_array_elements_text(value) AS error LIMIT {errors}) AS first)
                          ELSE value END)::text
                 FROM jsonb_each(CASE WHEN jsonb_typeof(d.result) = 'object' THEN d.result ELSE '{{}}' END)
                WHERE octet_length(value::text) <= {short} OR key = 'errors') END
"""


def find(run_id: str) -> Run:
    """Return a run by its id; one query.

    Raises:
        NotFound: there is none, or the id is no id.
    """
    try:
        run = Run.objects.filter(pk=uuid.UUID(run_id)).first()
    except ValueError:
        run = None
    if run is None:
        raise NotFound("There is no run with this id.", code="run_not_found")
    redact_names(vars(run), _RUN_NAMES)
    run.left_out, run.conversations = _listed(run.left_out), _listed(run.conversations)
    return run


def _listed(kept: Any) -> list[dict[str, Any]]:
    """Return a run's stored list with private values redacted; an empty list if the stored value isn't one."""
    return [redact(one) for one in kept if isinstance(one, dict)] if isinstance(kept, list) else []


def page(
    among: QuerySet[Run] | None = None, *, limit: int, beyond: Run | None = None, backwards: bool = False
) -> tuple[list[Run], bool]:
    """Return a page of runs, newest first, and whether there are more in that direction; one query.

    Args:
        among: the runs to page through; None for all.
        limit: rows.
        beyond: start beyond this run.
        backwards: towards newer ones.
    """
    among = Run.objects.all() if among is None else among
    runs = among.order_by("created_at", "pk") if backwards else among.order_by("-created_at", "-pk")
    if beyond is not None:
        side = "gt" if backwards else "lt"
        runs = runs.filter(
            Q(**{f"created_at__{side}": beyond.created_at})
            | Q(**{"created_at": beyond.created_at, f"pk__{side}": beyond.pk})
        )
    found = list(runs.defer("left_out", "conversations")[: limit + 1])
    more = len(found) > limit
    found = found[:limit]
    for run in found:
        redact_names(vars(run), _RUN_NAMES)
    return (found[::-1] if backwards else found), more


def members(run_ids: Sequence[uuid.UUID], *, stuck: bool = False) -> dict[uuid.UUID, list[Row]]:
    """Return the jobs of runs with their newest attempt, in the order of their ids; one query.

    Args:
        run_ids: the runs.
        stuck: look also which of the jobs are stuck.
    """
    found: dict[uuid.UUID, list[Row]] = {run_id: [] for run_id in run_ids}
    source = "SELECT run_id, joined, job_id FROM jobs_runjob WHERE run_id = ANY(%s)"
    for row in _rows(source, [list(run_ids)], stuck=stuck):
        found[row["run_id"]].append(row)
    return found


def sums(run_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, list[Row]]:
    """Return the jobs of runs, grouped and counted in the database; one query.

    Each row stands for the jobs of a run that look the same. The row has their status, their summed progress, and their
    number as `jobs`.
    """
    found: dict[uuid.UUID, list[Row]] = {run_id: [] for run_id in run_ids}
    with connection.cursor() as cursor:
        cursor.execute(_SUMS, [GONE, list(run_ids)])
        names = [column.name for column in cursor.description]
        for values in cursor.fetchall():
            row = dict(zip(names, values, strict=True))
            redact_names(row, ("progress_unit", "progress_source"))
            found[row["run_id"]].append(row)
    return found


def job_ids(run_id: uuid.UUID) -> list[int]:
    """Return the ids of a run's jobs; one query."""
    return list(RunJob.objects.filter(run=run_id).order_by("job_id").values_list("job_id", flat=True))


def stuck_jobs(run_id: uuid.UUID) -> list[int]:
    """Return the ids of those of a run's jobs that are stuck; one query."""
    condition, *params = stuck_condition()
    with connection.cursor() as cursor:
        cursor.execute(_STUCK.format(condition=condition), [run_id, *params])
        return [job_id for (job_id,) in cursor.fetchall()]


def jobs(job_ids: Sequence[int]) -> list[Row]:
    """Return jobs of any run in the form of `members`, with the causes of stuck ones; one query."""
    source = "SELECT NULL::uuid AS run_id, false AS joined, unnest(%s::bigint[]) AS job_id"
    return _rows(source, [list(job_ids)], stuck=True)


def _rows(source: str, params: list[Any], *, stuck: bool = False) -> list[Row]:
    cause, *cause_params = stuck_cause("d") if stuck else ("NULL",)
    sql = _MEMBERS.format(
        source=source,
        gone=GONE,
        error_length=ERROR_LENGTH + CUT_MARGIN,
        payload=payloads.cut(),
        result=_RESULT.format(limit=_RESULT_LENGTH, short=SHORT_VALUE, errors=ERRORS_OF_EACH, length=ERROR_LENGTH),
        result_length=_RESULT_LENGTH,
        stuck_cause=cause,
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [*cause_params, *params])
        names = [column.name for column in cursor.description]
        rows = [dict(zip(names, values, strict=True)) for values in cursor.fetchall()]
    for row in rows:
        row["payload"], row["result"] = cut_json.parse(row["payload"]).value, parse_json(row["result"])
        row["next_run_at"], row["updated_at"] = utc(row["next_run_at"]), utc(row["updated_at"])
        redact_names(row, NAMES)
    return rows


def state(rows: Sequence[Row]) -> str:
    """Return the state of a run: pending until all of its jobs have ended, success if all are done.

    Args:
        rows: the run's jobs, from `members` or `sums`.
    """
    statuses = {row["status"] for row in rows}
    # A status that the console doesn't know has not ended, as far as anybody can tell.
    if not statuses <= {*ENDED_STATUSES, GONE}:
        return PENDING
    return SUCCESS if statuses == {DONE} else FAILURE


def summed_progress(rows: Sequence[Row]) -> dict[str, Any] | None:
    """Return the summed progress of a run's jobs, or None if it isn't known.

    Args:
        rows: the run's jobs, from `members` or `sums`.
    """
    return progress.total_of(progress.as_json(row) for row in rows)


def result(rows: Sequence[Row]) -> dict[str, Any] | None:
    """Return what a run's ended jobs returned, summed; with a sentence as `error` when not all are done.

    None while it is pending.
    """
    current = state(rows)
    if current == PENDING:
        return None
    sums: dict[str, Any] = {}
    ids: dict[str, list[int]] = {}
    errors: list[str] = []
    for row in rows:
        returned = redact(row["result"]) if isinstance(row["result"], dict) else {}
        for key, value in returned.items():
            if not is_whole(value) or (key in _KINDS and key not in NUMBERS):
                continue
            if key.endswith("_id"):
                # What a job has made or was about; no number of anything.
                ids.setdefault(key, []).append(value)
            else:
                sums[key] = sums.get(key, 0) + value
        errors += error_list(returned)
        if returned.get("status") == "skipped" and returned.get("reason"):
            sums.setdefault("skipped_because", []).append(str(returned["reason"]))
    for key, found in ids.items():
        sums |= {key: found[0]} if len(found) == 1 else {f"{key}s": found}
    if any(row["job_type"] == catalog.REDOWNLOAD_ATTACHMENTS for row in rows):
        sums |= dict.fromkeys(_ATTACHMENT_NAMES.values(), 0)
    answer = {"status": current, **attachments_named(sums), "errors": errors[:ERRORS_SHOWN]}
    if current == FAILURE:
        answer["error"] = failure_sentence(rows)
    return answer


def named_alike(returned: dict[str, Any]) -> dict[str, Any]:
    """Return what a task returned that is no run's, so that each key that `result` has too is of the same kind there.

    What isn't is left out, as it is left out of a run's sums.
    """
    shown = {key: value for key, value in returned.items() if _KINDS.get(key, _is_anything)(value)}
    if "errors" in returned:
        shown["errors"] = error_list(returned)
    return attachments_named(shown)


def _is_anything(value: Any) -> bool:
    return True


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _are_whole(value: Any) -> bool:
    return isinstance(value, list) and all(map(is_whole, value))


def is_whole(value: Any) -> bool:
    """Say whether a value that a task returned is a whole number."""
    return isinstance(value, int) and not isinstance(value, bool)


# What a key of a run's result holds; other keys hold whole numbers there, and anything in that of a single task.
_KINDS: Final[dict[str, Callable[[Any], bool]]] = {
    **dict.fromkeys(("status", "error"), _is_text),
    **dict.fromkeys(("errors", "skipped_because"), _are_texts),
    **dict.fromkeys(("backup_run_ids", "restore_test_ids"), _are_whole),
    **dict.fromkeys(NUMBERS, is_whole),
}


def attachments_named(returned: dict[str, Any]) -> dict[str, Any]:
    """Return the result of fetching attachments again with its numbers under the front end's names too."""
    return returned | {shown: returned[name] for name, shown in _ATTACHMENT_NAMES.items() if name in returned}


def failure_sentence(rows: Sequence[Row]) -> str:
    """Return which jobs of a run did not end well, and why, in a sentence."""
    missed = [row for row in rows if row["status"] != DONE]
    concerns = subjects.registered().of({row["id"]: row["payload"] for row in missed})
    parts = []
    for row in missed[:ERRORS_NAMED]:
        name = f" ({concerns[row['id']].display_name})" if row["id"] in concerns else ""
        why = {CANCELLED: "was cancelled", GONE: "is not in the ledger any more"}.get(row["status"], "failed")
        error = redact_start(row["last_error"] or "", ERROR_LENGTH)
        first_line = error.strip().split("\n")[0][:300].rstrip(".")
        parts.append(f"Job {row['id']}{name} {why}" + (f": {first_line}" if first_line else ""))
    if len(missed) > ERRORS_NAMED:
        parts.append(f"{len(missed) - ERRORS_NAMED} more did not end well")
    return "; ".join(parts) + "."
