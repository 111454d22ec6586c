"""How often an open page asks, and that unchanged answers cost nothing."""

from typing import Any

import pytest
from playwright.sync_api import Page, Request, expect

from jobs import counts
from tests.cast import make_job
from tests.matching.doing import connected
from tests.waiting import wait_until
from tests.web.relay import Relay
from tests.web.windows import PAUSE, RESUME, Windows, panel, visit

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes, pytest.mark.browser]

SECONDS, MOST = 60, 40


class Counted:
    """The requests of a page to the console."""

    def __init__(self, page: Page) -> None:
        """Begin to count."""
        self.paths: list[str] = []
        self._page = page
        self._open: set[Request] = set()
        page.on("request", self._began)
        page.on("requestfinished", self._ended)
        page.on("requestfailed", self._ended)

    def let_pass(self, seconds: int) -> None:
        """Have the page's timers run for so long, each answered before the next."""
        for _ in range(seconds):
            self._page.clock.run_for(1_000)
            wait_until(self._is_quiet)

    def _is_quiet(self) -> bool:
        # Events arrive only while Playwright is asked for something.
        self._page.evaluate("0")
        return not self._open

    def _ended(self, request: Request) -> None:
        self._open.discard(request)

    def _began(self, request: Request) -> None:
        if "/api/core/" in request.url:
            self.paths.append(request.url.split("/api/core")[1])
            self._open.add(request)


def test_an_idle_page_asks_seldom_a_hidden_or_paused_one_never_and_unchanged_answers_are_304(
    windows: Windows, relay: Relay, session: str
) -> None:
    page = windows.open(session)
    make_job(payload={"identity_id": connected("Alice").pk})
    counts.refresh(max_age_seconds=0)
    page.clock.install()
    visit(page, "/ops")
    expect(panel(page, "Sync status")).to_contain_text("Alice")
    page.wait_for_load_state("networkidle")
    counted = Counted(page)
    page.clock.pause_at(page.evaluate("Date.now()") + 1_000)
    counted.let_pass(SECONDS)
    assert 0 < len(counted.paths) <= MOST, counted.paths

    # The second round asks with what the first one answered, through the front end's server.
    relay.asked.clear()
    counted.let_pass(20)
    lists = [asked for asked in relay.asked if asked.path in {"/ops/jobs", "/ops/sync/status"}]
    assert lists
    assert {asked.status for asked in lists if asked.etag} == {304}, lists
    assert all(asked.etag for asked in lists), lists

    page.get_by_role("button", name=PAUSE).click()
    counted.let_pass(2)
    counted.paths.clear()
    counted.let_pass(SECONDS)
    assert counted.paths == []
    page.get_by_role("button", name=RESUME).click()
    counted.let_pass(2)
    assert counted.paths

    _hide(page, hidden=True)
    counted.paths.clear()
    counted.let_pass(SECONDS)
    assert counted.paths == []
    _hide(page, hidden=False)
    counted.let_pass(2)
    assert counted.paths


def _hide(page: Page, *, hidden: bool) -> None:
    state: Any = "hidden" if hidden else "visible"
    page.evaluate(
        """(state) => {
          Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
          Object.defineProperty(document, "hidden", { value: state === "hidden", configurable: true });
          document.dispatchEvent(new Event("visibilitychange", { bubbles: true }));
        }""",
        state,
    )
