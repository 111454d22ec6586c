"""Far times, which Python can't represent, are null with their text. They break nothing and are never copied."""

import logging
from datetime import datetime, timedelta
from importlib import import_module
from typing import Any, Final

import pytest
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from backups import queries as backup_queries
from backups import retention
from backups.models import BackupRun
from identities.models import Conversation, Identity, IdentityCounts
from identities.sync_ledger import SyncsOfOthers
from identities.sync_results import SyncResults
from jobs import background, counts, ended, losses, pulse, sweeper, throughput
from jobs.error_groups.ledger_rows import FailedRows
from jobs.models import Job, Run
from tests.api.cast import insert_audit, insert_job, make_attempt, make_run, refusal
from tests.api.test_core_session import make_core_session, make_core_user, with_session
from tests.backups.cast import make_backup, make_restore_test
from tests.cast import make_conversation, make_credential, make_identity, make_job, make_message
from tests.counting.world import count_new
from tests.error_groups.rows import failed_job
from tests.far_times import FAR, NEARLY_FAR, far_times_of_the_console, set_all_times, zoneless
from tests.sync_history.rows import ended_job, minutes

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

STATUSES: Final = ("queued", "running", "retrying", "failed", "done", "cancelled")
ADDRESSES: Final = (
    "/ops/jobs",
    "/ops/jobs?stuck=true",
    "/ops/jobs?status=queued,running&ordering=created_at",
    "/ops/jobs?created_after=2026-01-01T00:00:00Z",
    "/ops/jobs?created_before=2026-01-01T00:00:00Z",
    "/ops/jobs/counts?job_type=ingest.sync_delta",
    "/ops/runs",
    "/ops/errors",
    "/ops/health",
    "/ops/meta",
    "/ops/sync/status?include_inactive=true",
    "/ops/identities",
    "/ops/conversations",
    "/ops/backup/status",
    "/ops/backup/history",
    "/ops/audit",
    "/ops/audit?after=2026-01-01T00:00:00Z",
    "/ops/audit?before=2026-01-01T00:00:00Z",
    "/ops/schedules",
)


def some_of_everything() -> None:
    """Rows in every one of the core's tables that the console reads."""
    identity = make_identity("Alice")
    make_credential(identity)
    conversation = make_conversation(identity)
    make_message(conversation)
    for number, status in enumerate(STATUSES):
        payload = {"identity_id": identity.pk, "n": number}
        job = make_job(status=status, payload=payload)
        make_job("nobody.knows", status=status, payload=payload)
        make_run(job.pk)
        if status in {"queued", "running"}:
            make_attempt(job.pk, serial_key=f"ingest:{identity.pk}")
    failed_job(payload={"identity_id": identity.pk})
    for kind in ("database", "attachments"):
        make_restore_test(make_backup(kind))
        make_backup(kind, status="running", completed_at=None)
        make_backup(kind, status="failed", error="disk full")
    insert_audit(entity_type="identity", entity_id=identity.pk, action_type="schedule.change")
    make_core_session(make_core_user())


@pytest.mark.parametrize("moment", FAR)
def test_a_far_time_of_a_job_is_null_with_its_text_beside_it(api: APIClient, moment: str) -> None:
    times = dict.fromkeys(("created_at", "updated_at", "next_run_at"), moment)
    pks = [insert_job(status=status, **times) for status in STATUSES]
    run = make_run(*pks)
    for url in ("/ops/jobs", f"/ops/runs/{run.pk}", f"/ops/backfill/{run.pk}", "/ops/jobs/counts", "/ops/health"):
        assert api.get(url).status_code == 200, url
    listed = {job["id"]: job for job in api.get("/ops/jobs").json()["jobs"]}
    for pk in pks:
        for job in (listed[pk], api.get(f"/ops/jobs/{pk}").json()):
            for name in times:
                assert job[name] is None
                assert zoneless(job[f"{name}_text"]) == moment


@pytest.mark.parametrize("moment", [None, *NEARLY_FAR])
def test_a_time_that_can_be_held_has_no_text_beside_it(api: APIClient, moment: str | None) -> None:
    job = api.get(f"/ops/jobs/{insert_job(next_run_at=moment)}").json()
    assert job["next_run_at"] == (moment and moment.replace(" ", "T") + "Z")
    assert not [name for name in job if name.endswith("_text")]


