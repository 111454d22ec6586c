"""The drift check at its two doors: `manage.py check_schema`, and Django's system checks."""

import json
import os
import re
import subprocess
import sys
from io import StringIO
from typing import Any

import psycopg
import pytest
from django.core.checks import Tags, run_checks
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from opsconsole.schema.ddl import NOT_IN_EVERY_CORE, TABLES, create_tables
from opsconsole.schema.findings import Kind
from tests.processes import PROJECT
from tests.waiting import PATIENCE

UNREACHABLE = "postgres://nobody@127.0.0.1:1/none"
NULLABLE = "ALTER TABLE identities ALTER is_default DROP NOT NULL"
TOO_SHORT = "ALTER TABLE jobs ALTER dedupe_key TYPE varchar(32)"
UNKNOWN_VALUE = (
    "ALTER TABLE backup_runs DROP CONSTRAINT IF EXISTS ck_backup_runs_kind;"
    " ALTER TABLE backup_runs ALTER kind TYPE varchar(32);"
    " ALTER TABLE backup_runs ADD CHECK (kind IN ('database', 'attachments', 'settings'))"
)


def sql(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def manage(*argv: str, database: str) -> "subprocess.CompletedProcess[str]":
    """Run manage.py on another database, with or without one that answers."""
    return subprocess.run(
        [sys.executable, "manage.py", *argv],
        env={**os.environ, "DATABASE_URL": database},
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=10 * PATIENCE,
        check=False,
    )


# --- the command --------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_command_says_that_nothing_differs() -> None:
    assert _printed() == "Nothing differs.\n"


@pytest.mark.django_db
def test_the_command_prints_a_sentence_for_each_difference_the_gravest_first() -> None:
    sql(NULLABLE, TOO_SHORT, UNKNOWN_VALUE)
    out = StringIO()
    with pytest.raises(CommandError, match=r"^1 difference with which something can't work; see docs/schema\.md\.$"):
        call_command("check_schema", stdout=out)
    assert out.getvalue() == (
        "Errors: something can't work:\n"
        "  jobs.dedupe_key holds 32 characters; the console writes up to 64. PostgreSQL refuses what is longer:"
        " then jobs can't be submitted, retried or settled. (opsconsole.E107)\n"
        "Warnings: the console does without:\n"
        "  identities.is_default may be NULL; the console takes it to have a value in every row."
        " A page or an operation that meets a row without one may fail. (opsconsole.W104)\n"
        "For information:\n"
        "  backup_runs.kind can be “settings”, which the console doesn't know."
        " Rows that have it are shown as they are. (opsconsole.I111)\n"
    )


@pytest.mark.django_db
def test_warnings_and_infos_alone_leave_the_exit_code_0() -> None:
    sql(NULLABLE, UNKNOWN_VALUE)
    assert "(opsconsole.W104)" in _printed()


@pytest.mark.django_db
def test_the_command_prints_json_for_programs() -> None:
    sql(NULLABLE)
    assert json.loads(_printed("--json")) == [
        {
            "code": "nullable",
            "severity": "warning",
            "table": "identities",
            "column": "is_default",
            "found": "may be NULL",
            "expected": "NOT NULL",
            "sentence": "identities.is_default may be NULL; the console takes it to have a value in every row.",
            "consequence": "A page or an operation that meets a row without one may fail.",
        }
    ]


@pytest.mark.django_db
def test_without_a_difference_the_json_is_an_empty_list() -> None:
    assert json.loads(_printed("--json")) == []


@pytest.mark.django_db
def test_json_with_errors_is_whole_and_the_exit_code_still_1() -> None:
    sql(TOO_SHORT)
    out = StringIO()
    with pytest.raises(CommandError):
        call_command("check_schema", "--json", stdout=out)
    assert [found["code"] for found in json.loads(out.getvalue())] == ["too_short"]


@pytest.mark.processes
def test_without_a_database_the_command_says_so_in_a_sentence() -> None:
    ran = manage("check_schema", database=UNREACHABLE)
    assert ran.returncode == 1
    assert ran.stdout == ""
    assert ran.stderr.startswith("CommandError: Nothing was compared, since the database can't be asked: ")
    assert "Traceback" not in ran.stderr


def _printed(*options: str) -> str:
    out = StringIO()
    call_command("check_schema", *options, stdout=out)
    return out.getvalue()


# --- the system check ---------------------------------------------------------------------------------------------


def checked(**options: Any) -> list[str]:
    """Return the ids of what the database checks find."""
    return [str(message.id) for message in run_checks(tags=[Tags.database], databases=["default"], **options)]


@pytest.mark.django_db
def test_the_system_check_says_the_same_with_an_id_for_each_kind() -> None:
    sql(NULLABLE, TOO_SHORT, UNKNOWN_VALUE)
    assert checked() == ["opsconsole.E107", "opsconsole.W104", "opsconsole.I111"]


@pytest.mark.django_db
def test_the_system_check_is_silent_where_nothing_differs() -> None:
    assert checked() == []


@pytest.mark.django_db
def test_a_missing_table_does_not_keep_migrate_from_running() -> None:
    sql("DROP TABLE restore_tests")
    assert checked() == ["opsconsole.W101"]


@pytest.mark.django_db
def test_the_system_check_of_one_application_is_about_its_tables() -> None:
    sql(NULLABLE, TOO_SHORT)
    with pytest.raises(CommandError) as refused:
        call_command("check", "jobs", databases=["default"])
    assert "jobs: (opsconsole.E107) jobs.dedupe_key holds 32 characters" in str(refused.value)
    assert "identities" not in str(refused.value)


@pytest.mark.django_db
def test_a_check_that_names_no_database_asks_none() -> None:
    sql(TOO_SHORT)
    with CaptureQueriesContext(connection) as queries:
        call_command("check")
    assert len(queries) == 0


@pytest.mark.processes
def test_without_a_database_only_a_check_of_the_database_fails() -> None:
    assert manage("check", database=UNREACHABLE).returncode == 0
    asked = manage("check", "--database", "default", database=UNREACHABLE)
    assert asked.returncode == 1
    assert "(opsconsole.E100) The core's tables could not be compared" in asked.stderr
    assert "Traceback" not in asked.stderr


@pytest.mark.processes
def test_a_database_without_the_cores_tables_can_be_migrated_and_is_told_of_each(
    core_database: str, variant: str
) -> None:
    migrated = manage("migrate", database=core_database)
    assert migrated.returncode == 0, migrated.stderr
    for model_table in set(TABLES) - {"local_users", "sessions"}:
        assert f"(opsconsole.W101) The schema public has no table {model_table}." in migrated.stderr
    with psycopg.connect(core_database) as server, server.cursor() as cursor:
        create_tables(cursor, variant)
        cursor.execute(f"DROP TABLE {', '.join(NOT_IN_EVERY_CORE)}")
    told = manage("check_schema", database=core_database)
    assert (told.returncode, told.stdout, told.stderr) == (0, "Nothing differs.\n", "")


@pytest.mark.processes
def test_migrate_stops_where_the_console_could_not_work(core_database: str, variant: str) -> None:
    with psycopg.connect(core_database) as server, server.cursor() as cursor:
        create_tables(cursor, variant)
        cursor.execute(TOO_SHORT)
    migrated = manage("migrate", database=core_database)
    assert migrated.returncode == 1
    assert "(opsconsole.E107)" in migrated.stderr


def test_every_id_is_described() -> None:
    page = (PROJECT / "docs" / "schema.md").read_text(encoding="utf-8")
    for kind in Kind:
        assert re.search(rf"^\| [EWI]{kind.value}\b.* \| `{kind.code}` \|", page, re.MULTILINE), kind
