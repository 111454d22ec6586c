"""A core without backup tables, like today's core: the console has its own, and everything works the same."""

import random
import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any, Final

import psycopg
import pytest
from django.core.checks import Tags, run_checks
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.db.migrations.recorder import MigrationRecorder

from backups.apps import make_missing_tables
from backups.folder import BackupFolder
from backups.making import make_database_backup
from backups.models import DATABASE, FAILED, PASSED, RUNNING, SUCCEEDED, BackupRun, RestoreTest
from backups.testing import run_restore_test
from jobs import catalog
from jobs.models import Dispatch
from jobs.sweeper import Sweeper
from opsconsole.schema.ddl import NOT_IN_EVERY_CORE, create_tables
from opsconsole.schema.drift import find_drift
from opsconsole.schema.findings import Kind
from tests.admin.conftest import _uncollected, browser_of
from tests.api.cast import make_staff, with_token
from tests.backups.cast import make_backup, make_restore_test
from tests.backups.conftest import Watcher
from tests.backups.test_recorded import of_test, said
from tests.cast import make_conversation, make_identity, make_message
from tests.privacy.planting import plant
from tests.privacy.secrets import Vault
from tests.privacy.test_pages import SHOWS_NOTHING
from tests.privacy.walking import routes
from tests.processes import PROJECT
from tests.schema.test_checks import manage
from tests.sync_history.rows import attempt

__all__ = ["_uncollected"]

MIGRATION: Final = import_module("backups.migrations.0003_tables_of_our_own")


def sql(*statements: str) -> list[Any]:
    """Run statements, and return the rows of the last one."""
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


def tables(schema: str) -> set[str]:
    """Return which of the two tables a schema has."""
    return {
        name for name in NOT_IN_EVERY_CORE if sql(f"SELECT to_regclass('{schema}.{name}') IS NOT NULL") == [(True,)]
    }


@pytest.fixture
def own_tables(transactional_db: None) -> Iterator[None]:
    """Drop the core's backup tables, so that the console creates its own. Restore everything afterwards."""
    try:
        sql("CREATE SCHEMA put_away", *(f"ALTER TABLE public.{name} SET SCHEMA put_away" for name in NOT_IN_EVERY_CORE))
        make_missing_tables("default")
        yield
    finally:
        sql("DROP TABLE IF EXISTS opsconsole.restore_tests, opsconsole.backup_runs")
        put_away_again = tables("put_away")
        sql(*(f"ALTER TABLE put_away.{name} SET SCHEMA public" for name in put_away_again), "DROP SCHEMA put_away")


# --- the migration ------------------------------------------------------------------------------------------------

DROPPED: Final = "DROP TABLE public.restore_tests, public.backup_runs"
BOTH: Final = set(NOT_IN_EVERY_CORE)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("statements", "made"),
    [
        ([], set()),
        ([DROPPED], BOTH),
        (["DROP TABLE public.restore_tests"], {"restore_tests"}),
        (["DROP TABLE public.backup_runs CASCADE"], {"backup_runs"}),
        # A view or a foreign table counts as a table.
        ([DROPPED, *(f"CREATE VIEW public.{name} AS SELECT 1 AS id" for name in BOTH)], set()),
        ([DROPPED, "CREATE MATERIALIZED VIEW public.backup_runs AS SELECT 1 AS id"], {"restore_tests"}),
        (
            [
                DROPPED,
                "CREATE FOREIGN DATA WRAPPER elsewhere",
                "CREATE SERVER elsewhere FOREIGN DATA WRAPPER elsewhere",
                "CREATE FOREIGN TABLE public.backup_runs (id bigint) SERVER elsewhere",
            ],
            {"restore_tests"},
        ),
        ([DROPPED, "CREATE TABLE public.restore_tests (id bigint) PARTITION BY HASH (id)"], {"backup_runs"}),
        # No other object with the name counts.
        ([DROPPED, "CREATE SEQUENCE public.backup_runs"], BOTH),
        ([DROPPED, "CREATE TABLE public.t (id bigint)", "CREATE INDEX restore_tests ON public.t (id)"], BOTH),
        ([DROPPED, 'CREATE TABLE public."Backup_Runs" ()'], BOTH),
        # A table outside the search path doesn't count either.
        ([DROPPED, "CREATE SCHEMA elsewhere", "CREATE TABLE elsewhere.backup_runs ()"], BOTH),
        ([*(f"ALTER TABLE public.{name} RENAME TO core_{name}" for name in BOTH)], BOTH),
        # The core's schema may have another name, and there may be several.
        (
            [
                "CREATE SCHEMA elsewhere",
                *(f"ALTER TABLE public.{name} SET SCHEMA elsewhere" for name in BOTH),
                "SET LOCAL search_path TO opsconsole, public, elsewhere",
            ],
            set(),
        ),
    ],
)
def test_each_table_that_is_not_found_is_made_in_the_consoles_schema_and_only_there(
    statements: list[str], made: set[str]
) -> None:
    sql(*statements)
    others = "SELECT oid, relname, relnamespace, relfilenode FROM pg_class WHERE relnamespace = 'public'::regnamespace"
    before = set(sql(others))
    for _ in range(2):
        make_missing_tables("default")
        assert tables("opsconsole") == made
        assert set(sql(others)) == before


