"""POST /ops/backup/trigger and /ops/backup/restore-test, and how what they start is polled."""

from pathlib import Path
from typing import Any

import pytest
from rest_framework.test import APIClient

from jobs.models import DONE, FAILED, Job, Run
from opsconsole.audit import AuditLog
from tests.api.cast import accepted, ledger_state, make_staff, refusal, with_token
from tests.backups.cast import make_backup
from tests.cast import make_user

pytestmark = pytest.mark.django_db

TRIGGER = "/ops/backup/trigger"
TEST = "/ops/backup/restore-test"


@pytest.fixture(autouse=True)
def _folders(tmp_path: Path, settings: Any) -> None:
    """Both folders, set; nothing is written into them here."""
    settings.BACKUP_DIR = str(tmp_path)
    settings.ATTACHMENTS_DIR = str(tmp_path)


def types() -> set[str]:
    return set(Job.objects.values_list("job_type", flat=True))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (None, {"opsconsole.database_backup", "opsconsole.attachments_snapshot"}),
        ({}, {"opsconsole.database_backup", "opsconsole.attachments_snapshot"}),
        ({"kind": "all"}, {"opsconsole.database_backup", "opsconsole.attachments_snapshot"}),
        ({"kind": "database"}, {"opsconsole.database_backup"}),
        ({"kind": "attachments", "reason": "Before the move."}, {"opsconsole.attachments_snapshot"}),
    ],
)
def test_a_backup_is_a_run_with_a_job_of_each_kind(api: APIClient, body: Any, expected: set[str]) -> None:
    answer = accepted(api.post(TRIGGER, body, format="json"))
    assert types() == expected
    assert (set(answer["jobs"]), answer["already_active"]) == (set(Job.objects.values_list("pk", flat=True)), [])
    assert str(Run.objects.get().pk) == answer["job_id"]
    entry = AuditLog.objects.get()
    assert (entry.action_type, (entry.request_json or {})["reason"]) == ("backup.trigger", (body or {}).get("reason"))


def test_one_that_runs_is_named(api: APIClient) -> None:
    (job_id,) = accepted(api.post(TRIGGER, {"kind": "database"}))["jobs"]
    response = api.post(TRIGGER, {"kind": "database"})
    assert f"job {job_id}" in refusal(response, 409, "already_running")
    assert response.json()["job_id"] == job_id
    joined = accepted(api.post(TRIGGER))
    assert (joined["already_active"], len(joined["jobs"])) == ([job_id], 2)
    refusal(api.post(TRIGGER), 409, "already_running")
    assert Run.objects.count() == 2


@pytest.mark.parametrize("url", [TRIGGER, TEST])
def test_without_a_folder_nothing_is_started(api: APIClient, settings: Any, url: str) -> None:
    settings.BACKUP_DIR = ""
    make_backup()
    before = ledger_state()
    assert "OPS_BACKUP_DIR" in refusal(api.post(url), 409, "not_configured")
    assert ledger_state() == before


@pytest.mark.parametrize(
    ("url", "body", "field", "words"),
    [
        (TRIGGER, {"kind": "everything"}, "kind", "allowed are database, attachments, all"),
        (TRIGGER, {"kind": None}, "kind", ""),
        (TRIGGER, {"kind": ["database"]}, "kind", ""),
        (TRIGGER, {"kind": {"a": 1}}, "kind", ""),
        (TRIGGER, {"path": "/etc"}, "path", "it takes kind, reason"),
        (TRIGGER, {"kinds": "database"}, "kinds", "it takes kind, reason"),
        (TRIGGER, {"reason": "x" * 1_001}, "reason", ""),
        (TEST, {"backup_run_id": "x"}, "backup_run_id", "whole number"),
        (TEST, {"backup_run_id": 0}, "backup_run_id", "at least 1"),
        (TEST, {"backup_run_id": 1.5}, "backup_run_id", "whole number"),
        (TEST, {"backup_run_id": True}, "backup_run_id", "whole number"),
        (TEST, {"all_files": "perhaps"}, "all_files", "true or false"),
        (TEST, {"file": "../../etc/passwd"}, "file", "it takes backup_run_id, all_files, reason"),
    ],
)
def test_what_is_no_request_is_refused(api: APIClient, url: str, body: Any, field: str, words: str) -> None:
    make_backup()
    response = api.post(url, body, format="json")
    refusal(response, 400, "invalid")
    assert words in response.json()["errors"][field][0]
    assert not Job.objects.exists()


def test_a_backup_is_tested(api: APIClient) -> None:
    run = make_backup("attachments")
    accepted(api.post(TEST, {"backup_run_id": run.pk, "all_files": True}, format="json"))
    assert Job.objects.get().payload_json == {"backup_run_id": run.pk, "all_files": True}


@pytest.mark.parametrize("body", [None, {"backup_run_id": None}])
def test_without_an_id_the_newest_ones_are_tested(api: APIClient, body: Any) -> None:
    newest = {make_backup().pk, make_backup("attachments").pk}
    accepted(api.post(TEST, body, format="json"))
    assert {job.payload_json["backup_run_id"] for job in Job.objects.all()} == newest


