"""The list of backups, and above it how they are doing: what it says, how it keeps itself up to date, what it costs."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from backups.folder import BackupFolder
from backups.models import ATTACHMENTS, BackupRun
from tests.admin.reading import ids, problems, text
from tests.api.cast import make_attempt
from tests.backups.cast import make_backup, make_restore_test
from tests.cast import NOW, make_job

LIST = "/admin/backups/backuprun/"
LIVE = f"{LIST}live/"
MAX_QUERIES = 12

pytestmark = pytest.mark.django_db


def cell(page: Client, run: BackupRun, name: str) -> str:
    """Return the words of one cell of the list."""
    body = page.get(LIST).content.decode()
    found = re.search(rf'<div class="oc-cell" id="backuprun-{run.pk}-{name}">(.*?)</div>', body, re.DOTALL)
    assert found
    words = re.sub(r'<span class="material-symbols-outlined[^>]*>[^<]*</span>', " ", found[1])
    return " ".join(re.sub(r"<[^>]+>", " ", words).split())


def keep(folder: BackupFolder, run: BackupRun) -> BackupRun:
    """Put a file where the row says that one is."""
    path = Path(folder.path) / str(run.storage_key)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"x")
    return run


def working(run_kind: str, **progress: Any) -> BackupRun:
    """Insert a backup that is being made, with its job and how far that is."""
    job = make_job("opsconsole.database_backup", status="running", payload={})
    make_attempt(
        job.pk,
        started_at=NOW,
        progress_current=progress.get("current"),
        progress_total=progress.get("total"),
        progress_unit="bytes",
        progress_source="reported",
        progress_at=NOW,
    )
    unfinished: dict[str, Any] = dict.fromkeys(("completed_at", "storage_key", "size_bytes", "sha256", "manifest_json"))
    return make_backup(run_kind, status="running", job_id=job.pk, **unfinished)


def schedule(task: str) -> None:
    """Have beat start something each hour."""
    every, _ = IntervalSchedule.objects.get_or_create(every=1, period=IntervalSchedule.HOURS)
    PeriodicTask.objects.create(name=f"each hour {task}", task=task, interval=every, last_run_at=datetime.now(UTC))


def queries_of(page: Client, url: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert page.get(url).status_code == 200
    # Savepoints ask nothing of any table.
    return sum("SAVEPOINT" not in query["sql"] for query in captured)


# --- above it -----------------------------------------------------------------------------------------------------


def test_where_nothing_is_configured_it_says_how_and_offers_no_button(page: Client, settings: Any) -> None:
    settings.BACKUP_DIR = settings.ATTACHMENTS_DIR = ""
    response = page.get(LIST)
    words = text(response)
    assert "Backups are not set up here. No backups folder is set" in words
    assert "Set OPS_BACKUP_DIR to a folder" in words
    assert "Back up now" not in words
    assert "Test restore" not in words
    assert "No backups yet" in words


def test_without_any_backup_it_says_so_and_what_to_do(page: Client, folder: BackupFolder) -> None:
    words = text(page.get(LIST))
    assert "Needs attention" in words
    assert "There is no database backup. Back up now." in words
    assert "Last good one none" in words
    assert "No attachments folder is set" in words


def test_it_tells_the_last_good_one_of_each_kind(page: Client, folder: BackupFolder, attachments: Path) -> None:
    job = make_job("opsconsole.database_backup", status="done", payload={})
    make_attempt(job.pk, requested_by="olivia", via="admin")
    run = keep(folder, make_backup(job_id=job.pk, sha256="abcdef0123456789" * 4, size_bytes=5 * 1024**2))
    keep(folder, make_backup(ATTACHMENTS, age=timedelta(hours=3), size_bytes=2 * 1024**3))
    words = text(page.get(LIST))
    assert f"Last good one #{run.pk} , 1 h ago Manual by olivia on these pages" in words
    assert "5.0 MiB in 30 s" in words
    assert "Checksum abcdef012345…" in words
    assert "2.0 GiB in 30 s" in words


def test_what_is_well_is_said_once_and_green(page: Client, folder: BackupFolder) -> None:
    schedule("opsconsole.back_up")
    make_restore_test(keep(folder, make_backup()))
    response = page.get(LIST)
    words = text(response)
    assert "All good Every backup is recent, and the last restore tests passed." in words
    assert "yes, it passed a restore test" in words
    assert "Last one Passed" in words
    assert "1 of 1 passed" in words
    assert re.search(r"Next, expected in \d+ (?:min|h)", words)


def test_what_failed_says_what_to_do(page: Client, folder: BackupFolder) -> None:
    run = keep(folder, make_backup(age=timedelta(hours=40)))
    make_backup(status="failed", storage_key=None, sha256=None, size_bytes=None, error="The disk is full.")
    make_restore_test(run, status="failed", error="messages: 3 rows are missing")
    words = text(page.get(LIST))
    assert "The last database backup failed: “The disk is full”." in words
    assert "then back up again" in words
    assert "older than 26 h" in words
    assert "Don't rely on this backup" in words


def test_a_file_that_is_gone_is_said_above_and_in_its_row(page: Client, folder: BackupFolder) -> None:
    run = make_backup()
    assert cell(page, run, "file") == "Missing"
    assert "The file of the last database backup is gone." in text(page.get(LIST))


def test_sizes_and_durations_are_drawn_and_told(page: Client, folder: BackupFolder) -> None:
    for hours, mib in ((3, 10), (2, 30), (1, 20)):
        keep(folder, make_backup(age=timedelta(hours=hours), size_bytes=mib * 1024**2))
    response = page.get(LIST)
    body = response.content.decode()
    assert (
        'aria-label="Database: size of the last 3. From 10.0 MiB to 20.0 MiB; least 10.0 MiB, most 30.0 MiB."' in body
    )
    assert 'aria-label="Database: duration of the last 3. ' in body
    heights = re.findall(r'<rect x="\d+" y="\d+" width="7" height="(\d+)">', body)
    assert heights == ["16", "48", "32", "48", "48", "48"]
    assert "The numbers of these charts" in text(response)
    # Opened, it stays so while the rest comes anew.
    newest = BackupRun.objects.order_by("-pk").first()
    assert newest
    assert f'id="backups-numbers-{newest.pk}" hx-preserve' in body


def test_one_backup_makes_no_chart(page: Client, folder: BackupFolder) -> None:
    make_backup()
    assert "<svg" not in page.get(LIST).content.decode()


# --- the rows -----------------------------------------------------------------------------------------------------


def test_rows_say_what_became_of_each(page: Client, folder: BackupFolder) -> None:
    kept = keep(folder, make_backup(size_bytes=3 * 1024**2))
    removed = make_backup(age=timedelta(days=20), removed_at=NOW)
    failed = make_backup(status="failed", storage_key=None, size_bytes=None, sha256=None, trigger="scheduled")
    test = make_restore_test(kept)
    response = page.get(LIST)
    assert ids(response) == [failed.pk, removed.pk, kept.pk]
    assert cell(page, kept, "state") == "Succeeded"
    assert cell(page, kept, "size") == "3.0 MiB"
    assert cell(page, kept, "file") == "kept"
    assert cell(page, kept, "verified") == "Passed 30 min ago"
    assert f'href="/admin/backups/restoretest/{test.pk}/change/"' in response.content.decode()
    assert cell(page, removed, "file") == "removed by retention"
    assert cell(page, removed, "verified") == "not tested"
    assert cell(page, failed, "file") == "–"
    assert "Scheduled" in text(response)


def test_a_file_that_no_console_has_named_is_missing(page: Client, folder: BackupFolder) -> None:
    run = make_backup(storage_key="../../etc/passwd")
    assert cell(page, run, "file") == "Missing"


def test_a_kind_that_is_not_set_up_is_not_expected_next(page: Client, folder: BackupFolder, settings: Any) -> None:
    settings.ATTACHMENTS_DIR = ""
    make_backup(ATTACHMENTS)
    words = text(page.get(LIST))
    assert "No attachments folder is set" in words
    assert "Next, expected not set up here" in words


def test_what_is_not_made_beside_the_cores_is_said_without_a_folder(page: Client, settings: Any) -> None:
    settings.BACKUP_DIR = ""
    task = {"task": "maintenance.mysql_dump_local", "queue": "maintenance", "in_core": True}
    settings.JOB_TYPES = {"opsconsole.database_backup": task}
    assert "No backups folder is set" in text(page.get(LIST))


def test_what_can_not_be_seen_from_here_is_not_called_missing(page: Client, settings: Any, tmp_path: Path) -> None:
    settings.BACKUP_DIR = str(tmp_path / "not mounted")
    assert cell(page, make_backup(), "file") == "Unreachable"


def test_one_that_is_being_made_shows_its_progress_in_its_row_and_above(page: Client, folder: BackupFolder) -> None:
    run = working("database", current=512 * 1024**2, total=1024**3)
    assert cell(page, run, "state") == "Running 512.0 MiB of 1.0 GiB (50 %)"
    assert "data-since" in page.get(LIST).content.decode()
    assert text(page.get(LIST)).count("512.0 MiB of 1.0 GiB (50 %)") == 2


def test_filters_by_kind_and_state(page: Client, folder: BackupFolder) -> None:
    database, pictures = make_backup(), make_backup(ATTACHMENTS)
    failed = make_backup(status="failed")
    assert ids(page.get(LIST, {"kind": "attachments"})) == [pictures.pk]
    assert ids(page.get(LIST, {"status": "failed"})) == [failed.pk]
    assert ids(page.get(LIST, {"kind": "database", "status": "succeeded"})) == [database.pk]
    assert "Nothing matches these filters" in text(page.get(LIST, {"kind": "attachments", "status": "running"}))


def test_a_filter_that_there_is_not_is_a_sentence(page: Client) -> None:
    assert "must be one of database, attachments" in problems(page.get(LIST, {"kind": "mail"}))
    assert "must be one of running, succeeded, failed" in problems(page.get(LIST, {"status": "passed"}))


def test_pages_go_on_where_the_last_one_ended(page: Client, folder: BackupFolder) -> None:
    made = [make_backup(age=timedelta(hours=hours)) for hours in range(51, 0, -1)]
    first = page.get(LIST)
    assert ids(first) == [run.pk for run in reversed(made[1:])]
    older = re.search(r'rel="next" href="([^"]+)"', first.content.decode())
    assert older
    assert ids(page.get(LIST + older[1])) == [made[0].pk]


def test_markup_in_rows_is_text(page: Client, folder: BackupFolder) -> None:
    job = make_job("opsconsole.database_backup", status="done", payload={})
    make_attempt(job.pk, requested_by="<b>olivia</b>")
    make_backup(status="failed", job_id=job.pk, error="<script>alert(1)</script>")
    body = page.get(LIST).content.decode()
    assert "<b>olivia</b>" not in body
    assert "<script>alert(1)</script>" not in body
    assert "&lt;b&gt;olivia&lt;/b&gt;" in body


# --- how it keeps itself up to date -------------------------------------------------------------------------------


def live_url(page: Client) -> str:
    """Return where the list gets its news from."""
    found = re.search(rf'hx-get="({LIVE}[^"]*)"', page.get(LIST).content.decode())
    assert found
    return found[1].replace("&amp;", "&")


def test_its_cells_come_again_for_the_rows_that_it_shows(page: Client, folder: BackupFolder) -> None:
    run = working("database", current=1, total=4)
    url = live_url(page)
    BackupRun.objects.filter(pk=run.pk).update(status="failed", completed_at=NOW, error="broken")
    response = page.get(url)
    body = response.content.decode()
    assert f'id="backuprun-{run.pk}-state" hx-swap-oob="true"' in body
    assert "Failed" in text(response)
    assert "HX-Refresh" not in response
    assert live_url(page) == url


def test_a_new_row_has_the_newest_page_loaded_again(page: Client, folder: BackupFolder) -> None:
    make_backup()
    url = live_url(page)
    assert "HX-Refresh" not in page.get(url)
    make_backup()
    assert page.get(url)["HX-Refresh"] == "true"


def test_the_very_first_one_too(page: Client, folder: BackupFolder) -> None:
    url = live_url(page)
    assert "HX-Refresh" not in page.get(url)
    make_backup()
    assert page.get(url)["HX-Refresh"] == "true"


@pytest.mark.parametrize("query", ["id=x&id=-1&id=99999999999999999999", "newest=99999999999999999999999", "newest=x"])
def test_odd_news_are_no_error(page: Client, folder: BackupFolder, query: str) -> None:
    make_backup()
    assert page.get(f"{LIVE}?{query}").status_code == 200


# --- what it costs ------------------------------------------------------------------------------------------------


def test_list_and_news_take_few_queries_and_no_more_for_more_rows(page: Client, folder: BackupFolder) -> None:
    def fill(times: int) -> None:
        for _ in range(times):
            job = make_job("opsconsole.database_backup", status="done", payload={})
            make_attempt(job.pk)
            make_restore_test(make_backup(job_id=job.pk))
            make_backup(ATTACHMENTS)

    fill(2)
    page.get(LIST)
    few, news = queries_of(page, LIST), queries_of(page, live_url(page))
    fill(15)
    assert queries_of(page, LIST) == few
    assert queries_of(page, live_url(page)) == news
    assert few <= MAX_QUERIES
    assert news <= MAX_QUERIES


def test_no_manifest_is_read_for_the_list(page: Client, folder: BackupFolder) -> None:
    make_backup(manifest_json={"format": 1, "tables": {"public.jobs": {"rows": 1, "hash": "1"}}})
    with CaptureQueriesContext(connection) as captured:
        page.get(LIST)
    assert not [query["sql"] for query in captured if "manifest_json" in query["sql"]]
