"""Far times, which PostgreSQL can represent and Python can't, in any column of the core's tables."""

from typing import Any, Final

from django.conf import settings
from django.db import connection, transaction

from opsconsole.far_times import held

# The texts that PostgreSQL writes, without the time zone that one variant's columns have.
FAR: Final = (
    "infinity",
    "-infinity",
    "0001-12-31 23:59:59.999999 BC",
    "0044-03-15 12:00:00 BC",
    "4713-01-01 00:00:00 BC",
    "10000-01-01 00:00:00",
    "10000-12-31 23:59:59.999999",
    "12345-06-07 08:09:10",
    "99999-12-31 00:00:00",
    "294276-12-31 23:59:59",
)
# The first and the last time that Python can represent: arithmetic must not go beyond them.
NEARLY_FAR: Final = ("0001-01-01 00:00:00", "9999-12-31 23:59:59.999999")


def zoneless(text: str) -> str:
    """Return the text of a time in the form of FAR."""
    return text.replace("+00", "")


def set_all_times(moment: str) -> int:
    """Set every time in all rows of the core's tables; return the number of columns.

    But for when a row was deleted: lists leave those out, whatever the time.
    """
    columns = _columns(settings.CORE_SCHEMA)
    with transaction.atomic(), connection.cursor() as cursor:
        for table, names in columns.items():
            sets = [f"{name} = %s" for name in names if name != "deleted_at"]
            cursor.execute(f"UPDATE {settings.CORE_SCHEMA}.{table} SET {', '.join(sets)}", [moment] * len(sets))
    return sum(map(len, columns.values()))


def far_times_of_the_console() -> list[str]:
    """Return the columns of the console's own tables that have a far time."""
    found = []
    with connection.cursor() as cursor:
        for table, names in _columns(settings.DATABASE_SCHEMA).items():
            for name in names:
                cursor.execute(f"SELECT 1 FROM {settings.DATABASE_SCHEMA}.{table} WHERE NOT {held(name)} LIMIT 1")
                found += [f"{table}.{name}"] if cursor.fetchone() else []
    return found


def _columns(schema: str) -> dict[str, list[str]]:
    found: dict[str, Any] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.table_name, c.column_name FROM information_schema.columns c"
            " JOIN information_schema.tables t USING (table_schema, table_name)"
            " WHERE c.table_schema = %s AND c.data_type LIKE 'timestamp%%' AND t.table_type = 'BASE TABLE'",
            [schema],
        )
        for table, name in cursor.fetchall():
            found.setdefault(table, []).append(name)
    return found
