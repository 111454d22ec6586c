"""Active rows of the ledger that the console doesn't run block the same work. The console names them and frees none."""

import json
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from backups.folder import BackupFolder
from identities.models import Identity, Provider
from jobs import catalog, foreign, ledger
from jobs.filters import JobFilter
from jobs.ledger_task import AttemptFailed
from jobs.matching.operations import retry_matching
from jobs.models import Dispatch, Job, Run, RunJob, WorkerReport
from jobs.schedules import entry_tasks
from jobs.tasks import housekeeping
from notices import noticing
from notices.models import Notice
from opsconsole.audit import AuditLog
from opsconsole.errors import Conflict
from tests.admin.reading import messages
from tests.api.cast import accepted, insert_job, ledger_state, make_attempt, make_run, refusal
from tests.api.test_odd_rows import paused
from tests.cast import OPERATOR, make_conversation, make_credential, make_identity, make_job
from tests.matching.doing import carry_out
from tests.schedules.cast import make_schedule

__all__ = ["paused"]

BLOCKED = foreign.BLOCKED
JOINED, NEW = "joined", "new"


def ago(**length: float) -> datetime:
    return timezone.now() - timedelta(**length)


def payload_of(identity: Identity) -> dict[str, Any]:
    return {"provider_id": identity.provider_id, "identity_id": identity.pk}


@pytest.fixture
def alice(db: None) -> Identity:
    """An identity that can sync."""
    identity = make_identity("Alice")
    make_credential(identity)
    return identity


class Row(NamedTuple):
    """A row that holds the requested work's key: its age, its newest attempt, and the expected answer."""

    status: str
    minutes: float
    attempt: dict[str, Any] | None
    outcome: str
    stuck: bool = False


OPEN: dict[str, Any] = {}
ENDED = {"ended_at": ago(hours=1), "outcome": "failed"}
ROWS = {
    "queued by somebody else": Row("queued", 0, None, BLOCKED),
    "queued by somebody else for hours": Row("queued", 300, None, BLOCKED, stuck=True),
    "retrying by somebody else": Row("retrying", 0, None, BLOCKED),
    "retrying by somebody else for hours": Row("retrying", 300, None, BLOCKED, stuck=True),
    "queued again by somebody else": Row("queued", 0, ENDED, BLOCKED),
    "queued again by somebody else for hours": Row("queued", 300, ENDED, BLOCKED, stuck=True),
    "retrying without a next attempt": Row("retrying", 0, ENDED, BLOCKED),
    "superseded": Row("queued", 0, ENDED | {"outcome": "superseded"}, BLOCKED),
    "running for somebody else": Row("running", 0, None, JOINED),
    "running for somebody else for hours": Row("running", 300, None, BLOCKED, stuck=True),
    "running again for somebody else": Row("running", 0, ENDED, JOINED),
    "running again for somebody else for hours": Row("running", 300, ENDED, BLOCKED, stuck=True),
    "handed over": Row("queued", 0, OPEN, JOINED),
    "handed over for hours": Row("queued", 300, OPEN | {"published_at": ago(hours=5)}, JOINED, stuck=True),
    "not yet handed over": Row("queued", 0, OPEN | {"published_at": None}, JOINED),
    "running here": Row("running", 0, OPEN | {"started_at": ago(seconds=1)}, JOINED),
    "known to no worker": Row("queued", 0, OPEN | {"unknown_since": ago(minutes=5)}, JOINED, stuck=True),
    "retrying here": Row("retrying", 0, ENDED | {"next_attempt_at": ago(minutes=-1)}, JOINED),
    "done and holding its key": Row("done", 0, None, NEW),
    "failed and holding its key": Row("failed", 300, ENDED, NEW),
    "cancelled and holding its key": Row("cancelled", 0, None, NEW),
}


