"""The part of the first page that is about backups."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from backups import status
from backups.folder import BackupFolder
from tests.admin.conftest import browser_of
from tests.admin.reading import text
from tests.api.cast import make_staff
from tests.backups.cast import make_backup, make_restore_test

SUMMARY = "/admin/backups/backuprun/summary/"
MAX_QUERIES = 9

pytestmark = pytest.mark.django_db


def test_it_comes_after_the_page_and_keeps_itself_up_to_date(page: Client) -> None:
    body = page.get("/admin/").content.decode()
    assert f'hx-get="{SUMMARY}" hx-trigger="load, every 10s, poll"' in body


def test_it_tells_the_last_of_each_kind_the_last_test_and_what_can_be_started(
    page: Client, folder: BackupFolder
) -> None:
    make_backup(age=timedelta(hours=25), size_bytes=2 * 1024**2)
    run = make_backup(size_bytes=3 * 1024**2)
    make_restore_test(run)
    response = page.get(SUMMARY)
    words = text(response)
    assert f"Database last good one #{run.pk} 1 h ago , 3.0 MiB next: switched off" in words
    assert f"Restore test Passed 1 of 1 passed, of Database #{run.pk}, 30 min ago" in words
    assert "Needs attention The file of the last database backup is gone." in words
    assert "Back up now… Test restore…" in words
    assert 'aria-label="Database: size of the last 2. From 2.0 MiB to 3.0 MiB' in response.content.decode()


def test_where_nothing_is_configured_it_says_so_without_buttons(page: Client, settings: Any) -> None:
    settings.BACKUP_DIR = ""
    words = text(page.get(SUMMARY))
    assert "No backups folder is set, so nothing can be backed up; set OPS_BACKUP_DIR." in words
    assert "Back up now…" not in words


def test_it_fails_by_itself(page: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> Any:
        raise DatabaseError("broken")

    monkeypatch.setattr(status, "current", fail)
    response = page.get(SUMMARY)
    assert response.status_code == 200
    assert "This part can't be shown at the moment" in text(response)
    assert page.get("/admin/").status_code == 200


def test_the_list_is_shown_though_the_card_above_it_can_not_be(page: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> Any:
        raise DatabaseError("broken")

    run = make_backup()
    monkeypatch.setattr(status, "current", fail)
    words = text(page.get("/admin/backups/backuprun/"))
    assert "This part can't be shown at the moment" in words
    assert f"Database #{run.pk}" in words


def test_who_may_not_see_backups_gets_no_part_about_them(db: None) -> None:
    browser = browser_of(make_staff("nobody"))
    assert "backuprun/summary" not in browser.get("/admin/").content.decode()
    assert browser.get(SUMMARY).status_code == 403


def test_it_takes_few_queries_and_no_more_for_more_rows(page: Client, folder: BackupFolder) -> None:
    def taken() -> int:
        with CaptureQueriesContext(connection) as captured:
            page.get(SUMMARY)
        return sum("SAVEPOINT" not in query["sql"] for query in captured)

    make_restore_test(make_backup())
    taken()
    few = taken()
    for hours in range(40):
        make_restore_test(make_backup(age=timedelta(hours=hours)))
    assert taken() == few
    assert few <= MAX_QUERIES
