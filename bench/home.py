"""What the first page costs, with the database of a running script/server.

    .venv/bin/python bench/home.py [--rounds 20] [--port 8000] [--data-dir .data]

Asks for the parts one after the other, as the page does, in this process, and with nothing cached when a round begins.
Prints of each how many queries it takes, how long the database was asked (median and longest, in milliseconds), and
which part of a core an open page costs it at the pace at which the part is refreshed. Then opens the page in Chromium,
where there is one, and prints how long it takes from the click until every part shows its numbers (median and longest).
"""

import argparse
import os
import re
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from first_line import PROJECT, read_environment

WARM_UP = 2
_PARTS = re.compile(r'hx-get="([^"]+)" hx-trigger="load, every (\d+)s')
# The part is there once what it asked for has settled; the clock begins with the navigation.
_LISTEN = """
    window.shown = new Set();
    document.addEventListener("htmx:afterSettle", (event) => {
      const part = event.target.closest("section[data-poll]");
      if (!part) return;
      shown.add(part.getAttribute("aria-label"));
      if (shown.size === document.querySelectorAll("section[data-poll]").length) window.allShown ??= performance.now();
    });
"""


def main() -> None:
    parser = argparse.ArgumentParser(description="What the first page costs.")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--data-dir", type=Path, default=PROJECT / ".data")
    options = parser.parse_args()
    os.environ.update(read_environment(options.data_dir.resolve() / "environment"))
    os.environ |= {"DJANGO_SETTINGS_MODULE": "opsconsole.settings", "OPS_LOG_LEVEL": "ERROR"}
    os.environ |= {"DJANGO_ALLOW_ASYNC_UNSAFE": "true"}  # Playwright's loop runs beside, and asks nothing
    sys.path.insert(0, str(PROJECT))
    import django

    django.setup()
    cost_of_parts(options.rounds)
    time_in_browser(options.rounds, options.port)


def cost_of_parts(rounds: int) -> None:
    from django.core.cache import cache

    client = logged_in()
    page = client.get("/admin/", headers={"host": "127.0.0.1"}).content.decode()
    found = {address: int(seconds) for address, seconds in _PARTS.findall(page)}
    # The sidebar's counts come last: they take what the parts have read.
    parts = {"/admin/": 0, **dict(sorted(found.items(), key=lambda part: part[1] == max(found.values())))}
    print(f"{'part':40} {'queries':>7} {'median':>7} {'longest':>7}   of a core")
    milliseconds: dict[str, list[float]] = {address: [] for address in parts}
    queries: dict[str, int] = {}
    for _ in range(rounds + WARM_UP):
        cache.clear()
        for address in parts:
            with asked() as times:
                answer = client.get(address, headers={"host": "127.0.0.1"})
            assert answer.status_code == 200, (address, answer.status_code)
            queries[address] = len(times)
            milliseconds[address].append(sum(times) * 1e3)
    total = 0.0
    for address, every in parts.items():
        counted = milliseconds[address][WARM_UP:]
        median = statistics.median(counted)
        share = median / 1e3 / every if every else 0.0
        total += share
        shown = f"{share:.2%}" if every else "–"
        print(f"{address:40} {queries[address]:7} {median:7.1f} {max(counted):7.1f}   {shown}")
    print(f"{'an open page':40} {'':7} {'':7} {'':7}   {total:.2%}")


def logged_in() -> Any:
    from django.contrib.auth.models import User
    from django.test import Client

    client = Client()
    client.force_login(User.objects.get(username="admin"))
    return client


@contextmanager
def asked() -> Iterator[list[float]]:
    """Collect how many seconds each query takes, its way there and back included."""
    from django.db import connection

    times: list[float] = []

    def measure(execute: Callable[..., Any], *arguments: Any) -> Any:
        began = time.perf_counter()
        try:
            return execute(*arguments)
        finally:
            times.append(time.perf_counter() - began)

    with connection.execute_wrapper(measure):
        yield times


def time_in_browser(rounds: int, port: int) -> None:
    from playwright.sync_api import sync_playwright

    from tests.browser import tools

    if tools.chromium() is None:
        print("No Chromium here: not looked at in a browser.")
        return
    cookies: list[Any] = [
        {"name": name, "value": morsel.value, "domain": "127.0.0.1", "path": "/"}
        for name, morsel in logged_in().cookies.items()
    ]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=tools.chromium(), args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        context.add_cookies(cookies)
        page = context.new_page()
        page.add_init_script(_LISTEN)
        taken = []
        for _ in range(rounds + WARM_UP):
            page.goto(f"http://127.0.0.1:{port}/admin/")
            taken.append(page.wait_for_function("window.allShown", timeout=60_000).json_value())
        browser.close()
    counted = taken[WARM_UP:]
    print(f"until every part shows its numbers: {statistics.median(counted):.0f} ms, at most {max(counted):.0f} ms")


if __name__ == "__main__":
    main()
