"""GET /ops/backup/status and /ops/backup/history: what is known of backups and restore tests."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from backups import status
from backups.folder import BackupFolder
from backups.models import BackupRun
from jobs.models import Dispatch
from tests.api.cast import insert_job, is_utc, make_attempt, make_run, make_staff, refusal, with_token
from tests.backups.cast import make_backup, make_restore_test
from tests.cast import make_job, make_user
from tests.schedules.cast import make_schedule

pytestmark = pytest.mark.django_db

STATUS = "/ops/backup/status"
HISTORY = "/ops/backup/history"

BACKUP_FIELDS = {
    "type",
    "id",
    "kind",
    "status",
    "trigger",
    "requested_by",
    "started_at",
    "completed_at",
    "duration_seconds",
    "size_bytes",
    "sha256",
    "job_id",
    "run_id",
    "error",
    "removed_at",
    "file",
    "verified_by",
    "progress",
}
TEST_FIELDS = {
    "type",
    "id",
    "backup_run_id",
    "kind",
    "status",
    "trigger",
    "requested_by",
    "started_at",
    "completed_at",
    "duration_seconds",
    "job_id",
    "run_id",
    "error",
    "checks",
    "checks_passed",
    "checks_total",
    "attachments_sampled",
    "attachments_verified",
    "restore_seconds",
    "backup_age_seconds",
    "progress",
}
STATUS_FIELDS = {
    "configured",
    "problem",
    "kinds",
    "last_backup",
    "last_attempt",
    "last_restore_test",
    "last_restore_tests",
    "last_passed_restore_tests",
    "running",
    "next_backup_at",
    "next_restore_test_at",
    "schedules",
    "disk",
    "trend",
    "beat",
    "health",
    "as_of",
}


def stored(run: BackupRun, folder: BackupFolder) -> BackupRun:
    """Put a backup's file where its row says that it is."""
    assert run.storage_key
    path = folder.path / run.storage_key
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"dump")
    return run


def make_own(**values: Any) -> BackupRun:
    """Insert a backup whose file has the name that the console gives it: with the row's number."""
    run = make_backup(**values)
    run.storage_key = f"database/database-20260131T030000Z-{run.pk}.dump"
    run.save(update_fields=["storage_key"])
    return run


def scheduled(task: str, kwargs: dict[str, Any] | None = None, **values: Any) -> None:
    make_schedule(task, kwargs or {}, **{"last_run_at": timezone.now() - timedelta(minutes=1), **values})


def get(api: APIClient, url: str = STATUS) -> dict[str, Any]:
    response = api.get(url)
    assert response.status_code == 200, response.content[:500]
    body: dict[str, Any] = response.json()
    return body


def listed(api: APIClient, query: str = "") -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = get(api, HISTORY + query)["history"]
    return rows


def codes(answer: dict[str, Any]) -> set[str]:
    return {reason["code"] for reason in answer["health"]["reasons"]}


def check(name: str, *, passed: bool = True, actual: Any = None) -> dict[str, Any]:
    return {"check_name": name, "passed": passed, "expected": None, "actual": actual, "error": None}


# --- the status ---------------------------------------------------------------------------------------------------


def test_all_is_well_where_there_is_a_backup_that_was_tested(api: APIClient, folder: BackupFolder) -> None:
    run = stored(make_backup(), folder)
    test = make_restore_test(run)
    scheduled("opsconsole.back_up")
    scheduled("opsconsole.test_restore")

    answer = get(api)

    assert set(answer) == STATUS_FIELDS
    assert answer["health"] == {"status": "ok", "reasons": []}
    assert (answer["configured"], answer["problem"]) == (True, None)
    assert set(answer["last_backup"]) == set(answer["last_attempt"]) == {"database"}
    assert set(answer["last_backup"]["database"]) == BACKUP_FIELDS
    assert (answer["last_backup"]["database"]["id"], answer["last_backup"]["database"]["file"]) == (run.pk, "kept")
    assert answer["last_restore_test"] == answer["last_restore_tests"]["database"]
    assert set(answer["last_restore_test"]) == TEST_FIELDS
    assert answer["last_restore_test"]["id"] == test.pk
    assert answer["last_passed_restore_tests"]["database"]["id"] == test.pk
    assert answer["running"] == {"backups": {}, "restore_tests": {}}
    for moment in (answer["next_backup_at"], answer["next_restore_test_at"], answer["as_of"]):
        assert is_utc(moment)
    assert answer["next_backup_at"] > answer["as_of"]
    assert answer["kinds"]["database"] == {
        "configured": True,
        "problem": None,
        "in_core": False,
        "next_at": answer["next_backup_at"],
        "verified_backup_id": run.pk,
    }
    assert answer["schedules"]["database"]["scheduled"] == "on"
    assert answer["schedules"]["restore_test"]["schedule"] == "every 10 minutes"
    assert set(answer["disk"]) == {"used_bytes", "free_bytes", "total_bytes"}
    assert answer["disk"]["used_bytes"] + answer["disk"]["free_bytes"] == answer["disk"]["total_bytes"] > 0
    assert answer["beat"]["status"] == "running"


