"""Connections to PostgreSQL that don't go through Django: opened, kept alive, and their errors put into sentences.

Event and login triggers run for every session. Where the role may, they are switched off: a trigger that refuses or
writes something would end a backup, or change what is compared.
"""

import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from typing import Any, Final, TypeVar

import psycopg
from django.db import InterfaceError, OperationalError, connection
from psycopg.conninfo import make_conninfo

from backups.errors import BackupFailed, BackupInterrupted
from opsconsole.redaction import redact_text

# Unless the address says otherwise: whom it takes longer to reach is not there.
_REACHED: Final = {
    "client_encoding": "UTF8",
    "connect_timeout": 5,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
}
# Shorter than what proxies and poolers commonly allow, a minute.
_SPEAKS_EVERY_SECONDS: Final = 15.0
_ENDS_WITHIN_SECONDS: Final = 5.0

NO_TRIGGERS: Final = "-c event_triggers=off"
# The refusal of that setting by a role without the right, a server before version 17, or a pooler.
_REFUSES_SETTING: Final = re.compile(r"event_triggers|startup parameter", re.IGNORECASE)
# Each refusal is a line in the server's log, so the same role of the same server is asked once per process.
_refusing: set[str] = set()

_POOLER_SAYS: Final = re.compile(
    r"startup parameter|no such database|pgbouncer|pgcat|pgpool|odyssey|supavisor|rds proxy|pooling mode|pooler"
    r"|server_login_retry|query_wait_timeout|client_idle_timeout|idle_transaction_timeout|max_client_conn"
    r"|server conn crashed",
    re.IGNORECASE,
)
POOLED: Final = (
    "A connection pooler such as PgBouncer answers instead of PostgreSQL. Use an address that leads to PostgreSQL "
    "itself (`BACKUP_DATABASE_URL`, `RESTORE_DATABASE_URL` or `DATABASE_URL`)."
)
_MOST_CHARACTERS: Final = 1_000


T = TypeVar("T")


class Opened:
    """An open connection, in autocommit.

    Attributes:
        connection: psycopg's.
        pooled: whether a pooler stands between us and the server.
        without_triggers: whether event and login triggers are off.
    """

    def __init__(self, connection: psycopg.Connection[Any], *, without_triggers: bool) -> None:
        self.connection = connection
        self.without_triggers = without_triggers
        # A pooler names a session of its own making when it accepts a connection.
        self.pooled = session_of(connection) != connection.info.backend_pid


def console_parameters() -> dict[str, Any]:
    """Return how to reach the console's own database, without Django's pool, search path and adapters."""
    given = connection.get_connection_params()
    known = {option.keyword.decode() for option in psycopg.pq.Conninfo.get_defaults()}
    return {name: value for name, value in given.items() if name in known and name != "options" and value}


@contextmanager
def opened(parameters: Mapping[str, Any], *, options: str = "") -> Iterator[Opened]:
    """Connect; whatever is not committed is lost at the end.

    Args:
        parameters: libpq's, by keyword.
        options: what the address sets for each session, as libpq's `options`.

    Raises:
        BackupInterrupted: the server does not answer, or went away meanwhile.
        BackupFailed: it refuses the role, or something that the role may not do.
    """
    with problems():
        own, without_triggers = _connect({**_REACHED, **parameters}, options)
        with closing(own):
            found = Opened(own, without_triggers=without_triggers)
            with problems(pooled=found.pooled):
                yield found


def session_of(own: psycopg.Connection[Any]) -> int:
    """Return the process id of the server's session that answers just now."""
    row = own.execute("SELECT pg_backend_pid()").fetchone()
    assert row is not None
    return int(row[0])


@contextmanager
def kept_alive(own: psycopg.Connection[Any]) -> Iterator[None]:
    """Send something over a connection now and then while the body runs.

    Proxies and poolers end connections that say nothing, although TCP's keepalives are answered.
    """
    ended = threading.Event()

    def speak() -> None:
        # Where it is broken, its next use says so.
        with suppress(psycopg.Error):
            while not ended.wait(_SPEAKS_EVERY_SECONDS):
                own.execute("SELECT 1")

    thread = threading.Thread(target=speak, name="keepalive", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(_ENDS_WITHIN_SECONDS)


def afresh(work: Callable[[], T], *, patience_seconds: float = 0.0) -> T:
    """Do something over a new connection of Django's: one that was idle for long may have been ended meanwhile.

    Args:
        work: what is done; done again where the connection breaks, so that it must have the same effect twice.
        patience_seconds: for how long it is tried again while the database is away.

    Raises:
        OperationalError, InterfaceError: the database is away for longer.
    """
    if connection.in_atomic_block:
        return work()
    deadline = time.monotonic() + patience_seconds
    while True:
        connection.close()
        try:
            return work()
        except (OperationalError, InterfaceError):
            if time.monotonic() >= deadline:
                raise
            time.sleep(1)


@contextmanager
def problems(*, pooled: bool = False) -> Iterator[None]:
    """Turn what PostgreSQL says into a sentence.

    Args:
        pooled: whether a pooler stands between us and the server; the sentence says so.

    Raises:
        BackupInterrupted: it may go better another time.
        BackupFailed: it won't.
    """
    try:
        yield
    except psycopg.errors.InsufficientPrivilege as error:
        raise BackupFailed(
            f"The database role may not do what is needed: {_said(error, pooled)}", code="no_privilege"
        ) from error
    except psycopg.errors.DiskFull as error:
        raise BackupFailed(
            f"The database server's disk is full: {_said(error, pooled)}", code="server_disk_full"
        ) from error
    except psycopg.Error as error:
        said = _said(error, pooled)
        if isinstance(error, psycopg.OperationalError) and error.sqlstate is None:
            raise BackupInterrupted(f"The database server does not answer: {said}", code="no_server") from error
        raise BackupInterrupted(f"The database server ended it: {said}", code="server_error") from error


def line_of(error: psycopg.Error) -> str:
    """Return what PostgreSQL said, in one line and redacted: its message with its hint, else all that is known."""
    said = error.diag.message_primary or str(error) or type(error).__name__
    hint = f"\nHINT: {error.diag.message_hint}" if error.diag.message_hint else ""
    lines = [line.strip() for line in f"{said}{hint}".splitlines()]
    return redact_text("; ".join(line for line in lines if line))[:_MOST_CHARACTERS]


def with_pooler(said: str, *, pooled: bool) -> str:
    """Return what was said, and that a pooler has a part in it where one has."""
    return f"{said} {POOLED}" if pooled or _POOLER_SAYS.search(said) else said


def _said(error: psycopg.Error, pooled: bool) -> str:
    return with_pooler(line_of(error), pooled=pooled)


def _connect(parameters: Mapping[str, Any], options: str) -> tuple[psycopg.Connection[Any], bool]:
    """Return a connection, and whether event and login triggers are off."""
    role = make_conninfo("", **{name: str(parameters.get(name, "")) for name in ("host", "port", "user")})
    if role not in _refusing:
        try:
            return _connected({**parameters, "options": f"{options} {NO_TRIGGERS}".strip()}), True
        except psycopg.OperationalError as error:
            if not _REFUSES_SETTING.search(str(error)):
                raise
            _refusing.add(role)
    return _connected({**parameters, **({"options": options} if options else {})}), False


def _connected(parameters: Mapping[str, Any]) -> psycopg.Connection[Any]:
    return psycopg.connect(make_conninfo("", **parameters), autocommit=True)
