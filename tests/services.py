"""A pytest plugin: the tests' own PostgreSQL and Redis.

Loaded with `-p tests.services`, because the settings read the environment when they are imported, and pytest-django
imports them before any conftest is. When the servers can't start, the run fails; there is nothing to skip to.
"""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from devserver.errors import StartError
from devserver.postgres import Postgres
from devserver.redis import Redis

BROKER, RESULTS, CACHE = 0, 1, 2
"""Numbers of the Redis databases."""


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
            "OPS_SECRET_KEY": "only-for-tests-" + "x" * 50,
            "OPS_DEBUG": "0",
            "OPS_SECURE": "0",
            "OPS_DEMO": "0",
            "OPS_ALLOWED_HOSTS": "testserver,127.0.0.1,localhost",
            "OPS_CSRF_TRUSTED_ORIGINS": "",
            "OPS_DATABASE_SCHEMA": "opsconsole",
            "OPS_DATABASE_POOL_SIZE": "0",
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


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --variant and --machine-minutes."""
    parser.addoption(
        "--variant", choices=("plain", "native"), default="plain", help="of the core's tables (default: plain)"
    )
    parser.addoption(
        "--machine-minutes", type=float, default=0, help="try random lives of jobs for so long, beside the fixed ones"
    )
    parser.addoption(
        "--fuzz-seconds", type=int, default=60, help="make up requests to the API for so long (default: 60)"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Start the servers before Django's settings are read."""
    try:
        services = Services()
    except StartError as error:
        raise pytest.UsageError(str(error)) from error
    early_config.stash[services_key] = services
    early_config.add_cleanup(services.stop)
    os.environ.update(services.environment())