def test_without_a_folder_it_says_how_to_set_one(api: APIClient, settings: Any) -> None:
    settings.BACKUP_DIR = ""
    answer = get(api)
    assert (answer["configured"], answer["last_backup"], answer["last_restore_test"]) == (False, {}, None)
    assert "OPS_BACKUP_DIR" in answer["problem"]
    assert (answer["health"]["status"], codes(answer)) == ("unknown", {"not_configured"})
    assert answer["disk"] is None


def test_attachments_are_missed_only_where_there_are_some(
    api: APIClient, folder: BackupFolder, request: pytest.FixtureRequest
) -> None:
    stored(make_backup(), folder)
    answer = get(api)
    assert "no_backup" not in codes(answer)
    assert "OPS_ATTACHMENTS_DIR" in answer["kinds"]["attachments"]["problem"]
    request.getfixturevalue("attachments")
    answer = get(api)
    assert {(reason["code"], reason["kind"]) for reason in answer["health"]["reasons"]} >= {
        ("no_backup", "attachments"),
        ("never_tested", "database"),
    }


def test_what_the_core_backs_up_needs_no_folder_and_its_files_are_its_own(api: APIClient, settings: Any) -> None:
    settings.BACKUP_DIR = ""
    task = {"task": "maintenance.mysql_dump_local", "queue": "maintenance", "in_core": True}
    settings.JOB_TYPES = {"opsconsole.database_backup": task}
    run = make_backup(storage_key="dump-2026.sql.gz")
    make_restore_test(run)
    answer = get(api)
    assert (answer["configured"], answer["kinds"]["database"]["in_core"]) == (True, True)
    assert answer["last_backup"]["database"]["file"] is None
    assert answer["health"] == {"status": "ok", "reasons": []}
    # A schedule of the task that it is mapped to counts.
    scheduled("maintenance.mysql_dump_local")
    assert get(api)["next_backup_at"]


def test_the_last_good_one_counts_beside_a_failed_attempt(api: APIClient, folder: BackupFolder) -> None:
    good = stored(make_backup(age=timedelta(hours=3)), folder)
    failed = make_backup(status="failed", error="pg_dump: error: password=hunter2secret\nmore", storage_key=None)
    answer = get(api)
    assert answer["last_backup"]["database"]["id"] == good.pk
    assert answer["last_attempt"]["database"]["id"] == failed.pk
    assert "last_failed" in codes(answer)
    assert answer["health"]["status"] == "warning"
    assert "hunter2secret" not in str(answer)


@pytest.mark.parametrize("status", ["succeeded", "failed"])
def test_a_backup_dated_in_the_future_hides_no_other(api: APIClient, folder: BackupFolder, status: str) -> None:
    good = stored(make_backup(age=timedelta(hours=3)), folder)
    passed = make_restore_test(good)
    wrong = make_backup(age=timedelta(days=-365), status=status)
    make_restore_test(good, age=timedelta(days=-365), status="failed")
    make_restore_test(wrong, age=timedelta(days=-365), status="failed")
    make_restore_test(wrong, age=timedelta(minutes=40))
    answer = get(api)
    assert answer["last_backup"]["database"]["id"] == good.pk
    assert answer["last_attempt"]["database"]["id"] == good.pk
    assert answer["last_restore_tests"]["database"]["id"] == passed.pk
    assert answer["kinds"]["database"]["verified_backup_id"] == good.pk
    assert [point["id"] for point in answer["trend"]["database"]] == [good.pk]


