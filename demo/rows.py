"""Rows on their way into PostgreSQL: timestamps as text, and COPY."""

import json
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from functools import cache
from itertools import islice
from typing import Any

import psycopg
from psycopg import sql

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_EPOCH = date(1970, 1, 1)


def stamp(moment: int) -> str:
    """Write a moment as PostgreSQL reads it in a session whose time zone is UTC.

    Without an offset, so that it means the same to both kinds of timestamp.

    Args:
        moment: Seconds since 1970, UTC.

    Returns:
        For example `2024-05-01 17:03:20`.
    """
    days, seconds = divmod(moment, DAY)
    return f"{_day(days)} {_clock()[seconds]}"


def encode(value: Any) -> str:
    """Write JSON, for a json or jsonb column alike."""
    return json.dumps(value, ensure_ascii=False)


def copy_rows(
    cursor: psycopg.Cursor[Any], table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]
) -> None:
    """Insert rows with COPY.

    Args:
        cursor: Where.
        table: The table's name.
        columns: Its columns, in the order of the values.
        rows: Values: text, numbers, booleans, None; JSON and times as text.

    Raises:
        psycopg.Error: PostgreSQL doesn't take a row.
    """
    with cursor.copy(_copy_statement(table, columns)) as copy:
        for row in rows:
            copy.write_row(row)


def copy_lines(cursor: psycopg.Cursor[Any], table: str, columns: Sequence[str], lines: Iterable[str]) -> None:
    """Insert rows that are written in COPY's text format already, which is several times faster.

    PostgreSQL stores the first ones while the later ones are still being made.

    Args:
        cursor: Where.
        table: The table's name.
        columns: Its columns, in the order of the values.
        lines: One row each, ending in a line break.

    Raises:
        psycopg.Error: PostgreSQL doesn't take a row.
    """
    with cursor.copy(_copy_statement(table, columns)) as copy:
        remaining = iter(lines)
        while block := "".join(islice(remaining, 2000)):
            copy.write(block)


def _copy_statement(table: str, columns: Sequence[str]) -> sql.Composed:
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    return sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), names)


@cache
def _day(days: int) -> str:
    return (_EPOCH + timedelta(days=days)).isoformat()


@cache
def _clock() -> tuple[str, ...]:
    """Every second of a day as text: looking it up is much quicker than formatting it."""
    return tuple(f"{h:02}:{m:02}:{s:02}" for h in range(24) for m in range(60) for s in range(60))
