"""The core's tables, where the database has none: created, and filled with sample data."""

from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from devserver.choices import Choices
from devserver.data_folder import DataFolder
from devserver.errors import StartError
from opsconsole.schema.ddl import NOT_IN_EVERY_CORE, TABLES, create_tables, missing_tables


@dataclass(frozen=True, slots=True)
class CoreTables:
    """How the core's tables stand in a database.

    Attributes:
        ours: Created by us, now or at an earlier start; the data in them is a demonstration.
        empty: There are no identities, so nothing has been loaded yet.
        missing: Tables that the core's database should have but lacks, except those that the console creates.
    """

    ours: bool
    empty: bool
    missing: list[str]


def prepare_core_tables(url: str, choices: Choices, folder: DataFolder) -> CoreTables:
    """Create the core's tables if the database has none of them at all; a core's database is left alone.

    Args:
        url: The libpq URL of the database.
        choices: For the variant and the schema.
        folder: Remembers which databases of other servers are ours.

    Raises:
        StartError: The database can't be reached, or refuses.
    """
    own_server = choices.database_url is None
    try:
        with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection, connection.cursor() as cursor:
            missing = missing_tables(cursor, schema=choices.core_schema)
            if len(missing) == len(TABLES) and choices.core_schema == "public":
                # Remembered first: if we are interrupted, the next start goes on instead of taking it for a core's.
                if not own_server:
                    _remember(url, folder)
                create_tables(cursor, choices.variant)
                missing = []
            missing = [table for table in missing if table not in NOT_IN_EVERY_CORE]
            ours = own_server or _is_remembered(url, folder)
            empty = ours and not missing and _has_no_identities(cursor)
    except psycopg.Error as error:
        raise StartError(f"The database at {_address(url)} can't be used: {error}") from error
    return CoreTables(ours=ours, empty=empty, missing=missing)


def _has_no_identities(cursor: "psycopg.Cursor[tuple[object, ...]]") -> bool:
    cursor.execute("SELECT NOT EXISTS (SELECT FROM public.identities)")
    return cursor.fetchone() == (True,)


def _address(url: str) -> str:
    """Return the parts of an address that identify the database, without secrets."""
    parts = conninfo_to_dict(url)
    return f"{parts.get('host') or 'localhost'}:{parts.get('port') or 5432}/{parts.get('dbname') or ''}"


def _marker(folder: DataFolder) -> Path:
    return folder.path / "demo-databases"


def _remember(url: str, folder: DataFolder) -> None:
    with _marker(folder).open("a", encoding="utf-8") as file:
        file.write(f"{_address(url)}\n")


def _is_remembered(url: str, folder: DataFolder) -> bool:
    try:
        return _address(url) in _marker(folder).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return False