def test_a_backup_dated_half_a_minute_ahead_counts(api: APIClient, folder: BackupFolder) -> None:
    stored(make_backup(age=timedelta(hours=3)), folder)
    ahead = stored(make_backup(age=timedelta(seconds=-30)), folder)
    assert get(api)["last_backup"]["database"]["id"] == ahead.pk


def test_a_file_that_is_gone_is_critical(api: APIClient, folder: BackupFolder) -> None:
    make_backup()
    answer = get(api)
    assert answer["last_backup"]["database"]["file"] == "missing"
    assert (answer["health"]["status"], "file_missing" in codes(answer)) == ("critical", True)


def test_a_folder_that_cannot_be_seen_is_no_missing_file(api: APIClient, folder: BackupFolder) -> None:
    make_backup()
    folder.path.rmdir()
    answer = get(api)
    assert answer["last_backup"]["database"]["file"] == "unreachable"
    assert answer["disk"] is None
    assert "folder_unreachable" in codes(answer)
    assert "file_missing" not in codes(answer)


@pytest.mark.parametrize("path", ["/" + "x" * 300, "/dev/null/backups", "/proc/1/fd/backups"])
def test_a_folder_that_cannot_even_be_looked_at_breaks_nothing(api: APIClient, settings: Any, path: str) -> None:
    settings.BACKUP_DIR = path
    make_backup()
    answer = get(api)
    assert (answer["last_backup"]["database"]["file"], answer["disk"]) == ("unreachable", None)
    assert "folder_unreachable" in codes(answer)
    assert listed(api)[0]["file"] == "unreachable"
    assert path not in str(answer)


def test_sizes_and_times_are_read_from_the_rows(api: APIClient, folder: BackupFolder) -> None:
    for days in range(40, 0, -1):
        make_backup(age=timedelta(days=days), size_bytes=days * 1_000)
    stored(make_backup(size_bytes=400), folder)
    answer = get(api)
    trend = answer["trend"]["database"]
    assert [point["size_bytes"] for point in trend] == [*(days * 1_000 for days in range(29, 0, -1)), 400]
    assert set(trend[0]) == {"id", "completed_at", "size_bytes", "seconds"}
    assert trend[0]["seconds"] == 30.0
    assert answer["trend"]["attachments"] == []
    assert "size_dropped" in codes(answer)


def test_a_backup_that_is_kept_only_because_it_was_tested_is_too_old(
    api: APIClient, folder: BackupFolder, settings: Any
) -> None:
    settings.BACKUP_KEEP = 2
    settings.BACKUP_KEEP_DAYS = 5.0
    old = make_own(age=timedelta(days=9))
    make_restore_test(old)
    make_own(age=timedelta(hours=2))
    assert "verified_is_old" not in codes(get(api))
    make_own(age=timedelta(hours=3))
    answer = get(api)
    assert "verified_is_old" in codes(answer)
    assert answer["kinds"]["database"]["verified_backup_id"] == old.pk
    settings.BACKUP_KEEP_DAYS = 10.0
    assert "verified_is_old" not in codes(get(api))


def test_the_last_test_of_each_kind_is_told(api: APIClient, folder: BackupFolder, attachments: Path) -> None:
    database, files = stored(make_backup(), folder), stored(make_backup("attachments"), folder)
    passed = make_restore_test(database, age=timedelta(hours=5))
    failed = make_restore_test(database, age=timedelta(hours=3), status="failed", error="3 rows and not 4.")
    newest = make_restore_test(files, age=timedelta(hours=1), attachments_sampled=50, attachments_verified=50)
    answer = get(api)
    assert {kind: test["id"] for kind, test in answer["last_restore_tests"].items()} == {
        "database": failed.pk,
        "attachments": newest.pk,
    }
    assert answer["last_restore_test"]["id"] == newest.pk
    assert answer["last_passed_restore_tests"]["database"]["id"] == passed.pk
    assert "test_failed" in codes(answer)
    assert answer["last_backup"]["database"]["verified_by"]["status"] == "failed"


