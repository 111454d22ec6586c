"""Times that PostgreSQL holds and Python doesn't: infinite ones, and those before the year 1 or after 9999.

The core's columns can hold them. Django reads such a time as None. Where there is room, its text stands beside it. SQL
that copies, sums or sorts times leaves the far ones out with these functions.
"""

from datetime import UTC, datetime
from typing import Any, Final

from django.db.backends.signals import connection_created
from django.db.models import DateTimeField, Func, Q, TextField
from psycopg import DataError, adapters
from psycopg.adapt import Loader
from psycopg.pq import Format

EARLIEST: Final = datetime.min.replace(tzinfo=UTC)
LATEST: Final = datetime.max.replace(tzinfo=UTC)

# Bounds without a type: they take the column's own, with or without a time zone. Connections speak UTC.
_HELD: Final = "({0} >= '0001-01-01' AND {0} < '10000-01-01')"


def held(column: str) -> str:
    """Return the SQL condition that Python can hold the time in a column; NULL for NULL."""
    return _HELD.format(column)


def near(column: str) -> str:
    """Return the SQL for the time in a column, NULL for a far one."""
    return f"CASE WHEN {held(column)} THEN {column} END"


def text_of_far(column: str) -> str:
    """Return the SQL for the text of a far time in a column, NULL for any other."""
    return f"CASE WHEN NOT {held(column)} THEN {column}::text END"


def is_held(name: str) -> Q:
    """Return the condition that a field has a time which Python can hold."""
    return Q(**{f"{name}__gte": EARLIEST, f"{name}__lte": LATEST})


class Near(Func):
    """The time in a field, NULL for a far one."""

    template = near("%(expressions)s")
    output_field = DateTimeField()


class FarText(Func):
    """The text of a far time in a field, NULL for any other."""

    template = text_of_far("%(expressions)s")
    output_field = TextField()


def texts(row: Any, **columns: str) -> dict[str, str]:
    """Return what stands beside the far times of a row, nothing for all others.

    Args:
        row: a model's instance or a dictionary, read with the text of each column as `<column>_text`.
        columns: what each key of the answer is called, without `_text`, and the column that it shows.
    """
    values = row if isinstance(row, dict) else vars(row)
    return {f"{key}_text": text for key, column in columns.items() if (text := values.get(f"{column}_text"))}


class _NaiveLoader(Loader):
    """psycopg's own loader, in C where there is one, but for far times."""

    def __init__(self, oid: int, context: Any = None) -> None:
        super().__init__(oid, context)
        own = adapters.get_loader(oid, Format.TEXT)
        assert own is not None
        self._load = own(oid, context).load

    def load(self, data: Any) -> Any:
        try:
            return self._load(data)
        except DataError:
            return None


class _UTCLoader(_NaiveLoader):
    # Django compares it with its own, which it would put in this one's place.
    timezone = UTC

    def load(self, data: Any) -> Any:
        moment = super().load(data)
        return moment and moment.replace(tzinfo=UTC)


def read_as_none(connection: Any, **kwargs: Any) -> None:
    """Have a new connection of Django's read far times as None."""
    own = connection.connection.adapters
    own.register_loader("timestamp", _NaiveLoader)
    own.register_loader("timestamptz", _UTCLoader)


def install() -> None:
    """Have every connection of Django's read far times as None."""
    connection_created.connect(read_as_none, dispatch_uid="opsconsole.far_times")