def test_what_cannot_be_tested_is_refused(api: APIClient) -> None:
    refusal(api.post(TEST), 409, "no_backup")
    refusal(api.post(TEST, {"backup_run_id": 999_999}), 404, "backup_not_found")
    refusal(api.post(TEST, {"backup_run_id": 2**63}, format="json"), 404, "backup_not_found")
    refusal(api.post(TEST, {"backup_run_id": make_backup(status="failed").pk}), 409, "not_testable")
    run = make_backup()
    (job_id,) = accepted(api.post(TEST, {"backup_run_id": run.pk}))["jobs"]
    assert api.post(TEST, {"backup_run_id": run.pk}).json()["job_id"] == job_id


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("url", [TRIGGER, TEST])
def test_the_same_key_starts_it_once_and_repeats_a_refusal_too(api: APIClient, url: str) -> None:
    make_backup()
    first = api.post(url, {}, headers={"Idempotency-Key": "one"})
    again = api.post(url, {}, headers={"Idempotency-Key": "one"})
    assert accepted(first) == accepted(again)
    assert again["Idempotency-Replayed"] == "true"
    refusal(api.post(url, {"reason": "x"}, headers={"Idempotency-Key": "one"}), 422, "idempotency_key_reused")
    for _ in range(2):
        refusal(api.post(url, {}, headers={"Idempotency-Key": "two"}), 409, "already_running")
    assert Run.objects.count() == 1
    # What was refused is written down, once for each key.
    assert AuditLog.objects.filter(result="error").count() == 1


@pytest.mark.parametrize(
    ("url", "permission"),
    [(TRIGGER, "backups.start_backuprun"), (TEST, "backups.start_restoretest")],
)
def test_who_may_start_it(viewing_api: APIClient, url: str, permission: str) -> None:
    make_backup()
    assert APIClient().post(url).status_code == 401
    assert viewing_api.post(url).status_code == with_token(make_staff("nobody")).post(url).status_code == 403
    assert not Job.objects.exists()
    accepted(with_token(make_user("otto", permission)).post(url))
    other = TEST if url == TRIGGER else TRIGGER
    assert with_token(make_user("ottilie", permission)).post(other).status_code == 403


# --- polling ------------------------------------------------------------------------------------------------------


def end(job: Job, status: str, result: Any, error: str | None = None) -> None:
    Job.objects.filter(pk=job.pk).update(status=status, dedupe_key=None, last_error=error)
    attempt = job.dispatches.get()
    attempt.ended_at = attempt.requested_at
    attempt.outcome, attempt.result = status, result
    attempt.save()


def test_what_was_started_is_polled_as_any_other_run(api: APIClient) -> None:
    started = accepted(api.post(TRIGGER))
    url = f"/ops/backfill/{started['job_id']}"
    assert api.get(url).json()["status"] == "pending"
    database, files = (
        Job.objects.get(job_type=f"opsconsole.{name}") for name in ("database_backup", "attachments_snapshot")
    )
    end(
        database,
        DONE,
        {"backup_run_id": 7, "size_bytes": 1_000, "sha256": "ab" * 32, "seconds": 1.5, "tables": 12, "rows": 345},
    )
    end(
        files,
        DONE,
        {"backup_run_id": 8, "size_bytes": 500, "sha256": "cd" * 32, "seconds": 0.5, "files": 20, "left_out": 1},
    )
    polled = api.get(url).json()
    assert polled["status"] == "success"
    result = polled["result"]
    # What is no number of anything isn't summed.
    assert (result["backup_run_ids"], result["size_bytes"], "backup_run_id" in result) == ([7, 8], 1_500, False)
    assert (result["tables"], result["rows"], result["files"], result["left_out"]) == (12, 345, 20, 1)
    assert api.get(f"/ops/runs/{started['job_id']}").json()["result"] == result


def test_a_restore_test_that_failed_says_why(api: APIClient) -> None:
    make_backup()
    started = accepted(api.post(TEST))
    end(Job.objects.get(), FAILED, None, error="1 of 9 checks failed: messages has 3 rows and not 4.")
    polled = api.get(f"/ops/backfill/{started['job_id']}").json()
    assert polled["status"] == "failure"
    assert "messages has 3 rows" in polled["result"]["error"]


def test_a_restore_test_that_passed_names_what_it_tested(api: APIClient) -> None:
    started = accepted(api.post(TEST, {"backup_run_id": make_backup().pk}))
    end(
        Job.objects.get(),
        DONE,
        {"restore_test_id": 3, "backup_run_id": 7, "verdict": "passed", "checks_passed": 9},
    )
    result = api.get(f"/ops/backfill/{started['job_id']}").json()["result"]
    assert (result["restore_test_id"], result["backup_run_id"], result["checks_passed"]) == (3, 7, 9)


@pytest.mark.parametrize("result", [None, [], "text", {"backup_run_id": "x", "size_bytes": None}, {"_id": 1, "id": 2}])
def test_a_result_of_any_shape_breaks_nothing(api: APIClient, result: Any) -> None:
    started = accepted(api.post(TRIGGER, {"kind": "database"}))
    end(Job.objects.get(), DONE, result)
    response = api.get(f"/ops/backfill/{started['job_id']}")
    assert (response.status_code, response.json()["status"]) == (200, "success")