def test_what_runs_says_how_far_it_is_and_who_asked(api: APIClient, folder: BackupFolder) -> None:
    job = make_job("opsconsole.database_backup", status="running", payload={})
    make_attempt(
        job.pk,
        requested_by="olivia",
        started_at=timezone.now(),
        in_core=False,
        progress_current=25,
        progress_total=100,
        progress_unit="bytes",
        progress_source="reported",
        progress_at=timezone.now(),
    )
    asked = make_run(job.pk)
    good = stored(make_backup(age=timedelta(hours=30), job_id=job.pk), folder)
    run = make_backup(status="running", completed_at=None, storage_key=None, job_id=job.pk)
    test = make_restore_test(good, status="running", completed_at=None, checks_json=None)
    answer = get(api)
    running = answer["running"]["backups"]["database"]
    assert (running["id"], running["requested_by"], running["run_id"]) == (run.pk, "olivia", str(asked.pk))
    assert (running["progress"]["percent"], running["progress"]["unit"]) == (25, "bytes")
    assert answer["running"]["restore_tests"]["database"]["id"] == test.pk
    assert answer["last_restore_test"] is None
    assert answer["last_backup"]["database"]["progress"] is None
    reasons = {reason["code"]: reason["message"] for reason in answer["health"]["reasons"]}
    assert reasons["too_old"].endswith("One is being made now.")
    assert reasons["never_tested"].endswith("A restore test is running now.")


@pytest.mark.parametrize(
    ("task", "kwargs", "args", "kinds"),
    [
        ("opsconsole.back_up", {}, "[]", {"database", "attachments"}),
        ("opsconsole.back_up", {"kind": "all"}, "[]", {"database", "attachments"}),
        ("opsconsole.back_up", {"kind": "database"}, "[]", {"database"}),
        ("opsconsole.back_up", {}, '["attachments"]', {"attachments"}),
        ("opsconsole.back_up", {"kind": "everything"}, "[]", set()),
        ("opsconsole.back_up", {"kind": {"a": 1}}, "[]", set()),
        ("opsconsole.database_backup", {}, "[]", {"database"}),
        ("opsconsole.attachments_snapshot", {}, "[]", {"attachments"}),
        ("opsconsole.submit_job", {"job_type": "opsconsole.database_backup"}, "[]", {"database"}),
        ("opsconsole.submit_job", {"job_type": "opsconsole.housekeeping"}, "[]", set()),
        ("maintenance.mysql_dump_local", {}, "[]", {"database"}),
        ("opsconsole.test_restore", {}, "[]", {"restore_test"}),
        ("opsconsole.restore_test", {"backup_run_id": 1}, "[]", {"restore_test"}),
        ("opsconsole.housekeeping", {}, "[]", set()),
        ("opsconsole.back_up", {}, "nonsense", set()),
    ],
)
def test_what_beat_starts_next_is_known_by_its_arguments(
    api: APIClient,
    folder: BackupFolder,
    attachments: Path,
    task: str,
    kwargs: dict[str, Any],
    args: str,
    kinds: set[str],
) -> None:
    make_schedule(task, kwargs, args=args)
    answer = get(api)
    assert {kind for kind, schedule in answer["schedules"].items() if schedule["next_at"]} == kinds
    assert bool(answer["next_backup_at"]) == bool(kinds - {"restore_test"})
    assert bool(answer["next_restore_test_at"]) == ("restore_test" in kinds)


def test_a_schedule_of_what_can_not_be_made_here_makes_no_next_one(api: APIClient, settings: Any) -> None:
    settings.BACKUP_DIR = ""
    scheduled("opsconsole.back_up")
    scheduled("opsconsole.test_restore")
    answer = get(api)
    assert (answer["next_backup_at"], answer["next_restore_test_at"]) == (None, None)
    assert answer["kinds"]["database"]["next_at"] is None
    assert answer["schedules"]["database"]["next_at"]


@pytest.mark.parametrize(
    ("job_type", "key"),
    [
        ("maintenance.mysql_dump_local", "next_backup_at"),
        ("maintenance.restore_test_local", "next_restore_test_at"),
    ],
)
def test_what_the_core_does_by_a_schedule_is_expected_without_a_folder(
    api: APIClient, settings: Any, job_type: str, key: str
) -> None:
    settings.BACKUP_DIR = ""
    make_schedule("opsconsole.submit_job", {"job_type": job_type})
    assert get(api)[key]