@pytest.mark.django_db
def test_a_table_of_the_consoles_never_refers_to_one_of_the_cores() -> None:
    sql("DROP TABLE public.restore_tests")
    make_missing_tables("default")
    run = make_backup()
    make_restore_test(run)
    sql(f"DELETE FROM backup_runs WHERE id = {run.pk}", "SET CONSTRAINTS ALL IMMEDIATE")
    assert RestoreTest.objects.count() == 1


@pytest.mark.django_db
def test_the_consoles_tables_are_those_of_the_plain_variant() -> None:
    sql(DROPPED, "CREATE SCHEMA elsewhere")
    with connection.cursor() as cursor:
        create_tables(cursor, "plain", schema="elsewhere")
    make_missing_tables("default")

    def described(schema: str) -> list[Any]:
        found = sql(
            f"""
            SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
                   pg_get_expr(d.adbin, d.adrelid)
              FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
              LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
             WHERE c.relnamespace = '{schema}'::regnamespace AND c.relname IN ('backup_runs', 'restore_tests')
             ORDER BY c.relname, a.attnum
            """
        )
        found += sql(
            f"SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
            f" WHERE conrelid IN ('{schema}.backup_runs'::regclass, '{schema}.restore_tests'::regclass) ORDER BY 1"
        )
        found += sql(
            f"SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = '{schema}'"
            " AND tablename IN ('backup_runs', 'restore_tests') ORDER BY 1"
        )
        return [tuple(str(value).replace(f"{schema}.", "") for value in row) for row in found]

    assert described("opsconsole") == described("elsewhere")
    assert find_drift() == []


def test_undoing_the_migration_keeps_what_the_tables_hold(own_tables: None) -> None:
    run = make_backup()
    applied = {"app": "backups", "name": "0003_tables_of_our_own"}
    recorder = MigrationRecorder(connection).migration_qs
    try:
        call_command("migrate", "backups", "0002", verbosity=0)
        assert not recorder.filter(**applied).exists()
        assert BackupRun.objects.get() == run
    finally:
        call_command("migrate", verbosity=0)
    assert recorder.filter(**applied).exists()
    assert BackupRun.objects.get() == run
    assert tables("public") == set()


def test_tables_that_the_core_had_and_has_no_more_are_made_by_the_next_migrate(own_tables: None) -> None:
    sql("DROP TABLE opsconsole.restore_tests, opsconsole.backup_runs")
    call_command("migrate", verbosity=0)
    assert tables("opsconsole") == BOTH


# --- all that stands on them --------------------------------------------------------------------------------------


