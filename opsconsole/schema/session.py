"""Whether a session of the database is as the console needs it: its search path, its time zone, and that it lasts.

The console sets both with libpq's `options`. A connection pooler can drop those, or give each transaction another
session. Then statements would find another application's tables of the same name.
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
       EXISTS (SELECT FROM pg_namespace WHERE nspname = %s), pg_backend_pid(), current_user::text
"""
_NAME: Final = re.compile(r'\s*(?:"(?P<quoted>(?:[^"]|"")*)"|(?P<plain>[^",]*?))\s*(?:,|$)')
_UTC: Final = frozenset({"UTC", "Etc/UTC"})


@dataclass(frozen=True, kw_only=True)
class Session:
    """A session as it really is.

    Attributes:
        schema: where a table would be created; None where nowhere.
        search_path: the schemas that it names, whether they exist or not.
        time_zone: as it is set.
        schema_exists: whether the console's own schema is there.
        server_pid: the number of the server's process.
        pooled: whether a pooler answers in the server's place.
    """

    schema: str | None
    search_path: tuple[str, ...]
    time_zone: str
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
        schema, search_path, time_zone, exists, server_pid, role = cursor.fetchone()
    # A pooler makes up the number that a client is told when it connects.
    told: Any = connection.connection.info.backend_pid
    return Session(
        schema=schema,
        search_path=tuple(_names(search_path, role)),
        time_zone=time_zone,
        schema_exists=exists,
        server_pid=server_pid,
        pooled=told != server_pid,
    )


def find_problems(connection: BaseDatabaseWrapper) -> list[Finding]:
    """Return what is wrong with the session of a connection, also whether it lasts; for which another is opened.

    Raises:
        OperationalError: the database does not answer.
    """
    found = read(connection)
    return [*findings(found), *([_shared()] if _is_shared(connection, found) else [])]


def findings(session: Session) -> Iterator[Finding]:
    """Yield what is wrong with a session by itself."""
    own = settings.DATABASE_SCHEMA
    found = f"“{session.schema}”" if session.schema else "no schema that exists"
    named = own in session.search_path[:1]
    if session.schema != own and session.schema_exists and named:
        yield Finding(
            kind=Kind.SEARCH_PATH,
            severity="error",
            found=found,
            expected=own,
            sentence=f"The database role may not use the schema “{own}”, so its search path begins with {found}.",
            consequence=f"As the schema's owner: GRANT USAGE, CREATE ON SCHEMA {_quoted(own)} TO the role.",
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
            consequence="The console would use, and make, tables in the wrong schema. A connection pooler has probably "
            f"dropped the start-up parameter “options”. Connect without it, or run {role}. See docs/database.md.",
        )
    if session.time_zone not in _UTC:
        yield Finding(
            kind=Kind.TIME_ZONE,
            severity="warning",
            found=session.time_zone,
            expected="UTC",
            sentence=f"The session's time zone is {session.time_zone}, not UTC.",
            consequence="Hours and days may be cut at other moments. Run ALTER ROLE … SET timezone = 'UTC'.",
        )


def require_own_schema(connection: BaseDatabaseWrapper) -> None:
    """Refuse to go on where tables would be created in another schema than the console's own.

    Raises:
        CommandError: they would.
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
        consequence="Backups can't keep their locks and don't run, and a setting of the console's can reach another "
        "application. Use the pooler's session mode, or connect without it. See docs/database.md.",
    )


def _is_shared(connection: BaseDatabaseWrapper, found: Session) -> bool:
    """Say whether another connection gets this connection's session while this one is idle."""
    if not found.pooled or connection.in_atomic_block:
        return False
    with closing(connection.copy()) as other:
        other.ensure_connection()
        try:
            other.set_autocommit(False)
            with other.cursor() as cursor:
                given = _pid(cursor)
            # Where both are the same, the pooler may have no other: this connection would wait for it.
            if given == found.server_pid:
                return True
            with connection.cursor() as cursor:
                return _pid(cursor) != found.server_pid
        except (DatabaseError, InterfaceError):
            # In PgBouncer's statement mode, a transaction is refused.
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
