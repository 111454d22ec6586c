"""Something private in every text of every table: one row each, and a few more where rows come in several states.

Tables and columns are those that the database has, so that a new one is planted by itself.
"""

import json
import re
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import redis
from django.conf import settings
from django.db import connection, transaction

from tests.cast import NOW
from tests.privacy.secrets import Vault

RUN_ID: Final = UUID("0b5d6c1e-7c53-4c89-8d1f-2f6f3b8c9d10")
OWN_TASK_ID: Final = UUID("0b5d6c1e-7c53-4c89-8d1f-2f6f3b8c9d11")
CORE_TASK_ID: Final = UUID("0b5d6c1e-7c53-4c89-8d1f-2f6f3b8c9d12")
FINGERPRINT: Final = "0123456789abcdef"
# Django's own bookkeeping, and people's accounts, whose names are there to be read.
NOT_PLANTED: Final = {
    "auth_group",
    "auth_group_permissions",
    "auth_permission",
    "auth_user",
    "auth_user_groups",
    "auth_user_user_permissions",
    "authtoken_token",
    "django_admin_log",
    "django_celery_beat_periodictasks",
    "django_content_type",
    "django_migrations",
    "django_session",
}
# What only certain values are allowed for without the database saying so.
VALUES: Final[dict[str, Any]] = {
    "jobs.status": "failed",
    "jobs_dispatch.outcome": "failed",
    "jobs_dispatch.progress_source": "reported",
    "jobs_dispatch.holds_place": False,
    "django_celery_beat_intervalschedule.period": "minutes",
    "django_celery_beat_crontabschedule.timezone": "UTC",
    **{
        f"django_celery_beat_crontabschedule.{field}": "*"
        for field in ("minute", "hour", "day_of_week", "day_of_month", "month_of_year")
    },
    "django_celery_beat_solarschedule.event": "sunrise",
    # A periodic task has one schedule.
    **{f"django_celery_beat_periodictask.{name}_id": None for name in ("crontab", "solar", "clocked")},
    "django_celery_results_taskresult.task_id": str(OWN_TASK_ID),
    "django_celery_results_taskresult.content_type": "application/json",
    "django_celery_results_taskresult.content_encoding": "utf-8",
    "django_celery_results_taskresult.status": "FAILURE",
    "jobs_errorgroup.fingerprint": FINGERPRINT,
    "opsconsole_auditreference.entity_type": "job",
    "opsconsole_auditreference.entity_id": "1",
}
# Rows that had these would be left out of lists.
EMPTY: Final = {"deleted_at", "archived_at", "removed_at", "remote_deleted_at", "next_attempt_at", "next_run_at"}
_OTHERS: Final[dict[str, Any]] = {
    **dict.fromkeys(("bigint", "integer", "smallint", "numeric", "double precision"), 1),
    "boolean": True,
    "uuid": RUN_ID,
    "inet": "192.0.2.7",
    "timestamp with time zone": NOW,
    "timestamp without time zone": NOW.replace(tzinfo=None),
}


@dataclass(frozen=True)
class Column:
    """A column as the database describes it."""

    schema: str
    table: str
    name: str
    type: str
    length: int | None
    allowed: str | None
    """A value that its enum or its check allows; None where anything goes."""

    @property
    def where(self) -> str:
        """What it is called here."""
        return f"{self.table}.{self.name}"


