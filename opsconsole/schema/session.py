"""Checks a database session: its search path, its time zone, and whether a pooler shares it.

The console sets search path and time zone with libpq's `options`. A connection pooler can drop these, or give each
transaction another session. Statements would then use another application's tables with the same names.
"""

import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.core.management import CommandError
from django.db import DatabaseError, InterfaceError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from opsconsole.schema.findings import Finding, Kind

_QUERY: Final = """
SELECT current_schema()::text, current_setting('search_path'), current_setting('TimeZone'),
       EXISTS (SELECT FROM pg_namespace WHERE nspname = %s), pg_backend_pid(), current_user::text,
       current_setting('DateStyle'), current_setting('standard_conforming_strings'),
       current_setting('transaction_read_only')
"""
_NAME: Final = re.compile(r'\s*(?:"(?P<quoted>(?:[^"]|"")*)"|(?P<plain>[^",]*?))\s*(?:,|$)')
_UTC: Final = frozenset({"UTC", "Etc/UTC"})


@dataclass(frozen=True, kw_only=True)
class Session:
    """The actual state of a session.

    Attributes:
        schema: the schema where a table would be created, or None if there is none.
        search_path: the schemas on the search path, whether they exist or not.
        time_zone: the session's time zone.
        date_style: the form in which the session writes dates.
        standard_strings: whether a backslash in a string is only a backslash.
        read_only: whether the session can change nothing.
        schema_exists: whether the console's own schema exists.
        server_pid: the process id of the server's session.
        pooled: whether a pooler answers instead of the server.
    """

    schema: str | None
    search_path: tuple[str, ...]
    time_zone: str
    date_style: str
    standard_strings: bool
    read_only: bool
    schema_exists: bool
    server_pid: int
    pooled: bool


def read(connection: BaseDatabaseWrapper) -> Session:
    """Return the session of a connection; one query.

    Raises:
        OperationalError: the database does not answer.
    """
    with connection.cursor() as cursor:
        cursor.execute(_QUERY, [settings.DATABASE_SCHEMA])
        schema, search_path, time_zone, exists, server_pid, role, date_style, strings, read_only = cursor.fetchone()
    # A pooler invents the process id that it tells the client on connecting.
    told: Any = connection.connection.info.backend_pid
    return Session(
        schema=schema,
        search_path=tuple(_names(search_path, role)),
        time_zone=time_zone,
        date_style=date_style,
        standard_strings=strings == "on",
        read_only=read_only == "on",
        schema_exists=exists,
        server_pid=server_pid,
        pooled=told != server_pid,
    )


def find_problems(connection: BaseDatabaseWrapper) -> list[Finding]:
    """Return all problems of a connection's session. To tell whether a pooler shares it, this opens another connection.

    Raises:
        OperationalError: the database does not answer.
    """
    found = read(connection)
    return [*findings(found), *([_shared()] if _is_shared(connection, found) else [])]


def findings(session: Session) -> Iterator[Finding]:
    """Yield the problems that can be seen from the session alone."""
    own = settings.DATABASE_SCHEMA
    found = f"“{session.schema}”" if session.schema else "no existing schema"
    named = own in session.search_path[:1]
    if session.schema != own and session.schema_exists and named:
        yield Finding(
            kind=Kind.SEARCH_PATH,
            severity="error",
            found=found,
            expected=own,
            sentence=f"The database role may not use the schema “{own}”, so its search path begins with {found}.",
            consequence=f"As the schema's owner, run GRANT USAGE, CREATE ON SCHEMA {_quoted(own)} TO the role.",
        )
    # Before the first `migrate`, there is no schema.
    elif session.schema != own and (session.schema_exists or not named):
        role = f"ALTER ROLE … SET search_path = {_quoted(own)}, {settings.CORE_SCHEMA}"
        yield Finding(
            kind=Kind.SEARCH_PATH,
            severity="error",
            found=found,
            expected=own,
            sentence=f"The session's search path begins with {found}, not with the console's schema “{own}”.",
            consequence="The console would use and create tables in the wrong schema. A connection pooler has probably "
            f"dropped the startup parameter “options”. Connect without the pooler, or run {role}. "
            "See docs/database.md.",
        )
    if session.time_zone not in _UTC:
        yield Finding(
            kind=Kind.TIME_ZONE,
            severity="warning",
            found=session.time_zone,
            expected="UTC",
            sentence=f"The session's time zone is {session.time_zone}, not UTC.",
            consequence="Hours and days may begin at other times. Run ALTER ROLE … SET timezone = 'UTC'.",
        )
    for setting, found, expected in (
        ("datestyle", session.date_style, "ISO"),
        ("standard_conforming_strings", "on" if session.standard_strings else "off", "on"),
    ):
        if found.partition(",")[0] != expected:
            yield Finding(
                kind=Kind.VALUE_FORM,
                severity="error",
                found=found,
                expected=expected,
                sentence=f"The session's {setting} is “{found}”, not {expected}.",
                consequence="The console can't read or write some values. A connection pooler has probably dropped the "
                f"start-up parameter “options”. Run ALTER ROLE … SET {setting} = '{expected}'.",
            )
    if session.read_only:
        yield Finding(
            kind=Kind.READ_ONLY,
            severity="error",
            found="read-only",
            expected="read and write",
            sentence="The database is read-only.",
            consequence="Nothing can be queued, settled or cancelled. DATABASE_URL leads to a standby, or "
            "default_transaction_read_only is on.",
        )


def require_own_schema(connection: BaseDatabaseWrapper) -> None:
    """Check that tables would be created in the console's own schema.

    Raises:
        CommandError: tables would be created in another schema.
    """
    for finding in findings(read(connection)):
        if finding.severity == "error":
            raise CommandError(f"Nothing was migrated. {finding.sentence} {finding.consequence}")


def _shared() -> Finding:
    return Finding(
        kind=Kind.SHARED_SESSION,
        severity="warning",
        found="a session for each transaction",
        expected="a session for each connection",
        sentence="A connection pooler gives each transaction another session of the database.",
        consequence="Database backups need their own sessions, so they are refused. The console's settings can affect "
        "other applications. Use the pooler's session mode, or connect without the pooler. See docs/database.md.",
    )


def _is_shared(connection: BaseDatabaseWrapper, found: Session) -> bool:
    """Return whether another connection gets this connection's session while this one is idle."""
    if not found.pooled or connection.in_atomic_block:
        return False
    with closing(connection.copy()) as other:
        other.ensure_connection()
        try:
            other.set_autocommit(False)
            with other.cursor() as cursor:
                given = _pid(cursor)
            # If both are the same, the pooler may have no other session, and this connection would wait for it.
            if given == found.server_pid:
                return True
            with connection.cursor() as cursor:
                return _pid(cursor) != found.server_pid
        except (DatabaseError, InterfaceError):
            # PgBouncer refuses transactions in its statement mode.
            return True


def _pid(cursor: CursorWrapper) -> int:
    cursor.execute("SELECT pg_backend_pid()")
    return int(cursor.fetchone()[0])


def _names(search_path: str, role: str) -> Iterator[str]:
    for found in _NAME.finditer(search_path):
        quoted, plain = found["quoted"], found["plain"]
        name = quoted.replace('""', '"') if quoted is not None else plain.lower()
        if name:
            yield role if name == "$user" else name


def _quoted(name: str) -> str:
    return name if re.fullmatch(r"[a-z_][a-z0-9_]*", name) else '"{}"'.format(name.replace('"', '""'))
