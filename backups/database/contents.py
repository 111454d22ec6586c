"""Reads the contents of a database as numbers to compare: for the manifest of a dump, and for the test of a restore.

A table's hash is the sum of its rows' hashes, so the order of rows doesn't matter. Each row is hashed as PostgreSQL's
text of it, under pinned settings (backups/database/servers.py). Columns are sorted by name, because a restore may give
an inheriting table another order of columns.

Only plain tables are read: a dump has no rows of foreign tables. Each table is read in a transaction of its own. A
transaction keeps the locks of its tables and indexes, and the server has room for only a few thousand locks.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import psycopg
from psycopg import sql

# Ours and the core's, the newest of which says how old the data is; by id, which has an index. Among them is the row of
# the backup itself, so that a database in which nothing happens for days is not taken for another one.
_NEWEST: Final = (
    ("jobs", "created_at"),
    ("audit_log", "ts"),
    ("messages", "created_at"),
    ("backup_runs", "started_at"),
)

_OF_USERS: Final = "n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'"
# A standby can't read what is not logged, and pg_dump leaves it out there.
_KEPT: Final = "c.relpersistence IN ('p', CASE WHEN pg_is_in_recovery() THEN 'p' ELSE 'u' END)"
# What belongs to an extension comes with the extension.
_NOT_OF_EXTENSIONS: Final = (
    "NOT EXISTS (SELECT 1 FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid"
    " AND e.deptype = 'e')"
)

# Virtual generated columns aren't in a dump, and computing one may fail.
_STORED: Final = "a.attgenerated <> 'v'"
# Names with one of these characters are quoted.
_QUOTED_FOR: Final = frozenset('."')

Tell = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Contents:
    """The contents of a database.

    Attributes:
        tables: rows and hash by `schema.table`; the hash is a decimal string. A partition also has the table at the top
            of its tree, as `root`.
        views: names of materialized views, which are made anew by a restore.
        constraints: kind and validity by `schema.table.constraint`, such as `f valid`.
        sequences: the last value, the step, and the highest value of the column that it is for, by `schema.sequence`.
        extensions: versions by name.
        large_objects: how many there are.
        newest_row_at: when the newest row that says so was made, ISO 8601 UTC.
    """

    tables: dict[str, dict[str, Any]] = field(default_factory=dict)
    views: list[str] = field(default_factory=list)
    constraints: dict[str, str] = field(default_factory=dict)
    sequences: dict[str, dict[str, int | None]] = field(default_factory=dict)
    extensions: dict[str, str] = field(default_factory=dict)
    large_objects: int = 0
    newest_row_at: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as the manifest keeps it."""
        return asdict(self)


def last_values(own: psycopg.Connection[Any]) -> dict[str, int | None]:
    """Return the last value of each sequence, None where there is none yet, as they are now: no snapshot keeps them.

    Args:
        own: a connection from `Server.connected`, in autocommit.

    Raises:
        psycopg.Error: the server ended it, or the role may not read something.
    """
    rows = own.execute(
        f"""
        SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind = 'S' AND {_KEPT} AND {_OF_USERS} AND {_NOT_OF_EXTENSIONS}
        """
    ).fetchall()
    found = {}
    for schema, name in rows:
        last = own.execute(
            sql.SQL("SELECT CASE WHEN is_called THEN last_value END FROM {}").format(sql.Identifier(schema, name))
        ).fetchone()
        found[spelled(schema, name)] = last and last[0]
    return found


def read(
    own: psycopg.Connection[Any], tell: Tell, *, lasts: dict[str, int | None] | None = None, snapshot: str | None = None
) -> Contents:
    """Read what a database holds.

    Args:
        own: a connection from `Server.connected`, in autocommit.
        tell: called after each table with the number of tables done and the number of all. May raise to stop.
        lasts: the sequences' last values, if they were read before. Sequences advance while this reads the tables.
        snapshot: a snapshot that another transaction exported; None to read the current data.

    Returns:
        The contents.

    Raises:
        psycopg.Error: the server returned an error, or the role lacks the right to read something.
    """
    with _transaction(own, snapshot):
        names = _tables(own)
        views = _views(own)
        constraints = _constraints(own)
        sequences = _sequences(own)
        extensions = dict(own.execute("SELECT extname, extversion FROM pg_extension ORDER BY 1").fetchall())
        large_objects = _number(own.execute("SELECT count(*) FROM pg_largeobject_metadata"))
        newest = _newest(own)
    tables = {}
    for number, (schema, name, columns, root) in enumerate(names, start=1):
        with _transaction(own, snapshot):
            tables[spelled(schema, name)] = _table(own, schema, name, columns) | (
                {"root": spelled(*root)} if root else {}
            )
        tell(number, len(names))
    lasts = last_values(own) if lasts is None else lasts
    return Contents(
        tables=tables,
        views=views,
        constraints=constraints,
        sequences={
            name: {"last": lasts.get(name), "step": step, "highest": _highest(own, column, of, snapshot)}
            for name, step, column, of in sequences
        },
        extensions=extensions,
        large_objects=large_objects,
        newest_row_at=newest,
    )


def spelled(*names: str) -> str:
    """Return a qualified name as in the manifest: each part is quoted if it is ambiguous without quotes."""
    return ".".join(
        '"' + name.replace('"', '""') + '"' if _QUOTED_FOR.intersection(name) or not name else name for name in names
    )


@contextmanager
def _transaction(own: psycopg.Connection[Any], snapshot: str | None) -> Iterator[None]:
    with own.transaction():
        if snapshot is not None:
            own.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            own.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(sql.Literal(snapshot)))
        yield


