"""The Ops page as Next.js serves its production build, in a browser, on the real console."""

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from django.db import connection
from playwright.sync_api import Browser, Page, expect

from demo.core_login import CoreLogin
from demo.core_rows import connect
from demo.core_users import ensure_user
from devserver import front_end as front_end_build
from devserver import loopback
from devserver.demo_users import ensure_role
from devserver.postgres import Postgres
from devserver.readiness import answers
from opsconsole.core_sessions import CoreUserLink
from opsconsole.permissions import OPERATORS, VIEWERS
from tests.api.test_core_session import make_core_session, make_core_user
from tests.processes import Child
from tests.statements.recorder import FOLDER
from tests.waiting import wait_until
from tests.web.relay import Relay
from tests.web.serving import serving
from tests.web.windows import PATIENCE_MS, Windows

# Django refuses its ORM to a thread in which an event loop runs. Playwright's runs in this one, between its calls only.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

expect.set_options(timeout=PATIENCE_MS)

PASSWORD = "correct horse battery"
# As in the core, only quicker.
HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@dataclass(frozen=True)
class Console:
    """The console's web process."""

    child: Child
    port: int

    @property
    def address(self) -> str:
        """Where it answers."""
        return f"http://{loopback.HOST}:{self.port}"


def start_console(start: Callable[..., Child], port: int | None = None, **environment: str) -> Console:
    """Start the console, served by gunicorn, and return it once it answers.

    Args:
        start: starts a process, as the fixture `start_child` does.
        port: where it listens; a free port by default.
        environment: what it is set to, beyond what all tests have.
    """
    port = port or loopback.free_port()
    command = ["-m", "gunicorn", "opsconsole.wsgi:application", "--config", "gunicorn.conf.py", "--workers", "1"]
    # A browser puts filters together freely: their statements aren't compared between the variants.
    child = start("console", *command, PORT=str(port), **{FOLDER: ""}, **environment)
    wait_until(lambda: answers(port, "/readyz"))
    return Console(child, port)


# --- the servers --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def relay() -> Iterator[Relay]:
    """What the front end takes for the core, console included."""
    started = Relay()
    yield started
    started.stop()


@pytest.fixture(scope="session")
def served(relay: Relay, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the front end: its production build, made once per checkout, and one server for all tests."""
    front_end_build.make(front_end_build.FOLDER)
    with serving(relay.address, tmp_path_factory.mktemp("front-end") / "next.log") as address:
        yield address


@pytest.fixture(scope="session")
def backup_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where backups go."""
    return tmp_path_factory.mktemp("backups")


@pytest.fixture(scope="session")
def shared_console(
    django_db_setup: None, postgres: Postgres, backup_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Console]:
    """The console, one for all tests that don't stop it; what it keeps in its process is seconds old at the most."""
    log = tmp_path_factory.mktemp("console") / "console.log"
    database = {"DATABASE_URL": postgres.url(connection.settings_dict["NAME"])}

    def start(name: str, *argv: str, **environment: str) -> Child:
        return Child(name, argv, {**database, **environment}, log)

    started = start_console(start, OPS_BACKUP_DIR=str(backup_folder))
    yield started
    started.child.stop(grace=5.0)


@pytest.fixture
def console(shared_console: Console, transactional_db: None, request: pytest.FixtureRequest) -> Iterator[str]:
    """The console's address; its log is shown when the test fails."""
    failed_before = request.session.testsfailed
    yield shared_console.address
    if request.session.testsfailed > failed_before:
        sys.stdout.write(shared_console.child.output[-20_000:])


@pytest.fixture
def front_end(served: str, relay: Relay, postgres: Postgres, console: str) -> str:
    """The front end's address, in front of the console and the stand-in for the core's login."""
    relay.lead_to(CoreLogin(postgres.url(connection.settings_dict["NAME"]), HASHER), console)
    return served


# --- people -------------------------------------------------------------------------------------------------------


@pytest.fixture
def olivia(front_end: str, postgres: Postgres) -> str:
    """The name of a user of the core's who has a password, and may do what operators may."""
    return _somebody("olivia", OPERATORS, postgres)


@pytest.fixture
def victor(front_end: str, postgres: Postgres) -> str:
    """The name of one who may only look."""
    return _somebody("victor", VIEWERS, postgres)


@pytest.fixture
def nobody(front_end: str, postgres: Postgres) -> str:
    """The session of a user of the core's whose role was taken away."""
    name = _somebody("norma", VIEWERS, postgres)
    CoreUserLink.objects.get(core_user__username=name).user.groups.clear()
    return session_of(name)


def _somebody(name: str, group: str, postgres: Postgres) -> str:
    with connect(postgres.url(connection.settings_dict["NAME"])) as core:
        ensure_user(core, name, PASSWORD, HASHER)
    ensure_role(name, group)
    return name


# --- windows ------------------------------------------------------------------------------------------------------


@pytest.fixture
def windows(browser: Browser, front_end: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Windows]:
    """Open windows, each of a browser of its own: `windows.open(session)`; nothing may go wrong in them unsaid."""
    failed_before = request.session.testsfailed
    opened = Windows(browser, front_end)
    yield opened
    if request.session.testsfailed > failed_before:
        opened.picture(tmp_path)
        opened.close()
    else:
        opened.close()
        opened.check()


@pytest.fixture
def session(front_end: str) -> str:
    """The session of an operator who has logged in."""
    return make_core_session(make_core_user("olga"))


@pytest.fixture
def as_operator(windows: Windows, session: str) -> Page:
    """The window of an operator who has logged in."""
    return windows.open(session)


@pytest.fixture
def as_viewer(windows: Windows, victor: str) -> Page:
    """The window of somebody who may only look and has logged in."""
    return windows.open(session_of(victor))


def session_of(name: str) -> str:
    """Return a new session of a user of the core's."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM local_users WHERE username = %s", [name])
        (user,) = cursor.fetchone()
    return make_core_session(user)