def make_row(row: Row, job_type: str, payload: dict[str, Any], **values: Any) -> Job:
    """Insert the row that holds the key."""
    job = make_job(job_type, status=row.status, payload=payload, updated_at=ago(minutes=row.minutes), **values)
    Job.objects.filter(pk=job.pk).update(dedupe_key=ledger.dedupe_key(job.queue_name, job_type, payload))
    if row.attempt is not None:
        make_attempt(job.pk, serial_key=f"ingest:{payload.get('identity_id')}", **row.attempt)
    return job


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
@pytest.mark.parametrize("url", ["/ops/identities/{}/sync", "/ops/identities/{}/backfill"])
def test_a_row_that_nothing_runs_is_not_joined(api: APIClient, alice: Identity, url: str, row: Row) -> None:
    job_type = catalog.SYNC if url.endswith("sync") else catalog.BACKFILL_CONVERSATIONS
    job = make_row(row, job_type, payload_of(alice))
    before = ledger_state()
    response = api.post(url.format(alice.pk))
    if row.outcome == BLOCKED:
        sentence = refusal(response, 409, BLOCKED)
        assert f"Job {job.pk} does the same work" in sentence
        assert ("Mark it as failed, then try again." in sentence) == row.stuck
        assert (response.json()["job_id"], response.json()["stuck"]) == (job.pk, row.stuck)
        assert api.get(f"/ops/jobs/{job.pk}").json()["can"]["fail"] == row.stuck
        assert ledger_state() == before
        assert [(one.result, one.error_detail) for one in AuditLog.objects.all()] == [("error", sentence)]
        return
    body = accepted(response)
    assert body["already_active"] == ([job.pk] if row.outcome == JOINED else [])
    assert ("is stuck" in body["message"]) == row.stuck
    job.refresh_from_db()
    assert (job.status, job.dedupe_key is None) == (row.status, row.outcome == NEW)


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_the_retry_of_a_failed_job_says_which_row_is_in_its_way(api: APIClient, alice: Identity, row: Row) -> None:
    holder = make_row(row, catalog.SYNC, payload_of(alice))
    failed = make_job(catalog.SYNC, payload=payload_of(alice))
    can = api.get(f"/ops/jobs/{failed.pk}").json()["can"]
    response = api.post(f"/ops/jobs/{failed.pk}/retry")
    if row.outcome == NEW:
        assert (response.status_code, can["retry"]) == (200, True)
        return
    code = BLOCKED if row.outcome == BLOCKED else "identical_job_active"
    sentence = refusal(response, 409, code)
    assert (can["retry"], can["reason"], response.json()["job_id"]) == (False, sentence, holder.pk)
    assert api.post("/ops/jobs/retry", {"filter": {}, "dry_run": True}).json()["left_out"][0]["code"] == code


@pytest.mark.parametrize("attempt", [None, {}, ENDED, OPEN | {"started_at": ago(seconds=1)}])
def test_a_row_of_a_status_that_nobody_knows_is_named_with_it(
    api: APIClient, alice: Identity, paused: int, attempt: dict[str, Any] | None
) -> None:
    key = ledger.dedupe_key("ingest", catalog.SYNC, payload_of(alice))
    job_id = insert_job(json.dumps(payload_of(alice)), status="paused", dedupe_key=key)
    if attempt is not None:
        make_attempt(job_id, **attempt)
    sentence = refusal(api.post(f"/ops/identities/{alice.pk}/sync"), 409, BLOCKED)
    assert f"Job {job_id} does the same work. This console doesn't know that job's status “paused”." in sentence
    assert "as failed" not in sentence


def test_once_it_is_marked_as_failed_the_same_work_starts(api: APIClient, alice: Identity) -> None:
    job = make_row(ROWS["queued by somebody else for hours"], catalog.SYNC, payload_of(alice))
    refusal(api.post(f"/ops/identities/{alice.pk}/sync"), 409, BLOCKED)
    assert api.post(f"/ops/jobs/{job.pk}/fail", {"reason": "Nobody runs it."}).status_code == 200
    assert accepted(api.post(f"/ops/identities/{alice.pk}/sync"))["already_active"] == []


# --- among others -------------------------------------------------------------------------------------------------

DOORS: list[tuple[str, Any, str]] = [
    ("/ops/backfill/conversations", {}, catalog.BACKFILL_CONVERSATIONS),
    ("/conversations/sync", {}, catalog.SYNC),
]


@pytest.mark.parametrize(("url", "body", "job_type"), DOORS)
@pytest.mark.parametrize("row", [row for row in ROWS.values() if row.outcome == BLOCKED])
def test_the_others_of_all_start_and_it_is_named(
    api: APIClient, alice: Identity, url: str, body: Any, job_type: str, row: Row
) -> None:
    bob = make_identity("Bob")
    job = make_row(row, job_type, payload_of(bob))
    answer = accepted(api.post(url, body))
    (left_out,) = answer["left_out"]
    assert (left_out["identity_id"], left_out["code"], left_out["job_id"]) == (bob.pk, BLOCKED, job.pk)
    assert f"Skipped: Job {job.pk} does the same work" in answer["message"]
    assert api.get(f"/ops/runs/{answer['job_id']}").json()["left_out"] == [left_out]
    assert [Job.objects.get(pk=pk).payload_json for pk in answer["jobs"]] == [payload_of(alice)]
    assert not RunJob.objects.filter(job=job).exists()


