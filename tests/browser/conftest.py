"""A browser in front of the console as gunicorn serves it, with the database, Redis and static files for real."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, expect

from devserver import loopback
from devserver.readiness import answers
from opsconsole.permissions import OPERATORS, VIEWERS
from tests.api.cast import log_in, make_staff
from tests.browser.observing import Observed
from tests.processes import PROJECT, Child
from tests.waiting import PATIENCE, wait_until

# Django refuses its ORM to a thread in which an event loop runs. Playwright's runs in this one, between its calls only.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

# Milliseconds: parts of pages come after them, and a busy machine takes its time.
PATIENCE_MS = 1_000 * PATIENCE
expect.set_options(timeout=PATIENCE_MS)

Start = Callable[..., Child]


@pytest.fixture(scope="session")
def static_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The static files as `collectstatic` leaves them in production."""
    root = tmp_path_factory.mktemp("static")
    command = [sys.executable, "manage.py", "collectstatic", "--no-input", "--verbosity", "0"]
    subprocess.run(command, cwd=PROJECT, env={**os.environ, "OPS_STATIC_ROOT": str(root)}, check=True)
    return root


@pytest.fixture
def environment() -> dict[str, str]:
    """What the console's processes are set to, beyond what all tests have; for a test to override."""
    return {}


@pytest.fixture
def address(start_child: Start, static_root: Path, environment: dict[str, str]) -> str:
    """The address of the console, served by gunicorn as the Procfile has it."""
    return serve(start_child, OPS_STATIC_ROOT=str(static_root), **environment)


def serve(start: Start, **environment: str) -> str:
    """Start gunicorn and return its address once it answers.

    Args:
        start: starts a process, as the fixture `start_child` does.
        environment: what it is set to, beyond what all tests have.
    """
    port = loopback.free_port()
    command = ["-m", "gunicorn", "opsconsole.wsgi:application", "--config", "gunicorn.conf.py", "--workers", "1"]
    start("web", *command, PORT=str(port), **environment)
    wait_until(lambda: answers(port, "/readyz"))
    return f"http://{loopback.HOST}:{port}"


@pytest.fixture
def context(browser: Browser, address: str) -> Iterator[BrowserContext]:
    """A browser that has been nowhere yet; relative addresses are the console's."""
    made = browser.new_context(base_url=address, viewport={"width": 1440, "height": 900}, color_scheme="light")
    made.set_default_timeout(PATIENCE_MS)
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Page]:
    """A window, of which a failed test leaves a picture."""
    failed_before = request.session.testsfailed
    made = context.new_page()
    yield made
    if request.session.testsfailed > failed_before:
        made.screenshot(path=tmp_path / "page.png", full_page=True)


@pytest.fixture
def observed(page: Page, address: str) -> Iterator[Observed]:
    """What happens beside what is seen; at the end of each test nothing may have gone wrong."""
    seen = Observed(page, address)
    yield seen
    seen.check()


@pytest.fixture
def operator(transactional_db: None) -> User:
    """Somebody who may do everything that an operator does."""
    return make_staff("olivia", OPERATORS)


@pytest.fixture
def as_operator(operator: User, page: Page, observed: Observed) -> Page:
    """The window of an operator who has logged in."""
    open_as(page, operator)
    return page


@pytest.fixture
def as_viewer(transactional_db: None, page: Page, observed: Observed) -> Page:
    """The window of somebody who may only look and has logged in."""
    open_as(page, make_staff("victor", VIEWERS))
    return page


@pytest.fixture
def as_root(transactional_db: None, page: Page, observed: Observed) -> Page:
    """The window of an administrator who has logged in."""
    open_as(page, make_staff("root", is_superuser=True))
    return page


def open_as(page: Page, user: User) -> None:
    """Give the browser the session of a user."""
    client = Client()
    log_in(client, user)
    page.context.add_cookies(
        [
            {"name": name, "value": morsel.value, "domain": loopback.HOST, "path": "/"}
            for name, morsel in client.cookies.items()
        ]
    )
