"""What the core's own backup tasks say becomes a row, and nothing that they don't say does."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from backups import recorded
from backups.models import (
    ATTACHMENTS,
    COULD_NOT_VERIFY,
    DATABASE,
    FAILED,
    MANUAL,
    PASSED,
    SCHEDULED,
    SUCCEEDED,
    BackupRun,
    RestoreTest,
)
from devserver.readiness import SAYS_READY
from jobs import catalog, ended, operations
from jobs.models import Dispatch, Job
from opsconsole.audit import Entity
from tests.backups.cast import make_backup
from tests.cast import OPERATOR
from tests.sync_history.rows import attempt, minutes

pytestmark = pytest.mark.django_db

SHA = "0123456789abcdef" * 4
DUMP, SNAPSHOT, TEST = (
    catalog.CORE_DATABASE_BACKUP,
    catalog.CORE_ATTACHMENTS_SNAPSHOT,
    catalog.CORE_RESTORE_TEST,
)
MAPPED = {
    catalog.DATABASE_BACKUP: {"task": DUMP, "queue": "maintenance", "in_core": True, "arguments": []},
    catalog.ATTACHMENTS_SNAPSHOT: {"task": SNAPSHOT, "queue": "maintenance", "in_core": True, "arguments": []},
    catalog.RESTORE_TEST: {"task": TEST, "queue": "maintenance", "in_core": True, "arguments": []},
}
TASKS = {catalog.DATABASE_BACKUP: DUMP, catalog.ATTACHMENTS_SNAPSHOT: SNAPSHOT, catalog.RESTORE_TEST: TEST}


def said(**values: Any) -> dict[str, Any]:
    return {
        "status": "success",
        "backup_type": "database",
        "file_path": "/srv/core/backups/core-20260131.sql.gz",
        "file_size": 123_456,
        "checksum": SHA,
        "started_at": "2026-01-31T11:58:00",
        "completed_at": "2026-01-31T12:00:00",
        "duration_seconds": 120.0,
        **values,
    }


def checks(*passed: bool) -> list[dict[str, Any]]:
    return [
        {
            "check_name": f"check_{number}",
            "passed": good,
            "expected": 5,
            "actual": 5 if good else 4,
            "error": None if good else "one row is missing",
        }
        for number, good in enumerate(passed, start=1)
    ]


def of_test(*passed: bool, **values: Any) -> dict[str, Any]:
    return {
        "status": "success",
        "backup_file": "/srv/core/backups/core-20260131.sql.gz",
        "integrity_checks": checks(*passed),
        "attachments_sampled": 10,
        "attachments_verified": 9,
        **values,
    }


def told(job_type: str, outcome: str = "done", **values: Any) -> Dispatch:
    """An attempt that has ended and been told."""
    values.setdefault("task", TASKS.get(job_type, job_type))
    one = attempt({}, outcome, job_type=job_type, **values)
    assert ended.tell() == 1
    return one


def tell_again() -> None:
    Dispatch.objects.update(told=False)
    ended.tell()


def run() -> BackupRun:
    return BackupRun.objects.get()


# --- backups ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("job_type", "kind"), [(DUMP, DATABASE), (SNAPSHOT, ATTACHMENTS)])
def test_a_backup_of_the_cores_is_a_row(job_type: str, kind: str) -> None:
    one = told(job_type, result=said())
    made = run()
    assert (made.kind, made.status, made.trigger, made.job_id) == (kind, SUCCEEDED, MANUAL, one.job_id)
    assert (made.started_at, made.completed_at) == (one.started_at, one.ended_at)
    assert (made.size_bytes, made.sha256, made.storage_key, made.error) == (123_456, SHA, None, None)
    assert made.manifest_json == {"reported_by": "core", "file": "core-20260131.sql.gz"}


@pytest.mark.parametrize(
    ("job_type", "kind"), [(catalog.DATABASE_BACKUP, DATABASE), (catalog.ATTACHMENTS_SNAPSHOT, ATTACHMENTS)]
)
def test_so_is_one_of_a_type_that_is_mapped_to_the_cores_task(job_type: str, kind: str, settings: Any) -> None:
    settings.JOB_TYPES = MAPPED
    told(job_type, result=said(), via="beat")
    assert (run().kind, run().status, run().trigger) == (kind, SUCCEEDED, SCHEDULED)


@pytest.mark.parametrize("job_type", [catalog.DATABASE_BACKUP, catalog.RESTORE_TEST])
def test_the_consoles_own_are_not_written_twice(job_type: str) -> None:
    told(job_type, result=said(), task=job_type)
    assert not BackupRun.objects.exists()


def test_nor_is_one_that_ran_before_the_type_was_mapped(settings: Any) -> None:
    settings.JOB_TYPES = MAPPED
    told(catalog.DATABASE_BACKUP, result=said(), task=catalog.DATABASE_BACKUP)
    assert not BackupRun.objects.exists()


def test_an_attempt_that_is_told_again_has_one_row() -> None:
    told(DUMP, result=said())
    before = list(BackupRun.objects.values())
    tell_again()
    assert list(BackupRun.objects.values()) == before


def test_two_attempts_at_one_job_are_two_rows() -> None:
    first = told(DUMP, "retrying", error="disk full")
    second = attempt({}, job_type=DUMP, at=minutes(5), result=said())
    Dispatch.objects.filter(pk=second.pk).update(job_id=first.job_id)
    tell_again()
    tell_again()
    assert list(BackupRun.objects.order_by("pk").values_list("status", "error")) == [
        (FAILED, "disk full"),
        (SUCCEEDED, None),
    ]


@pytest.mark.parametrize("outcome", ["failed", "retrying", "unknown"])
def test_one_that_failed_is_a_failure_with_its_error(outcome: str) -> None:
    told(DUMP, outcome, error="mysqldump: Got error 2013", result=said(status="failed"))
    made = run()
    assert (made.status, made.error) == (FAILED, "mysqldump: Got error 2013")
    assert (made.storage_key, made.size_bytes, made.sha256, made.manifest_json) == (None, None, None, None)


@pytest.mark.parametrize("outcome", ["cancelled", "superseded", "skipped"])
@pytest.mark.parametrize("job_type", [DUMP, TEST])
def test_one_that_did_not_try_to_its_end_is_none(job_type: str, outcome: str) -> None:
    make_backup()
    told(job_type, outcome, error="Somebody was tired of waiting.")
    assert BackupRun.objects.count() == 1
    assert not RestoreTest.objects.exists()


def test_one_whose_result_comes_later_is_what_that_says() -> None:
    one = told(DUMP, "failed", error="Ended by hand.", started_at=None)
    assert run().status == FAILED
    Dispatch.objects.filter(pk=one.pk).update(result=said(), returned_at=minutes(3))
    tell_again()
    assert (run().status, run().completed_at, run().error) == (SUCCEEDED, minutes(3), None)
    one = attempt({}, "cancelled", job_type=DUMP, at=minutes(9), result=said(), returned_at=minutes(10))
    ended.tell()
    assert BackupRun.objects.filter(job_id=one.job_id, status=SUCCEEDED).count() == 1


@pytest.mark.parametrize("word", ["success", "Succeeded", " completed ", "ok"])
def test_words_for_success(word: str) -> None:
    told(DUMP, result=said(status=word))
    assert run().status == SUCCEEDED


@pytest.mark.parametrize(
    ("result", "said_instead"),
    [
        (None, "no status"),
        ("done", "no status"),
        ([], "no status"),
        ({}, "no status"),
        ({"file_path": "/x/y.dump"}, "no status"),
        (said(status=None), "no status"),
        (said(status="pending"), "'pending'"),
        (said(status=True), "'True'"),
        (said(status=["success"]), "success"),
        (said(status={"a": 1}), "{'a': 1}"),
    ],
    ids=str,
)
def test_what_does_not_say_that_it_succeeded_did_not(result: Any, said_instead: str) -> None:
    told(DUMP, result=result)
    assert run().status == FAILED
    assert "did not say that it succeeded" in str(run().error)
    assert said_instead in str(run().error)


def test_one_that_said_more_than_is_kept_has_succeeded_and_nothing_is_known_of_its_file() -> None:
    told(DUMP, result={"note": "The result is larger than 65,536 bytes and was not kept."})
    made = run()
    assert (made.status, made.storage_key, made.size_bytes, made.sha256) == (SUCCEEDED, None, None, None)
    assert made.manifest_json == {"reported_by": "core"}


@pytest.mark.parametrize(
    ("path", "key", "file"),
    [
        ("/backups/core.dump", "core.dump", "core.dump"),
        ("/backups//database/./core.dump", "database/core.dump", "core.dump"),
        ("/backups/../etc/passwd", None, "passwd"),
        ("/backups2/core.dump", None, "core.dump"),
        ("/backups", None, "backups"),
        ("core.dump", None, "core.dump"),
        ("../core.dump", None, "core.dump"),
        ("C:\\backups\\core.dump", None, "core.dump"),
        ("/backups/" + "x" * 600, None, "x" * 255),
        ("/backups/a\0b", None, "a\ufffdb"),
        ("/backups/\ud800", None, "\ufffd"),
        ("/", None, None),
        ("", None, None),
        (None, None, None),
        (5, None, None),
        (["/backups/core.dump"], None, None),
    ],
)
def test_only_a_path_in_the_backups_folder_is_kept_and_only_relative(
    path: Any, key: str | None, file: str | None, settings: Any
) -> None:
    settings.BACKUP_DIR = "/backups/"
    note(DUMP, said(file_path=path))
    assert run().status == SUCCEEDED
    assert run().storage_key == key
    assert run().manifest_json == {"reported_by": "core"} | ({"file": file} if file else {})


def test_without_a_backups_folder_no_path_is_kept(settings: Any) -> None:
    settings.BACKUP_DIR = ""
    told(DUMP, result=said())
    assert run().storage_key is None


@pytest.mark.parametrize(
    "size", [None, -1, 2**63, 10**400, 1.5, float("nan"), float("inf"), True, "123", [5], {"a": 1}], ids=str
)
def test_a_size_that_makes_no_sense_is_none(size: Any) -> None:
    note(DUMP, said(file_size=size))
    assert (run().status, run().size_bytes) == (SUCCEEDED, None)


@pytest.mark.parametrize(
    ("checksum", "kept"),
    [
        (SHA, SHA),
        (SHA.upper(), SHA),
        (f"sha256:{SHA}", SHA),
        (SHA[:-1], None),
        (f"{SHA}0", None),
        ("d41d8cd98f00b204e9800998ecf8427e", None),
        ("g" * 64, None),
        ("\0" * 64, None),
        (5, None),
        (None, None),
    ],
)
def test_a_checksum_is_one_of_sha_256_or_none(checksum: Any, kept: str | None) -> None:
    note(DUMP, said(checksum=checksum))
    assert (run().status, run().sha256) == (SUCCEEDED, kept)


@pytest.mark.parametrize(
    ("values", "began"),
    [
        ({}, minutes(-2)),
        ({"started_at": "2026-01-31T12:58:00+01:00"}, minutes(-2)),
        ({"started_at": "2026-01-31T11:58:00Z"}, minutes(-2)),
        ({"started_at": "9999-12-31T23:59:59-14:00"}, minutes(-3)),
        ({"started_at": "0001-01-01T00:00:00+14:00"}, minutes(-3)),
        ({"started_at": "2026-01-31T12:30:00"}, minutes(0)),
        ({"started_at": "2025-01-31T11:58:00"}, minutes(0)),
        ({"started_at": "yesterday"}, minutes(-3)),
        ({"started_at": 5}, minutes(-3)),
        ({"started_at": None, "duration_seconds": float("nan")}, minutes(0)),
        ({"started_at": None, "duration_seconds": -60}, minutes(0)),
        ({"started_at": None, "duration_seconds": 10**400}, minutes(0)),
        ({"started_at": None, "duration_seconds": "180"}, minutes(0)),
    ],
    ids=str,
)
def test_where_nobody_saw_it_begin_it_began_when_it_says_if_that_can_be(
    values: dict[str, Any], began: datetime
) -> None:
    note(DUMP, said(**{"duration_seconds": 180.0, **values}), started_at=None)
    assert (run().started_at, run().completed_at) == (began, minutes(0))


# --- restore tests ------------------------------------------------------------------------------------------------


@pytest.fixture
def backup() -> BackupRun:
    """A backup of the core's, recorded before."""
    told(DUMP, result=said(), at=minutes(-60))
    return run()