@pytest.mark.parametrize(("url", "body", "job_type"), DOORS)
def test_where_nothing_is_left_it_is_a_conflict_that_names_all(
    api: APIClient, alice: Identity, url: str, body: Any, job_type: str
) -> None:
    bob, carol = make_identity("Bob"), make_identity("Carol", provider_id="mastodon")
    Provider.objects.filter(pk="mastodon").update(enabled=False)
    rows = [make_job(job_type, status="queued", payload=payload_of(one)).pk for one in (alice, bob)]
    before = ledger_state()
    response = api.post(url, body)
    sentence = refusal(response, 409, BLOCKED)
    assert sentence.startswith("Nothing was started. Carol can't sync")
    assert response.json()["job_id"] == rows[0]
    named = {one["identity_id"]: one["job_id"] for one in response.json()["left_out"]}
    assert named == {carol.pk: None, alice.pk: rows[0], bob.pk: rows[1]}
    assert ledger_state() == before


def test_a_bulk_retry_leaves_it_alone_and_says_why(api: APIClient, alice: Identity) -> None:
    holder = make_job(catalog.SYNC, status="queued", payload=payload_of(alice))
    failed = make_job(catalog.SYNC, payload=payload_of(alice))
    WorkerReport.objects.create(hostname="core@host", queues=["ingest"], seen_at=timezone.now())
    (job_id,) = retry_matching(
        JobFilter(), up_to_id=failed.pk, expected=1, reason="the provider is back", actor=OPERATOR
    ).job_ids
    (left_out,) = carry_out(job_id)["left_out"]
    assert (left_out["code"], left_out["examples"]) == (BLOCKED, [failed.pk])
    assert f"Job {holder.pk}" in left_out["reason"]


# --- every other way in -------------------------------------------------------------------------------------------


def foreign_job(job_type: str, payload: dict[str, Any] | None = None, queue: str = "ingest") -> Job:
    """Insert a row as another application does."""
    return make_job(job_type, status="queued", payload=payload or {}, queue_name=queue)


def test_messages_of_one_conversation(api: APIClient, alice: Identity) -> None:
    conversation = make_conversation(alice)
    job = foreign_job(catalog.BACKFILL_MESSAGES, payload_of(alice) | {"conversation_id": conversation.pk})
    response = api.post("/ops/backfill/messages", {"conversation_id": conversation.pk})
    refusal(response, 409, BLOCKED)
    assert response.json()["job_id"] == job.pk


def test_attachments(api: APIClient) -> None:
    job = foreign_job(catalog.REDOWNLOAD_ATTACHMENTS, {"limit": 100})
    response = api.post("/ops/redownload/attachments", {})
    refusal(response, 409, BLOCKED)
    assert response.json()["job_id"] == job.pk
    assert AuditLog.objects.get().result == "error"


def test_a_backup(api: APIClient, folder: BackupFolder) -> None:
    job = foreign_job(catalog.DATABASE_BACKUP, queue="opsconsole.maintenance")
    response = api.post("/ops/backup/trigger", {"kind": "database"})
    refusal(response, 409, BLOCKED)
    assert response.json()["job_id"] == job.pk
    assert AuditLog.objects.get().result == "error"


def test_one_of_two_backups(api: APIClient, folder: BackupFolder, attachments: Any) -> None:
    job = foreign_job(catalog.DATABASE_BACKUP, queue="opsconsole.maintenance")
    body = accepted(api.post("/ops/backup/trigger", {"kind": "all"}))
    assert len(body["jobs"]) == 1
    assert [(one["identity_id"], one["job_id"]) for one in body["left_out"]] == [(None, job.pk)]


@pytest.mark.parametrize(
    ("task", "kwargs", "job_type"),
    [
        ("opsconsole.sync_identities", {}, catalog.SYNC),
        ("opsconsole.sync_identities", {"identity_id": "alice"}, catalog.SYNC),
        ("opsconsole.backfill_conversations", {}, catalog.BACKFILL_CONVERSATIONS),
        ("opsconsole.submit_job", {"job_type": catalog.SYNC_INBOX_FAST}, catalog.SYNC_INBOX_FAST),
        ("ingest.sync_inbox_fast", {}, catalog.SYNC_INBOX_FAST),
    ],
)
def test_a_schedule_that_is_run_now(
    api: APIClient, alice: Identity, task: str, kwargs: dict[str, Any], job_type: str
) -> None:
    kwargs = {name: alice.pk if value == "alice" else value for name, value in kwargs.items()}
    job = foreign_job(job_type, {} if job_type == catalog.SYNC_INBOX_FAST else payload_of(alice))
    made = make_schedule(task, kwargs)
    response = api.post(f"/ops/schedules/{made.pk}/run")
    refusal(response, 409, BLOCKED)
    assert response.json()["job_id"] == job.pk
    assert set(AuditLog.objects.values_list("result", flat=True)) == {"error"}
    assert not Run.objects.exists()


