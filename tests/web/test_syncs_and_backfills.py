"""Syncs, backfills, downloads and schedules: each button of them to its end, with the core's worker doing the work."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django_celery_beat.models import PeriodicTask
from playwright.sync_api import Locator, Page, expect

from identities.models import Identity, Message
from jobs import counts
from jobs.models import Job
from tests.cast import make_conversation, make_message
from tests.matching.doing import connected
from tests.web.windows import panel, visit

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes, pytest.mark.browser]

# Some of what the provider holds can't be had; that is what it would be in the core, too.
ENDED = re.compile("Done|Done with errors|Skipped")


@pytest.fixture
def alice(core_worker: Callable[..., Any], sweeper: Callable[..., Any]) -> Identity:
    """An identity, one of two, whose syncs and backfills end within seconds."""
    connected("Bob")
    identity: Identity = connected("Alice", is_default=True)
    make_message(make_conversation(identity, "Мария"))
    core_worker(DEMO_PAGES_PER_SECOND="200")
    sweeper("--tick", "0.2")
    counts.refresh(max_age_seconds=0)
    return identity


def newest(runs: Locator, number: int) -> Locator:
    """Return the card of the run that was started last, the `number`th one, once it has ended."""
    cards = runs.locator("> li")
    expect(cards).to_have_count(number)
    expect(cards.first).to_contain_text(ENDED)
    expect(cards.first.get_by_role("progressbar")).to_have_count(0)
    return cards.first


def test_syncs_are_started_and_watched_to_their_end(as_operator: Page, alice: Identity) -> None:
    page = as_operator
    visit(page, "/ops")
    sync = panel(page, "Sync")
    started = sync.get_by_role("list", name="Started here")
    sync.get_by_role("button", name="Sync all identities").click()
    expect(newest(started, 1).get_by_role("link", name=re.compile("^Job"))).to_have_count(2)
    sync.get_by_label("Identity").select_option(str(alice.pk))
    page.wait_for_url(f"**identity={alice.pk}**")
    sync.get_by_role("button", name="Sync identity").click()
    newest(started, 2)
    expect(sync).to_contain_text("from a job")
    row = panel(page, "Sync status").get_by_role("listitem").filter(has=page.get_by_role("heading", name="Alice"))
    row.get_by_role("button", name="Sync Alice").click()
    expect(row.get_by_role("region", name="Sync of Alice")).to_contain_text("Done")
    sync.get_by_role("button", name="Backfill history").click()
    newest(started, 3)
    assert set(Job.objects.values_list("status", flat=True)) == {"done"}
    assert Message.objects.filter(identity_id=alice.pk).count() > 1


def test_backfills_and_a_download_are_started_and_watched_to_their_end(as_operator: Page, alice: Identity) -> None:
    page = as_operator
    visit(page, "/ops")
    backfill = panel(page, "Backfill")
    runs = backfill.get_by_role("list", name="Backfill runs")
    backfill.get_by_role("button", name="Backfill all identities").click()
    dialog = page.get_by_role("alertdialog", name="Backfill all identities")
    expect(dialog).to_contain_text("2 active identities")
    dialog.get_by_role("button", name="Backfill all identities").click()
    expect(newest(runs, 1).get_by_label("Result")).to_contain_text("New messages")

    backfill.get_by_label("Identity to backfill").select_option(str(alice.pk))
    backfill.get_by_role("button", name="Backfill identity").click()
    newest(runs, 2)

    search = backfill.get_by_label("Search conversations")
    search.fill("мари")
    page.get_by_role("option", name=re.compile("Мария")).click()
    page.wait_for_url("**conversation=**")
    search.press("Escape")
    backfill.get_by_role("button", name="Backfill 1 conversation").click()
    card = newest(runs, 3)
    card.get_by_text("Covers 1 conversation").click()
    expect(card.get_by_text("Мария", exact=True)).to_be_visible()

    backfill.get_by_text("Missing attachments").click()
    backfill.get_by_role("button", name="Redownload attachments").click()
    newest(runs, 4)
    assert set(Job.objects.values_list("status", flat=True)) == {"done"}


def test_a_run_is_cancelled(as_operator: Page) -> None:
    page, identity = as_operator, connected("Alice")
    visit(page, f"/ops?identity={identity.pk}")
    backfill = panel(page, "Backfill")
    # Nobody works: it waits.
    backfill.get_by_role("button", name="Backfill identity").click()
    card = backfill.get_by_role("list", name="Backfill runs").locator("> li")
    card.get_by_role("button", name=re.compile("^Cancel run")).click()
    dialog = page.get_by_role("alertdialog", name="Cancel run")
    dialog.get_by_role("button", name="Cancel run").click()
    expect(card).to_contain_text("Cancelled")
    assert Job.objects.get().status == "cancelled"


def test_an_identity_gets_a_schedule_of_its_own_and_gives_it_up(as_operator: Page) -> None:
    page, identity = as_operator, connected("Alice")
    visit(page, "/ops")
    button = panel(page, "Sync status").get_by_role("button", name="Schedule of Alice")
    dialog = page.get_by_role("dialog", name="Sync schedule of Alice")
    button.click()
    dialog.get_by_label("Sync every (minutes)").fill("15")
    dialog.get_by_role("button", name="Save schedule").click()
    expect(dialog).to_have_count(0)
    own = PeriodicTask.objects.get(kwargs__contains=f'"identity_id": {identity.pk}')
    assert str(own.interval) == "every 15 minutes"
    button.click()
    expect(dialog).to_contain_text("Own schedule, every 15 minutes")
    dialog.get_by_role("button", name="Turn off schedule").click()
    expect(dialog).to_have_count(0)
    expect(panel(page, "Sync status")).to_contain_text("None: schedule off")
    button.click()
    dialog.get_by_role("button", name="Use default schedule").click()
    expect(dialog).to_have_count(0)
    assert not PeriodicTask.objects.filter(pk=own.pk).exists()
