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
from django.db import connection
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from backups.errors import BackupFailed, BackupInterrupted
from opsconsole.redaction import redact_text

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
}
# Unless the address says otherwise: whom it takes longer to reach is not there.
_REACHED: Final = {
    "client_encoding": "UTF8",
    "connect_timeout": 5,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
}
_TRANSACTION_TIMEOUT_SINCE: Final = 170_000
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
            BackupInterrupted: the server does not answer, or went away meanwhile.
            BackupFailed: it refuses the role, or something that the role may not do.
        """
        with problems():
            own = psycopg.connect(make_conninfo("", **{**_REACHED, **self._parameters}), autocommit=True)
            try:
                for name, value in _PINNED.items():
                    own.execute("SELECT set_config(%s, %s, false)", [name, value])
                if own.info.server_version >= _TRANSACTION_TIMEOUT_SINCE:
                    own.execute("SET transaction_timeout = 0")
                own.autocommit = autocommit
                yield own
            finally:
                own.close()

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
        given = connection.get_connection_params()
        known = {option.keyword.decode() for option in psycopg.pq.Conninfo.get_defaults()}
        # The console's search path is not for whoever reads the whole database; what the address sets is.
        return cls(
            {
                **{name: value for name, value in given.items() if name in known},
                "options": settings.DATABASE_URL_OPTIONS,
            }
        )


@contextmanager
def problems() -> Iterator[None]:
    """Turn what PostgreSQL says into a sentence.

    Raises:
        BackupInterrupted: it may go better another time.
        BackupFailed: it won't.
    """
    try:
        yield
    except psycopg.errors.InsufficientPrivilege as error:
        raise BackupFailed(
            f"The database role may not do what is needed: {line_of(error)}", code="no_privilege"
        ) from error
    except psycopg.errors.DiskFull as error:
        raise BackupFailed(f"The database server's disk is full: {line_of(error)}", code="server_disk_full") from error
    except psycopg.Error as error:
        if isinstance(error, psycopg.OperationalError) and error.sqlstate is None:
            raise BackupInterrupted(
                f"The database server does not answer: {line_of(error)}", code="no_server"
            ) from error
        raise BackupInterrupted(f"The database server ended it: {line_of(error)}", code="server_error") from error


def line_of(error: psycopg.Error) -> str:
    """Return what PostgreSQL said, in one line and redacted: of an error its message, else the last line."""
    lines = (error.diag.message_primary or str(error)).strip().splitlines()
    return redact_text(lines[-1].strip() if lines else type(error).__name__)
