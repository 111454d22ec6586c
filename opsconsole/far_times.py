"""Far times: those that PostgreSQL can represent and Python can't, infinite or outside the years 1 to 9999.

The core's columns may contain far times. Django reads a far time as None. Answers and pages show its text as well. SQL
that copies, sums or sorts times excludes far times with these functions.
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

# The bounds have no type, so they take the column's type, with or without a time zone. Connections use UTC.
_HELD: Final = "({0} >= '0001-01-01' AND {0} < '10000-01-01')"


def held(column: str) -> str:
    """Return the SQL condition that Python can represent the time in a column; NULL for NULL."""
    return _HELD.format(column)


def near(column: str) -> str:
    """Return the SQL for the time in a column, NULL for a far one."""
    return f"CASE WHEN {held(column)} THEN {column} END"


def text_of_far(column: str) -> str:
    """Return the SQL for the text of a far time in a column, NULL for any other."""
    return f"CASE WHEN NOT {held(column)} THEN {column}::text END"


def is_held(name: str) -> Q:
    """Return the condition that a field has a time and Python can represent it."""
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
    """Return the texts of a row's far times.

    Args:
        row: a model's instance or a dictionary that has the text of each far time as `<column>_text`.
        columns: the answer's key for each column, without `_text`, and the column's name.

    Returns:
        The texts by `<key>_text`. Columns without a far time are left out.
    """
    values = row if isinstance(row, dict) else vars(row)
    return {f"{key}_text": text for key, column in columns.items() if (text := values.get(f"{column}_text"))}


class _NaiveLoader(Loader):
    """Loads times with psycopg's own loader, in C if available, and far times as None."""

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
    # Django would replace a loader whose time zone differs from the connection's.
    timezone = UTC

    def load(self, data: Any) -> Any:
        moment = super().load(data)
        return moment and moment.replace(tzinfo=UTC)


def read_as_none(connection: Any, **kwargs: Any) -> None:
    """Make a new Django connection read far times as None.

    Args:
        connection: the connection.
        kwargs: the signal's other arguments.
    """
    own = connection.connection.adapters
    own.register_loader("timestamp", _NaiveLoader)
    own.register_loader("timestamptz", _UTCLoader)


def install() -> None:
    """Make every Django connection read far times as None."""
    connection_created.connect(read_as_none, dispatch_uid="opsconsole.far_times")