def test_what_beat_sends_is_refused_and_written_down(alice: Identity) -> None:
    foreign_job(catalog.SYNC, payload_of(alice))
    entry_tasks.begin(SimpleNamespace(task="opsconsole.sync_identities", periodic_task_name="Sync"), (), {})
    entry = AuditLog.objects.get()
    assert (entry.result, entry.response_json) == ("error", {"code": BLOCKED})


def test_a_bulk_change_that_somebody_else_queued_again(api: APIClient, alice: Identity) -> None:
    failed = make_job(catalog.SYNC, payload=payload_of(alice))
    wanted: dict[str, Any] = {"up_to_id": failed.pk, "expected": 1, "reason": "it is back", "actor": OPERATOR}
    (job_id,) = retry_matching(JobFilter(), **wanted).job_ids
    Dispatch.objects.update(ended_at=timezone.now(), outcome="superseded")
    with pytest.raises(Conflict) as caught:
        retry_matching(JobFilter(), **wanted)
    assert (caught.value.code, caught.value.details["job_id"]) == (BLOCKED, job_id)
    assert AuditLog.objects.filter(result="error", action_type="job.retry_matching").count() == 1


# --- pages and polls ----------------------------------------------------------------------------------------------


def test_a_page_says_so_with_a_link_to_the_row(alice: Identity, browser: Client) -> None:
    job = make_row(ROWS["queued by somebody else for hours"], catalog.SYNC, payload_of(alice))
    response = browser.post("/admin/identities/identity/sync/", {"identity": alice.pk}, follow=True)
    (message,) = messages(response)
    assert message == (
        f"Job {job.pk} does the same work. That job was queued outside this console, which doesn't run it. "
        f"The job is stuck. Mark it as failed, then try again. Open job {job.pk}"
    )
    link = f'href="/admin/jobs/job/{job.pk}/change/">Open job {job.pk}</a>'
    assert link in response.content.decode()


def poll(api: APIClient, run: Any) -> tuple[str, list[int]]:
    body = api.get(f"/ops/backfill/{run.pk}").json()
    return body["status"], body["stuck"]


@pytest.mark.parametrize("row", [row for row in ROWS.values() if row.outcome != NEW])
def test_a_poll_says_what_it_waits_for_in_vain(api: APIClient, alice: Identity, row: Row) -> None:
    job = make_row(row, catalog.SYNC, payload_of(alice))
    assert poll(api, make_run(job.pk)) == ("pending", [job.pk] if row.stuck else [])


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row.stuck and "somebody else" in name])
def test_the_advice_is_to_see_whether_the_other_applications_worker_runs(
    api: APIClient, alice: Identity, name: str
) -> None:
    job = make_row(ROWS[name], catalog.SYNC, payload_of(alice))
    reason = api.get(f"/ops/jobs/{job.pk}").json()["stuck_reason"]
    assert ("Another application queued it" in reason) == (ROWS[name].status != "running")
    assert "sweeper" not in reason


def test_the_number_of_queries_does_not_grow_with_the_rows_in_the_way(api: APIClient, alice: Identity) -> None:
    numbers = []
    for n in (1, 1, 20):
        Job.objects.update(status="done", dedupe_key=None)
        Identity.objects.exclude(pk=alice.pk).update(is_active=False)
        for _ in range(n):
            make_job(catalog.SYNC, status="queued", payload=payload_of(make_identity()))
        with CaptureQueriesContext(connection) as captured:
            assert len(accepted(api.post("/conversations/sync", {}))["left_out"]) == n
        # One statement each to insert and to find.
        numbers.append(len([each for each in captured if "dedupe_key" not in each["sql"]]))
    # The first request also fills the caches.
    assert numbers[1] == numbers[2]


def test_an_own_task_that_arrives_without_a_job(transactional_db: None) -> None:
    job = foreign_job(catalog.HOUSEKEEPING, queue="opsconsole")
    with pytest.raises(AttemptFailed, match=f"Job {job.pk} does the same work"):
        housekeeping.apply(throw=True)
    entry = AuditLog.objects.get()
    assert (entry.action_type, entry.result, entry.response_json) == (
        "housekeeping.trigger",
        "error",
        {"code": BLOCKED},
    )
    assert not Run.objects.exists()


def test_a_webhook_that_is_due_does_not_hold_up_the_others(db: None, settings: Any) -> None:
    settings.WEBHOOK_URL = "https://hooks.example.org/"
    long_ago = ago(minutes=5)
    notices = [Notice.objects.create(body={}, created_at=long_ago + timedelta(seconds=n)) for n in range(2)]
    foreign_job(catalog.TELL_VERDICT, {"notice_id": str(notices[0].pk)}, queue="opsconsole")
    noticing.look()
    assert list(Notice.objects.order_by("created_at").values_list("job_id", flat=True)) == [
        None,
        Job.objects.latest("pk").pk,
    ]
