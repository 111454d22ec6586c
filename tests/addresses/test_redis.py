"""Redis addresses: the console refuses invalid ones when it starts, and those that it accepts work."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import quote

import pytest
import redis
from celery import Celery
from django.core.exceptions import ImproperlyConfigured

from jobs import gateway
from opsconsole import cache
from opsconsole.addresses import Reader, check_redis
from tests.processes import PROJECT
from tests.services import BROKER, CACHE, RESULTS, Services, services_key
from tests.waiting import PATIENCE

SECRET = "hunter2"
NAMES: dict[Reader, str] = {"broker": "CELERY_BROKER_URL", "results": "CORE_RESULT_BACKEND", "cache": "OPS_CACHE_URL"}
READERS = tuple(NAMES)
TLS = "?ssl_cert_reqs=required"

# Addresses that all three readers refuse, each with a part of the error.
REFUSED = {
    "redis://:hunter2@x@host:6379/0": "%40",
    "redis://:hunter2#x@host:6379/0": "%23",
    "redis://:hunter2/x@host:6379/0": "%2F",
    "redis://:hunter2?x@host:6379/0": "%3F",
    # The start of the password looks like a port.
    "redis://user:1234#hunter2@host:6379/0": "%23",
    "redis://user:1234/hunter2@host:6379/0": "%2F",
    "redis://user:1234?hunter2@host:6379/0": "%3F",
    "redis://:hunter2[@host:6379/0": "%5B",
    "redis://:hunter2 x@host:6379/0": "%20",
    "redis://:hunter2@host:6379/0\n": "control character",
    " redis://:hunter2@host:6379/0": "blank",
    "redis://:hunter2\uff0fx@host:6379/0": "can't be read as a URL",
    "redis://:hunter2/0": "port must be a number",
    "hunter2": "must begin with redis://",
    "hunter2@host:6379/0": "must begin with redis://",
    "host:6379": "must begin with redis://",
    "REDIS://:hunter2@host/0": "must begin with redis://",
    "amqp://user:hunter2@host//": "not with amqp://",
    "http://:hunter2@host:6379/0": "not with http://",
    "memory://": "not with memory://",
    "redis+sentinel://:hunter2@host:26379/0": "must begin with",
    "sentinel://:hunter2@host:26379/0": "master_name",
    "sentinel://host:26379;sentinel://other:26379": "master_name",
    "redis://:hunter2@host:65536/0": "1 to 65535",
    "redis://:hunter2@host:0/0": "1 to 65535",
    "redis://:hunter2@host:port/0": "1 to 65535",
    "redis://:hunter2@::1/0": "[address]:port",
    "redis://:hunter2@[::g]/0": "can't be read as a URL",
    "redis://:hunter2@host,redis://:hunter2@other": "several servers",
    "redis://:hunter2@host,other:6379/0": "host and port can't be read",
    "redis://:hunter2@host:6379/zero": "number of a database",
    "redis://:hunter2@host:6379/-1": "number of a database",
    "redis://:hunter2@host:6379/0/1": "number of a database",
    "redis://:hunter2@host:6379/0.5": "number of a database",
    "redis://:hunter2@host:6379/\u0661": "number of a database",
    "redis://:hunter2@host:6379/0?ssl_cert_reqs=required": "rediss://",
    "rediss://:hunter2@host:6379/0?ssl_cert_reqs=perhaps": "ssl_cert_reqs",
    "rediss://:hunter2@host:6379/0?ssl_cert_reqs=": "ssl_cert_reqs",
    "rediss://:hunter2@host:6379/0?ssl_cert_reqs=none&ssl_cert_reqs=required": "twice",
    "redis://:hunter2@host:6379/0?master_name=mymaster": "master_name is unknown",
    "redis://:1234?hunter2": "one of its parameters is unknown",
}
REFUSED_BY_ONE = [
    ("broker", "rediss://:hunter2@host:6379/0", "ssl_cert_reqs"),
    ("results", "rediss://:hunter2@host:6379/0", "ssl_cert_reqs"),
    ("cache", "rediss://:hunter2@host:6379/0?ssl_cert_reqs=CERT_REQUIRED", "ssl_cert_reqs"),
    ("broker", "redis://:hunter2@host;redis://:hunter2@other", "several servers"),
    ("broker", "redis://:hunter2;x@host/0", "%3B"),
    ("broker", "redis://:hunter2@host/0/", "number of a database"),
    (
        "broker",
        "redis://:hunter2@host/0?socket_timeout=3",
        "socket_timeout is unknown. Only credential_provider is allowed.",
    ),
    ("broker", "redis://:hunter2@host/0?virtual_host=1", "virtual_host is unknown"),
    ("results", "redis://:hunter2@host/0?socket_timeout=soon", "socket_timeout can't be read"),
    ("cache", "redis://:hunter2@host/0?db=zero", "db must be the number"),
    ("cache", "redis://:hunter2@host/0?timeout=3", "timeout is unknown"),
    ("cache", "redis+socket:///run/redis.sock", "unix://"),
    ("broker", "unix:///run/redis.sock", "redis+socket://"),
    ("results", "socket:///run/redis.sock", "redis+socket://"),
    ("broker", "redis+socket://run/redis.sock", "three slashes"),
    ("results", "redis+socket:///", "three slashes"),
    ("cache", "unix://run/redis.sock", "three slashes"),
    ("broker", "redis+socket:///run/redis.sock?virtual_host=x", "virtual_host must be the number"),
]
ACCEPTED = [
    *((reader, url) for reader in READERS for url in ("redis://", "redis://host", "redis://host:/", "redis://host/15")),
    *((reader, "redis://user:p%40%2F%3F%23%5B%25%3B%2C%20w@host:6380/3") for reader in READERS),
    # Characters that end nothing needn't be encoded.
    *((reader, "redis://:p:a$s!w=o&rd~%zz@under_score:6379/0") for reader in READERS),
    *((reader, "redis://:secret@[::1]:6379/0") for reader in READERS),
    *((reader, f"rediss://:secret@host:6379/0{TLS}&ssl_ca_certs=/etc/ca.pem") for reader in READERS),
    *((reader, "rediss://:secret@host/0?ssl_cert_reqs=none&ssl_check_hostname=false") for reader in READERS),
    ("broker", "rediss://host/0?ssl_cert_reqs=CERT_OPTIONAL"),
    ("results", "rediss://host/0?ssl_cert_reqs=CERT_NONE"),
    ("results", "redis://host/1/?socket_timeout=3&health_check_interval=10&socket_keepalive=true"),
    ("cache", "rediss://host/0"),
    ("cache", "redis://host?db=3&socket_timeout=3"),
    ("cache", "redis://:a;b,c@host/0"),
    ("broker", "redis+socket:///run/redis.sock"),
    ("broker", "redis+socket://:secret@/run/redis.sock?virtual_host=2"),
    ("results", "redis+socket:///run/redis.sock?virtual_host=2"),
    ("cache", "unix:///run/redis.sock?db=2"),
]


def refusal(reader: Reader, url: str) -> str:
    with pytest.raises(ImproperlyConfigured) as refused:
        check_redis(NAMES[reader], url, reader=reader)
    # A traceback shows what an error came from.
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__
    sentence = str(refused.value)
    assert sentence.startswith(f"{NAMES[reader]} is invalid: ")
    assert sentence.endswith(".")
    assert SECRET not in sentence
    return sentence


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(("url", "fix"), REFUSED.items())
def test_an_address_that_can_not_work_is_refused_with_how_to_fix_it(reader: Reader, url: str, fix: str) -> None:
    assert fix in refusal(reader, url)


@pytest.mark.parametrize(("reader", "url", "fix"), REFUSED_BY_ONE)
def test_each_reader_refuses_what_its_library_can_not_use(reader: Reader, url: str, fix: str) -> None:
    assert fix in refusal(reader, url)


@pytest.mark.parametrize(("reader", "url"), ACCEPTED)
def test_what_is_let_through_the_library_can_use(reader: Reader, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    check_redis(NAMES[reader], url, reader=reader)
    monkeypatch.setattr(redis.Redis, "ping", lambda self: True)
    monkeypatch.delenv("CELERY_BROKER_URL")
    app: Any = Celery(broker=url, backend=url, set_as_current=False)
    if reader == "cache":
        pool = redis.ConnectionPool.from_url(url)
    elif reader == "broker":
        pool = app.connection_for_write().default_channel.client.connection_pool
    else:
        pool = app.backend.client.connection_pool
    pool.make_connection()


# --- real ones ----------------------------------------------------------------------------------------------------


@pytest.fixture
def _fresh_clients(settings: Any) -> Iterator[None]:
    """Give the test its own clients, because a process caches them with their address."""
    made = (gateway._publisher, gateway._reader)
    for each in made:
        each.cache_clear()
    yield
    for each in made:
        each.cache_clear()


@pytest.mark.parametrize(
    "password", ["p@ss", "p#ss", "p?ss", "p/ss", "p;ss", "p,ss", "p[s]s", "p ss", "p%41ss", "päss:"]
)
@pytest.mark.usefixtures("_fresh_clients")
def test_an_encoded_password_reaches_all_three(
    pytestconfig: pytest.Config, settings: Any, monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    server = pytestconfig.stash[services_key].redis
    with closing(redis.Redis.from_url(server.url(BROKER))) as client:
        client.acl_setuser(
            "odd", enabled=True, passwords=[f"+{password}"], keys="*", channels="*", categories=["+@all"]
        )
        try:
            place = f"redis://odd:{quote(password, safe='')}@127.0.0.1:{server.port}"
            settings.CELERY_BROKER_URL = f"{place}/{BROKER}"
            # Celery prefers this variable to the setting.
            monkeypatch.setenv("CELERY_BROKER_URL", settings.CELERY_BROKER_URL)
            settings.CORE_RESULT_BACKEND = f"{place}/{RESULTS}"
            settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": [f"{place}/{CACHE}"]}}
            check_redis("CELERY_BROKER_URL", settings.CELERY_BROKER_URL, reader="broker")
            check_redis("CORE_RESULT_BACKEND", settings.CORE_RESULT_BACKEND, reader="results")
            gateway.ping()
            gateway.ping_results()
            assert not cache.is_unreachable()
        finally:
            client.acl_deluser("odd")


# --- the start ----------------------------------------------------------------------------------------------------


STARTED = "import django; django.setup(); from opsconsole.celery import app; print(app.conf.result_backend)"


def start(services: Services, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", STARTED],
        env={**os.environ, **services.environment(), "DJANGO_SETTINGS_MODULE": "opsconsole.settings", **environment},
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=10 * PATIENCE,
        check=False,
    )


@pytest.mark.processes
@pytest.mark.parametrize("name", [*NAMES.values(), "DATABASE_URL", "BACKUP_DATABASE_URL", "RESTORE_DATABASE_URL"])
def test_the_console_does_not_start_with_it_and_shows_no_password(pytestconfig: pytest.Config, name: str) -> None:
    scheme = "postgres" if name.endswith("DATABASE_URL") else "redis"
    started = start(pytestconfig.stash[services_key], **{name: f"{scheme}://user:{SECRET}@x@host/0"})
    assert started.returncode == 1
    assert f"ImproperlyConfigured: {name} is invalid: " in started.stderr
    assert "%40" in started.stderr
    assert SECRET not in started.stderr


@pytest.mark.processes
def test_the_cores_own_variables_of_celery_do_not_move_the_consoles_results_and_messages(
    pytestconfig: pytest.Config,
) -> None:
    elsewhere = dict.fromkeys(
        ("CELERY_RESULT_BACKEND", "CELERY_BROKER_READ_URL", "CELERY_BROKER_WRITE_URL"), "redis://elsewhere/5"
    )
    started = start(pytestconfig.stash[services_key], **elsewhere)
    assert started.stdout.strip() == "opsconsole.result_backend:RedactedDatabaseBackend", started.stderr
