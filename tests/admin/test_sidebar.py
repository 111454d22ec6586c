"""The counts beside the sidebar's links: they come after the page, and say only what the caller may know."""

import re
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext, override_script_prefix
from django.utils import timezone

from jobs import counts
from jobs.at_work import AtWork
from jobs.models import WorkerReport
from opsconsole import look
from tests.admin.conftest import browser_of
from tests.admin.reading import text
from tests.api.cast import make_staff
from tests.cast import make_identity, make_job, make_user

SIDEBAR = "/admin/sidebar/"

pytestmark = pytest.mark.django_db


def numbers(client: Client) -> dict[str, str]:
    """Return what stands beside each link, in words."""
    counts.refresh(max_age_seconds=0)
    AtWork().note_tick()
    cache.clear()
    response = client.get(SIDEBAR)
    assert response.status_code == 200
    found = re.findall(
        r'<span id="nav-(\w+)" hx-swap-oob="innerHTML">(.*?)</span>(?=<span id=|$)', response.content.decode()
    )
    return {place: re.sub(r"<[^>]+>", "", inner).strip(", ") for place, inner in found}


def test_every_page_asks_for_them_after_it_has_come(page: Client) -> None:
    for url in ("/admin/", "/admin/jobs/job/", "/admin/opsconsole/auditlog/"):
        body = page.get(url).content.decode()
        assert f'id="nav-home" hx-get="{SIDEBAR}" hx-trigger="load, every 30s, poll" hx-swap="none" data-poll' in body
        for place in ("jobs", "identities", "backups", "machinery", "schedules"):
            assert f'id="nav-{place}"' in body, (url, place)


def test_the_addresses_of_its_links_are_looked_up_once(page: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    page.get("/admin/")
    monkeypatch.setattr(look, "reverse", None)
    assert 'href="/admin/jobs/job/"' in page.get("/admin/opsconsole/auditlog/").content.decode()


def test_its_links_lead_to_where_the_console_is_mounted(page: Client) -> None:
    for prefix in ("/", "/console/", "/"):
        with override_script_prefix(prefix):
            body = page.get("/admin/opsconsole/auditlog/").content.decode()
        assert f'href="{prefix}admin/jobs/job/"' in body


def test_failed_jobs_and_what_the_verdict_says_of_each_link_are_counted(page: Client) -> None:
    for _ in range(3):
        make_job()
    make_identity()
    make_identity()
    WorkerReport.objects.create(
        hostname="core@a", queues=["ingest"], tasks=["x"], seen_at=timezone.now() - timedelta(minutes=5)
    )
    found = numbers(page)
    assert found["jobs"] == "3 failed"
    assert found["identities"] == "2 things to look at"
    assert found["machinery"] == "1 thing to look at"
    assert found["schedules"] == ""
    assert found["home"] == "2 things to look at"


def test_where_nothing_is_wrong_nothing_is_shown(db: None) -> None:
    WorkerReport.objects.create(hostname="core@a", queues=["ingest"], tasks=["x"], seen_at=timezone.now())
    client = browser_of(make_user("jo", "jobs.view_job"))
    assert set(numbers(client).values()) == {""}


def test_nobody_is_told_of_what_they_may_not_see(db: None) -> None:
    make_identity()
    make_job()
    WorkerReport.objects.create(hostname="core@a", queues=["ingest"], tasks=["x"], seen_at=timezone.now())
    assert numbers(browser_of(make_user("jo", "jobs.view_job"))) | {"home": ""} == {
        "home": "",
        "jobs": "1 failed",
        "identities": "",
        "backups": "",
        "machinery": "",
        "schedules": "",
    }
    assert numbers(browser_of(make_staff("bob"))) == {}


def test_one_who_asks_reads_for_all_who_may_see_the_same(page: Client, operator: object) -> None:
    make_job()
    numbers(page)
    with CaptureQueriesContext(connection) as queries:
        assert "1 failed" in text(page.get(SIDEBAR)).replace(" ,", ",")
    # Who asks, what they may see, and how many jobs have failed.
    assert len(queries) == 3


def test_nobody_comes_in_without_logging_in(client: Client) -> None:
    assert client.get(SIDEBAR).status_code == 302
