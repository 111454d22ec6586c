"""Locks that let only one backup of a kind run at a time. PostgreSQL holds a lock exactly as long as its connection.

The lock has its own connection, because a lock on one of Django's pooled connections would outlive its close. The lock
belongs to a transaction, because a pooler such as PgBouncer may give the session to others between transactions. The
transaction reads and writes nothing, so it doesn't hold up vacuum. A process that dies loses its lock. So a row that is
*running* while its kind's lock is free belongs to lost work.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

import psycopg
from django.db import connection

from backups import connections
from backups.connections import Opened
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
_TRANSACTION_TIMEOUT_SINCE: Final = 170_000
# Settings of the transaction that holds the lock.
_SESSION: Final = {
    "statement_timeout": 0,
    "idle_in_transaction_session_timeout": 0,
    "lock_timeout": PATIENCE_MS,
    # Or the server would go on for two hours to hold the lock of a machine that has lost its power.
    "tcp_keepalives_idle": 30,
    "tcp_keepalives_interval": 10,
    "tcp_keepalives_count": 3,
}


class Lock:
    """A lock that is held."""

    def __init__(self, found: Opened, number: int) -> None:
        self._held_by = found.connection
        self._pooled = found.pooled
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
            raise self._lost(f"{LOST} {connections.line_of(error)}") from error
        if held is None:
            raise self._lost(LOST)

    def _lost(self, said: str) -> BackupInterrupted:
        return BackupInterrupted(connections.with_pooler(said, pooled=self._pooled), code="lock_lost")


@contextmanager
def held(kind: str) -> Iterator[Lock]:
    """Hold the lock of a kind of backup, or of restore tests.

    Raises:
        Busy: somebody else holds it.
        BackupInterrupted: the database does not answer.
    """
    parameters = {**connections.console_parameters(), "application_name": "opsconsole backup lock"}
    with connections.opened(parameters) as found:
        own = found.connection
        own.autocommit = False
        timeouts = {"transaction_timeout": 0} if own.info.server_version >= _TRANSACTION_TIMEOUT_SINCE else {}
        for name, value in {**_SESSION, **timeouts}.items():
            own.execute("SELECT set_config(%s, %s, true)", [name, str(value)])
        try:
            own.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_NAMESPACE, _NUMBERS[kind]])
        except psycopg.errors.LockNotAvailable as error:
            raise Busy(f"{_WORDS[kind]} is running; try again once it has ended.", code="already_running") from error
        try:
            with connections.kept_alive(own):
                yield Lock(found, _NUMBERS[kind])
        finally:
            # Closing alone would do it too, but only once the server has noticed; nobody should have to wait for that.
            with suppress(psycopg.Error):
                own.rollback()


def is_free(kind: str) -> bool:
    """Return whether the lock of a kind is free. If so, the caller's transaction holds it until it ends."""
    with connection.cursor() as cursor:
        # The caller may take a while over files, and the server must not close the connection as idle meanwhile.
        cursor.execute(
            "SELECT pg_try_advisory_xact_lock(%s, %s), set_config('idle_in_transaction_session_timeout', '0', true)",
            [_NAMESPACE, _NUMBERS[kind]],
        )
        (free, _) = cursor.fetchone()
    return bool(free)
