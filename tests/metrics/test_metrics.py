"""Numbers for Prometheus: who may read them, what they say, and that nothing private is among them."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from backups import status as backup_status
from devserver.redis import Redis
from jobs import counts
from jobs.at_work import AtWork
from jobs.models import WorkerReport
from opsconsole.metrics import view
from tests.admin.syncs import synced
from tests.api.cast import make_attempt
from tests.backups.cast import make_backup, make_restore_test
from tests.cast import make_credential, make_identity, make_job
from tests.waiting import PATIENCE

METRICS = "/metrics"
TOKEN = "for-prometheus-only"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _open(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The token is set, and each scrape is as of now."""
    settings.METRICS_TOKEN = TOKEN
    monkeypatch.setattr(view, "KEPT_SECONDS", 0)


def scrape(**headers: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Return all samples by name and labels, without the prefix that all share."""
    counts.refresh(max_age_seconds=0)
    AtWork().note_tick()
    response = Client(headers={"authorization": f"Bearer {TOKEN}", **headers}).get(METRICS)
    assert response.status_code == 200, response.content
    return {
        (sample.name.removeprefix("opsconsole_"), frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(response.content.decode())
        for sample in family.samples
    }


def value(found: Any, name: str, **labels: str) -> float:
    return float(found[name, frozenset(labels.items())])


def test_nobody_may_read_them_where_nothing_is_set(settings: Any) -> None:
    settings.METRICS_TOKEN = ""
    for headers in ({}, {"authorization": "Bearer "}, {"authorization": "Bearer x"}):
        response = Client(headers=headers).get(METRICS)
        assert response.status_code == 403
        assert "OPS_METRICS_TOKEN" in response.content.decode()


@pytest.mark.parametrize(
    "given", [None, "", TOKEN, f"Basic {TOKEN}", "Bearer", "Bearer x", f"Bearer {TOKEN}x", "Bearer é"]
)
def test_a_wrong_token_lets_nobody_in(given: str | None) -> None:
    assert Client(headers={"authorization": given} if given is not None else {}).get(METRICS).status_code == 403


@pytest.mark.parametrize(
    ("allowed", "status"), [(["127.0.0.1"], 200), (["127.0.0.0/8", "::1"], 200), (["10.0.0.0/8"], 403)]
)
def test_an_address_on_the_list_may_read_them(settings: Any, allowed: list[str], status: int) -> None:
    settings.METRICS_TOKEN, settings.METRICS_ALLOW = "", allowed
    assert Client().get(METRICS).status_code == status


@pytest.mark.parametrize(
    ("proxies", "written", "status"),
    [
        (1, "203.0.113.7", 403),
        (1, "10.0.0.8, 203.0.113.7", 403),
        (1, "203.0.113.7, 10.0.0.8", 200),
        (1, "10.0.0.8:4711", 200),
        (1, "::ffff:10.0.0.8", 200),
        (1, "[2001:db8::7]:4711", 403),
        (1, "unknown", 403),
        (1, "", 403),
        (2, "10.0.0.8", 403),
        (2, "10.0.0.8, 203.0.113.7", 200),
    ],
)
def test_behind_proxies_it_is_the_address_before_them_that_counts(
    settings: Any, proxies: int, written: str, status: int
) -> None:
    settings.METRICS_TOKEN, settings.METRICS_ALLOW, settings.PROXIES = "", ["127.0.0.1", "10.0.0.0/8"], proxies
    assert Client(headers={"X-Forwarded-For": written}).get(METRICS).status_code == status
    # Past the proxies.
    assert Client().get(METRICS).status_code == 200


def test_an_address_on_the_list_needs_no_token_even_where_there_is_one(settings: Any) -> None:
    settings.METRICS_ALLOW = ["127.0.0.1"]
    assert Client(headers={"authorization": "Bearer x"}).get(METRICS).status_code == 200


def test_they_are_read_only(settings: Any) -> None:
    assert Client(headers={"authorization": f"Bearer {TOKEN}"}).post(METRICS).status_code == 405


def test_jobs_are_counted_by_status_and_by_type() -> None:
    make_job(status="failed")
    make_job(status="queued")
    make_job("nobody.knows", status="running")
    found = scrape()
    assert value(found, "jobs", status="failed") == 1
    assert value(found, "jobs", status="done") == 0
    assert value(found, "active_jobs", job_type="ingest.sync_delta", status="queued") == 1
    assert value(found, "active_jobs", job_type="other", status="running") == 1


def test_what_ended_within_a_day_is_counted_and_timed() -> None:
    now = timezone.now()
    job = make_job(status="done", created_at=now, updated_at=now)
    make_attempt(job.pk, started_at=now - timedelta(seconds=40), ended_at=now, outcome="done")
    found = scrape()
    assert value(found, "ended_jobs_last_day", job_type="ingest.sync_delta", status="done") == 1
    assert value(found, "attempts_last_hour", job_type="ingest.sync_delta") == 1
    assert value(found, "run_seconds", job_type="ingest.sync_delta", quantile="0.95") == 40


def test_queues_say_how_long_the_oldest_waits_and_who_listens() -> None:
    WorkerReport.objects.create(hostname="core@a", queues=["ingest"], tasks=["x"], seen_at=timezone.now())
    WorkerReport.objects.create(
        hostname="old@a", queues=["messages"], tasks=["x"], seen_at=timezone.now() - timedelta(minutes=5)
    )
    make_job(status="queued", updated_at=timezone.now() - timedelta(minutes=10))
    make_job(status="queued", queue_name="somebody's", updated_at=timezone.now() - timedelta(minutes=20))
    found = scrape()
    assert value(found, "queue_due_jobs", queue="ingest") == 1
    assert 595 < value(found, "queue_oldest_seconds", queue="ingest") < 700
    assert value(found, "queue_due_jobs", queue="other") == 1
    assert (value(found, "queue_workers", queue="ingest"), value(found, "queue_workers", queue="messages")) == (1, 0)
    assert (value(found, "workers", state="online"), value(found, "workers", state="silent")) == (1, 1)
    assert value(found, "queue_messages", queue="ingest") == 0


def test_each_identity_says_how_long_ago_it_synced_and_how_it_is() -> None:
    alice = make_identity("Alice")
    make_credential(alice)
    synced(alice, minutes_ago=30)
    bob = make_identity("Bob")
    found = scrape()
    assert 1_795 < value(found, "sync_lag_seconds", identity=str(alice.pk), provider="reddit") < 1_900
    assert value(found, "sync_health", identity=str(bob.pk), provider="reddit", state="action_required") == 1
    assert value(found, "identities") == 2


def test_backups_say_how_old_and_large_they_are_and_whether_they_can_be_restored(folder: Any) -> None:
    now = timezone.now()
    run = make_backup(started_at=now - timedelta(hours=2), completed_at=now - timedelta(hours=1), size_bytes=5_000)
    make_restore_test(run, status="failed", completed_at=now - timedelta(minutes=30))
    found = scrape()
    assert 3_595 < value(found, "backup_age_seconds", kind="database") < 3_700
    assert value(found, "backup_size_bytes", kind="database") == 5_000
    assert value(found, "restore_test_passed", kind="database") == 0


def test_the_verdict_and_its_reasons_are_there() -> None:
    make_identity()
    found = scrape()
    assert value(found, "verdict", status="critical") == 1
    assert value(found, "verdict", status="ok") == 0
    assert value(found, "reason", code="no_worker_online", part="workers", severity="critical") == 1
    assert value(found, "reason", code="sync_action_required", part="sync", severity="critical") == 1


def test_with_the_broker_down_the_rest_is_there(redis_server: Redis) -> None:
    make_job(status="failed")
    counts.refresh(max_age_seconds=0)
    redis_server.stop()
    try:
        found = scrape()
    finally:
        redis_server.start()
    assert value(found, "broker_up") == 0
    assert value(found, "jobs", status="failed") == 1
    assert ("queue_messages", frozenset({("queue", "ingest")})) not in found


def test_a_source_that_cannot_be_read_takes_no_other_one_down(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise DatabaseError("no such column")

    monkeypatch.setattr(backup_status, "current", broken)
    found = scrape()
    assert value(found, "source_up", source="backup") == 0
    assert value(found, "source_up", source="jobs") == 1


def test_one_who_asks_reads_for_all_who_ask_within_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view, "KEPT_SECONDS", 60)
    scrape()
    with CaptureQueriesContext(connection) as queries:
        Client(headers={"authorization": f"Bearer {TOKEN}"}).get(METRICS)
    assert len(queries) == 0


def test_it_takes_as_many_queries_however_much_there_is() -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            Client(headers={"authorization": f"Bearer {TOKEN}"}).get(METRICS)
        return len(captured)

    make_job()
    make_identity()
    counts.refresh(max_age_seconds=0)
    few = queries()
    for number in range(10):
        make_job(f"type.{number}", status="queued", queue_name=f"queue{number}")
        make_identity()
    counts.refresh(max_age_seconds=0)
    assert queries() <= few


def test_names_that_anybody_may_write_are_no_labels() -> None:
    for number in range(3):
        make_job(f"secret.type{number}", status="queued", queue_name=f"token=abcdef{number}")
        make_job(f"secret.type{number}", status="failed")
    make_identity("A name")
    labels = {label for _, labels in scrape() for label in labels}
    words = " ".join(f"{name} {text}" for name, text in labels)
    assert not re.search(r"secret|token|A name", words), words


def test_openmetrics_is_spoken_where_it_is_asked_for() -> None:
    response = Client(headers={"authorization": f"Bearer {TOKEN}", "accept": "application/openmetrics-text"}).get(
        METRICS
    )
    assert response["Content-Type"].startswith("application/openmetrics-text")
    assert response.content.endswith(b"# EOF\n")


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
@pytest.mark.processes
def test_a_worker_that_dies_and_comes_back_shows(
    core_worker: Callable[..., Any], sweeper: Callable[..., Any], settings: Any, wait_until: Callable[..., Any]
) -> None:
    # Long enough for a slow machine to see it online: each time after it was asked, which is every half a minute.
    settings.WORKER_SILENT_SECONDS = 10.0
    sweeper("--tick", "0.2")
    worker = core_worker()
    WorkerReport.objects.all().delete()

    def online() -> float:
        WorkerReport.objects.filter(seen_at__lt=timezone.now() - timedelta(minutes=10)).delete()
        found = scrape()
        return value(found, "workers", state="online")

    wait_until(lambda: online() == 1, timeout=3 * PATIENCE)
    worker.kill()
    wait_until(lambda: online() == 0)
    core_worker()
    wait_until(lambda: online() == 1, timeout=3 * PATIENCE)
