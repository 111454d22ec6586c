"""How many queries an answer takes, whatever the number of rows; and that none of them reads or sorts the ledger."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from jobs import counts, queries
from tests.api.cast import insert_audit, insert_job, make_attempt, make_run
from tests.cast import NOW, make_conversation, make_credential, make_identity, make_job, make_message
from tests.waiting import PATIENCE

pytestmark = pytest.mark.slow

# The token with its user, and the permissions.
CALLER = 2


class Rows:
    """Some of everything, to add to."""

    def __init__(self) -> None:
        self.runs: list[str] = []

    def add(self, times: int) -> None:
        """Add as many of each kind."""
        for number in range(times):
            identity = make_identity()
            make_credential(identity)
            conversation = make_conversation(identity)
            message = make_message(conversation, remote_visibility="unknown")
            payloads = [
                {"identity_id": identity.pk},
                {"conversation_id": conversation.pk},
                {"message_id": message.pk, "identity_id": identity.pk},
                {"n": number},
            ]
            jobs = [
                make_job(payload=payloads[0]).pk,
                make_job("ingest.backfill_messages", payload=payloads[1]).pk,
                make_job("message.send_manual", payload=payloads[2]).pk,
                make_job("custom.thing", payload=payloads[3]).pk,
                make_job(status="running", payload=payloads[0] | {"n": number}).pk,
            ]
            for pk in jobs:
                make_attempt(pk, started_at=NOW, serial_key=f"ingest:{identity.pk}", ended_at=NOW)
            self.runs.append(str(make_run(*jobs).pk))
            insert_audit(entity_id=jobs[0])


@pytest.fixture
def rows(db: None) -> Rows:
    """Three of each kind, counted."""
    rows = Rows()
    rows.add(3)
    counts.refresh(max_age_seconds=0)
    return rows


@pytest.mark.parametrize(
    ("url", "at_most"),
    [
        # counts, page, conversations' identities, identities, messages, live tasks
        ("/ops/jobs", 7),
        ("/ops/jobs?status=done", 2),
        ("/ops/jobs?limit=3", 7),
        ("/ops/jobs?offset=2&limit=2", 7),
        ("/ops/jobs?status=failed,running&ordering=id", 7),
        # and around the page: savepoint, time-out, total, time-out, savepoint
        ("/ops/jobs?q=time&limit=2", 12),
        ("/ops/jobs?identity_id=1&stuck=true&q=x&created_after=2020-01-01", 6),
        ("/ops/jobs/counts", 1),
        ("/ops/jobs/counts?q=time", 5),
        ("/ops/runs", 2),
        # identities, credentials, schedules, attempts that run or wait, those tried again, and what the jobs are
        ("/ops/identities", 6),
        ("/ops/sync/status", 6),
        ("/ops/conversations", 2),
        ("/ops/audit", 1),
    ],
)
def test_a_list_takes_so_many_queries_however_many_rows(
    api: APIClient, rows: Rows, django_assert_max_num_queries: Callable[..., Any], url: str, at_most: int
) -> None:
    with django_assert_max_num_queries(CALLER + at_most):
        assert api.get(url).status_code == 200
    rows.add(10)
    counts.refresh(max_age_seconds=0)
    with django_assert_max_num_queries(CALLER + at_most):
        assert api.get(url).status_code == 200


def test_one_job_takes_so_many_queries_however_many_attempts(
    api: APIClient, rows: Rows, django_assert_num_queries: Callable[..., Any]
) -> None:
    identity = make_identity()
    pk = insert_job(f'{{"identity_id": {identity.pk}}}')
    for attempts in (1, 10):
        for _ in range(attempts):
            make_attempt(pk, ended_at=NOW)
        with django_assert_num_queries(CALLER + 5):
            assert api.get(f"/ops/jobs/{pk}").status_code == 200


def test_one_run_takes_so_many_queries_however_many_jobs(
    api: APIClient, rows: Rows, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    jobs = [make_job(payload={"identity_id": make_identity().pk}).pk for _ in range(20)]
    run = make_run(*jobs)
    with django_assert_max_num_queries(CALLER + 4):
        assert api.get(f"/ops/runs/{run.pk}").status_code == 200
    with django_assert_max_num_queries(CALLER + 3):
        assert api.get(f"/ops/backfill/{run.pk}").status_code == 200


def test_one_identity_takes_as_many_as_all_of_them(
    api: APIClient, django_assert_num_queries: Callable[..., Any]
) -> None:
    identity = make_identity()
    # Nothing runs, but its conversations aren't counted yet.
    with django_assert_num_queries(CALLER + 6):
        assert api.get(f"/ops/identities/{identity.pk}").status_code == 200


def test_a_caller_takes_a_query_for_the_token_and_one_for_the_permissions(
    api: APIClient, django_assert_num_queries: Callable[..., Any]
) -> None:
    with django_assert_num_queries(CALLER) as queries:
        assert api.get("/ops/jobs?limit=0").status_code == 400
    token, permissions = (query["sql"] for query in queries.captured_queries)
    assert "authtoken_token" in token
    assert "auth_user" in token
    assert "auth_permission" in permissions


def test_a_cached_session_takes_no_more(session_api: APIClient, django_assert_num_queries: Callable[..., Any]) -> None:
    session_api.get("/ops/jobs")
    with django_assert_num_queries(CALLER):
        assert session_api.get("/ops/jobs?limit=0").status_code == 400


def test_a_backfill_takes_a_bounded_number_of_queries(
    api: APIClient, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    identity = make_identity()
    with django_assert_max_num_queries(CALLER + 21):
        assert api.post("/ops/backfill/conversations", {"identity_id": identity.pk}).status_code == 202


# --- plans --------------------------------------------------------------------------------------------------------

JOBS = 50_000
# A rare status stands nowhere near the end.
RARE = {"retrying": 40, "queued": 400, "cancelled": 800, "running": 1_200, "failed": 3_000}


@pytest.fixture
def ledger(transactional_db: None, variant: str, settings: Any) -> None:
    """A ledger whose rare statuses are all in its oldest part."""
    # The test counts what is read, on a machine of any speed.
    settings.SLOW_FILTER_TIMEOUT_SECONDS = PATIENCE
    bounds, cases = 0, ""
    for status, number in RARE.items():
        bounds += number
        cases += f" WHEN n <= {bounds} THEN '{status}'"
    kind = "job_status_enum" if variant == "native" else "varchar"
    with connection.cursor() as cursor:
        # A vacuum takes only what is written down for visible to all.
        cursor.execute("SET synchronous_commit = on")
        cursor.execute(
            f"""
            INSERT INTO jobs
              (queue_name, job_type, payload_json, status, attempts, max_attempts, last_error, created_at, updated_at)
            SELECT 'ingest', 'ingest.sync_delta', '{{"identity_id": 1, "provider_id": "reddit"}}',
                   (CASE{cases} ELSE 'done' END)::{kind}, 1, 3, repeat('error ', 50), now(), now()
              FROM generate_series(1, {JOBS}) AS n
            """
        )
        cursor.execute("VACUUM ANALYZE jobs")
        cursor.execute("RESET synchronous_commit")


def plans(capture: CaptureQueriesContext) -> Iterator[tuple[str, dict[str, Any]]]:
    """Run what was captured once more, and return each plan node over the ledger, and each sort, with its query."""
    for query in capture.captured_queries:
        if "jobs" not in query["sql"]:
            continue
        with connection.cursor() as cursor:
            cursor.execute("EXPLAIN (ANALYZE, FORMAT JSON) " + query["sql"])
            (plan,) = cursor.fetchone()
        (whole,) = json.loads(plan) if isinstance(plan, str) else plan
        for node in nodes(whole["Plan"]):
            yield query["sql"], node


def nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for inner in node.get("Plans", ()):
        yield from nodes(inner)


def check(capture: CaptureQueriesContext, *, sorted_at_most: int, read_at_most: int = JOBS) -> None:
    for sql, node in plans(capture):
        if node.get("Relation Name") == "jobs":
            assert node["Node Type"] != "Seq Scan", sql
            read = (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
            assert read <= read_at_most, sql
        if "Sort" in node["Node Type"]:
            (source,) = node["Plans"]
            assert source["Actual Rows"] * source["Actual Loops"] <= sorted_at_most, sql


@pytest.mark.django_db(transaction=True)
def test_no_status_tab_and_no_count_reads_or_sorts_the_ledger(api: APIClient, ledger: None) -> None:
    counts.refresh(max_age_seconds=0)
    for status in ("", "done", *RARE, "other", "failed,queued", "queued,running,retrying"):
        names = status.split(",")
        # All jobs of a rare status may be sorted by their ids, never more.
        most = sum(RARE.get(name, 0) for name in names) if status else 0
        for ordering in ("-created_at", "created_at"):
            with CaptureQueriesContext(connection) as capture:
                response = api.get("/ops/jobs", {"status": status, "ordering": ordering, "limit": 50})
            assert response.status_code == 200
            assert len(capture) <= CALLER + 8
            # A rare status is looked for among the newest ids before its index is asked.
            check(capture, sorted_at_most=max(most, 60), read_at_most=max(most, queries.RECENT_IDS))
            next_page = response.json()["next"]
            if next_page:
                with CaptureQueriesContext(connection) as capture:
                    assert len(api.get(next_page).json()["jobs"]) == min(most - 50, 50) if most else 50
                check(capture, sorted_at_most=max(most, 60))
    for url in ("/ops/jobs/counts", "/ops/jobs?limit=50&offset=10000", "/ops/jobs?limit=50&offset=40000"):
        with CaptureQueriesContext(connection) as capture:
            assert api.get(url).status_code == 200
        check(capture, sorted_at_most=60)

    # Which of the active ones are stuck can't be known before each has been looked at.
    active = sum(RARE[status] for status in ("queued", "running", "retrying"))
    with CaptureQueriesContext(connection) as capture:
        assert api.get("/ops/jobs?stuck=true").json()["jobs"] == []
    check(capture, sorted_at_most=60, read_at_most=active)

    # What is counted in the background walks the index of the status and not the table.
    with CaptureQueriesContext(connection) as capture:
        assert counts.refresh(max_age_seconds=0)
    check(capture, sorted_at_most=JOBS // 100)
