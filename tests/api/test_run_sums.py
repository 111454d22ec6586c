"""The database counts the jobs of runs: a list of runs shows the same as if each job had been read."""

import re
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from jobs import run_queries
from jobs.models import Job
from jobs.run_representation import summary
from tests.api.cast import make_attempt, make_run
from tests.cast import NOW, make_job

pytestmark = pytest.mark.django_db


def told(current: int, total: int | None = None, unit: str = "messages", source: str = "reported") -> dict[str, Any]:
    return {
        "progress_current": current,
        "progress_total": total,
        "progress_unit": unit,
        "progress_source": source,
        "progress_at": NOW,
    }


# Each job's status and its newest attempt's columns; None if the console made no attempt.
RUNS: dict[str, list[tuple[str, dict[str, Any] | None]]] = {
    "no job": [],
    "one that waits": [("queued", None)],
    "all done": [("done", {"ended_at": NOW, "outcome": "done"})] * 3,
    "each status": [(status, None) for status in ("queued", "running", "retrying", "failed", "done", "cancelled")],
    "all tell": [("running", told(3, 10)), ("running", told(5, 20)), ("done", told(7, 7))],
    "one tells nothing": [("running", told(3, 10)), ("queued", None)],
    "one has told nothing": [("running", told(3, 10)), ("running", {})],
    "one knows no total": [("running", told(3, 10)), ("running", told(4))],
    "a total of nothing": [("running", told(0, 0)), ("running", told(4, 8))],
    "nothing so far": [("running", told(0, 10)), ("running", told(0, 10))],
    "reported and observed": [("running", told(3, 10)), ("running", told(4, source="observed"))],
    "different things": [("running", told(3, 10)), ("running", told(4, 10, unit="files"))],
    "more than all": [("running", told(30, 10)), ("running", told(5, 5))],
    "large numbers": [("running", told(2**52, 2**53 - 1))] * 4,
    "one is being cancelled": [("running", {"cancel_requested_at": NOW}), ("running", {})],
    "one was cancelled": [("cancelled", {"cancel_requested_at": NOW, "ended_at": NOW}), ("done", None)],
    "cancelling, and telling": [("running", {"cancel_requested_at": NOW, **told(3, 9)}), ("running", told(1, 9))],
    "one is gone": [("gone", None), ("done", None)],
    "one is gone that told": [("gone", told(3, 10)), ("running", told(4, 10))],
}


@pytest.mark.parametrize("name", RUNS)
def test_a_run_is_summed_as_its_jobs_say_one_by_one(api: APIClient, name: str) -> None:
    ids = []
    for status, attempt in RUNS[name]:
        pk = make_job(status="done" if status == "gone" else status).pk
        if attempt is not None:
            # The progress of an earlier attempt doesn't count.
            make_attempt(pk, ended_at=NOW, outcome="failed", **told(99, 99, unit="bytes"))
            make_attempt(pk, **attempt)
        ids.append(pk)
        if status == "gone":
            Job.objects.filter(pk=pk).delete()
    run, other = make_run(*ids), make_run(make_job(status="running").pk)
    members = run_queries.members([run.pk])[run.pk]
    assert len(members) == len(ids)
    counted = run_queries.sums([other.pk, run.pk])
    assert summary(run, counted[run.pk]) == summary(run, members)
    assert len(counted[other.pk]) == 1
    shown = next(one for one in api.get("/ops/runs").json()["runs"] if one["id"] == str(run.pk))
    assert (shown["job_count"], sum(shown["by_status"].values())) == (len(ids), len(ids))
    polled = api.get(f"/ops/backfill/{run.pk}").json()
    assert (polled["jobs"], polled["status"], polled["progress"]) == (ids, shown["status"], shown["progress"])


def test_a_list_of_runs_reads_none_of_their_jobs(api: APIClient) -> None:
    make_run(*(make_job(status="running", payload={"n": n}).pk for n in range(50)))
    with CaptureQueriesContext(connection) as captured:
        api.get("/ops/runs")
    about_members = [query["sql"] for query in captured if "jobs_runjob" in query["sql"]]
    assert len(about_members) == 1
    assert not re.search(r"payload|\bresult\b|last_error", about_members[0])
