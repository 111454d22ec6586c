"""The first part of the first page: whether anything is wrong, and where it is dealt with."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError
from django.test import Client
from django.utils import timezone

from backups import status as backup_status
from jobs.at_work import AtWork
from jobs.models import WorkerReport
from opsconsole.verdict import reading
from tests.admin.conftest import browser_of
from tests.admin.reading import text
from tests.api.cast import make_staff
from tests.cast import make_identity, make_job, make_user

VERDICT = "/admin/verdict/"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _at_work(db: None) -> None:
    """A sweeper is at work, and a worker listens."""
    AtWork().note_tick()
    WorkerReport.objects.create(hostname="core@a", queues=["ingest"], tasks=["x"], seen_at=timezone.now())


def test_it_comes_first_after_the_page_and_keeps_itself_up_to_date(page: Client) -> None:
    body = page.get("/admin/").content.decode()
    assert f'hx-get="{VERDICT}" hx-trigger="load, every 10s, poll" data-poll' in body
    assert body.index(VERDICT) < body.index("/admin/identities/identity/summary/")


def test_where_all_is_well_it_says_so_in_a_word(db: None) -> None:
    words = text(browser_of(make_user("jo", "jobs.view_job")).get(VERDICT))
    assert "All is well Nothing is wrong." in words


def test_each_reason_leads_to_the_page_where_it_is_dealt_with(page: Client) -> None:
    make_identity()
    make_job(status="queued", queue_name="gpu", updated_at=timezone.now() - timedelta(minutes=14))
    response = page.get(VERDICT)
    words, body = text(response), response.content.decode()
    assert "Needs attention 2 things need attention, 1 thing to look at, 1 thing is not known." in words
    assert "No worker is online for the queue “gpu”: its 1 job that waits will not be processed." in words
    assert "Start a worker that listens on it." in words
    assert "The oldest queued job has been waiting for 14 min, in the queue “gpu”." in words
    assert words.index("No worker is online") < words.index("The oldest queued job") < words.index("OPS_BACKUP_DIR")
    links = re.findall(r'href="([^"]+)"', body)
    assert {link.partition("?")[0] for link in links} == {
        "/admin/jobs/job/",
        "/admin/identities/identity/",
        "/admin/backups/backuprun/",
    }
    for link in links:
        assert page.get(link.replace("&amp;", "&")).status_code == 200


def test_what_comes_from_outside_is_escaped(page: Client) -> None:
    make_job(status="queued", queue_name="<script>x</script>", updated_at=timezone.now() - timedelta(minutes=14))
    assert "<script>" not in page.get(VERDICT).content.decode()


@pytest.mark.parametrize("error", [DatabaseError("broken"), ValueError("a bug")])
def test_a_source_that_can_not_be_read_is_told_beside_the_others(
    page: Client, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail() -> Any:
        raise error

    monkeypatch.setattr(reading, "_work", fail)
    words = text(page.get(VERDICT))
    assert "What waits and what is stuck can't be read." in words
    assert "OPS_BACKUP_DIR" in words


def test_nobody_is_told_of_what_they_may_not_see(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> Any:
        raise AssertionError("It is nobody's business here.")

    monkeypatch.setattr(backup_status, "current", fail)
    browser = browser_of(make_user("jo", "jobs.view_job"))
    assert browser.get(VERDICT).status_code == 200
    browser = browser_of(make_staff("nobody"))
    assert browser.get(VERDICT).status_code == 403
    assert VERDICT not in browser.get("/admin/").content.decode()


def test_who_has_not_logged_in_is_sent_to_do_so(client: Client) -> None:
    response = client.get(VERDICT)
    assert response.status_code == 302
    assert "/admin/login/" in response["Location"]