@pytest.mark.parametrize("job_type", [TEST, catalog.RESTORE_TEST])
def test_a_restore_test_of_the_cores_that_passed(backup: BackupRun, job_type: str, settings: Any) -> None:
    settings.JOB_TYPES = MAPPED
    one = told(job_type, result=of_test(True, True))
    test = RestoreTest.objects.get()
    assert (test.backup_run_id, test.status, test.error) == (backup.pk, PASSED, None)
    assert (test.job_id, test.started_at, test.completed_at) == (one.job_id, one.started_at, one.ended_at)
    assert (test.attachments_sampled, test.attachments_verified) == (10, 9)
    assert test.checks_json == checks(True, True)
    tell_again()
    assert RestoreTest.objects.count() == 1


@pytest.mark.parametrize(
    ("outcome", "result", "status", "sentence"),
    [
        ("failed", of_test(True, False), FAILED, "1 of 2"),
        # Judged by an older version, say.
        ("done", of_test(True, False), FAILED, "one row is missing"),
        ("failed", of_test(status="failed"), FAILED, "it broke"),
        ("failed", of_test(status="error"), COULD_NOT_VERIFY, "it broke"),
        ("failed", None, COULD_NOT_VERIFY, "it broke"),
        ("retrying", None, COULD_NOT_VERIFY, "it broke"),
        ("unknown", None, COULD_NOT_VERIFY, "it broke"),
        ("done", of_test(), COULD_NOT_VERIFY, "not what it has checked"),
        ("done", of_test(integrity_checks=None), COULD_NOT_VERIFY, "not what it has checked"),
        ("done", of_test(integrity_checks={"a": True}), COULD_NOT_VERIFY, "not what it has checked"),
        ("done", of_test(integrity_checks="all"), COULD_NOT_VERIFY, "not what it has checked"),
        ("done", of_test(True, status="pending"), COULD_NOT_VERIFY, "did not say"),
        ("done", None, COULD_NOT_VERIFY, "did not say"),
        ("done", {"note": "too large"}, COULD_NOT_VERIFY, "more than is kept"),
        ("partial", of_test(True), COULD_NOT_VERIFY, "it broke"),
        ("done", of_test(integrity_checks=[True, True]), FAILED, "unnamed"),
        ("done", of_test(integrity_checks=[{"check_name": "a", "passed": "yes"}]), FAILED, "a (no reason"),
        ("done", of_test(integrity_checks=[{"check_name": "a", "passed": 1}]), FAILED, "a (no reason"),
        ("done", of_test(integrity_checks=[{"check_name": "a"}]), FAILED, "a (no reason"),
        ("done", of_test(integrity_checks=[None]), FAILED, "unnamed"),
    ],
    ids=str,
)
def test_a_restore_test_has_not_passed_unless_all_says_so(
    backup: BackupRun, outcome: str, result: Any, status: str, sentence: str
) -> None:
    error = None if outcome == "done" else "1 of 2 checks failed" if result == of_test(True, False) else "it broke"
    told(TEST, outcome, result=result, error=error)
    test = RestoreTest.objects.get()
    assert test.status == status
    assert sentence in str(test.error)


