"""Databases that exist for the time of one restore test.

Their names carry a mark of the console's own database, so that two consoles on one server leave each other's alone.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import psycopg
import structlog
from django.db import connection
from psycopg import sql

from backups.connections import afresh, line_of
from backups.database.servers import Server
from opsconsole.errors import OpsError

logger = structlog.get_logger(__name__)

PREFIX: Final = "opsconsole_restore_"
# PostgreSQL before 15 has only libc's locales. Later versions use the provider of template0 by default.
_PROVIDERS: Final = {"i": ("icu", "ICU_LOCALE"), "b": ("builtin", "BUILTIN_LOCALE")}
_PROVIDERS_SINCE: Final = 150_000


@contextmanager
def database(number: int, *, encoding: str, locale: Mapping[str, Any]) -> Iterator[Server]:
    """Create an empty database that no other role can connect to. Drop it at the end, even if it is in use.

    Args:
        number: the id of the restore test.
        encoding: the encoding of the data to restore.
        locale: the locale of the data to restore, from the manifest. If the server lacks it, C is used.

    Yields:
        The server, with the new database.

    Raises:
        BackupFailed: the role may not create databases, or there is no room.
        BackupInterrupted: the server does not answer.
    """
    server = Server.trial()
    name = f"{PREFIX}{_mark()}_{number}"
    _drop(server, name)
    try:
        with server.connected(autocommit=True) as own:
            _create(own, name, encoding, locale)
        yield server.sibling(name)
    finally:
        try:
            _drop(server, name)
        except OpsError as error:
            # The sweeper drops it once the lock is free.
            logger.warning("scratch.not_dropped", database=name, error=error.message)


def leftovers() -> list[str]:
    """Return the scratch databases of this console; only for whoever holds the lock of restore tests.

    Raises:
        BackupFailed, BackupInterrupted: the server can't be asked.
    """
    server = Server.trial()
    with server.connected(autocommit=True) as own:
        rows = own.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [f"{PREFIX}{_mark()}_"])
        return [name for (name,) in rows if re.fullmatch(rf"{PREFIX}{_mark()}_\d+", name)]


def drop(name: str) -> None:
    """Drop a scratch database that was left over.

    Raises:
        BackupFailed, BackupInterrupted: the server can't do it now.
    """
    if not name.startswith(f"{PREFIX}{_mark()}_"):
        raise ValueError(f"{name} is no scratch database of this console.")
    _drop(Server.trial(), name)


def size_bytes(scratch: Server) -> int:
    """Return how large a scratch database is by now."""
    with Server.trial().connected(autocommit=True) as own:
        row = own.execute("SELECT pg_database_size(%s)", [scratch.database]).fetchone()
    return int(row[0]) if row else 0


def _create(own: psycopg.Connection[Any], name: str, encoding: str, locale: Mapping[str, Any]) -> None:
    # The restore omits privileges, so every role that can connect could call every function. So no other role may
    # connect, not even before PUBLIC's right to connect is revoked.
    create = sql.SQL("CREATE DATABASE {} TEMPLATE template0 ALLOW_CONNECTIONS false ENCODING {}").format(
        sql.Identifier(name), sql.Literal(encoding)
    )
    libc = sql.SQL(" LOCALE_PROVIDER libc" if own.info.server_version >= _PROVIDERS_SINCE else "")
    try:
        own.execute(create + _like(locale, libc))
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.DiskFull, psycopg.OperationalError):
        raise
    except psycopg.Error as error:
        logger.warning("scratch.other_locale", database=name, error=line_of(error))
        own.execute(create + libc + sql.SQL(" LC_COLLATE 'C' LC_CTYPE 'C'"))
    own.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name)))
    own.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(sql.Identifier(name)))


def _like(locale: Mapping[str, Any], libc: sql.Composable) -> sql.Composable:
    """Return the options of CREATE DATABASE for a locale: what a generated column or an index makes depends on it."""
    options: list[sql.Composable] = [
        sql.SQL(" LC_COLLATE {} LC_CTYPE {}").format(
            sql.Literal(str(locale.get("collate"))), sql.Literal(str(locale.get("ctype")))
        )
    ]
    if known := _PROVIDERS.get(str(locale.get("provider"))):
        provider, option = known
        options.append(sql.SQL(f" LOCALE_PROVIDER {provider} {option} ") + sql.Literal(str(locale.get("locale"))))
    else:
        options.append(libc)
    return sql.Composed(options)


def _drop(server: Server, name: str) -> None:
    with server.connected(autocommit=True) as own:
        own.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _mark() -> str:
    """Return eight hex digits that identify the console's own database."""

    def ask() -> Any:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT current_database(), oid, (SELECT system_identifier FROM pg_control_system())"
                " FROM pg_database WHERE datname = current_database()"
            )
            return cursor.fetchone()

    # The connection has been idle while a large file was read, so it may have been closed.
    known = afresh(ask)
    return hashlib.sha256(repr(known).encode()).hexdigest()[:8]
