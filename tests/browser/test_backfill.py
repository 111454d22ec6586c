"""A backfill in a browser: started, watched until it has ended, with the stand-in for the core's worker doing it."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from identities.models import Identity
from jobs import counts
from tests.browser.keyboard import tab_to
from tests.matching.doing import connected

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes, pytest.mark.browser]

PAGES_PER_SECOND = "100"
LONG_MS = 240_000


@pytest.fixture
def alice(core_worker: Callable[..., Any], sweeper: Callable[..., Any]) -> Identity:
    """An identity whose history is imported within seconds."""
    identity: Identity = connected("Alice")
    core_worker(DEMO_PAGES_PER_SECOND=PAGES_PER_SECOND)
    sweeper("--tick", "0.2")
    counts.refresh(max_age_seconds=0)
    return identity


def test_a_backfill_is_started_and_watched_until_it_is_done(as_operator: Page, alice: Identity) -> None:
    page = as_operator
    page.goto(f"/admin/identities/identity/{alice.pk}/change/")
    page.get_by_role("link", name="Backfill…").click()
    page.get_by_role("button", name="Backfill 1 identity").click()
    page.wait_for_url("**/admin/jobs/run/**")
    expect(page.locator("#run-live .oc-hero .oc-badge")).to_contain_text("Done", timeout=LONG_MS)
    expect(page.get_by_label("Result")).to_contain_text("new messages")


def test_a_backfill_needs_no_mouse(as_operator: Page, alice: Identity) -> None:
    page = as_operator
    page.goto("/admin/")
    tab_to(page, "Backfill Alice…")
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/identities/identity/backfill/**")
    tab_to(page, "Backfill 1 identity")
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/jobs/run/**")
    expect(page.locator("#run-live")).to_contain_text("Alice")
