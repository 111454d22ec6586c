"""Thousands of jobs that wait, and statistics of PostgreSQL's from before: what is read is still looked up."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from jobs import counts, handover, losses, measures, pulse, recent, sweeper, throughput
from jobs.budget import Budget
from jobs.filters import JobFilter
from jobs.models import Dispatch, Job
from tests.api.cast import make_attempt
from tests.api.test_query_counts import plans
from tests.cast import NOW, make_identity, make_job

WAITING = 2_000
# More than anything may look at.
ENDED = 30_000
KEYS = ("ingest:1", "ingest:2")
# What one read may look at: each of those that wait a few times, and never each for each.
LOOKED_AT = 5 * WAITING

pytestmark = pytest.mark.django_db


def copy_attempt(attempt: Dispatch, status: str) -> None:
    """Give each job of a status that has none an attempt like this one, by turns of either key."""
    own = ("id", "job_id", "task_id", "serial_key")
    others = [field.column for field in Dispatch._meta.concrete_fields if field.column and field.column not in own]
    copies = ", ".join(f"copied.{column}" for column in others)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO jobs_dispatch (job_id, task_id, serial_key, {", ".join(others)})
            SELECT jobs.id, gen_random_uuid(), (%s::text[])[1 + jobs.id %% 2], {copies}
              FROM jobs, jobs_dispatch AS copied
             WHERE jobs.status = %s AND copied.id = %s
               AND NOT EXISTS (SELECT FROM jobs_dispatch WHERE job_id = jobs.id)
             ORDER BY jobs.id
            """,
            [list(KEYS), status, attempt.pk],
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
    job = make_job(status="done")
    ended = {"started_at": NOW, "ended_at": NOW, "outcome": "done", "told": True}
    copy_attempt(make_attempt(job.pk, **ended), "done")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE jobs")
        cursor.execute("ANALYZE jobs_dispatch")
        cursor.execute(insert, ["queued", WAITING])
    waiting = Job.objects.filter(status="queued").earliest("pk")
    copy_attempt(make_attempt(waiting.pk, published_at=None), "queued")
    for number in range(3):
        own = make_job("opsconsole.housekeeping", queue_name="opsconsole", payload={"n": number})
        make_attempt(
            own.pk, task="opsconsole.housekeeping", queue="opsconsole", in_core=False, published_at=NOW, check_at=NOW
        )
    counts.refresh(max_age_seconds=0)


def hand_over(_: APIClient) -> None:
    waiting = Dispatch.objects.filter(ended_at=None, published_at=None, serial_key__in=KEYS).order_by("pk")
    assert handover.hand_over([one.pk for one in waiting[:3]], budget=Budget(10)).published == 2


READS: dict[str, tuple[Callable[[APIClient], Any], int]] = {
    "the pulse": (lambda _: pulse.work(), LOOKED_AT),
    "what has failed": (lambda _: pulse.failed_within_an_hour(), LOOKED_AT),
    "the hours": (lambda _: throughput.read(), throughput.LOOKED_THROUGH),
    "run times": (lambda _: measures.run_times(), LOOKED_AT),
    "those of a key": (lambda _: recent.active_by_serial_key(KEYS, of_each=5), LOOKED_AT),
    "the newest": (lambda _: recent.newest(JobFilter(), limit=5), LOOKED_AT),
    "the list": (lambda api: api.get("/ops/jobs", {"limit": "200"}), LOOKED_AT),
    "the list of those that are stuck": (lambda api: api.get("/ops/jobs", {"stuck": "true"}), LOOKED_AT),
    "a job": (lambda api: api.get(f"/ops/jobs/{Job.objects.latest('pk').pk}"), LOOKED_AT),
    "the health": (lambda api: api.get("/ops/health"), LOOKED_AT),
    "what is to be handed over": (lambda _: handover.lease_due(), LOOKED_AT),
    "handing over": (hand_over, LOOKED_AT),
    "what got lost": (lambda _: losses.republish_unclaimed(), LOOKED_AT),
    "what is suspicious": (lambda _: losses.suspicious_queues(), LOOKED_AT),
    "what others ended": (lambda _: losses.let_go_of_ended(), LOOKED_AT),
    "settling": (lambda _: sweeper.settle_ended(), LOOKED_AT),
}


def test_nothing_goes_through_all_that_wait_for_each_of_them_or_through_all_that_ended(
    api: APIClient, backlog: None
) -> None:
    too_much = {}
    for name, (read, most) in READS.items():
        with transaction.atomic():
            with CaptureQueriesContext(connection) as capture:
                read(api)
            looked_at = [(seen_by(node), sql) for sql, node in plans(capture)]
            transaction.set_rollback(True)
        assert looked_at, name
        if max(looked_at)[0] > most:
            too_much[name] = max(looked_at)
    assert too_much == {}


def seen_by(node: dict[str, Any]) -> float:
    """Return how many rows a plan's node has looked at."""
    removed = sum(node.get(f"Rows Removed by {which}", 0) for which in ("Filter", "Join Filter", "Index Recheck"))
    return float((node["Actual Rows"] + removed) * node["Actual Loops"])
