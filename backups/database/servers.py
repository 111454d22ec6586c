"""The servers that backups are read from and tried out on, for a connection and for a child process.

Neither goes through Django: a backup's transaction is its own, with its own settings, and so is its password's way,
through the environment of the one process that needs it.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from django.conf import settings
from psycopg.conninfo import conninfo_to_dict

from backups import connections
from backups.connections import Opened
from backups.errors import BackupFailed

# So that the same row has the same text on every server, and nothing ends the work halfway.
_PINNED: Final = {
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "extra_float_digits": "3",
    "bytea_output": "hex",
    "xmloption": "content",
    "lc_monetary": "C",
    "search_path": "",
    "row_security": "off",
    "statement_timeout": "0",
    "lock_timeout": "60s",
    "idle_in_transaction_session_timeout": "0",
    "tcp_user_timeout": "0",
}
# Settings of later versions only, with the first version that has each.
_PINNED_SINCE: Final = {"idle_session_timeout": 140_000, "transaction_timeout": 170_000}
# The settings that pg_dump and pg_restore don't set themselves.
_FOR_CHILDREN: Final = ("idle_session_timeout", "statement_timeout", "tcp_user_timeout")
_SHARED: Final = (
    "Nothing was started: the pooler shares sessions (transaction or statement pooling). pg_dump and pg_restore need "
    "their own session, because their settings would affect others."
)
# There are no variables for these, and pg_dump does without; and it writes in the encoding of the database.
_NOT_FOR_CHILDREN: Final = frozenset(
    {"keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout"}
    | {"fallback_application_name", "client_encoding"}
)
_INHERITED: Final = frozenset({"PATH", "HOME", "LD_LIBRARY_PATH"})
# A service would go before what the address says.
_NOT_INHERITED: Final = frozenset({"PGCLIENTENCODING", "PGSERVICE"})


class Server:
    """A PostgreSQL database, by what libpq needs to reach it."""

    def __init__(self, parameters: dict[str, Any]) -> None:
        self._parameters = {name: value for name, value in parameters.items() if value not in {None, ""}}

    @classmethod
    def source(cls) -> "Server":
        """Return the database that is backed up: BACKUP_DATABASE_URL, or the console's own."""
        return cls._set("BACKUP_DATABASE_URL") or cls._own()

    @classmethod
    def trial(cls) -> "Server":
        """Return the database next to which backups are tried out: RESTORE_DATABASE_URL, or the console's own."""
        return cls._set("RESTORE_DATABASE_URL") or cls._own()

    @property
    def database(self) -> str:
        """Its name."""
        return str(self._parameters.get("dbname", ""))

    def sibling(self, database: str) -> "Server":
        """Return another database of the same server."""
        return Server({**self._parameters, "dbname": database})

    @contextmanager
    def connected(self, *, autocommit: bool = False) -> "Iterator[psycopg.Connection[Any]]":
        """Connect, with all that has a say in how a row looks pinned; what is not committed is lost at the end.

        Raises:
            BackupInterrupted: the server doesn't answer, or the connection broke.
            BackupFailed: the role lacks a privilege, the server's disk is full, or a pooler shares the session.
        """
        with self.opened() as found:
            if found.pooled and self._is_shared(found):
                raise BackupFailed(f"{_SHARED} {connections.POOLED}", code="pooled")
            own = found.connection
            pinned = {**_PINNED, **self._timeouts(own.info.server_version)}
            calls = ", ".join("set_config(%s, %s, false)" for _ in pinned)
            own.execute(f"SELECT {calls}", [text for setting in pinned.items() for text in setting])
            if own.info.parameter_status("server_encoding") == "SQL_ASCII":
                # Names in such a database may be in any encoding. LATIN1 reads each byte as a character.
                own.execute("SET client_encoding TO LATIN1")
            own.autocommit = autocommit
            yield own

    @contextmanager
    def opened(self) -> Iterator[Opened]:
        """Open a connection without any settings.

        Raises:
            BackupInterrupted, BackupFailed: as in `connected`.
        """
        parameters = {name: value for name, value in self._parameters.items() if name != "options"}
        with connections.opened(parameters, options=self.options) as found:
            yield found

    def options_of_children(self, own: psycopg.Connection[Any], **more: str) -> str:
        """Return the PGOPTIONS of a child process, which switch off timeouts and triggers.

        Args:
            own: a connection to the same server. Triggers are switched off only if they are off there.
            **more: more settings.

        Returns:
            The value of PGOPTIONS.
        """
        if own.info.backend_pid != connections.session_of(own):
            # Poolers accept no such settings. Their sessions have only the settings from the address.
            return self.options
        pinned = {**_PINNED, **self._timeouts(own.info.server_version)}
        wanted = {name: pinned[name] for name in _FOR_CHILDREN if name in pinned} | more
        quiet = [connections.NO_TRIGGERS] if connections.NO_TRIGGERS in own.info.options else []
        return " ".join(filter(None, [self.options, *quiet, *(f"-c {name}={value}" for name, value in wanted.items())]))

    def environment(self, **values: str) -> dict[str, str]:
        """Return the environment of a child process that works on it, with the password: of ours, only libpq's own.

        Args:
            **values: more variables.
        """
        names = {option.keyword.decode(): option.envvar for option in psycopg.pq.Conninfo.get_defaults()}
        # Where the address leaves something out, our own connections have it from there too.
        libpq = {variable.decode() for keyword, variable in names.items() if variable}
        inherited = {name: os.environ[name] for name in (_INHERITED | libpq) - _NOT_INHERITED if name in os.environ}
        own = {}
        for keyword, value in self._parameters.items():
            if keyword in _NOT_FOR_CHILDREN:
                continue
            variable = names.get(keyword)
            if variable is None:
                raise BackupFailed(
                    f"The database's address has the parameter {keyword}, which pg_dump can't be given.",
                    code="bad_database_url",
                )
            own[variable.decode()] = str(value)
        return {**inherited, "LC_ALL": "C", **own, "PGAPPNAME": "opsconsole backup", **values}

    @property
    def options(self) -> str:
        """What its address, or our environment, sets for each session."""
        return str(self._parameters.get("options") or os.environ.get("PGOPTIONS", ""))

    @classmethod
    def _set(cls, name: str) -> "Server | None":
        url = getattr(settings, name)
        if not url:
            return None
        try:
            return cls(dict(conninfo_to_dict(url)))
        except psycopg.ProgrammingError as error:
            raise BackupFailed(
                f"{name} is no database address that libpq can read.", code="bad_database_url"
            ) from error

    @classmethod
    def _own(cls) -> "Server":
        # Keep the settings from the address, but not the console's search path: a backup reads all schemas.
        return cls(connections.console_parameters() | {"options": settings.DATABASE_URL_OPTIONS})

    @staticmethod
    def _timeouts(version: int) -> dict[str, str]:
        return {name: "0" for name, since in _PINNED_SINCE.items() if version >= since}

    def _is_shared(self, found: Opened) -> bool:
        """Return whether a pooler gives an idle session to the next connection."""
        session = connections.session_of(found.connection)
        with self.opened() as other, other.connection.transaction():
            # Poolers reuse the session that was used last, or take turns.
            sessions = connections.session_of(other.connection), connections.session_of(found.connection)
        return sessions[0] == session or sessions[1] != session
