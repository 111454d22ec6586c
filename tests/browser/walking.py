"""A visit to every page that the URL resolver knows, and what was found on each."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from playwright.sync_api import Browser, Page

from tests.browser.conftest import PATIENCE_MS, open_as
from tests.browser.observing import Observed
from tests.browser.tools import AXE
from tests.privacy.walking import routes

# Success criteria of WCAG 2.1, levels A and AA, as axe-core tags its rules.
RULES: Final = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa")
# They end the visitor's session, or are no pages.
_AVOIDED: Final = ("admin/logout", "admin/r/", "static/")

_VIOLATIONS = """async (tags) => {
  const { violations } = await axe.run(document, { runOnly: tags, resultTypes: ["violations"] });
  return violations.map(({ id, nodes }) => ({ id, where: nodes.slice(0, 3).map((node) => node.html.slice(0, 200)) }));
}"""
# The parts of the page are loaded, scripts have run, and the API's docs are rendered.
_IS_DRAWN = """() => !document.querySelector('.htmx-request') && (!window.htmx || window.Alpine)
  && (!document.getElementById('docs') || document.querySelector('#docs .opblock'))"""
# Colors change at once. Scripts that follow the browser's color scheme hear of a new one with the next frame.
_STILL = """() => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync("*, *::before, *::after { transition: none !important }");
  document.adoptedStyleSheets.push(sheet);
}"""
_NEXT_FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
_OVERHANG = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@dataclass(frozen=True)
class Look:
    """How a page is looked at: on a screen of a size, in light or in dark."""

    size: Any
    scheme: Literal["light", "dark"]


LIGHT: Final = Look({"width": 1440, "height": 900}, "light")
DARK: Final = Look({"width": 390, "height": 844}, "dark")


@dataclass
class Walk:
    """What was found, by the address of the page."""

    violations: dict[str, list[Any]] = field(default_factory=dict)
    overhang: dict[str, int] = field(default_factory=dict)
    complaints: dict[str, list[str]] = field(default_factory=dict)
    pages: list[str] = field(default_factory=list)


def walk(browser: Browser, address: str, user: Any, *, looks: Sequence[Look] = (LIGHT, DARK)) -> Walk:
    """Visit every page as somebody who may see everything.

    Args:
        browser: with what.
        address: of the console.
        user: as whom.
        looks: in which looks each page is examined.
    """
    found = Walk()
    context = browser.new_context(base_url=address)
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    open_as(page, user)
    try:
        for url in _pages(page):
            observed = Observed(page, address)
            _visit(page, url, looks, found)
            found.pages.append(url)
            try:
                observed.check()
            except AssertionError as error:
                found.complaints[url] = [str(error)]
    finally:
        context.close()
    return found


def _visit(page: Page, url: str, looks: Sequence[Look], found: Walk) -> None:
    _take(page, looks[0])
    page.goto(url)
    page.wait_for_function(_IS_DRAWN)
    page.evaluate(_STILL)
    page.evaluate(AXE.read_text(encoding="utf-8"))
    for look in looks:
        if look is not looks[0]:
            _take(page, look)
            page.evaluate(_NEXT_FRAMES)
            page.wait_for_function(_IS_DRAWN)
        found.overhang[url] = max(found.overhang.get(url, 0), page.evaluate(_OVERHANG))
        if violations := page.evaluate(_VIOLATIONS, list(RULES)):
            found.violations.setdefault(url, []).append({look.scheme: violations})


def _take(page: Page, look: Look) -> None:
    page.set_viewport_size(look.size)
    page.emulate_media(color_scheme=look.scheme)


def _pages(page: Page) -> Iterator[str]:
    """Return the addresses of all pages: those that answer with a document of their own."""
    request = page.context.request
    for route in routes():
        if route.pattern.startswith(_AVOIDED):
            continue
        for urls in route.urls():
            for url in urls:
                answer = request.get(url, headers={"Accept": "text/html"}, max_redirects=0)
                if answer.status != 200:
                    break
                if answer.text().lstrip().lower().startswith("<!doctype html"):
                    yield url
