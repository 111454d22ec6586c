"""One of a kind at a time: a lock that PostgreSQL holds for as long as a connection lives, and not a moment longer.

The connection is its own and not Django's: in a pool, a session's lock would outlive its close. What dies loses it, so
a row that says *running* while nobody holds its kind's lock is about work that is over.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from django.db import connection

from backups.errors import BackupInterrupted
from backups.models import ATTACHMENTS, DATABASE
from opsconsole.errors import Busy

RESTORE_TEST: Final = "restore test"
# Somebody who only looks whether it is free has it for a moment; who makes a backup has it for longer than this.
PATIENCE_MS: Final = 3_000

# Any number that no other application on this database uses, and one for each kind.
_NAMESPACE: Final = 0x6F7073
_NUMBERS: Final = {DATABASE: 1, ATTACHMENTS: 2, RESTORE_TEST: 3}
_WORDS: Final = {
    DATABASE: "Another database backup",
    ATTACHMENTS: "Another attachments snapshot",
    RESTORE_TEST: "Another restore test",
}
_SESSION: Final = {
    "idle_session_timeout": 0,
    "statement_timeout": 0,
    "lock_timeout": PATIENCE_MS,
    # Or the server would go on for two hours to hold the lock of a machine that has lost its power.
    "tcp_keepalives_idle": 30,
    "tcp_keepalives_interval": 10,
    "tcp_keepalives_count": 3,
}


class Lock:
    """A lock that is held."""

    def __init__(self, held_by: psycopg.Connection[Any]) -> None:
        self._held_by = held_by

    def check(self) -> None:
        """Raise unless it is still held.

        Raises:
            BackupInterrupted: the connection that held it is broken, so somebody else may have it.
        """
        try:
            self._held_by.execute("SELECT 1")
        except psycopg.Error as error:
            raise BackupInterrupted(
                "The connection to the database broke off meanwhile, so nobody could be kept from doing the same; "
                "nothing was kept.",
                code="lock_lost",
            ) from error


@contextmanager
def held(kind: str) -> Iterator[Lock]:
    """Hold the lock of a kind of backup, or of restore tests.

    Raises:
        Busy: somebody else holds it.
        BackupInterrupted: the database does not answer.
    """
    try:
        own = psycopg.connect(**_parameters())
    except psycopg.OperationalError as error:
        raise BackupInterrupted("The database does not answer.", code="no_database") from error
    with own:
        try:
            own.execute("SELECT pg_advisory_lock(%s, %s)", [_NAMESPACE, _NUMBERS[kind]])
        except psycopg.errors.LockNotAvailable as error:
            raise Busy(f"{_WORDS[kind]} is running; try again once it has ended.", code="already_running") from error
        except psycopg.OperationalError as error:
            raise BackupInterrupted("The database does not answer.", code="no_database") from error
        yield Lock(own)


def is_free(kind: str) -> bool:
    """Say whether nobody holds the lock of a kind; call it in a transaction, which then holds it until it ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [_NAMESPACE, _NUMBERS[kind]])
        (free,) = cursor.fetchone()
    return bool(free)


def _parameters() -> dict[str, Any]:
    """Return how to reach the console's own database, without Django's pool."""
    given = connection.get_connection_params()
    wanted = ("dbname", "user", "password", "host", "port", "sslmode", "sslrootcert", "sslcert", "sslkey")
    return {
        **{name: given[name] for name in wanted if given.get(name)},
        "application_name": "opsconsole backup lock",
        "autocommit": True,
        "connect_timeout": 5,
        "keepalives_idle": 30,
        "options": " ".join(f"-c {name}={value}" for name, value in _SESSION.items()),
    }