def test_checks_are_kept_as_far_as_they_can_be(backup: BackupRun) -> None:
    odd = [
        {"check_name": "a\0b", "passed": True, "expected": float("nan"), "actual": float("inf"), "error": 5},
        {"check_name": "", "passed": False, "expected": [1, {"token": "abc"}], "actual": 10**300, "error": None},
        {"check_name": "x" * 5_000, "passed": True, "expected": "y" * 5_000, "error": "password=hunter2secret"},
        {"check_name": 5, "passed": True, "expected": True, "actual": 1.5},
        "what?",
        *checks(*[True] * 1_000),
    ]
    note(TEST, of_test(integrity_checks=odd, attachments_sampled=-1, attachments_verified=2**40))
    test = RestoreTest.objects.get()
    kept = test.checks_json
    assert len(kept) == recorded.MAX_CHECKS
    assert (kept[0]["check_name"], kept[0]["expected"], kept[0]["actual"]) == ("a\ufffdb", "nan", "inf")
    assert kept[1]["check_name"] == "check 2"
    assert kept[1]["error"] == "No reason was given."
    assert "abc" not in kept[1]["expected"]
    assert [len(kept[2][name]) for name in ("check_name", "expected")] == [recorded.MAX_TEXT] * 2
    assert kept[2]["error"] == "password=[redacted]"
    assert (kept[3]["check_name"], kept[3]["expected"], kept[3]["actual"]) == ("check 4", "True", 1.5)
    assert kept[4]["passed"] is False
    assert (test.attachments_sampled, test.attachments_verified, test.status) == (0, 0, FAILED)


