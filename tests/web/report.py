"""Measures a front end that runs (`script/web-report`), and prints what it found. Nothing here is a gate."""

import argparse
import http.client
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final
from urllib.parse import urlsplit

from playwright.sync_api import Page, Request

from tests.browser import tools
from tests.browser.chromium import running
from tests.web import lighthouse, sizes

PANELS: Final = ("Sync", "Backfill", "Jobs", "Sync status", "Backups")
PAGES: Final = ("/", "/login", "/ops")
MINUTE_SECONDS: Final = 60
PAIRS: Final = 200
# Asked for by both ways; quickly answered, so that what differs is the way.
PATH: Final = "/ops/meta"
_HIDE: Final = """() => {
  Object.defineProperty(document, "visibilityState", { value: "hidden", configurable: true });
  Object.defineProperty(document, "hidden", { value: true, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


def main() -> int:
    """Measure and print; returns the exit code."""
    parser = argparse.ArgumentParser(prog="script/web-report", allow_abbrev=False)
    parser.add_argument("address", help="of the front end, such as http://127.0.0.1:3000")
    parser.add_argument("session", help="value of the cookie session of somebody who has logged in")
    parser.add_argument("--console", help="the console's own address: also measure what the forwarder adds")
    parser.add_argument(
        "--backfill", action="store_true", help="also count requests during a backfill: this starts one"
    )
    parser.add_argument("--runs", type=int, default=5, help="of Lighthouse")
    given = parser.parse_args()
    address = given.address.rstrip("/")

    _print_lighthouse(lighthouse.run(f"{address}/ops", given.session, given.runs))
    if given.console:
        _print_overhead(address, given.console.rstrip("/"), given.session)
    with running() as browser:

        @contextmanager
        def window() -> Iterator[Page]:
            context = browser.new_context(base_url=address, viewport={"width": 1440, "height": 900})
            context.set_default_timeout(120_000)
            cookie = {"name": "session", "value": given.session, "url": address}
            context.add_cookies([cookie])  # type: ignore[list-item]
            yield context.new_page()
            context.close()

        with window() as page:
            _print_axe(page)
        for path in PAGES:
            with window() as page:
                found = sizes.scripts_of(page, path)
                _say(f"JavaScript of {path}: {sum(found.values()):,} bytes gzipped in {len(found)} files")
        with window() as page:
            _say(f"JavaScript of /ops beyond /: {sizes.added_bytes(page, '/ops'):,} bytes gzipped")
        with window() as page:
            page.goto("/ops")
            page.wait_for_load_state("networkidle")
            _print_requests(page, "idle and visible")
            if given.backfill:
                _print_requests(page, "during a backfill", _start_backfill)
            page.evaluate(_HIDE)
            _print_requests(page, "hidden")
    return 0


def _print_lighthouse(verdicts: list[lighthouse.Verdict]) -> None:
    for category in ("accessibility", "best-practices", "performance"):
        scores = [verdict.scores[category] or 0 for verdict in verdicts]
        _say(f"Lighthouse, {category}: {statistics.median(scores):g} (runs: {', '.join(map(str, scores))})")
    for audit in {audit["id"]: audit for verdict in verdicts for audit in verdict.failed}.values():
        _say(f"  not passed: {audit['id']}: {audit['title']}")


def _print_axe(page: Page) -> None:
    page.goto("/ops")
    page.wait_for_load_state("networkidle")
    page.add_script_tag(path=tools.AXE)
    for name in PANELS:
        panel = page.get_by_role("region", name=name, exact=True).element_handle()
        result = page.evaluate("(panel) => axe.run(panel)", panel)
        faults = [f"{one['id']} ({len(one['nodes'])})" for one in result["violations"]]
        _say(f"axe, {name}: {', '.join(faults) or 'no violations'}; {len(result['passes'])} rules passed")


def _print_requests(page: Page, words: str, start: Callable[[Page], None] = lambda page: None) -> None:
    """Count for a minute what the page asks by itself."""
    counted: Counter[str] = Counter()

    def note(request: Request) -> None:
        counted[f"{request.method} {urlsplit(request.url).path.removeprefix('/api/core')}"] += 1

    start(page)
    page.on("request", note)
    page.wait_for_timeout(1_000 * MINUTE_SECONDS)
    page.remove_listener("request", note)
    which = ", ".join(f"{path} {count}" for path, count in counted.most_common())
    _say(f"Requests per minute, {words}: {counted.total()}{f' ({which})' if which else ''}")


def _start_backfill(page: Page) -> None:
    panel = page.get_by_role("region", name="Backfill", exact=True)
    panel.get_by_role("button", name="Backfill all identities").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Backfill all identities").click()


def _print_overhead(address: str, console: str, session: str) -> None:
    """Ask alternately through the forwarder and directly, each over a connection that stays."""
    ways = {"forwarded": (address, f"/api/core{PATH}"), "direct": (console, PATH)}
    connections = {name: http.client.HTTPConnection(urlsplit(base).netloc) for name, (base, _path) in ways.items()}
    took: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(PAIRS):
        for name, (_base, path) in ways.items():
            began = time.perf_counter()
            connections[name].request("GET", path, headers={"Cookie": f"session={session}"})
            answer = connections[name].getresponse()
            answer.read()
            took[name].append(1_000 * (time.perf_counter() - began))
            if answer.status != http.client.OK:
                _say(f"{name}: GET {path} was answered with {answer.status}; nothing was measured.")
                return
    forwarded, direct = (statistics.median(took[name]) for name in ways)
    added = statistics.median(one - other for one, other in zip(took["forwarded"], took["direct"], strict=True))
    _say(f"GET {PATH}, median of {PAIRS}: {forwarded:.1f} ms forwarded, {direct:.1f} ms direct, {added:.1f} ms added")


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 -- that is what it is for


if __name__ == "__main__":
    sys.exit(main())
