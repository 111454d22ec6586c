"""What all tests share: the database in the variant asked for, a clean slate after each, processes on demand."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
import redis
from django.conf import settings
from django.db import connection
from django.test import TransactionTestCase

# Its signals affect tasks that a test runs in its own process, so load it for every test.
import opsconsole.celery  # noqa: F401
from devserver.postgres import Postgres
from devserver.readiness import SAYS_READY
from devserver.redis import Redis
from identities import sync_results
from identities.counting import advance, recount
from jobs import operations, pulse, throughput
from jobs.error_groups import forgetting, ledger_rows
from jobs.matching import carrying_out
from opsconsole.cache import OptionalRedisCache
from opsconsole.schema import enums
from opsconsole.schema.ddl import create_tables
from opsconsole.schema.enums import AllowedValues
from opsconsole.verdict import recent
from tests import database
from tests.processes import Child
from tests.services import BROKER, CACHE, RESULTS, services_key
from tests.variants import runs_on
from tests.waiting import PATIENCE
from tests.waiting import wait_until as _wait_until

_TEMPLATE = "core_template"
# Columns whose possible values the console reads from the database.
_ASKED_ABOUT = (("jobs", "status"), ("backup_runs", "kind"), ("backup_runs", "status"), ("restore_tests", "status"))
_NOT_IN_A_FAST_RUN = ("processes", "browser", "slow")
_STARTS_PROCESSES = frozenset({"start_child", "supervisor", "world"})

children_key = pytest.StashKey[list[Child]]()


# --- the servers --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def postgres(pytestconfig: pytest.Config) -> Postgres:
    """The tests' PostgreSQL server."""
    return pytestconfig.stash[services_key].postgres


@pytest.fixture(scope="session")
def redis_server(pytestconfig: pytest.Config) -> Redis:
    """The tests' Redis server; whoever stops it starts it again."""
    return pytestconfig.stash[services_key].redis


@pytest.fixture(scope="session")
def variant(pytestconfig: pytest.Config) -> str:
    """The variant of the core's tables that this run is about."""
    return str(pytestconfig.getoption("--variant"))


@pytest.fixture
def core_database(postgres: Postgres) -> Iterator[str]:
    """The libpq URL of a database of the test's own, empty, dropped afterwards."""
    name = f"core_{uuid4().hex[:12]}"
    postgres.create_database(name)
    yield postgres.url(name)
    postgres.drop_database(name)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """The browser, the same one for tests of the console's own pages and of the front end's.

    Playwright can run only once in a process. It is imported here, since most tests need none.
    """
    from tests.browser.chromium import running

    with running() as started:
        yield started


# --- Django's test database ---------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def django_db_modify_db_settings(postgres: Postgres, variant: str) -> None:
    """Have the test database made from one that holds the core's tables: they are there before Django migrates."""
    postgres.create_database(_TEMPLATE)
    with psycopg.connect(postgres.url(_TEMPLATE), autocommit=True) as server, server.cursor() as cursor:
        create_tables(cursor, variant)
    settings.DATABASES["default"].setdefault("TEST", {})["TEMPLATE"] = _TEMPLATE
    connection.settings_dict.setdefault("TEST", {})["TEMPLATE"] = _TEMPLATE


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Have each test that commits leave the database as it was after migrating."""
    with django_db_blocker.unblock():
        database.remember()
        # Asked once for all tests: counts of queries must not depend on when somebody asked last.
        values = AllowedValues(lifetime=float("inf"))
        for table, column in _ASKED_ABOUT:
            values.of(table, column)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(enums, "_shared", values)
        for module in (pulse, throughput, recent):
            patch.setattr(module, "KEPT_SECONDS", PATIENCE)
        # On a busy machine, work can take longer than its time limit, and its rest would be left for the next call.
        for module in (advance, forgetting, ledger_rows, recount, sync_results):
            patch.setattr(module, "BUDGET_SECONDS", PATIENCE)
        for module in (carrying_out, operations):
            patch.setattr(module, "HAND_OVER_SECONDS", PATIENCE)
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda self: database.restore())
        yield


# Kombu declares a queue once per connection and remembers that it did; without its binding in Redis it would go on to
# publish into nothing.
_EMPTY_REDIS = """
for _, number in ipairs(ARGV) do
    redis.call('SELECT', number)
    for _, key in ipairs(redis.call('KEYS', '*')) do
        if string.sub(key, 1, 15) ~= '_kombu.binding.' then redis.call('DEL', key) end
    end
