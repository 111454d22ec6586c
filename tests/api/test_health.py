"""Whether anything is wrong, by GET /ops/health: from rows of the database and a broker that answers or doesn't."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from backups import status as backup_status
from jobs import counts, gateway, pulse, throughput
from jobs.at_work import AtWork
from jobs.models import StatusCount, SweeperAtWork, WorkerReport
from jobs.schedules.operations import pause_all
from opsconsole.errors import OpsError
from opsconsole.verdict import PARTS, reading
from tests.api.cast import is_utc, make_attempt, make_staff, refusal, with_token
from tests.api.test_query_counts import CALLER, RARE, ledger, plans
from tests.cast import OPERATOR, make_identity, make_job, make_user
from tests.schedules.cast import make_schedule

__all__ = ["ledger"]

HEALTH = "/ops/health"
# A savepoint around what is read of each part but the broker. The schedules are read once for all. Of identities that
# aren't counted yet, one more than of others.
SAVEPOINTS = 2 * 7
DATABASE, QUEUE, WORKERS, BEAT, FAILURES, SYNC, BACKUP = 1, 1, 2, 1, 1, 6, 2
QUERIES = SAVEPOINTS + DATABASE + QUEUE + WORKERS + BEAT + FAILURES + SYNC + BACKUP

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _at_work(db: None) -> None:
    """A sweeper is at work, and a worker listens on each of the core's queues."""
    AtWork().note_tick()
    make_worker("core@a", "ingest", "messages", "maintenance")


def make_worker(name: str, *queues: str, **age: float) -> None:
    WorkerReport.objects.create(
        hostname=name, queues=list(queues), tasks=["x"], seen_at=timezone.now() - timedelta(**age)
    )


def ago(**length: float) -> Any:
    return timezone.now() - timedelta(**length)


def health(api: APIClient) -> dict[str, Any]:
    response = api.get(HEALTH)
    assert response.status_code == 200, response.content[:500]
    answer: dict[str, Any] = response.json()
    assert set(answer) == {"status", "reasons", "parts", "as_of"}
    assert is_utc(answer["as_of"])
    for reason in answer["reasons"]:
        assert set(reason) == {"code", "part", "severity", "message", "link", "since"}
        assert reason["message"].endswith(".")
        assert reason["since"] is None or is_utc(reason["since"])
        assert reason["link"] is None or reason["link"].startswith("/admin/")
    return answer


def said(answer: dict[str, Any], *parts: str) -> dict[str, dict[str, Any]]:
    return {reason["code"]: reason for reason in answer["reasons"] if reason["part"] in parts}


def test_each_part_has_a_status_and_what_is_not_known_is_not_green(api: APIClient) -> None:
    answer = health(api)
    assert set(answer["parts"]) == set(PARTS)
    well = ("database", "broker", "workers", "queue", "failures")
    assert {part: answer["parts"][part] for part in well} == {part: {"status": "ok"} for part in well}
    # No identity, and nowhere to keep backups.
    assert {reason["code"] for reason in answer["reasons"]} == {"sync_no_active_identity", "backup_not_configured"}
    assert answer["status"] == "unknown"


def test_a_queue_whose_jobs_wait_and_that_nobody_listens_on_is_named(api: APIClient) -> None:
    make_job(status="queued", queue_name="gpu", updated_at=ago(minutes=1))
    make_job(status="queued", queue_name="ingest", updated_at=ago(minutes=1))
    answer = health(api)
    found = said(answer, "workers", "queue")
    assert set(found) == {"queue_without_worker"}
    assert "No worker is online for the queue “gpu”: its 1 job that waits" in found["queue_without_worker"]["message"]
    assert answer["status"] == answer["parts"]["workers"]["status"] == "critical"
    response = api.get("/ops/jobs", {"status": "queued,retrying", "queue_name": "gpu"})
    assert len(response.json()["jobs"]) == 1


def test_workers_that_have_fallen_silent_are_named_and_do_not_count(api: APIClient) -> None:
    WorkerReport.objects.all().delete()
    make_worker("core@b", "ingest", minutes=3)
    make_job(status="queued", updated_at=ago(minutes=1))
    reason = said(health(api), "workers")["no_worker_online"]
    assert reason["message"].startswith("No worker is online: jobs will not be processed. 1 job waits.")

    make_worker("core@c", "ingest")
    found = said(health(api), "workers")
    assert set(found) == {"workers_stale"}
    assert "core@b" in found["workers_stale"]["message"]


def test_without_a_sweeper_nobody_can_tell_of_the_workers(api: APIClient) -> None:
    SweeperAtWork.objects.update(alive_at=ago(minutes=10), ticked_at=ago(minutes=10))
    WorkerReport.objects.all().delete()
    assert set(said(health(api), "workers")) == {"sweeper_silent"}


def test_a_count_of_the_ledger_that_slows_down_by_itself_says_nothing_of_the_sweeper(api: APIClient) -> None:
    counts.refresh(max_age_seconds=0)
    StatusCount.objects.update(as_of=ago(minutes=10))
    assert said(health(api), "workers") == {}


