"""Conditional reads: an unchanged answer isn't sent again. A changed one is, no matter who changed the rows."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from identities.models import LastSync
from jobs import counts
from tests.api.cast import make_attempt, make_run, with_token
from tests.cast import make_credential, make_identity, make_job, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _counted(db: None) -> None:
    counts.refresh(max_age_seconds=0)


def addresses() -> dict[str, str]:
    """Return every address whose answers carry an ETag."""
    pk = make_job(last_error="a").pk
    make_attempt(pk, ended_at=timezone.now(), outcome="failed")
    run = make_run(pk)
    make_identity("Alice")
    counts.refresh(max_age_seconds=0)
    return {
        "jobs": "/ops/jobs",
        "filtered jobs": "/ops/jobs?status=failed&limit=5",
        "counts": "/ops/jobs/counts",
        "job": f"/ops/jobs/{pk}",
        "runs": "/ops/runs",
        "run": f"/ops/runs/{run.pk}",
        "poll": f"/ops/backfill/{run.pk}",
        "sync status": "/ops/sync/status",
        "health": "/ops/health",
        "backup status": "/ops/backup/status",
    }


NAMES = (
    "jobs",
    "filtered jobs",
    "counts",
    "job",
    "runs",
    "run",
    "poll",
    "sync status",
    "health",
    "backup status",
)


@pytest.mark.parametrize("name", NAMES)
def test_what_the_caller_has_already_is_not_sent_again(api: APIClient, name: str) -> None:
    url = addresses()[name]
    first = api.get(url)
    assert first.status_code == 200
    assert first["Cache-Control"] == "private, no-cache"
    assert {"Cookie", "Authorization"} <= set(first["Vary"].split(", "))
    again = api.get(url, headers={"if-none-match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert (again["ETag"], again["Cache-Control"]) == (first["ETag"], "private, no-cache")
    assert {"Cookie", "Authorization"} <= set(again["Vary"].split(", "))
    assert api.get(url, headers={"if-none-match": '"another"'}).status_code == 200


@pytest.mark.parametrize("url", ["/ops/jobs?limit=1", "/ops/jobs?limit=1&offset=1", "/ops/runs?limit=1"])
def test_a_page_with_others_beside_it_is_not_sent_again_either(
    api: APIClient, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    addresses()
    for _ in range(2):
        make_run(make_job().pk)
    counts.refresh(max_age_seconds=0)
    first = api.get(url)
    assert first.json()["next"]
    later = time.time() + 100
    monkeypatch.setattr("django.core.signing.time.time", lambda: later)
    assert api.get(url, headers={"if-none-match": first["ETag"]}).status_code == 304


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("jobs", "UPDATE jobs SET last_error = 'b'"),
        ("filtered jobs", "UPDATE jobs SET attempts = attempts + 1"),
        ("job", "UPDATE jobs SET last_error = 'b'"),
        ("job", "UPDATE jobs_dispatch SET outcome = 'unknown'"),
        ("counts", "UPDATE jobs_statuscount SET count = count + 1"),
        ("runs", "UPDATE jobs SET status = 'done'"),
        ("run", "UPDATE jobs SET status = 'done'"),
        ("run", "DELETE FROM jobs"),
        ("poll", "UPDATE jobs SET status = 'done', last_error = NULL"),
        ("sync status", "UPDATE identities SET display_name = 'Alicia'"),
        ("health", "UPDATE identities SET is_active = false"),
    ],
)
def test_what_was_changed_by_plain_sql_is_sent(api: APIClient, name: str, change: str) -> None:
    url = addresses()[name]
    etag = api.get(url)["ETag"]
    with connection.cursor() as cursor:
        cursor.execute(change)
    assert api.get(url, headers={"if-none-match": etag}).status_code == 200


def test_an_identity_that_becomes_late_by_the_clock_alone_is_sent(
    api: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = make_identity("Alice")
    make_credential(alice)
    now = timezone.now()
    LastSync.objects.create(identity=alice, success_at=now - timedelta(minutes=5), success_source="job", failures=0)
    url = "/ops/sync/status"
    etag = api.get(url)["ETag"]
    assert api.get(url, headers={"if-none-match": etag}).status_code == 304
    monkeypatch.setattr(timezone, "now", lambda: now + timedelta(days=30))
    answer = api.get(url, headers={"if-none-match": etag})
    assert answer.status_code == 200
    assert answer.json()["identities"][0]["health"]["status"] != "ok"


def test_a_job_that_runs_is_sent_as_its_duration_grows(api: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    pk = make_job(status="running").pk
    now = timezone.now()
    make_attempt(pk, started_at=now)
    etag = api.get(f"/ops/jobs/{pk}")["ETag"]
    monkeypatch.setattr(timezone, "now", lambda: now + timedelta(minutes=1))
    assert api.get(f"/ops/jobs/{pk}", headers={"if-none-match": etag}).status_code == 200


def test_two_callers_who_see_different_things_share_no_answer(api: APIClient) -> None:
    addresses()
    viewer = with_token(make_user("vera", "jobs.view_job"))
    etag = api.get("/ops/health")["ETag"]
    assert viewer.get("/ops/health", headers={"if-none-match": etag}).status_code == 200


@pytest.mark.parametrize(
    ("ask", "status"),
    [
        (lambda api: api.get("/ops/jobs/999999"), 404),
        (lambda api: api.get("/ops/jobs?limit=0"), 400),
        (lambda api: APIClient().get("/ops/jobs"), 401),
        (lambda api: api.get("/ops/meta"), 200),
        (lambda api: api.get("/ops/audit"), 200),
        (lambda api: api.get("/ops/schedules"), 200),
        (lambda api: api.get("/ops/identities"), 200),
        (lambda api: api.get("/ops/errors"), 200),
        (lambda api: api.get("/ops/backup/history"), 200),
        (lambda api: api.delete("/ops/jobs"), 405),
        (lambda api: api.post(f"/ops/jobs/{make_job().pk}/retry"), 200),
        (lambda api: api.get("/ops/nowhere"), 404),
    ],
)
def test_everything_else_is_not_to_be_kept(api: APIClient, ask: Callable[[APIClient], Any], status: int) -> None:
    answer = ask(api)
    assert answer.status_code == status
    assert answer["Cache-Control"] == "no-store"
    assert "ETag" not in answer
