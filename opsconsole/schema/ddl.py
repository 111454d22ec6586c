"""Create the core's tables where no core has made them, in either variant, and say which ones are missing.

The core owns these tables; in production they exist. Nothing here drops, alters or truncates anything.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

VARIANTS = ("plain", "native")

TABLES = (
    "providers",
    "identities",
    "provider_credentials",
    "external_accounts",
    "conversations",
    "messages",
    "jobs",
    "audit_log",
    "local_users",
    "sessions",
    "backup_runs",
    "restore_tests",
)

# Today's core specifies these tables but doesn't have them. A migration of the console creates missing ones in the
# console's own schema.
NOT_IN_EVERY_CORE = ("backup_runs", "restore_tests")

_FOLDER = Path(__file__).parent
_SECTION = re.compile(r"^-- table: (\w+)\n", re.MULTILINE)
_SCHEMA_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")


class Cursor(Protocol):
    """What a psycopg cursor and a Django cursor have in common."""

    def execute(self, query: Any, params: Any = ..., /) -> object:
        """Run SQL; without parameters also several statements at once."""

    def fetchall(self) -> Sequence[Any]:
        """Return the rows of the last statement."""


def create_tables(cursor: Cursor, variant: str, *, schema: str = "public") -> list[str]:
    """Create those of the core's tables that `schema` lacks, all or none of them.

    In a transaction it takes part in it; under autocommit it is one transaction by itself.

    Args:
        cursor: A psycopg or Django cursor.
        variant: One of `VARIANTS`.
        schema: An existing PostgreSQL schema, a plain lower-case name.

    Returns:
        The names of the tables that were created, in creation order; empty when all were there.

    Raises:
        ValueError: The variant is unknown, or the schema's name isn't a plain lower-case one.
    """
    sections = _sections(variant)
    missing = missing_tables(cursor, schema=schema)
    if not missing:
        return []
    cursor.execute("SELECT current_setting('search_path')")
    [[previous]] = cursor.fetchall()
    # One batch is one (implicit) transaction even under autocommit, so a failure leaves no half of the tables
    # and no changed search_path behind; is_local keeps the change from outliving the transaction.
    statements = [
        _set_search_path(schema),
        *(sections[table] for table in missing),
        _set_search_path(str(previous)),
    ]
    cursor.execute("\n".join(statements))
    return missing


def missing_tables(cursor: Cursor, *, schema: str = "public") -> list[str]:
    """Say which of the core's tables `schema` lacks.

    Args:
        cursor: A psycopg or Django cursor.
        schema: The PostgreSQL schema to look in; one that doesn't exist lacks them all.

    Returns:
        Table names in creation order.

    Raises:
        ValueError: The schema's name isn't a plain lower-case one.
    """
    if not _SCHEMA_NAME.fullmatch(schema):
        raise ValueError(f"{schema!r} is not a plain lower-case schema name.")
    cursor.execute(
        "SELECT c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
        # Views and foreign tables count: an installation may offer the core's tables through either.
        " WHERE n.nspname = %s AND c.relkind IN ('r', 'p', 'v', 'm', 'f')",
        [schema],
    )
    present = {row[0] for row in cursor.fetchall()}
    return [table for table in TABLES if table not in present]


def _sections(variant: str) -> dict[str, str]:
    """Split a variant's file into the statements of each table."""
    if variant not in VARIANTS:
        raise ValueError(f"Unknown variant {variant!r}; it must be one of {', '.join(VARIANTS)}.")
    _, *parts = _SECTION.split((_FOLDER / f"{variant}.sql").read_text(encoding="utf-8"))
    return dict(zip(parts[::2], parts[1::2], strict=True))


def _set_search_path(value: str) -> str:
    quoted = value.replace("'", "''")
    return f"SELECT pg_catalog.set_config('search_path', '{quoted}', true);"
