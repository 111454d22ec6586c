"""What goes wrong between the browser and the console, each with a sentence, and what is left of the page meanwhile."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from playwright.sync_api import Page, expect

from demo.core_login import CoreLogin
from jobs import counts
from tests.cast import make_conversation, make_job
from tests.matching.doing import connected
from tests.processes import Child
from tests.web.conftest import HASHER, PASSWORD, session_of, start_console
from tests.web.relay import Application, Relay, cut, html
from tests.web.windows import PAUSE, Windows, panel, visit

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes, pytest.mark.browser]

PANELS = ("Sync", "Backfill", "Jobs", "Sync status", "Backups")
TRY_AGAIN = "Try again"


def test_a_session_that_ends_is_said_once_and_nothing_is_lost(windows: Windows, olivia: str) -> None:
    identity = connected("Alice")
    job = make_job(payload={"identity_id": identity.pk})
    make_conversation(identity, "Bob")
    page = windows.open(session_of(olivia))
    windows.watched(page).expect_answers(401)
    visit(page, "/ops?status=failed")
    page.get_by_label("Search conversations").fill("bob")
    page.get_by_role("option", name=re.compile("Bob")).click()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM sessions")
    page.get_by_role("button", name=f"Retry job {job.pk}").click()
    link = page.get_by_role("link", name="Log in again")
    expect(link).to_be_visible()
    expect(page.get_by_text("Your session has ended.", exact=False).locator("visible=true").first).to_be_visible()
    # What was there and what was typed is there still.
    expect(page.get_by_label("Search conversations")).to_have_value("bob")
    expect(page.get_by_role("list", name="Chosen conversations")).to_contain_text("Bob")
    expect(panel(page, "Jobs").get_by_role("row").filter(has_text=f"#{job.pk}")).to_be_visible()
    link.click()
    page.get_by_label("Username").fill(olivia)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/ops?status=failed**")
    expect(page.get_by_role("list", name="Chosen conversations")).to_contain_text("Conversation")


def test_with_the_console_gone_each_panel_says_so_and_has_its_data_when_it_is_back(
    windows: Windows, olivia: str, start_child: Callable[..., Child], relay: Relay, postgres: Any
) -> None:
    job = make_job(payload={"identity_id": connected("Alice").pk})
    counts.refresh(max_age_seconds=0)
    own = start_console(start_child)
    relay.lead_to(CoreLogin(postgres.url(connection.settings_dict["NAME"]), HASHER), own.address)
    session = session_of(olivia)
    page, later = windows.open(session), windows.open(session)
    windows.watched(page).expect_answers(502)
    windows.watched(later).expect_answers(502)
    visit(page, "/ops")
    row = panel(page, "Jobs").get_by_role("row").filter(has_text=f"#{job.pk}")
    expect(row).to_be_visible()
    own.child.kill()
    page.get_by_role("button", name=f"Retry job {job.pk}").click()
    expect(row).to_contain_text("does not answer")
    # Whoever comes now has nothing yet.
    visit(later, "/ops")
    for name in PANELS:
        expect(panel(later, name).get_by_role("alert").first).to_contain_text("does not answer")
    # The data of before stays, with its age.
    expect(panel(page, "Jobs")).to_contain_text("Not up to date.")
    expect(row).to_be_visible()

    # Or it would ask by itself, sooner or later than somebody clicks.
    later.get_by_role("button", name=PAUSE).click()
    start_console(start_child, own.port)
    # The panels of syncs share one answer.
    for name in ("Sync", "Backfill", "Jobs", "Backups"):
        panel(later, name).get_by_role("button", name=TRY_AGAIN).first.click()
    for name in PANELS:
        expect(panel(later, name).get_by_role("alert")).to_have_count(0)
    expect(panel(later, "Jobs").get_by_role("row").filter(has_text=f"#{job.pk}")).to_be_visible()
    expect(panel(later, "Sync status")).to_contain_text("Alice")
    # Without a click, too.
    expect(panel(page, "Jobs").get_by_text("Not up to date.")).to_have_count(0)


@pytest.mark.parametrize("fault", [html, cut])
def test_half_an_answer_or_none_of_the_consoles_is_said_where_it_belongs(
    as_operator: Page, windows: Windows, relay: Relay, fault: Application
) -> None:
    page = as_operator
    windows.watched(page).expect_answers(502)
    job = make_job(payload={"identity_id": connected("Alice").pk})
    with relay.answering("^/ops/jobs$", fault):
        visit(page, "/ops")
        alert = panel(page, "Jobs").get_by_role("alert")
        expect(alert).to_contain_text("The console’s answer was incomplete or not JSON.")
        # Only there.
        expect(panel(page, "Sync status")).to_contain_text("Alice")
        expect(panel(page, "Backups").get_by_role("alert")).to_have_count(0)
    alert.get_by_role("button", name=TRY_AGAIN).click()
    expect(panel(page, "Jobs").get_by_role("row").filter(has_text=f"#{job.pk}")).to_be_visible()


def test_a_slow_console_delays_its_own_panel_only(as_operator: Page, relay: Relay) -> None:
    page = as_operator
    identity = connected("Alice")
    job = make_job(payload={"identity_id": identity.pk})
    with relay.holding("^/ops/jobs$") as release:
        # The server waits a moment for the whole page, and then sends what it has.
        visit(page, "/ops")
        expect(panel(page, "Jobs")).to_contain_text("Loading jobs")
        expect(panel(page, "Sync status")).to_contain_text("Alice")
        page.get_by_label("Identity", exact=True).select_option(str(identity.pk))
        release()
        expect(panel(page, "Jobs").get_by_role("row").filter(has_text=f"#{job.pk}")).to_be_visible()