def test_a_sweeper_that_hangs_is_told_by_its_name(api: APIClient) -> None:
    SweeperAtWork.objects.update(ticked_at=ago(minutes=5), pid=4711)
    reason = said(health(api), "workers")["sweeper_behind"]
    assert reason["severity"] == "critical"
    assert reason["message"].startswith("Sweeper 4711@")
    AtWork().note_tick()
    assert said(health(api), "workers")["sweeper_behind"]["severity"] == "warning"


def test_what_waits_for_long_is_told_by_the_oldest(api: APIClient) -> None:
    make_job(status="queued", updated_at=ago(minutes=14))
    make_job(status="retrying", updated_at=ago(hours=9), next_run_at=ago(minutes=6))
    reason = said(health(api), "queue")["queue_age"]
    assert reason["message"].startswith("The oldest queued job has been waiting for 14 min, in the queue “ingest”.")
    assert reason["severity"] == "warning"
    make_job(status="queued", updated_at=ago(hours=3))
    assert said(health(api), "queue")["queue_age"]["severity"] == "critical"


def test_what_is_not_due_or_waits_for_another_job_does_not_wait_for_a_worker(api: APIClient) -> None:
    make_job(status="retrying", updated_at=ago(hours=2), next_run_at=timezone.now() + timedelta(minutes=5))
    running = make_job(status="running", updated_at=ago(minutes=9)).pk
    waits = make_job(status="queued", updated_at=ago(minutes=40)).pk
    make_attempt(running, serial_key="ingest:1", holds_place=True, started_at=ago(minutes=40))
    made = make_attempt(waits, serial_key="ingest:1", published_at=None)
    assert not said(health(api), "queue", "workers")
    # Its turn has come, and nobody takes it.
    made.serial_key = "ingest:2"
    made.save()
    assert said(health(api), "queue")["queue_age"]["severity"] == "critical"


def test_stuck_jobs_are_counted_but_not_those_that_only_wait(api: APIClient) -> None:
    make_job(status="queued", updated_at=ago(hours=2))
    make_job(status="running", updated_at=ago(hours=3))
    lost = make_job(status="running", updated_at=ago(minutes=1))
    make_attempt(lost.pk, in_core=False, lease_until=ago(minutes=1), started_at=ago(minutes=2))
    unknown = make_job(status="queued", updated_at=ago(minutes=2))
    make_attempt(unknown.pk, unknown_since=ago(minutes=2), published_at=ago(minutes=2))
    reason = said(health(api), "queue")["stuck_jobs"]
    assert reason["message"].startswith("3 jobs are stuck.")
    assert reason["link"] == "/admin/jobs/job/?stuck=true"


def test_failures_of_the_last_hour_count_once_and_not_those_that_were_mended(api: APIClient, settings: Any) -> None:
    settings.FAILURES_WARNING = 2
    make_job(status="failed", updated_at=ago(minutes=90))
    retried = make_job(status="done", updated_at=ago(minutes=1))
    make_attempt(retried.pk, ended_at=ago(minutes=5), outcome="failed")
    twice = make_job(status="failed", updated_at=ago(minutes=5))
    make_attempt(twice.pk, ended_at=ago(minutes=5), outcome="failed")
    assert not said(health(api), "failures")
    make_job(status="failed", updated_at=ago(minutes=59))
    assert said(health(api), "failures")["many_failures"]["message"].startswith("2 jobs have failed within the last")


