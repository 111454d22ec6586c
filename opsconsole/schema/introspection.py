"""What PostgreSQL's catalog says of tables: one query, whatever their number and their size. It changes nothing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from django.db.backends.base.base import BaseDatabaseWrapper

from opsconsole.schema.value_lists import values_of_check

_VIEWS: Final = {"v": "a view", "m": "a materialized view"}

# A table is looked up as in any other statement: the first of its name on the search path. A view's columns say
# neither NOT NULL nor unique, whatever the table behind it says. For a column of a domain, the type behind it counts.
_QUERY: Final = """
SELECT wanted.name, c.relkind::text,
       ARRAY(SELECT path.schema::text  -- in the order in which they are looked through
               FROM unnest(current_schemas(false)) WITH ORDINALITY AS path (schema, place)
               JOIN pg_namespace n ON n.nspname = path.schema
               JOIN pg_class k ON k.relnamespace = n.oid AND k.relname = c.relname
                    AND k.relkind IN ('r', 'p', 'v', 'm', 'f')
              ORDER BY path.place),
       CASE c.relkind WHEN 'v' THEN pg_relation_is_updatable(c.oid, true) WHEN 'm' THEN 0 END,
       EXISTS (SELECT FROM pg_trigger g  -- a row trigger (1) before (2) an insert (4)
                WHERE g.tgrelid = c.oid AND NOT g.tgisinternal AND g.tgenabled <> 'D' AND g.tgtype & 7 = 7),
       a.attname::text, format_type(a.atttypid, a.atttypmod), base.typname::text, base.typtype = 'e',
       a.attnotnull OR t.typnotnull,
       a.atthasdef OR a.attidentity <> '' OR t.typdefault IS NOT NULL,
       CASE WHEN base.typname IN ('varchar', 'bpchar')
            THEN NULLIF(CASE t.typtype WHEN 'd' THEN t.typtypmod ELSE a.atttypmod END, -1) - 4 END,
       CASE base.typtype WHEN 'e' THEN ARRAY(SELECT enumlabel::text FROM pg_enum WHERE enumtypid = base.oid) END,
       ARRAY(SELECT pg_get_constraintdef(k.oid) FROM pg_constraint k
              WHERE k.contype = 'c'
                AND (k.conrelid = c.oid AND k.conkey = ARRAY[a.attnum] OR k.conrelid = 0 AND k.contypid = t.oid)),
       -- As INSERT … ON CONFLICT (column) looks for it.
       EXISTS (SELECT FROM pg_index i
                WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indimmediate
                  AND i.indpred IS NULL AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum)
  FROM unnest(%(tables)s::text[]) AS wanted (name)
  JOIN pg_class c ON c.oid = to_regclass(quote_ident(wanted.name)) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
  LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        AND (%(column)s::text IS NULL OR a.attname = %(column)s)
  LEFT JOIN pg_type t ON t.oid = a.atttypid
  LEFT JOIN pg_type base ON base.oid = CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.oid END
 ORDER BY wanted.name, a.attnum
"""
_UPDATABLE, _INSERTABLE = 4, 8  # bits of pg_relation_is_updatable


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column as it really is.

    Attributes:
        name: its name.
        type: its type as PostgreSQL spells it, such as `character varying(64)`.
        type_name: the type's name in pg_type, of a domain that of the type behind it.
        is_enum: whether it is a native enum.
        not_null: whether it refuses NULL; nothing is known of a view's.
        has_default: whether it gets a value by itself where an INSERT doesn't name it.
        length: the most characters that it holds; None for any number.
        allowed_values: the only values that it can hold, where an enum or a CHECK says so.
        is_unique: whether an index decides between two rows with the same value.
    """

    name: str
    type: str
    type_name: str
    is_enum: bool
    not_null: bool
    has_default: bool
    length: int | None
    allowed_values: frozenset[str] | None
    is_unique: bool


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table, view or foreign table as it really is.

    Attributes:
        schemas: the schemas on the search path that have a table of this name. The first one's table is used.
        view: what kind of view it is, or empty for a table.
        takes_inserts: whether rows can be inserted.
        takes_updates: whether rows can be changed.
        has_insert_trigger: whether a trigger may fill in columns before a row is inserted.
        columns: by name.
    """

    schemas: list[str]
    view: str
    takes_inserts: bool
    takes_updates: bool
    has_insert_trigger: bool
    columns: dict[str, Column] = field(default_factory=dict)


def read_tables(
    connection: BaseDatabaseWrapper, tables: Iterable[str], *, column: str | None = None
) -> dict[str, Table]:
    """Return the tables that are found on the search path, by name; one query.

    Args:
        connection: a connection to PostgreSQL.
        tables: their names.
        column: read only this column of each.
    """
    with connection.cursor() as cursor:
        cursor.execute(_QUERY, {"tables": sorted(set(tables)), "column": column})
        rows = cursor.fetchall()
    found: dict[str, Table] = {}
    for name, kind, schemas, updatable, has_insert_trigger, *of_column in rows:
        table = found.setdefault(
            name,
            Table(
                schemas=schemas,
                view=_VIEWS.get(kind, ""),
                takes_inserts=updatable is None or bool(updatable & _INSERTABLE),
                takes_updates=updatable is None or bool(updatable & _UPDATABLE),
                has_insert_trigger=has_insert_trigger,
            ),
        )
        if of_column[0] is not None:
            table.columns[of_column[0]] = _column(of_column)
    return found


def _column(row: Sequence[Any]) -> Column:
    name, spelled, type_name, is_enum, not_null, has_default, length, labels, checks, is_unique = row
    lists = [frozenset(labels)] if labels is not None else []
    lists += [values for check in checks if (values := values_of_check(check)) is not None]
    return Column(
        name=name,
        type=spelled,
        type_name=type_name,
        is_enum=is_enum,
        not_null=not_null,
        has_default=has_default,
        length=length,
        allowed_values=frozenset.intersection(*lists) if lists else None,
        is_unique=is_unique,
    )
