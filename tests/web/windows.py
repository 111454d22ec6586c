"""Windows on the Ops page, and what happens in them beside what is seen."""

from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, Page, Response, expect

from devserver import loopback
from tests.browser.observing import Observed
from tests.waiting import PATIENCE

# Milliseconds: a busy machine takes its time.
PATIENCE_MS: Final = 1_000 * PATIENCE
LARGE: Final[Any] = {"width": 1440, "height": 900}
PAUSE: Final = "Pause updates"
RESUME: Final = "Resume updates"
SMALL: Final[Any] = {"width": 390, "height": 844}

_NOTE_SHIFTS = """
  window.shifts = [];
  new PerformanceObserver((list) => {
    for (const { value, hadRecentInput, sources } of list.getEntries())
      if (!hadRecentInput)
        window.shifts.push({ value, moved: sources.map(({ node }) => node?.outerHTML?.slice(0, 120) ?? node?.data) });
  }).observe({ type: "layout-shift", buffered: true });
"""


class Windows:
    """The windows of one test, each of a browser of its own."""

    def __init__(self, browser: Browser, address: str) -> None:
        """Begin without any.

        Args:
            browser: which one.
            address: the front end's.
        """
        self._browser = browser
        self._address = address
        self._watched: dict[Page, Watched] = {}

    def open(self, session: str | None = None, **options: Any) -> Page:
        """Open one.

        Args:
            session: the core's session, as its login gives it to the browser; None: not logged in.
            options: of the browser's context, such as its size.
        """
        options = {"viewport": LARGE, "color_scheme": "light", **options}
        context = self._browser.new_context(base_url=self._address, **options)
        context.set_default_timeout(PATIENCE_MS)
        context.add_init_script(_NOTE_SHIFTS)
        if session is not None:
            context.add_cookies([{"name": "session", "value": session, "domain": loopback.HOST, "path": "/"}])
        page = context.new_page()
        self._watched[page] = Watched(page, self._address)
        return page

    def watched(self, page: Page) -> "Watched":
        """Return what has happened in a window."""
        return self._watched[page]

    def check(self) -> None:
        """Raise AssertionError unless all is well in all of them."""
        for watched in self._watched.values():
            watched.check()

    def picture(self, folder: Path) -> None:
        """Leave a picture of each in a folder."""
        for number, page in enumerate(self._watched):
            page.screenshot(path=folder / f"page-{number}.png", full_page=True)

    def close(self) -> None:
        """Close them."""
        for page in self._watched:
            page.context.close()


class Watched(Observed):
    """Errors of scripts, hydration warnings among them, and requests to other hosts."""

    def _answered(self, response: Response) -> None:
        """Answer nothing: the policy for scripts is the host application's."""


def visit(page: Page, address: str) -> Response:
    """Open the Ops page, wait until scripts have taken over what the server has drawn, and return the server's answer.

    A click before that is lost.
    """
    answer = page.goto(address)
    assert answer is not None
    # Hidden where the address opens a dialog over it.
    expect(page.locator("button", has_text=PAUSE)).to_be_enabled()
    return answer


def shifts(page: Page) -> list[Any]:
    """Return what has moved by itself since the page was opened."""
    found: list[Any] = page.evaluate("window.shifts")
    return found


def panel(page: Page, name: str) -> Any:
    """Return a panel by its heading."""
    return page.get_by_role("region", name=name, exact=True)
