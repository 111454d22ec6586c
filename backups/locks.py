"""One of a kind at a time: a lock that PostgreSQL holds for as long as a connection lives, and not a moment longer.

The connection is its own and not Django's: in a pool, a session's lock would outlive its close. What dies loses it, so
a row that says *running* while nobody holds its kind's lock is about work that is over.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
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
LOST: Final = (
    "The connection to the database broke off meanwhile, so nobody could be kept from doing the same; nothing was kept."
)
_WORDS: Final = {
    DATABASE: "Another database backup",
    ATTACHMENTS: "Another attachments snapshot",
    RESTORE_TEST: "Another restore test",
}
_IDLE_SESSION_TIMEOUT_SINCE: Final = 140_000
# Set in the session: a pooler may drop what is asked for as it starts.
_SESSION: Final = {
    "statement_timeout": 0,
    "lock_timeout": PATIENCE_MS,
    # Or the server would go on for two hours to hold the lock of a machine that has lost its power.
    "tcp_keepalives_idle": 30,
    "tcp_keepalives_interval": 10,
    "tcp_keepalives_count": 3,
}


class Lock:
    """A lock that is held."""

    def __init__(self, held_by: psycopg.Connection[Any], number: int) -> None:
        self._held_by = held_by
        self._number = number

    def check(self) -> None:
        """Raise unless it is still held.

        Raises:
            BackupInterrupted: the connection that held it is broken or another one, so somebody else may have it.
        """
        try:
            held = self._held_by.execute(
                "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND classid = %s AND objid = %s AND granted"
                " AND pid = pg_backend_pid()",
                [_NAMESPACE, self._number],
            ).fetchone()
        except psycopg.Error as error:
            raise BackupInterrupted(LOST, code="lock_lost") from error
        if held is None:
            # A pooler has given the connection another session, say.
            raise BackupInterrupted(LOST, code="lock_lost")


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
            for name, value in _SESSION.items():
                own.execute("SELECT set_config(%s, %s, false)", [name, str(value)])
            if own.info.server_version >= _IDLE_SESSION_TIMEOUT_SINCE:
                own.execute("SET idle_session_timeout = 0")
            own.execute("SELECT pg_advisory_lock(%s, %s)", [_NAMESPACE, _NUMBERS[kind]])
        except psycopg.errors.LockNotAvailable as error:
            raise Busy(f"{_WORDS[kind]} is running; try again once it has ended.", code="already_running") from error
        except psycopg.OperationalError as error:
            raise BackupInterrupted("The database does not answer.", code="no_database") from error
        try:
            yield Lock(own, _NUMBERS[kind])
        finally:
            # Closing alone would do it too, but only once the server has noticed; nobody should have to wait for that.
            with suppress(psycopg.Error):
                own.execute("SELECT pg_advisory_unlock(%s, %s)", [_NAMESPACE, _NUMBERS[kind]])


def is_free(kind: str) -> bool:
    """Say whether nobody holds the lock of a kind; call it in a transaction, which then holds it until it ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [_NAMESPACE, _NUMBERS[kind]])
        (free,) = cursor.fetchone()
    return bool(free)


def _parameters() -> dict[str, Any]:
    """Return how to reach the console's own database, without Django's pool."""
    given = connection.get_connection_params()
    # All that has a say in which server it is: a lock on another one keeps nobody from anything.
    wanted = {option.keyword.decode() for option in psycopg.pq.Conninfo.get_defaults()}
    return {
        **{name: value for name, value in given.items() if name in wanted and value},
        "application_name": "opsconsole backup lock",
        "autocommit": True,
        "connect_timeout": max(5, int(given.get("connect_timeout", 5))),
        "keepalives_idle": 30,
    }