end
"""


@pytest.fixture(scope="session")
def _redis_client(redis_server: Redis) -> Iterator[redis.Redis]:
    """One connection for all tests: connecting takes longer than emptying Redis."""
    with closing(redis.Redis.from_url(redis_server.url(BROKER))) as client:
        yield client


@pytest.fixture(autouse=True)
def _empty_redis_after(redis_server: Redis, _redis_client: redis.Redis) -> Iterator[None]:
    """Empty Redis after each test."""
    yield
    if redis_server.running:
        _redis_client.eval(_EMPTY_REDIS, 0, BROKER, RESULTS, CACHE)
        # A test that had stopped it leaves no pause to the next one.
        OptionalRedisCache._asked_again_at = 0.0


# --- processes ----------------------------------------------------------------------------------------------------

StartChild = Callable[..., Child]


@pytest.fixture
def start_child(request: pytest.FixtureRequest, transactional_db: None, tmp_path: Path) -> Iterator[StartChild]:
    """Start processes of the console on the test's database: `start_child(name, *argv, **environment)`.

    They are stopped at the end of the test; their logs are shown when it fails.
    """
    children: list[Child] = []
    request.node.stash[children_key] = children

    def start(name: str, *argv: str, **environment: str) -> Child:
        url = request.config.stash[services_key].postgres.url(connection.settings_dict["NAME"])
        log = tmp_path / f"{len(children)}-{name}.log"
        child = Child(name, argv, {"DATABASE_URL": url, **environment}, log)
        children.append(child)
        return child

    yield start
    for child in children:
        child.ask_to_stop()
    for child in children:
        child.stop(grace=5.0)


@pytest.fixture
def core_worker(start_child: StartChild, tmp_path: Path) -> StartChild:
    """Start the stand-in for the core's worker, ready to work: `core_worker(**environment)`."""

    def start(**environment: str) -> Child:
        environment.setdefault("DEMO_ARCHIVE_DIR", str(tmp_path / "archive"))
        environment.setdefault("DEMO_PAGES_PER_SECOND", "100")
        queues = "ingest,messages,maintenance,celery"
        return _start_worker(start_child, "core", "demo.core_worker", queues, 2, environment)

    return start


@pytest.fixture
def console_worker(start_child: StartChild) -> StartChild:
    """Start the console's worker, ready to work: `console_worker(queues=…, concurrency=1, **environment)`."""

    def start(*, queues: str = "opsconsole", concurrency: int = 1, **environment: str) -> Child:
        return _start_worker(start_child, "worker", "opsconsole", queues, concurrency, environment)

    return start


@pytest.fixture
def sweeper(start_child: StartChild) -> StartChild:
    """Start a sweeper: `sweeper(*options, **environment)`."""

    def start(*options: str, **environment: str) -> Child:
        child = start_child("sweeper", "manage.py", "run_sweeper", *options, **environment)
        child.wait_for(SAYS_READY["sweeper"])
        return child

    return start


@pytest.fixture
def beat(start_child: StartChild) -> StartChild:
    """Start beat: `beat(**environment)`."""

    def start(**environment: str) -> Child:
        argv = ["-m", "celery", "--quiet", "--app", "opsconsole", "beat", "--pidfile=", "--loglevel", "INFO"]
        argv += ["--scheduler", "django_celery_beat.schedulers:DatabaseScheduler"]
        child = start_child("beat", *argv, **environment)
        child.wait_for(SAYS_READY["beat"])
        return child

    return start


def _start_worker(
    start_child: StartChild, name: str, app: str, queues: str, concurrency: int, environment: dict[str, str]
) -> Child:
    argv = ["-m", "celery", "--quiet", "--app", app, "worker", "--queues", queues, "--loglevel", "INFO"]
    # A name of its own: several may run at once.
    argv += ["--hostname", f"{name}-{uuid4().hex[:8]}@%h", "--concurrency", str(concurrency)]
    argv += ["--without-gossip", "--without-mingle"]
    child = start_child(name, *argv, **environment)
    child.wait_for(SAYS_READY[name])
    return child


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark a test that starts processes."""
    if not _STARTS_PROCESSES.isdisjoint(getattr(item, "fixturenames", ())):
        item.add_marker("processes")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the tests that don't run here, and begin with the long ones."""
    chosen: list[pytest.Item] = []
    others: list[pytest.Item] = []
    left_out: tuple[str, ...] = () if config.getoption("--every-variant") else ("soak",)
    if config.getoption("--fast"):
        left_out += _NOT_IN_A_FAST_RUN
    if config.getoption("--no-browser"):
        left_out += ("browser",)
    for item in items:
        here = config.getoption("--every-variant") or runs_on(item, config.getoption("--variant"))
        (chosen if here and not any(map(item.get_closest_marker, left_out)) else others).append(item)
    config.hook.pytest_deselected(items=others)
    # Run long tests first: at the end, the other processes would have no work.
    items[:] = sorted(chosen, key=lambda item: item.get_closest_marker("long") is None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """Show the logs of a failed test's processes."""
    report = yield
    if report.failed:
        for child in item.stash.get(children_key, []):
            report.sections.append((f"log of {child.name}", child.output[-20_000:]))
    return report


@pytest.fixture
def wait_until() -> Callable[..., Any]:
    """`tests.waiting.wait_until`."""
    return _wait_until