@pytest.mark.parametrize(("values", "code"), [({"enabled": False}, "schedule_off"), ({"one_off": True}, None)])
def test_a_schedule_that_is_off_is_said(
    api: APIClient, folder: BackupFolder, values: dict[str, Any], code: str | None
) -> None:
    make_schedule("opsconsole.back_up", {}, **values)
    assert {"schedule_off", "schedule_missing"} & codes(get(api)) == ({code} if code else set())


def test_a_beat_that_has_gone_silent_is_said(api: APIClient, folder: BackupFolder) -> None:
    make_schedule("opsconsole.back_up", {}, last_run_at=timezone.now() - timedelta(hours=2))
    answer = get(api)
    assert answer["beat"]["status"] == "silent"
    assert "beat_silent" in codes(answer)


def test_without_beats_tables_the_rest_is_known(
    api: APIClient, folder: BackupFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = stored(make_backup(), folder)

    def unreadable(**kwargs: Any) -> Any:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM a_table_that_is_not_there")
        raise AssertionError

    monkeypatch.setattr(status, "entries", unreadable)
    answer = get(api)
    assert answer["last_backup"]["database"]["id"] == run.pk
    assert (answer["beat"], answer["next_backup_at"], answer["schedules"]["database"]) == (None, None, None)
    assert "schedule_missing" not in codes(answer)


def test_the_status_takes_as_many_queries_however_many_rows(
    api: APIClient, folder: BackupFolder, django_assert_num_queries: Callable[..., Any]
) -> None:
    for number in range(60):
        job = insert_job(job_type="opsconsole.database_backup", status="done")
        make_attempt(job)
        run = make_backup(job_id=job, age=timedelta(days=number), manifest_json={"tables": ["x" * 50_000]})
        make_backup("attachments", job_id=job, age=timedelta(days=number))
        make_restore_test(run, job_id=job)
        make_schedule("opsconsole.back_up", {})
    # The caller, backups, restore tests, a savepoint around the schedules, jobs, and which were tested.
    with django_assert_num_queries(2 + 7) as queries:
        get(api)
    assert not any("manifest_json" in query["sql"] for query in queries.captured_queries)


# --- the history --------------------------------------------------------------------------------------------------


def test_a_backup_in_the_history_holds_what_was_promised(api: APIClient, folder: BackupFolder) -> None:
    job = make_job("opsconsole.database_backup", status="done", payload={})
    make_attempt(job.pk, requested_by="olivia", ended_at=timezone.now())
    asked = make_run(job.pk)
    ended = datetime(2026, 1, 31, 3, 0, 30, tzinfo=UTC)
    run = make_backup(
        job_id=job.pk,
        started_at=ended - timedelta(seconds=30.25),
        completed_at=ended,
        size_bytes=123_456,
        sha256="ab" * 32,
        trigger="scheduled",
    )
    test = make_restore_test(stored(run, folder), completed_at=ended + timedelta(hours=1), started_at=ended)
    _, shown = listed(api)
    assert shown == {
        "type": "backup",
        "id": run.pk,
        "kind": "database",
        "status": "succeeded",
        "trigger": "scheduled",
        "requested_by": "olivia",
        "started_at": "2026-01-31T02:59:59.750000Z",
        "completed_at": "2026-01-31T03:00:30Z",
        "duration_seconds": 30.2,
        "size_bytes": 123_456,
        "sha256": "ab" * 32,
        "job_id": job.pk,
        "run_id": str(asked.pk),
        "error": None,
        "removed_at": None,
        "file": "kept",
        "verified_by": {"id": test.pk, "status": "passed", "at": "2026-01-31T04:00:30Z"},
        "progress": None,
    }


def test_a_restore_test_in_the_history_holds_what_was_promised(api: APIClient, folder: BackupFolder) -> None:
    run = make_backup("attachments", age=timedelta(hours=2))
    ended = datetime(2026, 1, 31, 3, 0, 30, tzinfo=UTC)
    checks = [
        check("archive_checksum"),
        check("attachments_content", passed=False, actual=3) | {"expected": 4, "error": "One is wrong."},
        check("restore_seconds", actual=12.5),
        check("backup_age_seconds", actual=3_600),
    ]
    test = make_restore_test(
        run,
        status="failed",
        started_at=ended - timedelta(seconds=10),
        completed_at=ended,
        checks_json=checks,
        error="1 of 2 checks failed: One is wrong.",
        attachments_sampled=4,
        attachments_verified=3,
    )
    (shown,) = listed(api, "?type=restore_test")
    assert set(shown) == TEST_FIELDS
    assert [(each["check_name"], each["title"], each["passed"]) for each in shown["checks"]][:2] == [
        ("archive_checksum", "Checksum of the file", True),
        ("attachments_content", "Contents of the attachments", False),
    ]
    assert (shown["checks"][1]["expected"], shown["checks"][1]["actual"]) == (4, 3)
    assert shown["checks"][1]["error"] == "One is wrong."
    del shown["checks"]
    assert shown == {
        "type": "restore_test",
        "id": test.pk,
        "backup_run_id": run.pk,
        "kind": "attachments",
        "status": "failed",
        "trigger": "manual",
        "requested_by": None,
        "started_at": "2026-01-31T03:00:20Z",
        "completed_at": "2026-01-31T03:00:30Z",
        "duration_seconds": 10.0,
        "job_id": None,
        "run_id": None,
        "error": "1 of 2 checks failed: One is wrong.",
        "checks_passed": 1,
        "checks_total": 2,
        "attachments_sampled": 4,
        "attachments_verified": 3,
        "restore_seconds": 12.5,
        "backup_age_seconds": 3_600,
        "progress": None,
    }


@pytest.mark.parametrize(
    ("values", "file"),
    [
        ({}, "missing"),
        ({"removed_at": datetime(2026, 1, 1, tzinfo=UTC)}, "removed"),
        ({"storage_key": None}, None),
        ({"status": "failed", "storage_key": None}, None),
        ({"storage_key": "../../etc/passwd"}, "missing"),
        ({"storage_key": "/etc/passwd"}, "missing"),
        ({"storage_key": "database/database-" + "x" * 400}, "missing"),
        ({"storage_key": "database/database-1.dump/../../../etc/passwd"}, "missing"),
        # The core has named it.
        ({"storage_key": "daily/dump.sql.gz"}, None),
    ],
)
def test_what_became_of_a_file_is_said_and_never_where_it_is(
    api: APIClient, folder: BackupFolder, values: dict[str, Any], file: str | None
) -> None:
    make_backup(**values)
    response = api.get(HISTORY)
    assert response.json()["history"][0]["file"] == file
    for url in (HISTORY, STATUS):
        content = api.get(url).content.decode()
        assert "passwd" not in content
        assert str(folder.path) not in content


def test_it_is_one_list_newest_first_and_paged(api: APIClient) -> None:
    expected = []
    for hours in range(7):
        run = make_backup(age=timedelta(hours=hours * 2))
        expected += [
            ("restore_test", make_restore_test(run, age=timedelta(hours=hours * 2 - 1)).pk),
            ("backup", run.pk),
        ]
    first = get(api, f"{HISTORY}?limit=5")
    found, url, pages = first["history"], first["next"], 1
    assert (first["total"], first["previous"]) == (14, None)
    while url:
        answer = get(api, url)
        found, url, pages = found + answer["history"], answer["next"], pages + 1
        assert answer["previous"]
    assert [(row["type"], row["id"]) for row in found] == expected
    assert pages == 3
    assert get(api, get(api, f"{HISTORY}?limit=5&offset=5")["previous"])["history"] == first["history"]
    beyond = get(api, f"{HISTORY}?offset=1000")
    assert (beyond["history"], beyond["next"], beyond["total"]) == ([], None, 14)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", {"d", "a", "f", "td", "ta"}),
        ("?type=backup", {"d", "a", "f"}),
        ("?type=restore_test", {"td", "ta"}),
        ("?type=backup,restore_test", {"d", "a", "f", "td", "ta"}),
        ("?kind=database", {"d", "f", "td"}),
        ("?kind=attachments&type=restore_test", {"ta"}),
        ("?status=failed", {"f", "ta"}),
        ("?status=succeeded", {"d", "a"}),
        ("?status=passed", {"td"}),
        ("?status=could_not_verify", set()),
        ("?status=running", set()),
        ("?status=failed&status=passed", {"f", "td", "ta"}),
        ("?status=passed&type=backup", set()),
        ("?status=&kind=&type=&limit=&offset=", {"d", "a", "f", "td", "ta"}),
    ],
)
def test_it_is_filtered_by_type_kind_and_status(api: APIClient, query: str, expected: set[str]) -> None:
    database, files = make_backup(), make_backup("attachments")
    known = {
        ("backup", database.pk): "d",
        ("backup", files.pk): "a",
        ("backup", make_backup(status="failed").pk): "f",
        ("restore_test", make_restore_test(database).pk): "td",
        ("restore_test", make_restore_test(files, status="failed").pk): "ta",
    }
    answer = get(api, HISTORY + query)
    assert {known[row["type"], row["id"]] for row in answer["history"]} == expected
    assert answer["total"] == len(expected)


