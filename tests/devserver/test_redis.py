import shutil
from contextlib import closing
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from devserver import redis as own_redis
from devserver.errors import StartError
from devserver.redis import Redis, find_binary

pytestmark = pytest.mark.processes


def test_what_it_holds_and_its_port_outlive_a_restart(tmp_path: Path) -> None:
    server = Redis(tmp_path / 'a folder with "quotes"')
    try:
        server.start()
        before = server.url(0)
        with closing(redis.Redis.from_url(before)) as client:
            client.set("key", "value")
        server.stop()
        server.start()
        assert server.url(0) == before
        with closing(redis.Redis.from_url(before)) as client:
            assert client.get("key") == b"value"
    finally:
        server.stop()
    assert not server.running


def test_nobody_gets_in_without_the_password(redis_server: Redis) -> None:
    with (
        closing(redis.Redis(port=redis_server.port, retry=Retry(NoBackoff(), 0))) as client,
        pytest.raises(redis.AuthenticationError),
    ):
        client.ping()
    assert redis_server.password not in " ".join(redis_server.command())


def test_without_a_wheel_the_systems_own_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_redis, "find_in_package", lambda package, path: None)
    monkeypatch.setattr(shutil, "which", lambda name: "/usr/bin/valkey-server" if name == "valkey-server" else None)
    assert find_binary() == Path("/usr/bin/valkey-server")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(StartError, match="CELERY_BROKER_URL"):
        find_binary()
