"""The pages of jobs and runs lead to the backups and restore tests that they have made."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from tests.admin.reading import text
from tests.api.cast import log_in, make_attempt, make_run
from tests.backups.cast import make_backup, make_restore_test
from tests.cast import make_job, make_user

BACKUP = "opsconsole.database_backup"
TEST = "opsconsole.restore_test"
JOBS = "/admin/jobs/job/"
RUNS = "/admin/jobs/run/"

pytestmark = pytest.mark.django_db


def done(job_type: str, **result: Any) -> int:
    """Insert a job that is done, with what its task has returned."""
    job = make_job(job_type, status="done", payload={})
    make_attempt(job.pk, result=result)
    return int(job.pk)


def link(kind: str, pk: int, name: str) -> str:
    return f'<a class="oc-link" href="/admin/backups/{kind}/{pk}/change/">{name}</a>'


@pytest.mark.parametrize("address", ["change/", "live/"])
def test_the_page_of_a_job_leads_to_each_backup_that_its_attempts_have_made(page: Client, address: str) -> None:
    job_id = done(BACKUP)
    first, second = make_backup(job_id=job_id, status="failed"), make_backup(job_id=job_id)
    other = make_backup(job_id=done(BACKUP))
    body = page.get(f"{JOBS}{job_id}/{address}").content.decode()
    links = [link("backuprun", run.pk, f"Database #{run.pk}") for run in (second, first)]
    assert ", ".join(links) in body
    assert f"/backuprun/{other.pk}/" not in body


def test_the_page_of_a_job_leads_to_its_restore_test(page: Client) -> None:
    job_id = done(TEST)
    test = make_restore_test(make_backup(), job_id=job_id)
    body = page.get(f"{JOBS}{job_id}/change/").content.decode()
    assert link("restoretest", test.pk, f"Restore test #{test.pk}") in body


@pytest.mark.parametrize("address", ["change/", "live/"])
def test_the_page_of_a_run_leads_to_what_each_of_its_jobs_has_made(page: Client, address: str) -> None:
    backed_up, tested = done(BACKUP), done(TEST)
    run = make_backup(job_id=backed_up)
    test = make_restore_test(run, job_id=tested)
    body = page.get(f"{RUNS}{make_run(backed_up, tested).pk}/{address}").content.decode()
    assert link("backuprun", run.pk, f"Database #{run.pk}") in body
    assert link("restoretest", test.pk, f"Restore test #{test.pk}") in body


def test_whoever_may_see_jobs_and_no_backups_is_not_led_to_them() -> None:
    user = make_user("jo", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=("view_job", "view_run")))
    client = Client()
    log_in(client, user)
    job_id = done(BACKUP)
    make_backup(job_id=job_id)
    for address in (f"{JOBS}{job_id}/change/", f"{RUNS}{make_run(job_id).pk}/change/"):
        response = client.get(address)
        assert response.status_code == 200
        assert "backuprun" not in response.content.decode()


def test_a_run_tells_sizes_in_binary_units(page: Client) -> None:
    run = make_run(done(BACKUP, rows=286_382, size_bytes=6_543_875))
    words = text(page.get(f"{RUNS}{run.pk}/change/"))
    assert "286,382 rows · 6.2 MiB size" in words
    assert "bytes" not in words


def test_files_and_bytes_are_not_summed_to_one_progress(page: Client) -> None:
    jobs = []
    for job_type, unit, total in ((BACKUP, "bytes", 2_000_000), ("opsconsole.attachments_snapshot", "files", 342)):
        job = make_job(job_type, status="running", payload={})
        values = {"progress_current": total // 2, "progress_total": total, "progress_unit": unit}
        make_attempt(job.pk, **values, progress_source="reported", progress_at=job.updated_at)
        jobs.append(job.pk)
    body = text(page.get(f"{RUNS}{make_run(*jobs).pk}/change/"))
    assert "0 of 2 jobs ended" in body
    assert "171 of 342 files (50 %)" in body
    assert "1,000,171" not in body
