"""The first page stays open all day: its parts come by themselves, stay up to date, and fail one by one."""

from typing import Any

import pytest
from django.db import connection
from playwright.sync_api import Page, expect

from devserver.redis import Redis
from jobs import counts
from jobs.models import Job
from tests.browser.keyboard import tab_to
from tests.browser.observing import Observed
from tests.cast import make_job
from tests.matching.doing import connected

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes, pytest.mark.browser]

PARTS = ("Verdict", "Jobs", "Identities", "Backups", "Machinery")


def test_all_parts_come_and_lead_on(as_operator: Page) -> None:
    page = as_operator
    connected("Alice")
    make_job()
    counts.refresh(max_age_seconds=0)
    page.goto("/admin/")
    for name in PARTS:
        part = page.get_by_role("region", name=name, exact=True)
        expect(part).to_be_visible()
    expect(page.get_by_role("region", name="Identities", exact=True)).to_contain_text("Alice")
    expect(page.get_by_role("region", name="Machinery", exact=True)).to_contain_text("Answers")
    expect(page.locator("#nav-jobs")).to_contain_text("1")
    page.get_by_role("region", name="Jobs", exact=True).get_by_role("link", name="Failed").click()
    page.wait_for_url("**/admin/jobs/job/?status=failed")


def test_numbers_move_without_a_reload_and_what_has_the_focus_keeps_it(as_operator: Page) -> None:
    page = as_operator
    identity = connected("Alice")
    counts.refresh(max_age_seconds=0)
    page.goto("/admin/")
    page.evaluate("window.sameDocument = true")
    tab_to(page, "Backfill Alice…")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE identities SET display_name = 'Alicia' WHERE id = %s", [identity.pk])
    make_job(status="failed")
    counts.refresh(max_age_seconds=0)
    expect(page.get_by_role("region", name="Identities", exact=True)).to_contain_text("Alicia")
    expect(page.get_by_role("region", name="Jobs", exact=True).get_by_role("link", name="Failed")).to_contain_text("1")
    assert page.evaluate("document.activeElement.innerText").endswith("Backfill…")
    assert page.evaluate("window.sameDocument"), "the page was loaded again"


def test_with_the_broker_down_the_rest_of_the_page_is_there(
    as_operator: Page, redis_server: Redis, observed: Observed
) -> None:
    page = as_operator
    connected("Alice")
    make_job()
    counts.refresh(max_age_seconds=0)
    page.goto("/admin/")
    redis_server.stop()
    try:
        page.reload()
        expect(page.get_by_role("region", name="Verdict")).to_contain_text("The broker can't be reached")
        expect(page.get_by_role("region", name="Machinery", exact=True)).to_contain_text("Unreachable since")
        expect(page.get_by_role("region", name="Identities", exact=True)).to_contain_text("Alice")
        expect(page.get_by_role("region", name="Jobs", exact=True)).to_contain_text("Failed")
    finally:
        redis_server.start()


def test_nothing_is_asked_for_while_nobody_looks(as_operator: Page) -> None:
    page = as_operator
    page.goto("/admin/")
    expect(page.get_by_role("region", name="Machinery", exact=True)).to_contain_text("Answers")
    page.evaluate("Object.defineProperty(document, 'hidden', { value: true, configurable: true })")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    # What the timers would do, all of it.
    page.evaluate("for (const part of document.querySelectorAll('[data-poll]')) htmx.trigger(part, 'poll')")
    page.evaluate("new Promise((done) => setTimeout(done))")
    assert asked == []
    page.evaluate("Object.defineProperty(document, 'hidden', { value: false, configurable: true })")
    with page.expect_response("**/admin/verdict/"):
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def test_a_session_that_has_ended_leads_to_the_login_page(as_operator: Page, operator: Any) -> None:
    page = as_operator
    page.goto("/admin/")
    expect(page.get_by_role("region", name="Machinery", exact=True)).to_contain_text("Answers")
    operator.is_active = False
    operator.save()
    page.wait_for_url("**/admin/login/**")
    assert Job.objects.count() == 0
