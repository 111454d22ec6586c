"""How runs look in an answer."""

import uuid
from collections import Counter
from dataclasses import replace
from typing import Any

from django.conf import settings
from rest_framework.request import Request

from jobs import gateway, progress, run_queries, subjects
from jobs.models import RUNNING, Dispatch, Run
from jobs.outcomes import judge
from jobs.queries import Row
from jobs.representation import duration_ms, handed_over, stuck_reason
from jobs.run_filters import RunFilter
from opsconsole.api import cursors
from opsconsole.api.bounds import shorten
from opsconsole.errors import NotFound, Refused
from opsconsole.redaction import redact, redact_start, redact_text


def page_as_json(request: Request, *, limit: int, cursor: str) -> dict[str, Any]:
    """Return a page of runs, newest first, with links; three queries at most. No job is read by itself.

    Args:
        request: has the filters in its query.
        limit: how many runs a page has.
        cursor: where the page begins; empty for the first page.

    Returns:
        The `runs` and the links to other pages.
    """
    run_filter = RunFilter(request.query_params, queryset=Run.objects.all())
    among = run_filter.runs()
    listed = f"runs:{run_filter.digest()}"
    beyond, backwards = None, False
    if cursor:
        key, backwards = cursors.decode(cursor, listed=listed)
        beyond = Run.objects.filter(pk=uuid.UUID(int=key)).first()
        if beyond is None:
            raise Refused("The cursor is broken; start again without one.", code="bad_cursor")
    runs, more = run_queries.page(among, limit=limit, beyond=beyond, backwards=backwards)
    counted = run_queries.sums([run.pk for run in runs])
    return {
        "runs": [summary(run, counted[run.pk]) for run in runs],
        **cursors.links(
            request,
            listed=listed,
            keys=[run.pk.int for run in runs],
            has_next=backwards or more,
            has_previous=more if backwards else beyond is not None,
        ),
    }


def summary(run: Run, rows: list[Row]) -> dict[str, Any]:
    """Return a run without its jobs' details.

    Args:
        run: the run.
        rows: the run's jobs, from `members` or `sums`.
    """
    by_status: Counter[str] = Counter()
    cancelling = 0
    for row in rows:
        number = row.get("jobs", 1)
        by_status[row["status"]] += number
        # In the ledger, a job that is being cancelled is still running.
        if row["status"] == RUNNING and row["cancel_requested_at"] is not None:
            cancelling += number
    return {
        "id": run.pk,
        "operation": run.operation,
        "title": run.title,
        "status": run_queries.state(rows),
        "requested_by": run.requested_by,
        "via": run.via,
        "created_at": run.created_at,
        "job_count": by_status.total(),
        "by_status": dict(by_status),
        "cancelling": cancelling,
        "progress": run_queries.summed_progress(rows),
    }


def run_as_json(run: Run) -> dict[str, Any]:
    """Return a run, as `run_queries.find` returns it, with its jobs and what they returned; three queries."""
    rows = run_queries.members([run.pk], stuck=True)[run.pk]
    return summary(run, rows) | {
        "result": run_queries.result(rows),
        "jobs": members_as_json(rows),
        "left_out": run.left_out,
        "conversations": run.conversations,
    }


def members_as_json(rows: list[Row]) -> list[dict[str, Any]]:
    """Return the jobs of a run as its answer and its page show them, read with which are stuck; two queries."""
    concerns = subjects.registered().of({row["id"]: row["payload"] for row in rows})
    jobs = [
        {
            "id": row["id"],
            "job_type": row["job_type"],
            "status": row["status"],
            "attempts": row["attempts"],
            "max_attempts": row["max_attempts"],
            "joined": row["joined"],
            "identity": {"id": found.id, "display_name": found.display_name}
            if (found := concerns.get(row["id"]))
            else None,
            "handed_over": handed_over(row),
            "waits_for": row["waits_for"],
            "cancel_requested_at": row["cancel_requested_at"],
            "stuck": row["stuck_cause"] is not None,
            "stuck_reason": stuck_reason(row),
            "progress": progress.as_json(row),
            "duration_ms": duration_ms(row["started_at"], row["ended_at"]),
            "outcome": row["outcome"],
            "last_error": redact_start(row["last_error"], run_queries.ERROR_LENGTH) if row["last_error"] else None,
            "result": redact(row["result"]),
            **({"result_cut": True} if row["result_is_cut"] else {}),
        }
        for row in rows
    ]
    shorten(jobs, "last_error")
    return jobs


def polling_as_json(identifier: str) -> dict[str, Any]:
    """Return the state of a run, or of a task that the result back ends know, as the front end polls it.

    Raises:
        NotFound: it is neither.
        Unavailable: it is no run, and the core's result back end does not answer.
    """
    try:
        run_id = uuid.UUID(identifier)
    except ValueError:
        raise _missing() from None
    counted = run_queries.sums([run_id])[run_id]
    if not counted and not Run.objects.filter(pk=run_id).exists():
        return _task_as_json(str(run_id))
    status = run_queries.state(counted)
    if status == run_queries.PENDING:
        # Results matter only once all jobs have ended, so they aren't read before.
        result, job_ids = None, run_queries.job_ids(run_id)
    else:
        rows = run_queries.members([run_id])[run_id]
        result, job_ids = run_queries.result(rows), [row["id"] for row in rows]
    return {
        "job_id": str(run_id),
        "status": status,
        "result": result,
        "progress": run_queries.summed_progress(counted),
        "jobs": job_ids,
        # Clients shouldn't go on polling for jobs that nothing will run.
        "stuck": run_queries.stuck_jobs(run_id) if status == run_queries.PENDING else [],
    }


def _polled(identifier: str, rows: list[Row]) -> dict[str, Any]:
    return {
        "job_id": identifier,
        "status": run_queries.state(rows),
        "result": run_queries.result(rows),
        "progress": run_queries.summed_progress(rows),
        "jobs": [row["id"] for row in rows],
        "stuck": [row["id"] for row in rows if row["stuck_cause"] is not None],
    }


def _missing() -> NotFound:
    return NotFound("No run or task has this id.", code="run_not_found")


def _task_as_json(task_id: str) -> dict[str, Any]:
    dispatch = Dispatch.objects.filter(task_id=task_id).values("job_id").first()
    if dispatch is not None:
        return _polled(task_id, run_queries.jobs([dispatch["job_id"]]))
    state = _task_state(task_id)
    if state is None:
        raise _missing()
    answer: dict[str, Any] = {
        "job_id": task_id,
        "status": "pending",
        "result": None,
        "progress": None,
        "jobs": [],
        "stuck": [],
    }
    if state.is_ended:
        state = replace(state, result=redact(state.result))
        verdict = judge(state)
        result = state.result if isinstance(state.result, dict) and state.state == "SUCCESS" else {}
        result = run_queries.named_alike(result)
        if verdict.is_failure:
            result = result | {"error": redact_text(verdict.error or "")}
        answer |= {"status": "failure" if verdict.is_failure else "success", "result": result}
    return answer


def _task_state(task_id: str) -> gateway.TaskState | None:
    own = gateway.own_result(task_id)
    if own is not None:
        return own
    # Without a back end there is nobody else to ask; with one that does not answer, nobody knows: that is a 503.
    return gateway.read_states([task_id]).get(task_id) if settings.CORE_RESULT_BACKEND else None