@pytest.mark.parametrize("moment", [*FAR, *NEARLY_FAR])
def test_every_list_is_shown_with_a_far_time_in_every_column(
    api: APIClient, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    some_of_everything()
    assert set_all_times(moment) > 20
    for module in (pulse, throughput):
        monkeypatch.setattr(module, "KEPT_SECONDS", 0)
    for url in ADDRESSES:
        response = api.get(url)
        assert response.status_code == 200, (url, response.content)
    if moment in NEARLY_FAR:
        return
    (entry, *_) = api.get("/ops/audit").json()["entries"]
    assert (entry["at"], zoneless(entry["at_text"])) == (None, moment)
    (conversation,) = api.get("/ops/conversations").json()["conversations"]
    assert (conversation["last_activity_at"], zoneless(conversation["last_activity_at_text"])) == (None, moment)
    for row in api.get("/ops/backup/history").json()["history"]:
        assert (row["started_at"], row["completed_at"], row["duration_seconds"]) == (None, None, None)
        assert zoneless(row["started_at_text"]) == zoneless(row["completed_at_text"]) == moment
    (identity,) = api.get("/ops/identities").json()["identities"]
    assert identity["created_at"] is None
    assert identity["credential"]["status"] == "present"


def test_pages_follow_each_other_though_their_times_are_far(api: APIClient) -> None:
    pks = [insert_job(created_at=FAR[number % len(FAR)]) for number in range(7)]
    seen: list[int] = []
    url = "/ops/jobs?limit=2&ordering=created_at"
    while url:
        answer = api.get(url).json()
        seen += [job["id"] for job in answer["jobs"]]
        url = answer["next"]
    assert seen == pks


@pytest.mark.parametrize("moment", ["infinity", "-infinity", *NEARLY_FAR])
def test_no_action_fails_of_a_far_time(api: APIClient, moment: str) -> None:
    some_of_everything()
    set_all_times(moment)
    identity, conversation = Identity.objects.get().pk, Conversation.objects.get().pk
    reason = {"reason": "it is time"}
    asked: list[tuple[str, dict[str, Any]]] = [
        *(
            (f"/ops/jobs/{pk}/{verb}", reason)
            for pk in Job.objects.values_list("pk", flat=True)
            for verb in ("retry", "fail")
        ),
        *((f"/ops/runs/{run}/cancel", reason) for run in Run.objects.values_list("pk", flat=True)),
        ("/ops/jobs/retry", {"filter": {"created_after": "2026-01-01T00:00:00Z"}, "dry_run": True}),
        ("/ops/jobs/cancel", {"filter": {"created_before": "2026-01-01T00:00:00Z"}, "dry_run": True}),
        ("/ops/backfill/conversations", {}),
        ("/ops/backfill/messages", {"conversation_id": conversation}),
        ("/ops/redownload/attachments", {"conversation_id": conversation}),
        (f"/ops/identities/{identity}/sync", reason),
        ("/ops/backup/trigger", {}),
        ("/ops/backup/restore-test", {}),
        *(("/ops/backup/restore-test", {"backup_run_id": pk}) for pk in BackupRun.objects.values_list("pk", flat=True)),
    ]
    for url, body in asked:
        assert api.post(url, body).status_code < 500, url
    assert far_times_of_the_console() == []


# --- in the background --------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("moment", ["infinity", "-infinity", "294276-12-31 23:59:59", "0044-03-15 12:00:00 BC"])
def test_no_step_of_the_sweeper_fails_of_a_far_time_or_copies_one(
    api: APIClient, moment: str, caplog: pytest.LogCaptureFixture
) -> None:
    some_of_everything()
    set_all_times(moment)
    steps: list[Any] = [
        sweeper.expire_leases,
        sweeper.redispatch_due,
        sweeper.publish_due,
        losses.let_go_of_ended,
        losses.free_places,
        sweeper.keep_late_results,
        sweeper.tell_ended,
        counts.refresh,
        *(step.run for step in background.registered()),
        # Behave like a process that has just started.
        SyncsOfOthers().look,
        SyncResults().look,
        FailedRows().look,
    ]
    with caplog.at_level(logging.ERROR):
        for step in steps:
            step()
        count_new()
        ended.tell()
    assert caplog.text == ""
    assert far_times_of_the_console() == []
    assert api.get("/ops/sync/status").json()["identities"][0]["messages_count"] == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("moment", FAR)
def test_a_message_of_a_far_time_counts_and_says_nothing_of_when_messages_came(moment: str) -> None:
    conversation = make_conversation(make_identity())
    before = make_message(conversation).created_at
    odd = make_message(conversation).pk
    with connection.cursor() as cursor:
        cursor.execute("UPDATE messages SET created_at = %s, sent_at = %s WHERE id = %s", [moment, moment, odd])
    count_new()
    kept = IdentityCounts.objects.get()
    assert (kept.messages, kept.newest_message_at, kept.new_messages_24h) == (2, before, 0)


@pytest.mark.django_db(transaction=True)
def test_a_far_time_that_was_copied_is_forgotten() -> None:
    conversation = make_conversation(make_identity())
    make_message(conversation)
    count_new()
    migration = import_module("identities.migrations.0003_finite_times")
    known = IdentityCounts.objects.get().newest_message_at
    assert known is not None
    with connection.cursor() as cursor:
        cursor.execute(migration.FORGET_FAR_TIMES)
        assert IdentityCounts.objects.get().newest_message_at == known
        cursor.execute("UPDATE identities_identitycounts SET newest_message_at = '-infinity'")
        cursor.execute(migration.FORGET_FAR_TIMES)
        cursor.execute("SELECT newest_message_at IS NULL FROM identities_identitycounts")
        assert cursor.fetchone() == (True,)


@pytest.mark.parametrize("moment", FAR)
def test_a_sync_of_a_far_time_hides_none_that_has_its_time(api: APIClient, moment: str) -> None:
    identity = make_identity()
    make_credential(identity)
    ended_job({"identity_id": identity.pk}, at=minutes(-5))
    odd = [insert_job(f'{{"identity_id": {identity.pk}}}', status="done", updated_at=moment) for _ in range(3)]
    assert len(odd) == 3
    SyncsOfOthers().look()
    (shown,) = api.get("/ops/sync/status").json()["identities"]
    assert shown["last_success_at"] == minutes(-5).isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize("moment", FAR)
def test_a_job_that_runs_or_waits_since_a_far_time_can_be_ended(api: APIClient, moment: str) -> None:
    running = insert_job(status="running", updated_at=moment)
    waiting = insert_job(status="queued", updated_at=moment)
    assert {job["id"] for job in api.get("/ops/jobs?stuck=true").json()["jobs"]} == {running, waiting}
    for pk in (running, waiting):
        assert "an unknown time" in api.get(f"/ops/jobs/{pk}").json()["stuck_reason"]
        assert api.post(f"/ops/jobs/{pk}/fail", {"reason": "nobody works on it"}).status_code == 200


def test_a_job_that_is_never_due_is_not_stuck(api: APIClient) -> None:
    insert_job(status="retrying", next_run_at="infinity")
    assert api.get("/ops/jobs?stuck=true").json()["jobs"] == []


@pytest.mark.parametrize("moment", FAR)
def test_an_attempt_is_let_go_of_though_its_job_ended_at_a_far_time(moment: str) -> None:
    make_attempt(insert_job(status="done", updated_at=moment))
    assert losses.let_go_of_ended() == 1


# --- what follows from a time -------------------------------------------------------------------------------------


@pytest.mark.parametrize("moment", FAR)
def test_a_credential_of_a_far_time_is_there(api: APIClient, moment: str) -> None:
    identity = make_identity("Alice")
    make_credential(identity)
    pk = insert_job(f'{{"identity_id": {identity.pk}}}')
    with connection.cursor() as cursor:
        cursor.execute("UPDATE provider_credentials SET created_at = %s, rotated_at = %s", [moment, moment])
    (shown,) = api.get("/ops/identities").json()["identities"]
    assert shown["credential"] == {
        "status": "present",
        "types": ["oauth_tokens"],
        "connected_at": None,
        "rotated_at": None,
    }
    assert "no credential" not in str(api.get(f"/ops/jobs/{pk}").json()["can"])


@pytest.mark.parametrize("moment", FAR)
def test_a_session_that_ends_at_a_far_time_lets_nobody_in(moment: str) -> None:
    cookie = make_core_session(make_core_user())
    assert with_session(cookie).get("/ops/meta").status_code != 401
    with connection.cursor() as cursor:
        cursor.execute("UPDATE sessions SET expires_at = %s", [moment])
    refusal(with_session(cookie).get("/ops/meta"), 401, "session_ended")


@pytest.mark.parametrize("moment", FAR)
def test_a_backup_of_a_far_time_neither_goes_nor_keeps_a_real_one(settings: Any, moment: str) -> None:
    settings.BACKUP_KEEP, settings.BACKUP_KEEP_DAYS = 1, 1.0
    real = make_backup()
    tested = make_backup(age=timedelta(days=30))
    make_restore_test(tested)
    odd = make_backup()
    make_restore_test(odd)
    with connection.cursor() as cursor:
        times = "started_at = %s, completed_at = %s"
        cursor.execute(f"UPDATE backup_runs SET {times} WHERE id = %s", [moment, moment, odd.pk])
    assert retention.removable("database") == []
    assert retention.verified("database") == tested.pk
    assert [run.pk for run in backup_queries.newest_testable()] == [real.pk]


@pytest.mark.parametrize("moment", FAR)
def test_a_row_that_was_deleted_or_removed_at_a_far_time_is_gone(api: APIClient, moment: str) -> None:
    conversation = make_conversation(make_identity())
    message = make_message(conversation, remote_visibility="send_failed")
    send = insert_job(f'{{"message_id": {message.pk}}}', job_type="message.send_manual", queue_name="messages")
    run = make_backup()
    make_restore_test(run)
    assert api.get(f"/ops/jobs/{send}").json()["can"]["retry"] is True
    with connection.cursor() as cursor:
        for table, column in (
            ("messages", "deleted_at"),
            ("conversations", "deleted_at"),
            ("backup_runs", "removed_at"),
        ):
            cursor.execute(f"UPDATE {table} SET {column} = %s", [moment])
    assert "deleted" in refusal(api.post(f"/ops/jobs/{send}/retry", {"confirm": True}), 409, "message_deleted")
    chosen = {"conversation_id": conversation.pk}
    refusal(api.post("/ops/backfill/messages", chosen), 404, "conversation_not_found")
    assert api.get("/ops/conversations").json()["conversations"] == []
    (backup,) = api.get("/ops/backup/history?type=backup").json()["history"]
    assert (backup["removed_at"], zoneless(backup["removed_at_text"]), backup["file"]) == (None, moment, "removed")
    status = api.get("/ops/backup/status").json()
    assert (status["last_backup"], status["kinds"]["database"]["verified_backup_id"]) == ({}, None)


def test_how_jobs_end_by_the_hour_leaves_out_what_has_no_hour() -> None:
    make_job(status="done", updated_at=timezone.now())
    for moment in (*FAR, *NEARLY_FAR):
        insert_job(status="done", updated_at=moment)
    found = throughput.read()
    assert (found.done, sum(found.by_type.values())) == (1, 1)


def test_the_oldest_that_waits_is_one_whose_time_is_known(api: APIClient) -> None:
    long_ago = timezone.now() - timedelta(hours=2)
    make_job(status="queued", updated_at=long_ago)
    insert_job(status="queued", updated_at="-infinity")
    (waiting,) = pulse.work().waiting
    assert (waiting.jobs, waiting.oldest_at) == (2, long_ago)


def test_where_no_time_is_known_what_waits_has_not_waited_yet(api: APIClient) -> None:
    insert_job(status="queued", updated_at="-infinity")
    (waiting,) = pulse.work().waiting
    assert (waiting.jobs, waiting.oldest_at) == (1, now_in_the_database())
    assert "queue_age" not in {reason["code"] for reason in api.get("/ops/health").json()["reasons"]}


def now_in_the_database() -> datetime:
    """Return when this test's transaction began, which is its time to the database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        (now,) = cursor.fetchone()
    assert isinstance(now, datetime)
    return now