def _tables(own: psycopg.Connection[Any]) -> list[tuple[str, str, list[str], list[str] | None]]:
    return own.execute(
        f"""
        SELECT n.nspname, c.relname,
               ARRAY(SELECT a.attname::text COLLATE "C" FROM pg_attribute a
                      WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND {_STORED} ORDER BY 1),
               (SELECT ARRAY[rn.nspname::text, r.relname::text]
                  FROM pg_class r JOIN pg_namespace rn ON rn.oid = r.relnamespace
                 WHERE c.relispartition AND r.oid = pg_partition_root(c.oid))
          FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind = 'r' AND {_KEPT} AND {_OF_USERS} AND {_NOT_OF_EXTENSIONS}
         ORDER BY pg_relation_size(c.oid) DESC, 1, 2
        """
    ).fetchall()


def _table(own: psycopg.Connection[Any], schema: str, name: str, columns: list[str]) -> dict[str, Any]:
    # `ONLY`, since what inherits from it is counted by itself.
    statement = sql.SQL(
        'SELECT count(*), coalesce(sum(hashtextextended(ROW({})::text COLLATE "C", 0)), 0)::text FROM ONLY {} AS t'
    ).format(sql.SQL(", ").join(sql.Identifier("t", column) for column in columns), sql.Identifier(schema, name))
    row = own.execute(statement).fetchone()
    assert row is not None
    return {"rows": row[0], "hash": row[1]}


def _views(own: psycopg.Connection[Any]) -> list[str]:
    rows = own.execute(
        f"""
        SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind IN ('v', 'm') AND {_OF_USERS} AND {_NOT_OF_EXTENSIONS} ORDER BY 1, 2
        """
    )
    return [spelled(*names) for names in rows]


def _constraints(own: psycopg.Connection[Any]) -> dict[str, str]:
    # Since PostgreSQL 18 NOT NULL is one too, under names that a restore may choose anew; so is what a foreign key
    # becomes for each partition.
    rows = own.execute(
        f"""
        SELECT n.nspname, c.relname, k.conname,
               k.contype::text || CASE WHEN k.convalidated THEN ' valid' ELSE ' not valid' END
          FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE k.contype <> 'n' AND NOT (k.contype = 'f' AND k.conparentid <> 0)
           AND {_OF_USERS} AND {_NOT_OF_EXTENSIONS} ORDER BY 1, 2, 3
        """
    )
    return {spelled(*names): state for *names, state in rows}


def _sequences(own: psycopg.Connection[Any]) -> list[tuple[str, int, str | None, list[list[str]]]]:
    """Return each sequence with its step, its column, and the tables that have the column: its own and their heirs."""
    # Only integer columns: a text or numeric column may have a sequence too, but its values can't be compared with it.
    rows = own.execute(
        f"""
        SELECT n.nspname, c.relname, s.seqincrement, a.attname,
               ARRAY(WITH RECURSIVE heirs(oid) AS (SELECT a.attrelid UNION
                          SELECT i.inhrelid FROM pg_inherits i JOIN heirs h ON i.inhparent = h.oid)
                     SELECT ARRAY[tn.nspname::text, t.relname::text]
                       FROM heirs JOIN pg_class t ON t.oid = heirs.oid JOIN pg_namespace tn ON tn.oid = t.relnamespace
                      WHERE t.relkind = 'r' AND {_KEPT.replace("c.", "t.")})
          FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace
          LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i')
               AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0
          LEFT JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid AND {_STORED}
               AND a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)
         WHERE {_KEPT} AND {_OF_USERS} AND {_NOT_OF_EXTENSIONS} ORDER BY 1, 2
        """
    ).fetchall()
    return [(spelled(schema, name), step, column if step > 0 else None, of) for schema, name, step, column, of in rows]


def _highest(
    own: psycopg.Connection[Any], column: str | None, tables: list[list[str]], snapshot: str | None
) -> int | None:
    """Return the highest value of a column in some tables, or None if there is none."""
    found: list[int] = []
    if column is None:
        return None
    for names in tables:
        statement = sql.SQL("SELECT max({})::bigint FROM ONLY {}").format(
            sql.Identifier(column), sql.Identifier(*names)
        )
        with _transaction(own, snapshot):
            row = own.execute(statement).fetchone()
        found += [row[0]] if row and row[0] is not None else []
    return max(found, default=None)


def _newest(own: psycopg.Connection[Any]) -> str | None:
    newest = []
    for table, column in _NEWEST:
        schemas = own.execute(
            f"""
            SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
              JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = %s AND NOT a.attisdropped AND {_STORED}
                   AND a.atttypid IN ('timestamp'::regtype, 'timestamptz'::regtype)
              JOIN pg_attribute i ON i.attrelid = c.oid AND i.attname = 'id' AND NOT i.attisdropped
                   AND i.attgenerated <> 'v' AND i.atttypid IN ('int4'::regtype, 'int8'::regtype)
             WHERE c.relkind = 'r' AND c.relname = %s AND {_KEPT} AND {_OF_USERS}
            """,
            [column, table],
        ).fetchall()
        for (schema,) in schemas:
            # Times that Python can't represent, such as infinity, say nothing about the data's age.
            statement = sql.SQL(
                """
                SELECT CASE WHEN at BETWEEN '0001-01-01' AND '9999-12-31'
                            THEN to_char(at, 'YYYY-MM-DD"T"HH24:MI:SS"Z"') END
                  FROM (SELECT {}::timestamp AS at FROM ONLY {} ORDER BY id DESC LIMIT 1) AS newest
                """
            ).format(sql.Identifier(column), sql.Identifier(schema, table))
            row = own.execute(statement).fetchone()
            newest += [row[0]] if row and row[0] else []
    return max(newest, default=None)


def _number(rows: psycopg.Cursor[Any]) -> int:
    row = rows.fetchone()
    return int(row[0]) if row else 0