@pytest.mark.slow
def test_every_page_and_everything_under_ops_answers(own_tables: None) -> None:
    plant(Vault(random.Random(0).choice))
    assert (BackupRun.objects.count(), RestoreTest.objects.count()) == (1, 1)
    root = make_staff("root", is_superuser=True, pk=1)
    page, api = browser_of(root), with_token(root)
    unseen, broken, seen = set(), {}, 0
    for route in routes():
        if not route.pattern.startswith(("ops", "admin", "conversations")):
            continue
        codes = set()
        for url in (url for urls in route.urls() for url in urls):
            status = (page if url.startswith("/admin") else api).get(url).status_code
            codes.add(status)
            seen += status == 200
            if status >= 500:
                broken[url] = status
        # A page of the admin, or an endpoint that is only posted to.
        if not codes & {200, 302, 405}:
            unseen.add(route.pattern)
    assert broken == {}
    assert unseen <= SHOWS_NOTHING.keys()
    assert seen > 100


def test_nothing_is_missed_where_there_is_no_backup_yet(own_tables: None, folder: BackupFolder) -> None:
    root = make_staff("root", is_superuser=True)
    page, api = browser_of(root), with_token(root)
    for url in ("/ops/backup/status", "/ops/backup/history", "/ops/health", "/ops/meta"):
        assert api.get(url).status_code == 200, url
    for url in ("/admin/", "/admin/backups/backuprun/", "/admin/backups/restoretest/"):
        assert page.get(url).status_code == 200, url
    assert api.get("/ops/backup/history").json()["total"] == 0


@pytest.mark.processes
def test_a_backup_is_made_restored_and_passes(own_tables: None, folder: BackupFolder, watcher: Watcher) -> None:
    make_message(make_conversation(make_identity()))
    made = make_database_backup(watcher, job_id=None)
    run_restore_test(watcher, backup_run_id=made["backup_run_id"], job_id=None)

    run, test = BackupRun.objects.get(), RestoreTest.objects.get()
    assert (run.kind, run.status, test.status, test.error) == (DATABASE, SUCCEEDED, PASSED, None)
    named = {name for name in run.manifest_json["tables"] if name.split(".")[1] in NOT_IN_EVERY_CORE}
    assert {name for name in named if not name.startswith("put_away.")} == {f"opsconsole.{name}" for name in BOTH}
    # Its own row is the newest one.
    assert run.manifest_json["newest_row_at"] == f"{run.started_at:%Y-%m-%dT%H:%M:%SZ}"
    [newest] = [check for check in test.checks_json if check["check_name"] == "newest_row"]
    assert newest["passed"] is True


