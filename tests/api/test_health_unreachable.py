"""GET /ops/health reports each server that can't be reached as a problem, and never fails because of it."""

import ssl
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from celery.backends.redis import RedisBackend
from kombu.connection import Connection
from rest_framework.test import APIClient

from devserver.postgres import Postgres
from devserver.redis import Redis
from jobs import gateway
from opsconsole.addresses import Reader, check_redis
from opsconsole.cache import OptionalRedisCache
from tests.api.cast import with_token
from tests.cast import make_user

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

CODES: dict[Reader, str] = {
    "broker": "broker_unreachable",
    "results": "broker_results_unreachable",
    "cache": "broker_cache_unreachable",
}
SEVERITIES: dict[Reader, str] = {"broker": "critical", "results": "critical", "cache": "warning"}
SOCKETS: dict[Reader, str] = {"broker": "redis+socket", "results": "redis+socket", "cache": "unix"}

ERRORS: list[Exception] = [
    ValueError("too many values to unpack (expected 2)"),
    KeyError("CERT_PERHAPS"),
    TypeError("unexpected keyword argument"),
    AttributeError("'NoneType' object has no attribute 'ping'"),
    ImportError("no such library"),
    AssertionError(),
    RuntimeError("Acquire on closed pool"),
    StopIteration(),
    UnicodeError("label empty or too long"),
    MemoryError(),
    ssl.SSLError("record layer failure"),
    redis.InvalidResponse("Protocol Error: b'x'"),
    redis.AuthenticationError("WRONGPASS"),
]


@pytest.fixture
def caller(db: None) -> APIClient:
    """A caller with a token who may see jobs."""
    return with_token(make_user("jo", "jobs.view_job"))


@pytest.fixture
def move(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Reader, str], None]]:
    """Change the address of a server: `move(reader, url)`."""

    def forget() -> None:
        gateway._publisher.cache_clear()
        gateway._reader.cache_clear()
        OptionalRedisCache._asked_again_at = 0.0

    def to(reader: Reader, url: str) -> None:
        if reader == "broker":
            settings.CELERY_BROKER_URL = url
            # Celery prefers this variable to the setting.
            monkeypatch.setenv("CELERY_BROKER_URL", url)
        elif reader == "results":
            settings.CORE_RESULT_BACKEND = url
        else:
            settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": [url]}}
        forget()

    yield to
    forget()


def unreachable(api: APIClient, reader: Reader) -> None:
    """Check that the answer names exactly the server that doesn't answer."""
    response = api.get("/ops/health")
    assert response.status_code == 200, response.content[:500]
    told = {reason["code"]: reason["severity"] for reason in response.json()["reasons"] if reason["part"] == "broker"}
    assert told == {CODES[reader]: SEVERITIES[reader]}
    assert response.json()["parts"]["broker"]["status"] == SEVERITIES[reader]
    assert api.get("/metrics").status_code != 500


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("reader", CODES)
def test_whatever_a_library_raises(
    caller: APIClient, monkeypatch: pytest.MonkeyPatch, reader: Reader, error: Exception
) -> None:
    def fail(*args: Any, **kwargs: Any) -> Any:
        raise error

    # The first call into each library.
    place: Any = {
        "broker": (Connection, "ensure_connection", fail),
        "results": (RedisBackend, "_params_from_url", fail),
        "cache": (OptionalRedisCache, "_cache", property(fail)),
    }
    gateway._reader.cache_clear()
    monkeypatch.setattr(*place[reader])
    try:
        unreachable(caller, reader)
    finally:
        gateway._reader.cache_clear()
        OptionalRedisCache._asked_again_at = 0.0


@pytest.mark.parametrize("reader", CODES)
@pytest.mark.parametrize(
    "place",
    [
        "redis://127.0.0.1:1/0",
        "redis://:secret@127.0.0.1:1",
        "redis://[::1]:1/0",
        "rediss://127.0.0.1:1/0?ssl_cert_reqs=required",
        "rediss://127.0.0.1:1/0?ssl_cert_reqs=none&ssl_ca_certs=/nowhere/ca.pem",
        "{socket}:///nowhere/redis.sock",
        # Another password, another user, a database that isn't there.
        "redis://:wrong@127.0.0.1:{port}/0",
        "redis://nobody:{password}@127.0.0.1:{port}/0",
        "redis://127.0.0.1:{port}/0",
        "redis://:{password}@127.0.0.1:{port}/9999",
        # Without TLS, and no Redis at all.
        "rediss://:{password}@127.0.0.1:{port}/0?ssl_cert_reqs=none",
        "redis://127.0.0.1:{postgres}/0",
    ],
)
def test_a_well_formed_address_that_can_not_be_reached(
    caller: APIClient,
    move: Callable[[Reader, str], None],
    redis_server: Redis,
    postgres: Postgres,
    reader: Reader,
    place: str,
) -> None:
    url = place.format(
        socket=SOCKETS[reader], port=redis_server.port, password=redis_server.password, postgres=postgres.port
    )
    check_redis("ADDRESS", url, reader=reader)
    move(reader, url)
    unreachable(caller, reader)


def test_all_three_are_well_where_they_answer(caller: APIClient) -> None:
    assert caller.get("/ops/health").json()["parts"]["broker"] == {"status": "ok"}


def test_without_a_result_back_end_and_a_cache_neither_is_missed(caller: APIClient, settings: Any) -> None:
    settings.CORE_RESULT_BACKEND = ""
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    assert caller.get("/ops/health").json()["parts"]["broker"] == {"status": "ok"}
