"""Two people at the page at once: one acts, the other may only look, and sees what the first one did."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from jobs import counts
from tests.backups.cast import make_backup
from tests.cast import make_conversation, make_job
from tests.matching.doing import connected
from tests.web.windows import Windows, panel, visit

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes, pytest.mark.browser]

PANELS = ("Sync", "Backfill", "Jobs", "Sync status", "Backups")
# More than the page waits before it asks again.
IDLE_MS = 15_000
VERBS = re.compile("^(Sync|Backfill|Retry|Cancel|Mark|Terminate|Back up|Test|Schedule|Change|Redownload|Delete|Save)")


def words_of_buttons(page: Page) -> Iterator[str]:
    for button in page.get_by_role("button").all():
        yield (button.get_attribute("aria-label") or button.inner_text()).strip()


def test_a_viewer_sees_what_an_operator_does_without_a_reload_and_has_no_buttons(
    as_operator: Page, as_viewer: Page, windows: Windows
) -> None:
    identity = connected("Alice")
    make_conversation(identity, "Bob")
    make_backup()
    failed = make_job(payload={"identity_id": identity.pk, "n": 1})
    stuck = make_job(
        payload={"identity_id": identity.pk, "n": 2}, status="running", updated_at=timezone.now() - timedelta(hours=3)
    )
    counts.refresh(max_age_seconds=0)
    viewer, operator = as_viewer, as_operator
    viewer.clock.install()
    visit(viewer, f"/ops?job={failed.pk}")
    sheet = viewer.get_by_role("dialog")
    expect(sheet).to_contain_text("TimeoutError")
    assert not [words for words in words_of_buttons(viewer) if VERBS.match(words)]
    viewer.keyboard.press("Escape")
    expect(sheet).to_have_count(0)
    for name in PANELS:
        expect(panel(viewer, name)).to_be_visible()
    expect(panel(viewer, "Sync")).to_contain_text("Alice")
    assert not [words for words in words_of_buttons(viewer) if VERBS.match(words)]

    viewer.evaluate("window.sameDocument = true")
    row = panel(viewer, "Jobs").get_by_role("row").filter(has_text=f"#{stuck.pk}")
    expect(row).to_contain_text("Stuck")
    visit(operator, "/ops")
    operator.get_by_role("button", name=f"Mark as failed: job {stuck.pk}").click()
    dialog = operator.get_by_role("alertdialog", name="Mark as failed")
    dialog.get_by_label("Reason").fill("The worker was killed.")
    dialog.get_by_role("button", name="Mark as failed").click()
    viewer.clock.fast_forward(IDLE_MS)
    expect(row).to_contain_text("The worker was killed.")
    make_job(payload={"identity_id": identity.pk, "n": 3})
    viewer.clock.fast_forward(IDLE_MS)
    # Rows don't move by themselves.
    viewer.get_by_role("button", name="Show 1 new job").click()
    expect(panel(viewer, "Jobs").get_by_role("row")).to_have_count(4)
    assert viewer.evaluate("window.sameDocument"), "the page was loaded again"


def test_who_may_not_look_is_told_so_in_each_panel(windows: Windows, nobody: str) -> None:
    page = windows.open(nobody)
    windows.watched(page).expect_answers(403)
    visit(page, "/ops")
    for name in PANELS:
        expect(panel(page, name)).to_contain_text("You are not allowed to do this.")
    expect(page.get_by_role("button", name=VERBS)).to_have_count(0)
