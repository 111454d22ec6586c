"""The page of a backup, and that of a restore test: what they say, and that no row is too odd for them."""

import html
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from backups.folder import BackupFolder
from backups.models import ATTACHMENTS, KINDS, BackupRun, RestoreTest
from tests.admin.reading import ids, problems, text
from tests.api.cast import make_attempt
from tests.backups.cast import make_backup, make_restore_test
from tests.cast import NOW, make_job
from tests.processes import PROJECT

LIST = "/admin/backups/backuprun/"
TESTS = "/admin/backups/restoretest/"
MAX_QUERIES = 8

ODD = [
    7,
    "a text",
    [],
    {},
    [1, [2, [3]]],
    {"tables": 3},
    {"tables": {"a": None, "b": {"rows": "many"}, "c": {"rows": -1}}},
    {"files": "all"},
    {"files": 3, "skipped": 7, "changed": {"a": 1}, "skipped_count": "x"},
    {"<script>alert(1)</script>": "<b>bold</b>"},
]

pytestmark = pytest.mark.django_db


def page_of(row: BackupRun | RestoreTest) -> str:
    """Return the address of a row's page."""
    return f"{LIST if isinstance(row, BackupRun) else TESTS}{row.pk}/change/"


def check(name: str, passed: Any = True, **values: Any) -> dict[str, Any]:
    """Return a check as the table keeps it."""
    return {"check_name": name, "passed": passed, "expected": None, "actual": None, "error": None, **values}


# --- a backup -----------------------------------------------------------------------------------------------------


def test_it_tells_the_facts(page: Client, folder: BackupFolder) -> None:
    job = make_job("opsconsole.database_backup", status="done", payload={})
    make_attempt(job.pk, requested_by="olivia", via="api")
    run = make_backup(job_id=job.pk, sha256="a1" * 32)
    words = text(page.get(page_of(run)))
    assert f"Database #{run.pk}" in words
    assert "Manual by olivia through the API" in words
    assert f"Job job {job.pk}" in words
    assert "a1" * 32 in words
    assert "Size 976.6 KiB" in words
    assert "Missing" in words
    assert str(run.storage_key).rpartition("/")[2] in words
    assert folder.path.as_posix() not in words


def test_the_largest_tables_are_listed_and_the_others_counted(page: Client, folder: BackupFolder) -> None:
    tables = {f"public.t{number}": {"rows": number, "hash": "1"} for number in range(1, 401)}
    run = make_backup(
        manifest_json={"format": 1, "tables": tables, "server_version": "16.4", "constraints": {"a": "f"}}
    )
    words = text(page.get(page_of(run)))
    assert "400 tables with 80,200 rows." in words
    assert "public.t400 400 public.t399 399" in words
    assert "public.t351" in words
    assert "public.t350" not in words
    assert "and 350 more with 61,425 rows" in words
    assert "Server 16.4" in words
    assert "Constraints 1" in words


def test_what_was_left_out_of_the_attachments_is_told_with_its_reasons(page: Client, folder: BackupFolder) -> None:
    manifest = {
        "format": 1,
        "files": 12_345,
        "bytes": 3 * 1024**3,
        "skipped_count": 120,
        "skipped": [{"path": f"a/{n}.jpg", "reason": "is a link"} for n in range(100)],
        "changed_count": 1,
        "changed": ["b/<i>2</i>.jpg"],
    }
    response = page.get(page_of(make_backup(ATTACHMENTS, manifest_json=manifest)))
    words = text(response)
    assert "Files 12,345" in words
    assert "Their size 3.0 GiB" in words
    assert "Left out: 120 files" in words
    assert "is a link: 100" in words
    assert "and 70 more" in words
    assert "Changed while they were read: 1 file" in words
    assert "b/<i>2</i>.jpg" in words
    assert "<i>2</i>" not in response.content.decode()


def test_how_to_restore_by_hand_is_told_where_the_file_is(page: Client, folder: BackupFolder) -> None:
    run = make_backup()
    assert "How to restore it by hand" not in text(page.get(page_of(run)))
    path = Path(folder.path) / str(run.storage_key)
    path.parent.mkdir()
    path.write_bytes(b"x")
    response = page.get(page_of(run))
    words = text(response)
    assert f"sha256sum --check {path.name}.sha256" in words
    assert "pg_restore --exit-on-error --no-owner --no-privileges --jobs=2 --dbname=restored" in words
    assert "pg_restore" not in text(page.get(page_of(make_backup(ATTACHMENTS))))
    # It holds everything, and is offered to nobody.
    assert folder.path.as_posix() not in response.content.decode()
    assert "download" not in words.lower()


