"""Which values a column of the core's can hold, to be asked before one is written that this core may not have yet."""

import time
from collections.abc import Callable
from typing import Final

from django.db import connection

from opsconsole.schema.introspection import read_tables

LIFETIME_SECONDS: Final = 60.0


class AllowedValues:
    """Remembers for a while what the catalog says, so that a migrated core is noticed without a restart.

    Args:
        lifetime: seconds after which the catalog is asked again.
        clock: seconds that only ever grow.
    """

    def __init__(self, *, lifetime: float = LIFETIME_SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        self._lifetime = lifetime
        self._clock = clock
        self._known: dict[tuple[str, str], tuple[float, frozenset[str] | None]] = {}

    def of(self, table: str, column: str) -> frozenset[str] | None:
        """Return the only values that the column can hold, or None where any goes or nothing is known; ≤ 1 query."""
        now = self._clock()
        asked_at, values = self._known.get((table, column), (float("-inf"), None))
        if now - asked_at >= self._lifetime:
            found = read_tables(connection, [table], column=column).get(table)
            values = found.columns[column].allowed_values if found and column in found.columns else None
            self._known[table, column] = now, values
        return values


_shared: Final = AllowedValues()


def allowed_values(table: str, column: str) -> frozenset[str] | None:
    """Return the only values that a column can hold; at most one query, and none for a minute after it.

    Args:
        table: as it is found on the search path.
        column: a native enum, or text with a CHECK of the form `column IN (…)`.

    Returns:
        None where any value goes, or nothing is known: no such column, a view over a table, another kind of CHECK.
    """
    return _shared.of(table, column)


def accepts(table: str, column: str, value: str) -> bool:
    """Say whether a column can hold a value, as far as is known; see `allowed_values`."""
    values = allowed_values(table, column)
    return values is None or value in values
