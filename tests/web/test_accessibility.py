"""What axe-core can judge of WCAG 2.2, levels A and AA: each panel in each state, light and dark."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from jobs import counts
from tests.backups.cast import make_backup, make_restore_test
from tests.browser.tools import AXE
from tests.cast import make_conversation, make_identity, make_job
from tests.matching.doing import connected
from tests.web.relay import Relay, html
from tests.web.windows import Windows, panel, visit

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes, pytest.mark.browser]

RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")
PANELS = ("Sync", "Backfill", "Jobs", "Sync status", "Backups")

_VIOLATIONS = """async ([tags, skipped]) => {
  const rules = Object.fromEntries(skipped.map((rule) => [rule, { enabled: false }]));
  const { violations } = await axe.run(document, { runOnly: tags, resultTypes: ["violations"], rules });
  return violations.map(({ id, nodes }) => ({ id, where: nodes.slice(0, 3).map((node) => node.html.slice(0, 300)) }));
}"""
# Colors change at once, and dialogs are where they will be.
_STILL = """() => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync("*, *::before, *::after { transition: none !important; animation: none !important }");
  document.adoptedStyleSheets.push(sheet);
}"""
_NEXT_FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


def violations(page: Page, *skipped: str) -> dict[str, Any]:
    """Return what axe-core finds, in light and in dark.

    Args:
        page: as it is now.
        skipped: rules that can't judge what is on it.
    """
    found: dict[str, Any] = {}
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
        page.evaluate(_STILL)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.evaluate(_NEXT_FRAMES)
        if these := page.evaluate(_VIOLATIONS, [RULES, skipped]):
            found[scheme] = these
    return found


def test_panels_full_of_data_and_the_dialogs_over_them(as_operator: Page) -> None:
    page, identity = as_operator, connected("Alice")
    make_identity("Nobody's")
    make_conversation(identity, "Bob")
    failed = make_job(payload={"identity_id": identity.pk, "n": 1}, last_error="TimeoutError: no answer\nat all")
    for n, status in enumerate(("queued", "retrying", "done", "cancelled"), 2):
        make_job(payload={"identity_id": identity.pk, "n": n}, status=status, updated_at=timezone.now())
    long_ago = timezone.now() - timedelta(hours=3)
    stuck = make_job(payload={"identity_id": identity.pk, "n": 9}, status="running", updated_at=long_ago)
    make_restore_test(make_backup())
    make_backup("attachments", status="failed", error="OSError: no space left")
    counts.refresh(max_age_seconds=0)
    visit(page, "/ops")
    for name in PANELS:
        expect(panel(page, name).get_by_role("button").first).to_be_visible()
    for folded in page.locator("details").all():
        folded.evaluate("(element) => { element.open = true }")
    page.get_by_label("Search conversations").click()
    expect(page.get_by_role("listbox", name="Conversations").get_by_role("option")).to_have_count(1)
    found = {"panels": violations(page)}

    opened = {
        f"Mark as failed: job {stuck.pk}": ("alertdialog", "Mark as failed"),
        "Retry failed jobs…": ("alertdialog", "Retry 1 job"),
        "Schedule of Alice": ("dialog", "Sync schedule of Alice"),
    }
    for button, (role, name) in opened.items():
        page.get_by_role("button", name=button).click()
        expect(page.get_by_role(role, name=name)).to_be_visible()  # type: ignore[arg-type]
        found[button] = violations(page)
        page.keyboard.press("Escape")
        expect(page.get_by_role(role)).to_have_count(0)  # type: ignore[arg-type]
    page.get_by_role("button", name=f"More for job {failed.pk}").click()
    expect(page.get_by_role("menuitem").first).to_be_visible()
    # An open menu keeps the focus, so what is hidden behind it can't get it; axe-core knows that of dialogs only.
    found["menu"] = violations(page, "aria-hidden-focus")
    page.keyboard.press("Escape")
    page.get_by_role("link", name=re.compile(f"job {failed.pk}$")).click()
    expect(page.get_by_role("dialog")).to_contain_text("Payload")
    found["sheet"] = violations(page)
    assert not any(found.values()), found


def test_panels_that_are_empty_load_failed_or_are_forbidden_and_the_login(
    windows: Windows, session: str, nobody: str, relay: Relay
) -> None:
    page = windows.open(session)
    windows.watched(page).expect_answers(502)
    found = {}
    visit(page, "/ops")
    expect(panel(page, "Jobs")).to_contain_text("No jobs yet")
    found["empty"] = violations(page)
    with relay.holding("^/ops/") as release:
        visit(page, "/ops")
        expect(panel(page, "Jobs")).to_contain_text("Loading jobs")
        found["loading"] = violations(page)
        release()
    with relay.answering("^/ops/", html):
        visit(page, "/ops")
        for name in PANELS:
            expect(panel(page, name).get_by_role("alert").first).to_contain_text("not JSON")
        found["failed"] = violations(page)
    page = windows.open(nobody)
    windows.watched(page).expect_answers(403)
    visit(page, "/ops")
    for name in PANELS:
        expect(panel(page, name)).to_contain_text("You are not allowed to do this.")
    found["forbidden"] = violations(page)
    page = windows.open()
    page.goto("/login?error=refused")
    found["login"] = violations(page)
    assert not any(found.values()), found