@pytest.mark.parametrize(
    ("query", "field", "words"),
    [
        ("?type=dump", "type", "allowed are backup, restore_test"),
        ("?kind=all", "kind", "allowed are database, attachments"),
        ("?status=done", "status", "allowed are running, succeeded, failed, passed, could_not_verify"),
        ("?status=failed,x", "status", "“x” is not a status"),
        ("?limit=0", "limit", "from 1 to 200"),
        ("?limit=201", "limit", "from 1 to 200"),
        ("?offset=-1", "offset", "from 0 to"),
        (f"?offset={10**30}", "offset", "from 0 to"),
        ("?status=%00", "status", ""),
    ],
)
def test_a_filter_that_is_none_is_refused_with_what_is_allowed(
    api: APIClient, query: str, field: str, words: str
) -> None:
    response = api.get(HISTORY + query)
    refusal(response, 400, "invalid")
    assert words in response.json()["errors"][field][0]


def test_the_history_takes_as_many_queries_however_many_rows(
    api: APIClient, folder: BackupFolder, django_assert_num_queries: Callable[..., Any]
) -> None:
    for count in (2, 60):
        for _ in range(count):
            job = insert_job(job_type="opsconsole.database_backup", status="done")
            make_attempt(job)
            make_restore_test(make_backup(job_id=job, manifest_json={"tables": ["x" * 50_000]}), job_id=job)
        # The caller, the page, tests, backups, jobs, which were tested, and how many there are.
        with django_assert_num_queries(2 + 6) as queries:
            assert len(listed(api, "?limit=200")) >= count * 2
        assert not any("manifest_json" in query["sql"] for query in queries.captured_queries)