def test_a_restore_test_is_one_of_the_backup_that_it_names(settings: Any) -> None:
    settings.BACKUP_DIR = "/backups"
    told(DUMP, result=said(file_path="/backups/database/core-1.dump"), at=minutes(-60))
    told(DUMP, result=said(file_path="/elsewhere/core-2.dump"), at=minutes(-50))
    told(SNAPSHOT, result=said(file_path="/elsewhere/core-3.tar.zst"), at=minutes(-40))
    expected = list(BackupRun.objects.order_by("pk").values_list("pk", flat=True))
    for number, ending in enumerate(("dump", "dump", "tar.zst"), start=1):
        told(TEST, result=of_test(True, backup_file=f"/other/place/core-{number}.{ending}"), at=minutes(number))
    found = RestoreTest.objects.order_by("pk").values_list("backup_run_id", "status")
    assert list(found) == [(pk, PASSED) for pk in expected]


def test_one_that_names_no_file_is_of_the_newest_that_the_core_had_made(backup: BackupRun) -> None:
    told(DUMP, result=said(), at=minutes(30))
    made = make_backup(age=timedelta(0), completed_at=minutes(-1))
    BackupRun.objects.filter(pk=made.pk).update(storage_key=f"database/database-1-{made.pk}.dump")
    told(TEST, result=of_test(True, backup_file=None))
    assert list(RestoreTest.objects.values_list("backup_run_id", "status")) == [(backup.pk, PASSED)]


