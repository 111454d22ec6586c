"""Thousands of jobs that wait, and statistics of PostgreSQL's from before: what is read is still looked up."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from jobs import handover, losses, measures, pulse, recent, throughput
from jobs.filters import JobFilter
from jobs.models import Dispatch, Job
from tests.api.test_query_counts import plans
from tests.cast import NOW, make_identity

WAITING = 2_000
ENDED = 8_000
KEYS = ("ingest:1", "ingest:2")
# What one read may look at: each of those that wait a few times, and never each for each.
LOOKED_AT = 5 * WAITING

pytestmark = pytest.mark.django_db


def attempts(job_ids: Iterator[int] | range | list[int], **values: Any) -> None:
    common = {"task": "ingest.sync_delta", "queue": "ingest", "in_core": True, "requested_by": "olivia", "via": "api"}
    Dispatch.objects.bulk_create(
        Dispatch(
            job_id=job_id,
            task_id=uuid4(),
            serial_key=KEYS[number % len(KEYS)],
            requested_at=NOW,
            publication_lease_until=NOW,
            **common,
            **values,
        )
        for number, job_id in enumerate(job_ids)
    )


@pytest.fixture
def backlog(db: None, variant: str) -> None:
    """All attempts had ended when PostgreSQL last looked; since then a crowd of jobs was retried."""
    identity = make_identity()
    kind = "job_status_enum" if variant == "native" else "varchar"
    insert = f"""
        INSERT INTO jobs (queue_name, job_type, payload_json, status, attempts, max_attempts, created_at, updated_at)
        SELECT 'ingest', 'ingest.sync_delta', json_build_object('identity_id', {identity.pk}, 'n', n),
               %s::{kind}, 1, 3, now(), now()
          FROM generate_series(1, %s) AS n
    """
    with connection.cursor() as cursor:
        cursor.execute(insert, ["done", ENDED])
    attempts(list(Job.objects.values_list("pk", flat=True)), started_at=NOW, ended_at=NOW, outcome="done", told=True)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE jobs")
        cursor.execute("ANALYZE jobs_dispatch")
        cursor.execute(insert, ["queued", WAITING])
    attempts(list(Job.objects.filter(status="queued").order_by("pk").values_list("pk", flat=True)))


READS: dict[str, Callable[[APIClient], Any]] = {
    "the pulse": lambda _: pulse.work(),
    "what has failed": lambda _: pulse.failed_within_an_hour(),
    "the hours": lambda _: throughput.read(),
    "run times": lambda _: measures.run_times(),
    "those of a key": lambda _: recent.active_by_serial_key(KEYS, of_each=5),
    "the newest": lambda _: recent.newest(JobFilter(), limit=5),
    "what is to be handed over": lambda _: handover.lease_due(),
    "what others ended": lambda _: losses.let_go_of_ended(),
    "the list": lambda api: api.get("/ops/jobs", {"limit": "200"}),
    "the list of those that are stuck": lambda api: api.get("/ops/jobs", {"stuck": "true", "limit": "200"}),
    "a job": lambda api: api.get(f"/ops/jobs/{Job.objects.latest('pk').pk}"),
    "the health": lambda api: api.get("/ops/health"),
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_no_read_goes_through_all_that_wait_for_each_of_them(
    api: APIClient, backlog: None, read: Callable[[APIClient], Any]
) -> None:
    with CaptureQueriesContext(connection) as capture:
        read(api)
    seen = 0
    for sql, node in plans(capture):
        removed = sum(node.get(f"Rows Removed by {which}", 0) for which in ("Filter", "Join Filter", "Index Recheck"))
        looked_at = (node["Actual Rows"] + removed) * node["Actual Loops"]
        assert looked_at <= LOOKED_AT, (node, sql)
        seen += 1
    assert seen
