"""How the core's real tables differ from what the console's unmanaged models say of them.

The models come from the application registry, so that the kernel knows none of them by name; what a model's fields
don't say, its `core_table` does. It reads the catalog with one query and changes nothing.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from django.apps import apps
from django.conf import settings
from django.db import connection as default_connection
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from opsconsole.schema.core_table import CoreTable, Severity, Values, Writes
from opsconsole.schema.ddl import NOT_IN_EVERY_CORE
from opsconsole.schema.families import family_of_field, is_of_family
from opsconsole.schema.findings import Finding, Kind
from opsconsole.schema.introspection import Column, Table, read_tables

SEVERITIES: Final[tuple[Severity, ...]] = ("error", "warning", "info")
MAX_VALUES_NAMED: Final = 20
_UNIQUE: Final = "a unique constraint or index on this column alone, neither partial nor deferrable"

Model = type[models.Model]
Field = models.Field[Any, Any]


def unmanaged_models() -> list[Model]:
    """Return the models of all installed applications whose tables are not Django's to make."""
    return [model for model in apps.get_models() if not model._meta.managed and not model._meta.proxy]


def find_drift(
    wanted: Iterable[Model] | None = None, *, connection: BaseDatabaseWrapper = default_connection
) -> list[Finding]:
    """Compare unmanaged models with the tables that are found on the search path; one query.

    Args:
        wanted: the models; all unmanaged ones when left out.
        connection: a connection to PostgreSQL.

    Returns:
        What differs, the gravest first.

    Raises:
        OperationalError: the database does not answer.
    """
    compared = list(unmanaged_models() if wanted is None else wanted)
    tables = read_tables(connection, [model._meta.db_table for model in compared])
    found = [finding for model in compared for finding in _of_model(model, tables.get(model._meta.db_table))]
    return sorted(found, key=lambda finding: SEVERITIES.index(finding.severity))


def _of_model(model: Model, table: Table | None) -> Iterator[Finding]:
    name = model._meta.db_table
    needs: CoreTable | None = getattr(model, "core_table", None)
    needed_for = needs.needed_for if needs else str(model._meta.verbose_name_plural)
    if table is None:
        yield _missing_table(name, needed_for)
        return
    if len(table.schemas) > 1:
        yield _several_tables(name, table)
    writes = needs.writes if needs else None
    for field in model._meta.concrete_fields:
        column_name = _column_of(field)
        column = table.columns.get(column_name)
        if column is None:
            yield _missing_column(name, column_name, field, needed_for)
        else:
            yield from _of_column(name, table, field, column, writes)
    for column_name, values in needs.values.items() if needs else ():
        if (column := table.columns.get(column_name)) and column.allowed_values is not None:
            yield from _of_values(name, column_name, values, column.allowed_values)
    if writes:
        yield from _of_writes(name, table, writes)


# --- tables -------------------------------------------------------------------------------------------------------


def _missing_table(name: str, needed_for: str) -> Finding:
    made_by_console = name in NOT_IN_EVERY_CORE
    consequence = f"Needed for {needed_for}, which fail until the table exists."
    if made_by_console:
        consequence += f" `manage.py migrate` creates it in the schema {settings.DATABASE_SCHEMA}."
    return Finding(
        kind=Kind.MISSING_TABLE,
        # Only a warning, because the console itself can create the table.
        severity="warning" if made_by_console else "error",
        table=name,
        found=None,
        expected="a table or a view",
        sentence=f"The schema {settings.CORE_SCHEMA} has no table {name}.",
        consequence=consequence,
    )


def _several_tables(name: str, table: Table) -> Finding:
    used, *others = (f"{schema}.{name}" for schema in table.schemas)
    consequence = f"The console ignores the rows of {' and '.join(others)}."
    if name in NOT_IN_EVERY_CORE and table.schemas[0] == settings.DATABASE_SCHEMA:
        consequence += " To move the console's rows to the core's table, see docs/schema.md."
    return Finding(
        kind=Kind.SEVERAL_TABLES,
        severity="warning",
        table=name,
        found=", ".join((used, *others)),
        expected="one table",
        sentence=f"{len(table.schemas)} tables are named {name}. The console uses {used}.",
        consequence=consequence,
    )


# --- columns ------------------------------------------------------------------------------------------------------


def _column_of(field: Field) -> str:
    return field.column or field.attname


def _missing_column(table: str, column: str, field: Field, needed_for: str) -> Finding:
    family = family_of_field(field)
    return Finding(
        kind=Kind.MISSING_COLUMN,
        severity="error",
        table=table,
        column=column,
        found=None,
        expected=family.value if family else "a column",
        sentence=f"The table {table} has no column {column}.",
        consequence=f"{table} is needed for {needed_for}, which fail until it exists.",
    )


def _of_column(name: str, table: Table, field: Field, column: Column, writes: Writes | None) -> Iterator[Finding]:
    written = writes is not None and column.name in writes.columns
    family = family_of_field(field)
    if family and not is_of_family(family, column.type_name, is_enum=column.is_enum, written=written):
        yield Finding(
            kind=Kind.OTHER_TYPE,
            severity="error",
            table=name,
            column=column.name,
            found=column.type,
            expected=family.value,
            sentence=f"{name}.{column.name} is {column.type}; the console needs {family.value}.",
            consequence=f"What {'reads, filters or writes' if written else 'reads or filters'} it may fail.",
        )
    # What a view's columns refuse is known only of the table behind it.
    if not (field.null or column.not_null or table.view):
        yield Finding(
            kind=Kind.NULLABLE,
            severity="warning",
            table=name,
            column=column.name,
            found="may be NULL",
            expected="NOT NULL",
            sentence=f"{name}.{column.name} may be NULL; the console takes it to have a value in every row.",
            consequence="A page or an operation that meets a row without one may fail.",
        )
    if writes and column.name in writes.columns:
        needed = _length_needed(field, writes)
        if column.length is not None and needed is not None and column.length < needed:
            yield _too_short(name, column, needed, writes)