def test_an_old_job_that_failed_again_counts_though_its_id_is_far_back(
    api: APIClient, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.FAILURES_WARNING = 1
    monkeypatch.setattr(pulse, "LOOKED_THROUGH", 2)
    old = make_job(status="failed", updated_at=ago(minutes=5))
    for _ in range(3):
        make_job(status="done")
    assert not said(health(api), "failures")
    make_attempt(old.pk, ended_at=ago(minutes=5), outcome="unknown")
    assert said(health(api), "failures")["many_failures"]["severity"] == "warning"


def test_beat_that_starts_nothing_is_told_with_the_moment(api: APIClient) -> None:
    make_schedule(last_run_at=ago(hours=2))
    answer = health(api)
    reason = said(answer, "beat")["beat_silent"]
    assert "though 1 schedule was due" in reason["message"]
    assert answer["parts"]["beat"] == {"status": "critical"}
    assert reason["since"]


def test_paused_schedules_are_told_with_who_and_why(api: APIClient) -> None:
    make_schedule()
    pause_all(actor=OPERATOR, reason="The provider is down.")
    reason = said(health(api), "beat")["schedules_paused"]
    assert ", by olivia (“The provider is down.”): beat starts none" in reason["message"]


def test_identities_and_backups_are_told_with_what_to_do(api: APIClient) -> None:
    make_identity()
    answer = health(api)
    reason = said(answer, "sync")["sync_action_required"]
    assert reason["message"] == (
        "1 identity needs somebody to act. The page of identities says of each why, and what to do."
    )
    assert reason["severity"] == answer["parts"]["sync"]["status"] == "critical"
    assert "set OPS_BACKUP_DIR" in said(answer, "backup")["backup_not_configured"]["message"]


def test_a_broker_that_is_away_is_told(api: APIClient, broker_down: None) -> None:
    answer = health(api)
    assert said(answer, "broker")["broker_unreachable"]["message"].startswith("The broker can't be reached.")
    assert answer["parts"]["broker"] == {"status": "critical"}
    assert answer["parts"]["workers"] == {"status": "unknown"}


@pytest.mark.parametrize("error", [DatabaseError("broken"), OpsError("It can't be told."), ValueError("a bug")])
@pytest.mark.parametrize("part", ["workers", "beat", "queue", "failures", "sync", "backup"])
def test_a_source_that_can_not_be_read_takes_no_other_one_down(
    api: APIClient, monkeypatch: pytest.MonkeyPatch, part: str, error: Exception
) -> None:
    def fail() -> Any:
        raise error

    before = health(api)
    name = "_work" if part == "queue" else f"_{part}"
    monkeypatch.setattr(reading, name, fail)
    answer = health(api)
    found = said(answer, part)
    assert set(found) == {f"{part}_unreadable"}
    assert found[f"{part}_unreadable"]["severity"] == "warning"
    assert answer["parts"] == before["parts"] | {part: {"status": "unknown"}}


def test_a_query_that_fails_leaves_the_transaction_to_the_others(
    api: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulse, "_FAILED", "SELECT nothing FROM nowhere WHERE %s <> ALL(ARRAY[%s,%s,%s,%s,%s,%s,%s])")
    answer = health(api)
    assert answer["parts"]["failures"] == {"status": "unknown"}
    assert answer["parts"]["sync"] == {"status": "unknown"}
    assert set(said(answer, "sync")) == {"sync_no_active_identity"}


def test_without_the_database_the_others_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> Any:
        raise OperationalError("gone")

    monkeypatch.setattr(reading, "_database", fail)
    with CaptureQueriesContext(connection) as queries:
        facts = reading.facts()
    assert set(facts.unread) == set(PARTS) - {"broker"}
    assert not [query for query in queries.captured_queries if "jobs" in query["sql"]]


def test_somebody_is_told_only_of_what_they_may_see(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> Any:
        raise AssertionError("It is nobody's business here.")

    monkeypatch.setattr(backup_status, "current", fail)
    api = with_token(make_user("jo", "jobs.view_job", "backups.view_backuprun"))
    make_identity()
    answer = health(api)
    assert set(answer["parts"]) == {"database", "broker", "workers", "queue", "failures"}
    assert (answer["status"], answer["reasons"]) == ("ok", [])


def test_being_staff_alone_opens_nothing(db: None) -> None:
    refusal(with_token(make_staff("nobody")).get(HEALTH), 403, "permission_denied")


def test_it_asks_no_worker(api: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**kwargs: Any) -> Any:
        raise AssertionError("That takes seconds.")

    monkeypatch.setattr(gateway, "ask_workers", fail)
    monkeypatch.setattr(gateway, "_controller", fail)
    assert health(api)["parts"]["workers"] == {"status": "ok"}


def test_it_takes_so_many_queries_however_much_there_is(
    api: APIClient, django_assert_num_queries: Callable[..., Any]
) -> None:
    def add() -> None:
        identity = make_identity()
        for status in ("queued", "running", "retrying", "failed"):
            job = make_job(status=status, payload={"identity_id": identity.pk, "status": status})
            make_attempt(job.pk, serial_key=f"ingest:{identity.pk}")
        make_worker(f"core@{identity.pk}", "ingest")
        make_schedule()

    add()
    with django_assert_num_queries(CALLER + QUERIES):
        api.get(HEALTH)
    for _ in range(5):
        add()
    with django_assert_num_queries(CALLER + QUERIES):
        api.get(HEALTH)


@pytest.mark.django_db(transaction=True)
def test_it_reads_only_a_bounded_part_of_the_ledger(ledger: None) -> None:
    looks_at: dict[Callable[[], Any], int] = {
        # Somewhat more than it looks at is sorted at once rather than walked.
        pulse.work: RARE["running"],
        pulse.failed_within_an_hour: pulse.LOOKED_THROUGH,
        throughput.read: throughput.LOOKED_THROUGH,
    }
    for read, most in looks_at.items():
        with CaptureQueriesContext(connection) as capture:
            read()
        looks = [(sql, node) for sql, node in plans(capture) if node.get("Relation Name") == "jobs"]
        assert looks
        for sql, node in looks:
            assert node["Node Type"] != "Seq Scan", sql
            seen = (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
            assert seen <= most, sql


def test_who_only_looks_may_ask(viewing_api: APIClient, viewer: User) -> None:
    assert set(health(viewing_api)["parts"]) == set(PARTS)