@pytest.mark.parametrize("kind", KINDS)
def test_how_to_restore_by_hand_is_the_recovery_guide_word_for_word(
    page: Client, folder: BackupFolder, kind: str
) -> None:
    run = make_backup(kind)
    path = Path(folder.path) / str(run.storage_key)
    path.parent.mkdir()
    path.write_bytes(b"x")
    body = page.get(page_of(run)).content.decode()
    shown = html.unescape(body.split('id="by-hand" tabindex="0">')[1].split("</pre>")[0])
    guide = (PROJECT / "docs" / "backups.md").read_text("utf-8")
    block = re.findall(r"```sh\n(.*?)```", guide, re.DOTALL)[KINDS.index(kind)]
    block = re.sub(rf"{kind}-\d{{8}}T\d{{6}}Z-\d+\.(?:dump|tar\.zst)", path.name, block)
    assert shown == re.sub(r"\bcore\b", "restored", block).strip()


def test_one_whose_file_is_gone_is_not_offered_to_be_tested(page: Client, folder: BackupFolder) -> None:
    run = make_backup()
    assert "Test this backup" not in text(page.get(page_of(run)))
    path = Path(folder.path) / str(run.storage_key)
    path.parent.mkdir()
    path.write_bytes(b"x")
    assert "Test this backup" in text(page.get(page_of(run)))


def test_one_that_failed_says_why_and_what_to_do(page: Client, folder: BackupFolder) -> None:
    nothing: dict[str, Any] = dict.fromkeys(("storage_key", "size_bytes", "sha256", "manifest_json"))
    run = make_backup(status="failed", error="<b>The disk is full.</b> password=hunter2hunter2", **nothing)
    response = page.get(page_of(run))
    words = text(response)
    assert "<b>The disk is full.</b>" in words
    assert "<b>The disk" not in response.content.decode()
    assert "hunter2hunter2" not in words
    assert "Mend what it names, then back up again." in words
    assert "Test this backup" not in words


def test_one_that_failed_and_whose_job_is_tried_again_says_so(page: Client, folder: BackupFolder) -> None:
    job = make_job("opsconsole.database_backup", status="retrying", payload={})
    words = text(page.get(page_of(make_backup(status="failed", error="Its process is gone.", job_id=job.pk))))
    assert "Its job is tried again by itself. Nothing of this attempt was kept" in words
    assert "back up again" not in words


def test_its_restore_tests_are_listed(page: Client, folder: BackupFolder) -> None:
    run = make_backup()
    assert "A backup counts once it has been restored." in text(page.get(page_of(run)))
    test = make_restore_test(run, status="failed", error="rows are missing")
    words = text(page.get(page_of(run)))
    assert f"Failed Restore test #{test.pk} 1 of 1 passed" in words
    assert "rows are missing" in words


@pytest.mark.parametrize("manifest", ODD)
@pytest.mark.parametrize("kind", ["database", "attachments"])
def test_no_manifest_is_too_odd(page: Client, folder: BackupFolder, kind: str, manifest: Any) -> None:
    response = page.get(page_of(make_backup(kind, manifest_json=manifest)))
    assert response.status_code == 200
    assert "<script>alert(1)" not in response.content.decode()


def test_while_it_is_made_its_page_moves_and_is_loaded_again_at_the_end(page: Client, folder: BackupFolder) -> None:
    job = make_job("opsconsole.database_backup", status="running", payload={})
    progress = {"progress_current": 1024, "progress_total": 2048, "progress_unit": "bytes", "progress_at": NOW}
    make_attempt(job.pk, started_at=NOW, progress_source="reported", **progress)
    unfinished: dict[str, Any] = dict.fromkeys(("completed_at", "storage_key", "size_bytes", "sha256", "manifest_json"))
    run = make_backup(status="running", job_id=job.pk, **unfinished)
    body = page.get(page_of(run)).content.decode()
    live = f"{LIST}{run.pk}/live/?was=running"
    assert f'hx-get="{live}"' in body
    moving = page.get(live)
    assert "1.0 KiB of 2.0 KiB (50 %)" in text(moving)
    assert "HX-Refresh" not in moving
    BackupRun.objects.filter(pk=run.pk).update(status="failed", completed_at=datetime.now(UTC))
    ended = page.get(live)
    assert ended["HX-Refresh"] == "true"
    assert "hx-get" not in ended.content.decode()


@pytest.mark.parametrize("given", ["0", "77", "x", "99999999999999999999"])
@pytest.mark.parametrize("part", ["change", "live"])
def test_one_that_there_is_not_is_a_sentence(page: Client, given: str, part: str) -> None:
    for url in (LIST, TESTS):
        response = page.get(f"{url}{given}/{part}/")
        assert response.status_code == 404
        assert "There is no " in text(response)


def test_who_asked_is_told_of_a_further_attempt_too_and_nobody_of_a_scheduled_one(
    page: Client, folder: BackupFolder
) -> None:
    job = make_job("opsconsole.database_backup", status="done", payload={})
    make_attempt(job.pk, requested_by="olivia", via="sweeper")
    assert "Trigger Manual by olivia Job" in text(page.get(page_of(make_backup(job_id=job.pk))))
    assert "by olivia" not in text(page.get(page_of(make_backup(job_id=job.pk, trigger="scheduled"))))


# --- a restore test -----------------------------------------------------------------------------------------------