def _length_needed(field: Field, writes: Writes) -> int | None:
    declared = writes.lengths.get(_column_of(field))
    return declared if declared is not None else field.max_length


def _too_short(table: str, column: Column, needed: int, writes: Writes) -> Finding:
    return Finding(
        kind=Kind.TOO_SHORT,
        severity="error",
        table=table,
        column=column.name,
        found=column.type,
        expected=f"room for {needed:,} characters",
        sentence=f"{table}.{column.name} holds {column.length:,} characters; the console writes up to {needed:,}.",
        consequence=f"PostgreSQL refuses what is longer: then {writes.at_stake}.",
    )


# --- values -------------------------------------------------------------------------------------------------------


def _of_values(table: str, column: str, values: Values, allowed: frozenset[str]) -> Iterator[Finding]:
    can_be = _named(allowed)
    for value, lack in values.known.items():
        if value not in allowed:
            yield Finding(
                kind=Kind.MISSING_VALUE,
                severity=lack.severity,
                table=table,
                column=column,
                found=can_be,
                expected=value,
                sentence=f"{table}.{column} can't be “{value}”.",
                consequence=lack.consequence,
            )
    if unknown := allowed - set(values.known):
        named = _named(unknown)
        yield Finding(
            kind=Kind.UNKNOWN_VALUES,
            severity="info",
            table=table,
            column=column,
            found=named,
            expected=_named(values.known),
            sentence=f"{table}.{column} can be {named}, which the console doesn't know.",
            consequence=values.others,
        )


def _named(values: Iterable[str]) -> str:
    names = [f"“{value[:64]}”" for value in sorted(values)]
    shown = ", ".join(names[:MAX_VALUES_NAMED])
    return f"{shown} and {len(names) - MAX_VALUES_NAMED} more" if len(names) > MAX_VALUES_NAMED else shown


# --- writing ------------------------------------------------------------------------------------------------------


def _of_writes(name: str, table: Table, writes: Writes) -> Iterator[Finding]:
    if not table.takes_inserts or (writes.updated and not table.takes_updates):
        yield _not_writable(name, table, writes)
    for column in table.columns.values():
        if column.not_null and not column.has_default and column.name not in writes.inserted:
            yield _unknown_required(name, column, writes, may_be_filled=table.has_insert_trigger)
        elif column.not_null and column.name in writes.nulled:
            yield Finding(
                kind=Kind.REFUSES_NULL,
                severity="error",
                table=name,
                column=column.name,
                found="NOT NULL",
                expected="may be NULL",
                sentence=f"{name}.{column.name} refuses NULL, which the console writes there.",
                consequence=f"PostgreSQL refuses such a row: {writes.at_stake}.",
            )
    for column_name, consequence in writes.unique.items():
        unique = table.columns.get(column_name)
        if unique and not table.view and not unique.is_unique:
            yield _not_unique(name, column_name, consequence)
        elif unique and table.view and table.takes_inserts:
            yield _uniqueness_unknown(name, table, column_name, consequence)


def _not_writable(name: str, table: Table, writes: Writes) -> Finding:
    return Finding(
        kind=Kind.NOT_WRITABLE,
        severity="error",
        table=name,
        found=table.view,
        expected="a table, or a view that can be written to",
        sentence=f"{name} is {table.view} that can't be written to.",
        consequence=f"PostgreSQL refuses what the console writes: {writes.at_stake}.",
    )


def _unknown_required(name: str, column: Column, writes: Writes, *, may_be_filled: bool) -> Finding:
    unless = ", unless a trigger of the table fills it in" if may_be_filled else ""
    return Finding(
        kind=Kind.UNKNOWN_REQUIRED,
        severity="warning" if may_be_filled else "error",
        table=name,
        column=column.name,
        found=f"{column.type}, NOT NULL, no default",
        expected="a default, or NULL allowed",
        sentence=f"{name}.{column.name} must have a value and has no default; the console's INSERT doesn't name it.",
        consequence=f"PostgreSQL refuses every row that the console inserts{unless}: {writes.at_stake}.",
    )


def _not_unique(name: str, column: str, consequence: str) -> Finding:
    return Finding(
        kind=Kind.NOT_UNIQUE,
        severity="error",
        table=name,
        column=column,
        found="no unique constraint",
        expected=_UNIQUE,
        sentence=f"{name}.{column} has no unique constraint or index that ON CONFLICT ({column}) could use.",
        consequence=consequence,
    )


def _uniqueness_unknown(name: str, table: Table, column: str, consequence: str) -> Finding:
    # A view has no index, but an INSERT through it is decided by those of the table behind it.
    return Finding(
        kind=Kind.UNIQUENESS_UNKNOWN,
        severity="info",
        table=name,
        column=column,
        found=table.view,
        expected=_UNIQUE,
        sentence=f"{name} is {table.view}; whether {column} is unique in the table behind it is not known here.",
        consequence=f"If it is not: {consequence[:1].lower()}{consequence[1:]}",
    )
