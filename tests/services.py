"""A pytest plugin: the tests' own PostgreSQL and Redis; each process of pytest-xdist has its own.

Loaded with `-p tests.services`, because the settings read the environment when they are imported, and pytest-django
imports them before any conftest is. When the servers can't start, the run fails; there is nothing to skip to.
"""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any, Final

import pytest

from devserver.errors import StartError
from devserver.postgres import Postgres
from devserver.redis import Redis

BROKER, RESULTS, CACHE = 0, 1, 2
"""Numbers of the Redis databases."""

_SETTINGS: Final = {
    "OPS_SECRET_KEY": "only-for-tests-" + "x" * 50,
    "OPS_DEBUG": "0",
    "OPS_SECURE": "0",
    "OPS_DEMO": "0",
    "OPS_ALLOWED_HOSTS": "testserver,127.0.0.1,localhost",
    "OPS_CSRF_TRUSTED_ORIGINS": "",
    "OPS_DATABASE_SCHEMA": "opsconsole",
    "OPS_DATABASE_POOL_SIZE": "0",
}
# Nothing listens on port 1.
_NO_SERVERS: Final = {
    "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
    "CELERY_BROKER_URL": "redis://127.0.0.1:1/0",
}


class Services:
    """The two servers, in a folder of their own."""

    def __init__(self) -> None:
        """Start both.

        Raises:
            StartError: One doesn't start; nothing is left of the other.
        """
        self.folder = Path(tempfile.mkdtemp(prefix="opsconsole-tests-"))
        # Where nothing was collected: whitenoise warns of a folder that isn't there.
        (self.folder / "static").mkdir()
        self.postgres = Postgres(self.folder / "postgres", durable=False)
        self.redis = Redis(self.folder / "redis", durable=False)
        try:
            self.postgres.start()
            self.redis.start()
        except BaseException:
            self.stop()
            raise

    def environment(self) -> dict[str, str]:
        """Return the environment variables that point the console at the servers."""
        return {
            **_SETTINGS,
            "OPS_STATIC_ROOT": str(self.folder / "static"),
            "DATABASE_URL": self.postgres.url(),
            "CELERY_BROKER_URL": self.redis.url(BROKER),
            "CORE_RESULT_BACKEND": self.redis.url(RESULTS),
            "OPS_CACHE_URL": self.redis.url(CACHE),
        }

    def stop(self) -> None:
        """Stop both and remove what they kept."""
        self.redis.stop()
        self.postgres.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


services_key = pytest.StashKey[Services]()
_lost_key = pytest.StashKey[bool]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the tests."""
    parser.addoption(
        "--variant", choices=("plain", "native"), default="plain", help="variant of the core's tables (default: plain)"
    )
    parser.addoption(
        "--machine-minutes", type=float, default=0, help="minutes of random job lifecycles, instead of the fixed ones"
    )
    parser.addoption("--fuzz-seconds", type=int, default=20, help="seconds to fuzz the API (default: 20)")
    parser.addoption("--fast", action="store_true", help="skip tests that start processes or a browser, or are slow")
    parser.addoption("--no-browser", action="store_true", help="skip tests that need a browser")
    parser.addoption("--every-variant", action="store_true", help="run every test, whatever tests/variants.py says")


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Start the servers before Django's settings are read."""
    # Dev mode is already on in this process. The processes that tests start don't need it.
    os.environ.pop("PYTHONDEVMODE", None)
    if getattr(early_config.known_args_namespace, "numprocesses", None) and "PYTEST_XDIST_WORKER" not in os.environ:
        # This process only hands out tests to the others.
        os.environ.update(_SETTINGS | _NO_SERVERS)
        return
    try:
        services = Services()
    except StartError as error:
        raise pytest.UsageError(str(error)) from error
    early_config.stash[services_key] = services
    early_config.add_cleanup(services.stop)
    os.environ.update(services.environment())


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Notice a process of pytest-xdist that could not start, or died."""
    if not hasattr(node, "workeroutput"):
        node.config.stash[_lost_key] = True


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Fail where a process was lost: pytest-xdist goes on with the others, or without any."""
    if session.config.stash.get(_lost_key, False) and exitstatus in {
        pytest.ExitCode.OK,
        pytest.ExitCode.NO_TESTS_COLLECTED,
    }:
        session.exitstatus = pytest.ExitCode.INTERNAL_ERROR