def test_checks_are_told_one_by_one_in_words(page: Client, folder: BackupFolder) -> None:
    checks = [
        check("row_counts", False, expected=92_381_723, actual=92_381_305, error="messages: 418 rows are missing"),
        check("archive_checksum", expected="ab" * 32, actual="ab" * 32),
        check("restore_seconds", actual=71.4),
        check("backup_age_seconds", actual=9_000),
        check("own_check", None),
    ]
    run = make_backup()
    test = make_restore_test(run, status="failed", checks_json=checks, error="1 of 3 checks failed")
    words = text(page.get(page_of(test)))
    assert "Numbers of rows Failed 92,381,723 92,381,305 messages: 418 rows are missing" in words
    assert "Checksum of the file Passed abababababab… abababababab…" in words
    assert "Time to restore Measured – 1 min 11 s" in words
    assert "Own check Not known" in words
    assert "Restored in 1 min 11 s" in words
    assert "Its age then 2 h 30 min" in words
    assert f"Backup Database #{run.pk}" in words
    assert "1 of 3 passed" in words
    assert "don't rely on it" in words


def test_one_that_could_not_be_done_is_no_verdict_on_the_backup(page: Client, folder: BackupFolder) -> None:
    test = make_restore_test(make_backup(), status="could_not_verify", checks_json=None, error="No space left.")
    words = text(page.get(page_of(test)))
    assert "Could not verify" in words
    assert "so nothing is known of the backup" in words
    assert "No space left." in words
    assert "None was made." in words
    assert "Test this backup again" in words


@pytest.mark.parametrize("checks", [*ODD, [7, None, {"check_name": 3}, check("x", "maybe", actual={"a": [1]})]])
def test_no_checks_are_too_odd(page: Client, folder: BackupFolder, checks: Any) -> None:
    test = make_restore_test(make_backup(), checks_json=checks)
    for url in (TESTS, page_of(test), LIST, f"{LIST}live/", f"{LIST}summary/"):
        response = page.get(url)
        assert response.status_code == 200, url
        assert "<script>alert(1)" not in response.content.decode()


def test_what_is_no_check_is_shown_as_it_is(page: Client, folder: BackupFolder) -> None:
    test = make_restore_test(make_backup(), checks_json={"verdict": ["fine", {"password": "hunter22"}]})
    words = text(page.get(page_of(test)))
    assert '"verdict": [ "fine"' in words
    assert "hunter22" not in words


def test_the_list_tells_verdict_and_checks_and_filters_by_kind(page: Client, folder: BackupFolder) -> None:
    passed = make_restore_test(make_backup())
    failed = make_restore_test(make_backup(ATTACHMENTS), status="failed", age=timedelta(minutes=5))
    words = text(page.get(TESTS))
    assert f"Failed Restore test #{failed.pk} Attachments #{failed.backup_run_id}" in words
    assert "1 of 1 passed" in words
    assert ids(page.get(TESTS, {"kind": "attachments"})) == [failed.pk]
    assert ids(page.get(TESTS, {"status": "passed"})) == [passed.pk]
    assert "must be one of running, passed, failed" in problems(page.get(TESTS, {"status": "succeeded"}))
    assert "Test restore…" in words


def test_while_it_is_under_way_list_and_page_keep_themselves_up_to_date(page: Client, folder: BackupFolder) -> None:
    job = make_job("opsconsole.restore_test", status="running", payload={})
    progress = {"progress_current": 3, "progress_total": 12, "progress_unit": "tables", "progress_at": NOW}
    make_attempt(job.pk, started_at=NOW, progress_source="reported", **progress)
    test = make_restore_test(make_backup(), status="running", job_id=job.pk, completed_at=None, checks_json=None)
    live = f"{TESTS}live/?id={test.pk}&newest={test.pk}"
    assert live.replace("&", "&amp;") in page.get(TESTS).content.decode()
    assert "3 of 12 tables (25 %)" in text(page.get(live))
    assert "3 of 12 tables (25 %)" in text(page.get(page_of(test)))
    RestoreTest.objects.filter(pk=test.pk).update(status="passed", completed_at=datetime.now(UTC))
    fresh = page.get(live)
    assert f'id="restoretest-{test.pk}-state" hx-swap-oob="true"' in fresh.content.decode()
    assert "Passed" in text(fresh)
    assert page.get(f"{TESTS}{test.pk}/live/?was=running")["HX-Refresh"] == "true"
    assert "HX-Refresh" not in page.get(f"{TESTS}{test.pk}/live/?was=passed")
    make_restore_test(make_backup())
    assert page.get(live)["HX-Refresh"] == "true"


# --- what they cost -----------------------------------------------------------------------------------------------


def test_pages_take_few_queries_and_no_more_for_more_rows(page: Client, folder: BackupFolder) -> None:
    run = make_backup()

    def queries() -> list[int]:
        taken = []
        for url in (page_of(run), page_of(test), TESTS):
            with CaptureQueriesContext(connection) as captured:
                assert page.get(url).status_code == 200
            taken.append(len(captured))
        return taken

    test = make_restore_test(run)
    page.get(LIST)
    few = queries()
    for _ in range(12):
        make_restore_test(run)
    assert queries() == few
    assert max(few) <= MAX_QUERIES