# --- odd rows -----------------------------------------------------------------------------------------------------


@pytest.fixture
def unchecked(variant: str) -> None:
    """Tables that take kinds and states that the core has learned later, and none at all."""
    with connection.cursor() as cursor:
        for table, columns in (
            ("backup_runs", ("kind", "status", "trigger")),
            ("restore_tests", ("status", "trigger")),
        ):
            for column in columns:
                if variant == "plain":
                    cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT ck_{table}_{column}")
                else:
                    cursor.execute(
                        f"CREATE TYPE later_{table}_{column} AS ENUM ('database', 'attachments', 'running', "
                        "'succeeded', 'failed', 'passed', 'could_not_verify', 'manual', 'scheduled', 'later')"
                    )
                    cursor.execute(
                        f"ALTER TABLE {table} ALTER COLUMN {column} TYPE later_{table}_{column}"
                        f" USING {column}::text::later_{table}_{column}"
                    )
                cursor.execute(f"ALTER TABLE {table} ALTER COLUMN {column} DROP NOT NULL")


@pytest.mark.usefixtures("unchecked", "folder")
def test_kinds_and_states_that_nobody_knows_are_shown_as_they_are(api: APIClient) -> None:
    later = make_backup("later", status="later", trigger="later", storage_key="x")
    make_restore_test(later, status="later", trigger="later")
    nameless = make_backup("database")
    BackupRun.objects.filter(pk=nameless.pk).update(kind=None, status=None, trigger=None)
    make_restore_test(make_backup(), status=None)
    get(api)
    rows = {(row["type"], row["id"]): row for row in listed(api)}
    assert len(rows) == 5
    shown = rows["backup", later.pk]
    assert (shown["kind"], shown["status"], shown["trigger"], shown["file"]) == ("later", "later", "later", None)
    assert rows["backup", nameless.pk]["kind"] is None


