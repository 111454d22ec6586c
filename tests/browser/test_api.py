"""The API in a browser: walked by clicking, and read and tried out in its docs."""

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from identities.models import Identity
from jobs.models import Job
from tests.browser.conftest import open_as
from tests.matching.doing import connected

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes, pytest.mark.browser]


@pytest.fixture
def alice() -> Identity:
    """Somebody whose history can be imported."""
    identity: Identity = connected("Alice")
    return identity


def test_from_the_root_a_backfill_is_started_by_clicking_only(page: Page, operator: User, alice: Identity) -> None:
    # Unobserved: browsers take the 405 that a form is shown with for an error.
    open_as(page, operator)
    page.goto("/ops/")
    page.get_by_role("link", name="/ops/backfill/conversations").click()
    page.get_by_role("button", name="POST", exact=True).click()
    expect(page.locator(".response-info")).to_contain_text("HTTP 202 Accepted")
    expect(page.locator(".response-info")).to_contain_text("1 job queued.")
    assert Job.objects.get().job_type == "ingest.backfill_conversations"


def test_the_docs_are_dark_where_and_as_long_as_the_browser_is(as_operator: Page) -> None:
    page = as_operator
    page.emulate_media(color_scheme="dark")
    page.goto("/ops/docs")
    expect(page.locator("body")).to_have_css("background-color", "rgb(28, 32, 34)")
    page.emulate_media(color_scheme="light")
    expect(page.locator("body")).to_have_css("background-color", "rgb(255, 255, 255)")


def test_an_operation_is_tried_out_from_the_docs(as_operator: Page, alice: Identity) -> None:
    page = as_operator
    page.goto("/ops/docs")
    operation = page.locator("#operations-Backfill_and_sync-backfill_conversations")
    operation.get_by_role("button", name="Backfill one identity").click()
    operation.get_by_role("button", name="Try it out").click()
    operation.locator("textarea").fill("{}")
    operation.get_by_role("button", name="Execute").click()
    expect(operation.locator(".live-responses-table .response")).to_contain_text("202")
    assert Job.objects.get().job_type == "ingest.backfill_conversations"