@pytest.mark.processes
def test_a_database_as_the_core_has_it_today_is_migrated_backed_up_and_tested_by_the_commands(
    core_database: str, variant: str, folder: BackupFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPS_BACKUP_DIR", str(folder.path))
    with psycopg.connect(core_database) as server, server.cursor() as cursor:
        create_tables(cursor, variant)
        cursor.execute(DROPPED)
    checked = manage("check_schema", database=core_database)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert checked.stdout.count("`manage.py migrate` creates it in the schema opsconsole. (opsconsole.W101)") == 2
    for command in ("migrate", "database_backup", "restore_test"):
        done = manage(command, database=core_database)
        assert done.returncode == 0, done.stderr
    assert manage("check_schema", database=core_database).stdout == "Nothing differs.\n"
    with psycopg.connect(core_database) as server:
        assert server.execute("SELECT status FROM opsconsole.restore_tests").fetchall() == [("passed",)]
        assert server.execute("SELECT to_regclass('public.restore_tests')").fetchone() == (None,)


def test_the_sweeper_records_what_the_core_has_made_and_ends_what_died_without_an_error(
    own_tables: None, folder: BackupFolder, caplog: pytest.LogCaptureFixture
) -> None:
    lost = make_backup(status=RUNNING, completed_at=None, storage_key=None)
    backup = attempt({}, job_type=catalog.CORE_DATABASE_BACKUP, result=said())
    test = attempt({}, job_type=catalog.CORE_RESTORE_TEST, result=of_test(True, True))
    Sweeper().tick()

    assert [record.getMessage() for record in caplog.records if record.levelname in ("ERROR", "CRITICAL")] == []
    assert not Dispatch.objects.filter(told=False).exists()
    made = BackupRun.objects.get(job_id=backup.job_id)
    assert made.status == SUCCEEDED
    tested = RestoreTest.objects.get()
    assert (tested.job_id, tested.backup_run_id, tested.status) == (test.job_id, made.pk, PASSED)
    lost.refresh_from_db()
    assert lost.status == FAILED


# --- a core that gets tables of its own later -----------------------------------------------------------------------


def core_gets_tables() -> None:
    """Create backup tables in the core's schema, in the core's variant."""
    sql(*(f"ALTER TABLE put_away.{name} SET SCHEMA public" for name in NOT_IN_EVERY_CORE))


def carry_over() -> None:
    """Run the statements from the documentation."""
    text = (PROJECT / "docs" / "schema.md").read_text(encoding="utf-8")
    [statements] = re.findall(r"```sql\nBEGIN;\n(.*?)COMMIT;\n```", text, re.DOTALL)
    with transaction.atomic():
        sql(statements)


def kept() -> list[Any]:
    return [*BackupRun.objects.order_by("pk").values(), *RestoreTest.objects.order_by("pk").values()]


def test_it_is_said_that_both_exist_and_which_one_is_used(own_tables: None) -> None:
    core_gets_tables()
    found = find_drift()
    assert {finding.table for finding in found} == BOTH
    assert {(finding.kind, finding.severity) for finding in found} == {(Kind.SEVERAL_TABLES, "warning")}
    [message, _] = sorted(run_checks(tags=[Tags.database], databases=["default"]), key=lambda message: message.msg)
    assert (message.id, message.msg) == (
        "opsconsole.W113",
        "2 tables are named backup_runs. The console uses opsconsole.backup_runs.",
    )
    assert message.hint == (
        "The console ignores the rows of public.backup_runs. To move the console's rows to the core's table, "
        "see docs/schema.md."
    )
    run = make_backup()
    assert sql("SELECT id FROM opsconsole.backup_runs") == [(run.pk,)]


def test_the_rows_are_carried_over_and_the_cores_tables_used_from_then_on(own_tables: None) -> None:
    good = make_backup(size_bytes=2**40, manifest_json={"format": 1, "tables": {"public.é": {"rows": 2**53 + 1}}})
    make_backup("attachments", status=FAILED, error="No space left: “…”\n\\ '", storage_key=None, sha256=None)
    make_backup(status=RUNNING, completed_at=None, storage_key=None, manifest_json=None, job_id=2**62)
    make_restore_test(good, attachments_sampled=3)
    make_restore_test(good, status=RUNNING, completed_at=None, checks_json=None)
    core_gets_tables()
    before = kept()
    carry_over()

    assert tables("opsconsole") == set()
    assert kept() == before
    assert sql("SELECT count(*) FROM public.backup_runs") == [(3,)]
    assert find_drift() == []
    # The next rows get numbers of their own. Sequences also count the rows of earlier tests.
    run = make_backup()
    test = make_restore_test(run)
    assert run.pk > 3
    assert test.pk > 2


def test_tables_without_rows_are_carried_over_too(own_tables: None) -> None:
    core_gets_tables()
    carry_over()
    assert tables("opsconsole") == set()
    assert make_restore_test(make_backup()).pk


def test_where_numbers_meet_nothing_is_changed(own_tables: None) -> None:
    run = make_backup()
    core_gets_tables()
    sql(
        "INSERT INTO public.backup_runs (id, kind, status, trigger, started_at)"
        f" VALUES ({run.pk}, 'database', 'failed', 'scheduled', now())"
    )
    with pytest.raises(IntegrityError):
        carry_over()
    assert tables("opsconsole") == BOTH
    assert BackupRun.objects.get() == run
    assert sql("SELECT status::text FROM public.backup_runs") == [("failed",)]


def test_what_runs_meanwhile_ends_in_the_table_that_is_used_then(own_tables: None) -> None:
    run = make_backup(status=RUNNING, completed_at=None, storage_key=None)
    core_gets_tables()
    carry_over()
    assert BackupRun.objects.filter(pk=run.pk, status=RUNNING).update(status=FAILED) == 1
    assert sql("SELECT status::text FROM public.backup_runs") == [("failed",)]