def plant(vault: Vault) -> None:
    """Fill every table, and the core's result back end."""
    shared: dict[str, str] = {}
    with connection.cursor() as cursor, transaction.atomic():
        # The rows refer to each other; in which order they come doesn't matter.
        cursor.execute("SET LOCAL session_replication_role = replica")
        for table, columns in _tables(cursor).items():
            cursor.execute(f"DELETE FROM {table}")
            values = {column.name: _value(column, vault, shared) for column in columns}
            names = ", ".join(f'"{name}"' for name in values)
            cursor.execute(
                f"INSERT INTO {table} ({names}) VALUES ({', '.join(['%s'] * len(values))})", list(values.values())
            )
        # Jobs in other states have other things on their pages.
        own = settings.DATABASE_SCHEMA
        for pk, status in enumerate(("running", "retrying", "queued", "done"), start=2):
            attempt = {"id": pk, "job_id": pk, "serial_key": None, "task_id": str(UUID(int=pk))}
            if status in {"running", "queued"}:
                attempt |= {"ended_at": None, "outcome": None}
            _copy(cursor, f"{settings.CORE_SCHEMA}.jobs", id=pk, status=status, dedupe_key=None)
            _copy(cursor, f"{own}.jobs_dispatch", **attempt)
            _copy(cursor, f"{own}.jobs_runjob", id=pk, job_id=pk)
        cursor.execute("SET LOCAL session_replication_role = origin")
        for table in _tables(cursor):
            cursor.execute(
                "SELECT setval(pg_get_serial_sequence(%s, a.attname), 1000) FROM pg_attribute a"
                " WHERE a.attrelid = %s::regclass AND a.attname = 'id'",
                [table, table],
            )
    with closing(redis.Redis.from_url(settings.CORE_RESULT_BACKEND)) as client:
        meta = {"status": "SUCCESS", "result": vault.document("the core's result"), "task_id": str(CORE_TASK_ID)}
        client.set(f"celery-task-meta-{CORE_TASK_ID}", json.dumps(meta), ex=600)


def _tables(cursor: Any) -> dict[str, list[Column]]:
    cursor.execute(
        """
        SELECT c.table_schema, c.table_name, c.column_name, c.data_type, c.character_maximum_length,
               CASE WHEN t.typtype = 'e' THEN (SELECT quote_literal(e.enumlabel) FROM pg_enum e
                                               WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder LIMIT 1) END,
               (SELECT string_agg(pg_get_constraintdef(k.oid), ' ') FROM pg_constraint k
                WHERE k.contype = 'c' AND k.conrelid = a.attrelid AND k.conkey = ARRAY[a.attnum])
        FROM information_schema.columns c
        JOIN pg_class r ON r.relname = c.table_name AND r.relkind = 'r'
        JOIN pg_namespace n ON n.oid = r.relnamespace AND n.nspname = c.table_schema
        JOIN pg_attribute a ON a.attrelid = r.oid AND a.attname = c.column_name
        JOIN pg_type t ON t.oid = a.atttypid
        WHERE c.table_schema IN (%s, %s)
        ORDER BY c.table_schema, c.table_name, c.ordinal_position
        """,
        [settings.DATABASE_SCHEMA, settings.CORE_SCHEMA],
    )
    tables: dict[str, list[Column]] = {}
    for schema, table, name, kind, length, label, check in cursor.fetchall():
        if table not in NOT_PLANTED:
            literal = re.search(r"'([^']+)'", label or check or "")
            column = Column(schema, table, name, kind, length, literal.group(1) if literal else None)
            tables.setdefault(f'{schema}."{table}"', []).append(column)
    return tables


def _value(column: Column, vault: Vault, shared: dict[str, str]) -> Any:
    fixed = dict.fromkeys(EMPTY) | ({column.name: column.allowed} if column.allowed else {})
    if column.where in VALUES or column.name in fixed:
        return VALUES.get(column.where, fixed.get(column.name))
    match column.type:
        case "text" | "character varying" | "character":
            text = vault.text(column.where, length=column.length)
            # The one key that is a text.
            return shared.setdefault(column.name, text) if column.name == "provider_id" else text
        case "json" | "jsonb":
            return json.dumps(vault.document(column.where))
        case kind if kind in _OTHERS:
            return _OTHERS[kind]
    raise AssertionError(f"Say in tests/privacy/planting.py what {column.where} ({column.type}) may hold.")


def _copy(cursor: Any, table: str, /, **changes: Any) -> None:
    """Add a copy of a table's first row with some values changed."""
    cursor.execute(
        f"INSERT INTO {table} SELECT (jsonb_populate_record(NULL::{table}, to_jsonb(r) || %s::jsonb)).* FROM {table} r"
        " WHERE r.id = 1",
        [json.dumps(changes)],
    )
