"""Bringing the test database back to how it was after migrating, exactly and in milliseconds.

Django's own way after a test that commits, flush, leaves the unmanaged tables as they are, and makes permissions,
groups and whatever else comes after migrating anew each time, which takes half a second.
"""

from django.conf import settings
from django.db import OperationalError, connection, transaction
from psycopg.errors import DeadlockDetected

from opsconsole.schema.ddl import TABLES

_COPIES = "as_migrated"
_TRIES = 3


def remember() -> None:
    """Copy what the migrations left in the console's tables."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"CREATE SCHEMA {_COPIES}")
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", [settings.DATABASE_SCHEMA])
        for (table,) in cursor.fetchall():
            cursor.execute(f'CREATE TABLE {_COPIES}."{table}" AS TABLE {settings.DATABASE_SCHEMA}."{table}"')


def restore() -> None:
    """Empty the core's tables, and have in the console's what the migrations left there."""
    for left in reversed(range(_TRIES)):
        try:
            _restore()
            return
        except OperationalError as error:
            # What a killed process had begun goes on until its server process notices. It has won, and ends at once.
            if not left or not isinstance(error.__cause__, DeadlockDetected):
                raise


def _restore() -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        # A test that left a transaction open elsewhere should fail, not hang.
        cursor.execute("SET LOCAL lock_timeout = '60s'")
        # Truncating costs ten milliseconds a table, looking costs nothing.
        cursor.execute(" UNION ALL ".join(f"(SELECT '{table}' FROM public.{table} LIMIT 1)" for table in TABLES))
        if used := [f"public.{table}" for (table,) in cursor.fetchall()]:
            cursor.execute(f"TRUNCATE {', '.join(used)} RESTART IDENTITY CASCADE")
        # Without the checks of foreign keys the order doesn't matter; what is put back is whole.
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", [_COPIES])
        statements = [
            f'DELETE FROM {settings.DATABASE_SCHEMA}."{table}";'
            f'INSERT INTO {settings.DATABASE_SCHEMA}."{table}" TABLE {_COPIES}."{table}"'
            for (table,) in cursor.fetchall()
        ]
        cursor.execute(";".join(statements))
