"""Starting backups and restore tests from the pages: who may, what is asked, and what comes of it."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from backups.admin.starting import MAX_TESTS
from backups.folder import BackupFolder
from backups.models import ATTACHMENTS
from jobs.models import Job, Run
from opsconsole.audit import AuditLog
from tests.admin.reading import messages, text
from tests.api.cast import log_in
from tests.backups.cast import make_backup
from tests.cast import NOW

LIST = "/admin/backups/backuprun/"
BACK_UP = f"{LIST}back-up/"
TEST = f"{LIST}restore-test/"

pytestmark = pytest.mark.django_db


def job_types() -> list[str]:
    """Return the types of the jobs that there are, in order."""
    return list(Job.objects.order_by("pk").values_list("job_type", flat=True))


def payloads() -> list[Any]:
    """Return the payloads of the jobs that there are, in order."""
    return list(Job.objects.order_by("pk").values_list("payload_json", flat=True))


# --- backing up ---------------------------------------------------------------------------------------------------


def test_the_form_asks_what_and_leads_to_the_run(page: Client, folder: BackupFolder, attachments: Path) -> None:
    form = page.get(BACK_UP)
    assert 'value="all" checked' in form.content.decode()
    assert "Back up the database and the attachments" in text(form)
    response = page.post(BACK_UP, {"kind": "database", "reason": "before the move"})
    run = Run.objects.get()
    assert response["Location"] == f"/admin/jobs/run/{run.pk}/change/"
    assert job_types() == ["opsconsole.database_backup"]
    assert "1 job queued." in messages(page.get(response["Location"]))[0]
    entry = AuditLog.objects.get(action_type="backup.trigger")
    assert entry.request_json["reason"] == "before the move"


def test_all_starts_one_job_of_each_kind(page: Client, folder: BackupFolder, attachments: Path) -> None:
    page.post(BACK_UP, {"kind": "all"})
    assert job_types() == ["opsconsole.database_backup", "opsconsole.attachments_snapshot"]


def test_a_kind_that_is_not_set_up_can_not_be_chosen(page: Client, folder: BackupFolder, settings: Any) -> None:
    settings.ATTACHMENTS_DIR = ""
    for asked in ("", "?kind=all", "?kind=attachments"):
        form = page.get(f"{BACK_UP}{asked}")
        body = form.content.decode()
        assert 'value="database" checked' in body, asked
    assert 'value="attachments" disabled' in body
    assert 'value="all"' not in body
    assert "No attachments folder is set" in text(form)
    response = page.post(BACK_UP, {"kind": "attachments"}, follow=True)
    assert "No attachments folder is set" in messages(response)[0]
    assert job_types() == []


def test_without_a_folder_the_form_says_how_to_configure_it(page: Client, settings: Any) -> None:
    settings.BACKUP_DIR = ""
    form = page.get(BACK_UP)
    assert "Set OPS_BACKUP_DIR to a folder" in text(form)
    assert 'name="kind"' not in form.content.decode()
    response = page.post(BACK_UP, {"kind": "database"}, follow=True)
    assert "No backups folder is set" in messages(response)[0]


@pytest.mark.parametrize("kind", ["", "mail", "<b>"])
def test_a_kind_that_there_is_not_is_refused_in_a_sentence(page: Client, folder: BackupFolder, kind: str) -> None:
    response = page.post(BACK_UP, {"kind": kind}, follow=True)
    assert messages(response) == ["The kind must be one of database, attachments, all."]
    assert job_types() == []


def test_what_runs_already_is_named_and_not_doubled(page: Client, folder: BackupFolder) -> None:
    page.post(BACK_UP, {"kind": "database"})
    job = Job.objects.get()
    response = page.post(BACK_UP, {"kind": "database"}, follow=True)
    assert f"job {job.pk} is doing that already" in response.content.decode()
    assert f'href="/admin/jobs/job/{job.pk}/change/"' in response.content.decode()
    assert Job.objects.count() == 1


def test_the_action_needs_no_row(page: Client, folder: BackupFolder) -> None:
    make_backup()
    for chosen in ({}, {"_selected_action": "1"}):
        response = page.post(LIST, {"action": "back_up_now", "index": 0, **chosen})
        assert response["Location"] == BACK_UP


# --- testing ------------------------------------------------------------------------------------------------------


def test_the_newest_of_each_kind_are_tested_where_none_is_named(page: Client, folder: BackupFolder) -> None:
    make_backup(age=timedelta(days=2))
    database, pictures = make_backup(), make_backup(ATTACHMENTS)
    words = text(page.get(TEST))
    assert "The newest backup of each kind" in words
    assert f"Database #{database.pk}" in words
    assert "Compare all files of the attachments" in words
    page.post(TEST, {"all_files": "yes"})
    asked = sorted(payloads(), key=lambda payload: payload["backup_run_id"])
    assert asked == [{"backup_run_id": pk, "all_files": True} for pk in (database.pk, pictures.pk)]


def test_without_a_backup_there_is_nothing_to_test(page: Client, folder: BackupFolder) -> None:
    assert "There is no backup to test yet; make one first." in text(page.get(TEST))
    assert "There is no backup to test yet" in messages(page.post(TEST, follow=True))[0]


def test_one_is_tested_from_its_page(page: Client, folder: BackupFolder) -> None:
    make_backup()
    run = make_backup(age=timedelta(days=2))
    path = folder.path / str(run.storage_key)
    path.parent.mkdir()
    path.write_bytes(b"x")
    body = page.get(f"{LIST}{run.pk}/change/").content.decode()
    assert f'action="{TEST}"' in body
    assert f'name="backup" value="{run.pk}"' in body
    page.post(TEST, {"backup": run.pk})
    assert payloads() == [{"backup_run_id": run.pk}]
    entry = AuditLog.objects.get(action_type="restore_test.trigger")
    about = page.get(f"/admin/opsconsole/auditlog/{entry.pk}/change/").content.decode()
    assert f'href="{LIST}{run.pk}/change/"' in about


def test_selected_ones_are_named_with_those_that_are_left_out(page: Client, folder: BackupFolder) -> None:
    good, failed = make_backup(), make_backup(status="failed", storage_key=None)
    removed = make_backup(removed_at=NOW)
    chosen = {"_selected_action": [good.pk, failed.pk, removed.pk]}
    asked = page.post(LIST, {"action": "test_selected", "index": 0, **chosen}, follow=True)
    words = text(asked)
    assert f"Database #{failed.pk} is left out. It did not succeed" in words
    assert f"Database #{removed.pk} is left out. Retention removed its file." in words
    assert "Test this backup" in words
    page.post(TEST, {"backup": good.pk})
    assert payloads() == [{"backup_run_id": good.pk}]


def test_several_are_queued_each_by_itself(page: Client, folder: BackupFolder) -> None:
    first, second = make_backup(), make_backup()
    removed = make_backup(removed_at=NOW)
    response = page.post(TEST, {"backup": [first.pk, second.pk, removed.pk]}, follow=True)
    told = messages(response)
    assert "2 restore tests queued. They run one after the other." in told
    assert any(f"The file of backup {removed.pk} was removed" in each for each in told)
    assert Run.objects.count() == 2


def test_no_more_than_some_are_tested_at_once(page: Client, folder: BackupFolder) -> None:
    many = [make_backup().pk for _ in range(MAX_TESTS + 1)]
    chosen = {"_selected_action": many}
    response = page.post(LIST, {"action": "test_selected", "index": 0, **chosen}, follow=True)
    assert messages(response) == [f"At most {MAX_TESTS} backups are tested at once; {MAX_TESTS + 1} were chosen."]
    response = page.post(TEST, {"backup": many}, follow=True)
    assert f"From 1 to {MAX_TESTS} backups are tested at once" in messages(response)[0]
    assert Job.objects.count() == 0


@pytest.mark.parametrize("given", ["x", "0", "99999999999999999999999"])
def test_what_can_be_no_backup_is_refused_in_a_sentence(page: Client, folder: BackupFolder, given: str) -> None:
    make_backup()
    assert "None of them exists." in text(page.get(TEST, {"backup": given}))
    assert "nothing was started" in messages(page.post(TEST, {"backup": given}, follow=True))[0]
    assert Job.objects.count() == 0


def test_one_that_there_is_not_is_a_sentence(page: Client, folder: BackupFolder) -> None:
    assert messages(page.post(TEST, {"backup": 77}, follow=True)) == ["There is no backup 77."]


# --- who may ------------------------------------------------------------------------------------------------------


def test_who_may_only_look_sees_no_button_and_may_not_post(viewing: Client, folder: BackupFolder) -> None:
    run = make_backup()
    for url in (LIST, f"{LIST}{run.pk}/change/", f"{LIST}summary/", "/admin/backups/restoretest/"):
        words = text(viewing.get(url))
        assert "Back up now…" not in words
        assert "Test this backup" not in words
        assert "Test…" not in words
        assert "Test restore…" not in words
    for url in (BACK_UP, TEST):
        assert viewing.get(url).status_code == 403
        assert viewing.post(url, {"kind": "database", "backup": run.pk}).status_code == 403
    for action in ("back_up_now", "test_selected"):
        viewing.post(LIST, {"action": action, "index": 0, "_selected_action": run.pk})
    assert Job.objects.count() == 0


def test_a_form_without_its_token_is_refused(operator: Any, folder: BackupFolder) -> None:
    browser = Client(enforce_csrf_checks=True)
    log_in(browser, operator)
    assert browser.post(BACK_UP, {"kind": "database"}).status_code == 403
    assert Job.objects.count() == 0


def test_without_a_folder_the_form_of_a_test_offers_none(page: Client, settings: Any) -> None:
    settings.BACKUP_DIR = ""
    run = make_backup()
    for address in (TEST, f"{TEST}?backup={run.pk}"):
        response = page.get(address)
        assert "Backups are not set up here." in text(response)
        body = response.content.decode()
        assert 'name="backup"' not in body
        assert 'name="reason"' not in body
