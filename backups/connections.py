"""Opens PostgreSQL connections that don't go through Django, keeps them alive, and translates their errors.

Event and login triggers run in every session. A trigger that refuses something would end a backup, and one that writes
would change the data to compare. So triggers are switched off where the role has the right to.
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

# Defaults, which the database's address can override.
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
# Matches the error if the role lacks the right, the server is older than version 17, or a pooler refuses the setting.
_REFUSES_SETTING: Final = re.compile(r"event_triggers|startup parameter", re.IGNORECASE)
# Roles that can't use the setting. Every refusal adds a line to the server's log, so each is tried once per process.
_refusing: set[str] = set()

_POOLER_SAYS: Final = re.compile(
    r"startup parameter|no such database|pgbouncer|pgcat|pgpool|odyssey|supavisor|rds proxy|pooling mode|pooler"
    r"|server_login_retry|query_wait_timeout|client_idle_timeout|idle_transaction_timeout|max_client_conn"
    r"|server conn crashed",
    re.IGNORECASE,
)
# A failed connection has no SQLSTATE. Only the text tells a server that refuses the login from one that is away.
_REFUSES_LOGIN: Final = re.compile(
    r"authentication failed|no pg_hba\.conf entry|pg_hba\.conf rejects|no password supplied"
    r"|(?:role|database) \"[^\"]*\" does not exist|is not permitted to log in|permission denied for database",
    re.IGNORECASE,
)
POOLED: Final = (
    "A connection pooler such as PgBouncer answers instead of PostgreSQL. Set `BACKUP_DATABASE_URL`, "
    "`RESTORE_DATABASE_URL` or `DATABASE_URL` to the address of PostgreSQL itself."
)
_MOST_CHARACTERS: Final = 1_000


T = TypeVar("T")


class Opened:
    """An open connection, in autocommit.

    Attributes:
        connection: the psycopg connection.
        pooled: whether a pooler is between the console and the server.
        without_triggers: whether event and login triggers are off.
    """

    def __init__(self, connection: psycopg.Connection[Any], *, without_triggers: bool) -> None:
        self.connection = connection
        self.without_triggers = without_triggers
        # A pooler invents a process id when it accepts a connection, so it differs from the server's.
        self.pooled = session_of(connection) != connection.info.backend_pid


def console_parameters() -> dict[str, Any]:
    """Return libpq's parameters for the console's own database, without Django's pool, search path and adapters."""
    given = connection.get_connection_params()
    known = {option.keyword.decode() for option in psycopg.pq.Conninfo.get_defaults()}
    return {name: value for name, value in given.items() if name in known and name != "options" and value}


@contextmanager
def opened(parameters: Mapping[str, Any], *, options: str = "") -> Iterator[Opened]:
    """Open a connection. Uncommitted changes are lost when it closes.

    Args:
        parameters: libpq's connection parameters, by keyword.
        options: the session settings from the address, as libpq's `options`.

    Yields:
        The connection.

    Raises:
        BackupInterrupted: the server doesn't answer, or the connection broke.
        BackupFailed: the role lacks a privilege, or the server's disk is full.
    """
    with problems():
        own, without_triggers = _connect({**_REACHED, **parameters}, options)
        with closing(own):
            found = Opened(own, without_triggers=without_triggers)
            with problems(pooled=found.pooled):
                yield found


def session_of(own: psycopg.Connection[Any]) -> int:
    """Return the process id of the server session that the connection uses now."""
    row = own.execute("SELECT pg_backend_pid()").fetchone()
    assert row is not None
    return int(row[0])


@contextmanager
def kept_alive(own: psycopg.Connection[Any]) -> Iterator[None]:
    """Send a query over a connection regularly while the body runs.

    Proxies and poolers close connections without queries, even if TCP keepalives are answered.
    """
    ended = threading.Event()

    def speak() -> None:
        # If the connection is broken, its next use raises the error.
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
    """Call a function over a new Django connection, because the old one may have been closed while it was idle.

    Inside a transaction, the function is only called.

    Args:
        work: the function. Must be idempotent: it is called again if the connection breaks.
        patience_seconds: for how many seconds to try again while the database is away.

    Returns:
        The function's result.

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
    """Turn PostgreSQL's errors into errors of a backup, with a sentence for operators.

    Args:
        pooled: whether a pooler is between the console and the server. If so, the sentence says that.

    Raises:
        BackupInterrupted: another try may succeed.
        BackupFailed: another try would fail too.
    """
    try:
        yield
    except psycopg.errors.InsufficientPrivilege as error:
        raise BackupFailed(
            f"The database role lacks a privilege: {_said(error, pooled)}", code="no_privilege"
        ) from error
    except psycopg.errors.DiskFull as error:
        raise BackupFailed(
            f"The database server's disk is full: {_said(error, pooled)}", code="server_disk_full"
        ) from error
    except psycopg.Error as error:
        said = _said(error, pooled)
        if isinstance(error, psycopg.OperationalError) and error.sqlstate is None:
            if _REFUSES_LOGIN.search(str(error)):
                raise BackupFailed(f"The database server refuses the login: {said}", code="login_refused") from error
            raise BackupInterrupted(f"The database server does not answer: {said}", code="no_server") from error
        raise BackupInterrupted(f"The database server returned an error: {said}", code="server_error") from error


def line_of(error: psycopg.Error) -> str:
    """Return PostgreSQL's message and hint as one redacted line. Without a message, return the error's text."""
    said = error.diag.message_primary or str(error) or type(error).__name__
    hint = f"\nHINT: {error.diag.message_hint}" if error.diag.message_hint else ""
    lines = [line.strip() for line in f"{said}{hint}".splitlines()]
    return redact_text("; ".join(line for line in lines if line))[:_MOST_CHARACTERS]


def with_pooler(said: str, *, pooled: bool) -> str:
    """Return an error sentence, with advice about poolers if one is involved.

    Args:
        said: the sentence, which may name a pooler.
        pooled: whether a pooler is known to be in use.

    Returns:
        The sentence.
    """
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
