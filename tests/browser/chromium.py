"""The browser of the tests, one for each process of theirs."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser import tools


@contextmanager
def running() -> Iterator[Browser]:
    """Chromium as the system brings it, without a window."""
    if missing := tools.missing():
        pytest.fail(f"The browser tests need {' and '.join(missing)}: {tools.HOW}.", pytrace=False)
    arguments = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
    arguments += ["--disable-component-update", "--disable-sync"]
    if os.geteuid() == 0:
        # Its sandbox is for those who aren't root.
        arguments.append("--no-sandbox")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=tools.chromium(), args=arguments)
        yield started
        started.close()