@pytest.mark.parametrize(
    "checks",
    [
        None,
        [],
        {},
        {"a": 1},
        "text",
        7,
        True,
        [None, 1, "x", [], {}],
        [{"check_name": 7, "passed": "yes", "expected": {"a": [1]}, "actual": [2], "error": 3}],
        [{"check_name": "restore_seconds", "passed": True, "actual": "soon"}],
        [{"check_name": "restore_seconds", "passed": True, "actual": 10**30}],
        [{"check_name": "x", "actual": "y" * 100_000}] * 500,
        [[[[[[[]]]]]]],
    ],
    ids=lambda value: str(value)[:20],
)
def test_checks_of_any_shape_are_shown(api: APIClient, folder: BackupFolder, checks: Any) -> None:
    make_restore_test(make_backup(), checks_json=checks)
    get(api)
    (shown,) = listed(api, "?type=restore_test")
    measured = [each for each in shown["checks"] if each["check_name"] == "restore_seconds"]
    assert len(shown["checks"]) - len(measured) == shown["checks_total"] <= 100
    for each in shown["checks"]:
        assert set(each) == {"check_name", "title", "passed", "expected", "actual", "error"}
        assert len(str(each["actual"])) <= 1_000


def test_checks_are_shown_without_secrets(api: APIClient, folder: BackupFolder) -> None:
    checks = [check("restore", passed=False) | {"error": "connection to postgres://joe:hunter2@db failed"}]
    make_restore_test(make_backup(), checks_json=checks, status="failed", error="password=hunter2hunter2")
    for url in (STATUS, HISTORY):
        assert "hunter2" not in api.get(url).content.decode()


@pytest.mark.parametrize("moment", ["9999-12-31 23:59:59.999999", "0001-01-01 00:00:00"])
def test_times_far_away_are_shown(api: APIClient, folder: BackupFolder, moment: str) -> None:
    run = make_backup()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE backup_runs SET started_at = %s, completed_at = %s", [moment, moment])
    make_restore_test(run)
    assert listed(api, "?type=backup")[0]["completed_at"] == moment.replace(" ", "T") + "Z"
    # What ends in the future is never the last one.
    assert set(get(api)["last_backup"]) == (set() if moment.startswith("9") else {"database"})


def test_an_error_of_10_mb_is_cut(api: APIClient, folder: BackupFolder) -> None:
    make_restore_test(make_backup(status="failed"), status="failed")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE backup_runs SET error = repeat('a-b ', 2621440)")
        cursor.execute("UPDATE restore_tests SET error = repeat('a-b ', 2621440)")
    assert [len(row["error"]) for row in listed(api)] == [5_000, 5_000]
    assert len(api.get(STATUS).content) < 30_000


def test_a_job_that_the_ledger_has_lost_breaks_nothing(api: APIClient, folder: BackupFolder) -> None:
    make_restore_test(make_backup(job_id=999_999), job_id=999_999)
    assert [(row["job_id"], row["requested_by"]) for row in listed(api)] == [(999_999, None)] * 2
    assert not Dispatch.objects.exists()


def test_a_backup_without_an_end_or_a_size_breaks_nothing(api: APIClient, folder: BackupFolder) -> None:
    make_backup(completed_at=None, size_bytes=None, sha256=None, storage_key=None)
    make_backup(size_bytes=None, sha256=None, storage_key=None)
    assert {row["size_bytes"] for row in listed(api)} == {None}
    assert get(api)["last_backup"]["database"]["sha256"] is None


# --- who may ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", [STATUS, HISTORY])
def test_who_may_look_is_said_by_both_permissions(viewing_api: APIClient, folder: BackupFolder, url: str) -> None:
    assert viewing_api.get(url).status_code == viewing_api.get(url + "/").status_code == 200
    assert APIClient().get(url).status_code == 401
    assert with_token(make_staff("nobody")).get(url).status_code == 403
    backups_only = with_token(make_user("betty", "backups.view_backuprun"))
    assert "restore tests" in backups_only.get(url).json()["detail"]
    assert backups_only.get(url).status_code == 403
    assert with_token(make_user("tom", "backups.view_restoretest")).get(url).status_code == 403