def test_one_of_a_file_that_nobody_knows_proves_no_other_backup(backup: BackupRun) -> None:
    told(TEST, result=of_test(True, backup_file="/srv/another.sql.gz"))
    test = RestoreTest.objects.get()
    assert (test.backup_run_id, test.status) == (backup.pk, COULD_NOT_VERIFY)
    assert "another.sql.gz, which is none of the backups" in str(test.error)


def test_one_of_no_backup_at_all_is_no_row_and_is_told_for_good() -> None:
    one = told(TEST, result=of_test(True))
    assert not RestoreTest.objects.exists()
    one.refresh_from_db()
    assert one.told


def note(job_type: str, result: Any, **values: Any) -> None:
    """Have the receiver told of a result as it is, also of what a database would never give back."""
    one = attempt({}, job_type=job_type, **values)
    recorded.note_ended(
        [
            ended.EndedAttempt(
                dispatch_id=one.pk,
                job_id=one.job_id,
                job_type=job_type,
                payload={},
                queue=one.queue,
                task=one.task,
                outcome="done",
                started_at=one.started_at,
                ended_at=minutes(0),
                returned_at=None,
                result=result,
                error=None,
                requested_by="olivia",
                via="api",
            )
        ]
    )


# --- a real worker ------------------------------------------------------------------------------------------------


@pytest.mark.processes
@pytest.mark.django_db(transaction=True)
def test_what_a_cores_worker_returns_arrives(
    start_child: Callable[..., Any],
    sweeper: Callable[..., Any],
    wait_until: Callable[..., Any],
    tmp_path: Path,
    settings: Any,
) -> None:
    settings.JOB_TYPES = MAPPED
    says = tmp_path / "says.json"
    now = datetime.now(UTC).replace(tzinfo=None).isoformat()
    says.write_text(
        json.dumps(
            {
                "dump": said(file_path=f"{tmp_path}/core.dump", started_at=now),
                "snapshot": "raise",
                "restore_test": of_test(True, False, backup_file="core.dump"),
            }
        ),
        "utf-8",
    )
    environment = {
        "OPS_JOB_TYPES": json.dumps(MAPPED),
        "OPS_BACKUP_DIR": str(tmp_path),
        "CORE_BACKUPS_SAY": str(says),
        "DEMO_ARCHIVE_DIR": str(tmp_path / "archive"),
    }
    argv = ["-m", "celery", "--quiet", "--app", "tests.backups.core_tasks", "worker", "--queues", "maintenance"]
    worker = start_child("core", *argv, "--concurrency", "1", "--loglevel", "INFO", **environment)
    worker.wait_for(SAYS_READY["core"])
    sweeper("--tick", "0.1", **environment)
    connection.close()

    def done(job_type: str, status: str) -> Job:
        submitted = operations.submit_run(
            operation="tests.trigger",
            title="A test",
            requests=[operations.JobRequest(job_type=job_type, payload={})],
            actor=OPERATOR,
            entity=Entity(type="job"),
        )
        pk = submitted.job_ids[0]
        wait_until(lambda: Job.objects.get(pk=pk).status == status)
        return Job.objects.get(pk=pk)

    dumped = done(DUMP, "done")
    made = wait_until(lambda: BackupRun.objects.filter(job_id=dumped.pk).first())
    assert (made.status, made.storage_key, made.sha256, made.size_bytes) == (SUCCEEDED, "core.dump", SHA, 123_456)
    assert made.started_at <= made.completed_at

    snapped = done(SNAPSHOT, "failed")
    failed = wait_until(lambda: BackupRun.objects.filter(job_id=snapped.pk).first())
    assert (failed.kind, failed.status) == (ATTACHMENTS, FAILED)
    assert "Lost connection, password=[redacted]" in failed.error

    checked = done(TEST, "failed")
    assert "1 of 2 checks failed: check_2 (one row is missing)" in str(checked.last_error)
    test = wait_until(lambda: RestoreTest.objects.filter(job_id=checked.pk).first())
    assert (test.backup_run_id, test.status, test.checks_json) == (made.pk, FAILED, checks(True, False))
