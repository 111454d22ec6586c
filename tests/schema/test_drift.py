"""The drift check, on real tables that a core might have: what differs is said, and what does not is not."""

from collections.abc import Callable

import pytest
from django.db import DatabaseError, connection, models, transaction
from django.test.utils import CaptureQueriesContext, isolate_apps

from jobs import ledger
from jobs.models import STATUSES, Job
from opsconsole.audit import AuditLog, Entity, record
from opsconsole.core_sessions import NEEDED_FOR
from opsconsole.schema.core_table import CoreTable
from opsconsole.schema.ddl import NOT_IN_EVERY_CORE, create_tables
from opsconsole.schema.drift import find_drift, unmanaged_models
from opsconsole.schema.families import family_of_field
from opsconsole.schema.findings import Finding, Kind
from tests.cast import OPERATOR

pytestmark = pytest.mark.django_db

WORK = ledger.Work(job_type="ingest.sync_delta", queue="ingest", payload={"identity_id": 1}, max_attempts=3)


def sql(*statements: str) -> None:
    """Change the core's tables for this test; its transaction is rolled back."""
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def the_finding() -> Finding:
    """Return the only thing that differs."""
    [finding] = find_drift()
    return finding


def statuses_by_enum(*statuses: str) -> None:
    """Have jobs.status be a native enum."""
    labels = ", ".join(f"'{status}'" for status in statuses)
    sql(
        "ALTER TABLE jobs DROP CONSTRAINT IF EXISTS ck_jobs_status",
        "ALTER TABLE jobs ALTER status DROP DEFAULT",
        f"CREATE TYPE status_of_a_job AS ENUM ({labels})",
        "ALTER TABLE jobs ALTER status TYPE status_of_a_job USING status::text::status_of_a_job",
    )


def statuses_by_check(*statuses: str) -> None:
    """Have jobs.status be text with a CHECK."""
    statuses_as_text()
    labels = ", ".join(f"'{status}'" for status in statuses)
    sql(f"ALTER TABLE jobs ADD CHECK (status IN ({labels}))")


def statuses_as_text() -> None:
    """Have jobs.status be text that takes anything."""
    sql("ALTER TABLE jobs DROP CONSTRAINT IF EXISTS ck_jobs_status", "ALTER TABLE jobs ALTER status TYPE varchar(32)")


both_kinds_of_enum = pytest.mark.parametrize("statuses", [statuses_by_enum, statuses_by_check])


# --- what is as it should be --------------------------------------------------------------------------------------


def test_nothing_differs_in_tables_as_the_core_makes_them() -> None:
    assert find_drift() == []


def test_all_tables_are_compared_with_one_query() -> None:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        find_drift()
    assert len(queries) == 1
    assert queries[0]["sql"].startswith("\nSELECT")


def test_every_unmanaged_model_is_compared_in_each_of_its_columns() -> None:
    assert {"jobs", "identities", "backup_runs", "audit_log"} <= {model._meta.db_table for model in unmanaged_models()}
    for model in unmanaged_models():
        for field in model._meta.concrete_fields:
            assert family_of_field(field), f"{model.__name__}.{field.name}"


@isolate_apps("jobs")
def test_a_model_that_declares_nothing_is_compared_by_its_fields() -> None:
    class Thing(models.Model):
        name = models.CharField(max_length=64)
        lasts = models.DurationField()

        class Meta:
            app_label = "jobs"
            managed = False
            db_table = "things"

    [missing] = find_drift([Thing])
    assert missing.consequence == "Needed for things, which fail until the table exists."
    sql("CREATE TABLE things (id bigint NOT NULL, name text NOT NULL)")
    [missing] = find_drift([Thing])
    assert (missing.column, missing.expected) == ("lasts", "a column")
    # Nothing is said about types of fields that none of the core's tables needs.
    sql("ALTER TABLE things ADD lasts integer NOT NULL")
    assert find_drift([Thing]) == []


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE jobs ADD tenant varchar(32)",
        "ALTER TABLE jobs ADD tenant varchar(32) NOT NULL DEFAULT 'main'",
        "ALTER TABLE jobs ADD serial bigint GENERATED ALWAYS AS IDENTITY",
        "ALTER TABLE jobs ADD half integer NOT NULL GENERATED ALWAYS AS (attempts / 2) STORED",
        "ALTER TABLE identities ADD tenant varchar(32) NOT NULL",
        "ALTER TABLE identities ADD picture bytea",
        "ALTER TABLE providers ALTER display_name TYPE text",
        "ALTER TABLE providers ALTER display_name TYPE char(64)",
        "ALTER TABLE identities ALTER external_user_id TYPE uuid USING NULL",
        "ALTER TABLE messages ALTER identity_id TYPE integer",
        "ALTER TABLE jobs ALTER attempts TYPE smallint",
        "ALTER TABLE jobs ALTER dedupe_key TYPE varchar(64)",
        "ALTER TABLE jobs ALTER queue_name TYPE varchar(255)",
        (
            "CREATE DOMAIN name_of_a_queue AS varchar(64) NOT NULL;"
            " ALTER TABLE jobs ALTER queue_name TYPE name_of_a_queue, ALTER queue_name DROP NOT NULL"
        ),
        "ALTER TABLE jobs DROP CONSTRAINT uq_jobs_dedupe_key; CREATE UNIQUE INDEX own ON jobs (dedupe_key)",
        "ALTER TABLE jobs DROP CONSTRAINT uq_jobs_dedupe_key, ADD UNIQUE (dedupe_key) INCLUDE (status)",
    ],
)
def test_what_a_core_may_choose_for_itself_is_no_difference(change: str) -> None:
    sql(change)
    assert find_drift() == []


def test_the_tables_are_those_that_the_search_path_finds(variant: str) -> None:
    sql("DROP TABLE restore_tests", "CREATE SCHEMA elsewhere")
    with connection.cursor() as cursor:
        create_tables(cursor, variant, schema="elsewhere")
    sql("SET LOCAL search_path TO opsconsole, elsewhere")
    assert find_drift() == []


# --- tables and columns -------------------------------------------------------------------------------------------


def test_a_missing_table_is_an_error_that_says_what_it_is_needed_for() -> None:
    sql("DROP TABLE sessions")
    finding = the_finding()
    assert (finding.kind, finding.severity) == (Kind.MISSING_TABLE, "error")
    assert finding.sentence == "The schema public has no table sessions."
    assert finding.consequence == f"Needed for {NEEDED_FOR}, which fail until the table exists."


@pytest.mark.parametrize("table", NOT_IN_EVERY_CORE)
def test_a_missing_table_that_the_console_makes_itself_is_a_warning_that_says_how(table: str) -> None:
    sql(f"DROP TABLE {table} CASCADE")
    finding = the_finding()
    assert (finding.kind, finding.severity) == (Kind.MISSING_TABLE, "warning")
    assert finding.sentence == f"The schema public has no table {table}."
    assert finding.consequence.endswith(
        "which fail until the table exists. `manage.py migrate` creates it in the schema opsconsole."
    )


@pytest.mark.parametrize(
    ("statements", "table", "found"),
    [
        (["CREATE TABLE opsconsole.restore_tests (LIKE public.restore_tests)"], "restore_tests", "opsconsole, public"),
        (["CREATE TABLE opsconsole.backup_runs (LIKE public.backup_runs)"], "backup_runs", "opsconsole, public"),
        (["CREATE VIEW opsconsole.backup_runs AS TABLE public.backup_runs"], "backup_runs", "opsconsole, public"),
        (
            [
                "CREATE SCHEMA third",
                "CREATE TABLE third.restore_tests ()",
                "SET LOCAL search_path TO opsconsole, public, third",
            ],
            "restore_tests",
            "public, third",
        ),
        (
            [
                "CREATE SCHEMA third",
                "CREATE TABLE third.restore_tests ()",
                "CREATE TABLE opsconsole.restore_tests (LIKE public.restore_tests)",
                "SET LOCAL search_path TO opsconsole, public, third",
            ],
            "restore_tests",
            "opsconsole, public, third",
        ),
        # Any table, not only those of backups.
        (["CREATE TABLE opsconsole.sessions (LIKE public.sessions)"], "sessions", "opsconsole, public"),
        (["CREATE TABLE opsconsole.providers (LIKE public.providers)"], "providers", "opsconsole, public"),
        (["CREATE VIEW opsconsole.identities AS TABLE public.identities"], "identities", "opsconsole, public"),
        (["CREATE MATERIALIZED VIEW opsconsole.sessions AS TABLE public.sessions"], "sessions", "opsconsole, public"),
        (
            [
                'CREATE SCHEMA "Odd one"',
                'CREATE TABLE "Odd one".providers ()',
                'SET LOCAL search_path TO opsconsole, public, "Odd one"',
            ],
            "providers",
            "public, Odd one",
        ),
    ],
    ids=str,
)
def test_where_several_tables_have_the_name_it_is_said_which_one_is_used(
    statements: list[str], table: str, found: str
) -> None:
    sql(*statements)
    [finding] = [finding for finding in find_drift() if finding.kind is Kind.SEVERAL_TABLES]
    used, *others = (f"{schema}.{table}" for schema in found.split(", "))
    assert (finding.severity, finding.table, finding.found) == ("warning", table, ", ".join((used, *others)))
    assert finding.sentence == f"{1 + len(others)} tables are named {table}. The console uses {used}."
    assert finding.consequence.startswith(f"The console ignores the rows of {' and '.join(others)}.")
    of_backups = table in NOT_IN_EVERY_CORE and found.startswith("opsconsole")
    assert ("docs/schema.md" in finding.consequence) == of_backups
    # PostgreSQL agrees.
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relnamespace::regnamespace::text || '.' || relname FROM pg_class WHERE oid = %s::regclass", [table]
        )
        assert cursor.fetchone() == (used,)


@pytest.mark.parametrize(
    "statements",
    [
        ["CREATE SCHEMA elsewhere", "CREATE TABLE elsewhere.backup_runs ()"],
        [
            "CREATE SCHEMA elsewhere",
            "CREATE SEQUENCE elsewhere.jobs",
            "SET LOCAL search_path TO opsconsole, public, elsewhere",
        ],
        ['CREATE TABLE opsconsole."Jobs" ()'],
    ],
    ids=str,
)
def test_what_no_statement_can_mean_is_no_second_table(statements: list[str]) -> None:
    sql(*statements)
    assert find_drift() == []


def test_without_any_table_each_is_named_still_with_one_query() -> None:
    sql("CREATE SCHEMA nothing", "SET LOCAL search_path TO nothing")
    with CaptureQueriesContext(connection) as queries:
        found = find_drift()
    assert len(queries) == 1
    assert {finding.kind for finding in found} == {Kind.MISSING_TABLE}
    assert {finding.table for finding in found} == {model._meta.db_table for model in unmanaged_models()}


def test_something_of_that_name_that_is_no_table_does_not_count() -> None:
    sql("DROP TABLE restore_tests", "CREATE SEQUENCE restore_tests")
    assert the_finding().kind is Kind.MISSING_TABLE


def test_a_missing_column_is_an_error() -> None:
    sql("ALTER TABLE identities DROP is_active")
    finding = the_finding()
    assert (finding.kind, finding.severity, finding.column) == (Kind.MISSING_COLUMN, "error", "is_active")
    assert finding.sentence == "The table identities has no column is_active."
    assert (finding.found, finding.expected) == (None, "a boolean")


@pytest.mark.parametrize(
    ("table", "column", "type_", "using", "sentence"),
    [
        ("identities", "external_user_id", "integer", "0", "is integer; the console needs text"),
        ("jobs", "attempts", "text", "attempts::text", "is text; the console needs an integer"),
        ("conversations", "identity_id", "text", "identity_id::text", "is text; the console needs an integer"),
        ("jobs", "max_attempts", "numeric(10,0)", "1", "is numeric(10,0); the console needs an integer"),
        ("providers", "enabled", "smallint", "1", "is smallint; the console needs a boolean"),
        ("backup_runs", "manifest_json", "text", "NULL", "is text; the console needs JSON"),
        ("identities", "updated_at", "date", "now()", "is date; the console needs a timestamp"),
        ("jobs", "dedupe_key", "uuid", "NULL", "is uuid; the console needs text"),
    ],
)
def test_a_type_of_another_family_is_an_error(table: str, column: str, type_: str, using: str, sentence: str) -> None:
    sql(
        *(f"ALTER TABLE {table} DROP CONSTRAINT {name} CASCADE" for name in _constraints(table, column)),
        f"ALTER TABLE {table} ALTER {column} DROP DEFAULT",
        f"ALTER TABLE {table} ALTER {column} TYPE {type_} USING {using}",
    )
    [finding] = [finding for finding in find_drift() if finding.kind is not Kind.NOT_UNIQUE]
    assert (finding.kind, finding.severity) == (Kind.OTHER_TYPE, "error")
    assert finding.sentence == f"{table}.{column} {sentence}."


def _constraints(table: str, column: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname FROM pg_constraint JOIN pg_attribute ON attrelid = conrelid AND attnum = ANY(conkey)"
            " WHERE conrelid = %s::regclass AND attname = %s AND contype <> 'n'",
            [table, column],
        )
        return [name for (name,) in cursor.fetchall()]


def test_a_column_that_may_be_null_where_the_model_says_never_is_a_warning() -> None:
    sql("ALTER TABLE identities ALTER is_default DROP NOT NULL")
    finding = the_finding()
    assert (finding.kind, finding.severity) == (Kind.NULLABLE, "warning")
    assert finding.sentence == ("identities.is_default may be NULL; the console takes it to have a value in every row.")


# --- writing ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", ["jobs", "audit_log"])
def test_a_column_that_must_be_filled_and_that_the_console_does_not_know_is_an_error(table: str) -> None:
    sql(f"ALTER TABLE {table} ADD tenant varchar(32) NOT NULL")
    finding = the_finding()
    assert (finding.kind, finding.severity, finding.table) == (Kind.UNKNOWN_REQUIRED, "error", table)
    assert finding.sentence == (
        f"{table}.tenant must have a value and has no default; the console's INSERT doesn't name it."
    )
    assert finding.consequence.startswith("PostgreSQL refuses every row that the console inserts: ")


def test_a_known_column_that_the_insert_leaves_out_must_not_have_to_be_filled() -> None:
    sql("ALTER TABLE jobs ALTER next_run_at SET NOT NULL")
    finding = the_finding()
    assert (finding.kind, finding.column) == (Kind.UNKNOWN_REQUIRED, "next_run_at")


def test_an_id_that_nobody_gives_is_an_error() -> None:
    sql("ALTER TABLE jobs ALTER id DROP IDENTITY IF EXISTS", "ALTER TABLE jobs ALTER id DROP DEFAULT")
    finding = the_finding()
    assert (finding.kind, finding.column) == (Kind.UNKNOWN_REQUIRED, "id")


def test_a_column_that_a_trigger_may_fill_is_only_a_warning() -> None:
    sql(
        "ALTER TABLE jobs ADD tenant varchar(32) NOT NULL",
        "CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.tenant := 1; RETURN NEW; END'",
        "CREATE TRIGGER fill BEFORE INSERT ON jobs FOR EACH ROW EXECUTE FUNCTION fill()",
    )
    finding = the_finding()
    assert (finding.kind, finding.severity) == (Kind.UNKNOWN_REQUIRED, "warning")
    assert "unless a trigger of the table fills it in" in finding.consequence
    assert ledger.insert([WORK])


def test_a_column_that_the_console_empties_must_take_null() -> None:
    sql("ALTER TABLE jobs ALTER last_error SET DEFAULT ''", "ALTER TABLE jobs ALTER last_error SET NOT NULL")
    finding = the_finding()
    assert (finding.kind, finding.severity) == (Kind.REFUSES_NULL, "error")
    assert finding.sentence == "jobs.last_error refuses NULL, which the console writes there."


@pytest.mark.parametrize(
    ("table", "column", "length", "needed"),
    [
        ("jobs", "dedupe_key", 63, "64"),
        ("jobs", "job_type", 32, "64"),
        ("jobs", "last_error", 255, "5,000"),
        ("audit_log", "action_type", 16, "64"),
    ],
)
def test_a_column_that_is_too_short_for_what_is_written_is_an_error(
    table: str, column: str, length: int, needed: str
) -> None:
    sql(f"ALTER TABLE {table} ALTER {column} TYPE varchar({length})")
    finding = the_finding()
    assert (finding.kind, finding.severity) == (Kind.TOO_SHORT, "error")
    assert finding.sentence == f"{table}.{column} holds {length} characters; the console writes up to {needed}."


def test_the_length_of_a_domain_counts() -> None:
    sql("CREATE DOMAIN type_of_a_job AS varchar(32)", "ALTER TABLE jobs ALTER job_type TYPE type_of_a_job")
    assert (the_finding().kind, the_finding().found) == (Kind.TOO_SHORT, "type_of_a_job")


@pytest.mark.parametrize(
    "instead",
    [
        "",
        "CREATE INDEX own ON jobs (dedupe_key)",
        "CREATE UNIQUE INDEX own ON jobs (dedupe_key, status)",
        "CREATE UNIQUE INDEX own ON jobs (lower(dedupe_key))",
        "CREATE UNIQUE INDEX own ON jobs (dedupe_key) WHERE attempts = 0",
        "ALTER TABLE jobs ADD UNIQUE (dedupe_key) DEFERRABLE",
    ],
)
def test_without_a_unique_dedupe_key_nothing_can_be_submitted_and_the_check_says_so(instead: str) -> None:
    sql("ALTER TABLE jobs DROP CONSTRAINT uq_jobs_dedupe_key", *filter(None, [instead]))
    finding = the_finding()
    assert (finding.kind, finding.severity, finding.column) == (Kind.NOT_UNIQUE, "error", "dedupe_key")
    assert finding.sentence.startswith("jobs.dedupe_key has no unique constraint or index")
    assert finding.consequence.endswith("nothing can be submitted.")
    with pytest.raises(DatabaseError, match="ON CONFLICT"), transaction.atomic():
        ledger.insert([WORK])


def test_what_is_said_of_an_insert_into_jobs_is_what_it_does() -> None:
    writes = Job.core_table.writes
    assert writes
    with CaptureQueriesContext(connection) as queries:
        ledger.insert([WORK])
    assert _inserted_columns(queries, "INSERT INTO jobs ") == set(writes.inserted)


def test_what_is_said_of_an_insert_into_the_audit_log_is_what_it_does() -> None:
    writes = AuditLog.core_table.writes
    assert writes
    with CaptureQueriesContext(connection) as queries:
        record(actor=OPERATOR, action="job.retry", entity=Entity(type="job"))
    assert _inserted_columns(queries, 'INSERT INTO "audit_log" ') == set(writes.inserted)


def _inserted_columns(queries: CaptureQueriesContext, insert: str) -> set[str]:
    [statement] = [query["sql"] for query in queries if insert in query["sql"]]
    columns = statement.split(insert)[1].split("(")[1].split(")")[0]
    return {column.strip(' "\n') for column in columns.split(",")}


def test_what_is_said_of_jobs_agrees_with_the_ledger() -> None:
    writes = Job.core_table.writes
    assert writes
    assert set(Job.core_table.values["status"].known) == set(STATUSES)
    assert writes.lengths["last_error"] == ledger.MAX_ERROR_LENGTH
    assert writes.lengths["dedupe_key"] == len(WORK.dedupe_key)


def test_what_models_declare_is_about_columns_that_they_have() -> None:
    for model in unmanaged_models():
        declared: CoreTable = vars(model)["core_table"]
        columns = {field.column for field in model._meta.concrete_fields}
        assert set(declared.values) <= columns
        if writes := declared.writes:
            assert {*writes.inserted, *writes.updated, *writes.nulled, *writes.lengths, *writes.unique} <= columns


# --- values -------------------------------------------------------------------------------------------------------


@both_kinds_of_enum
def test_a_core_without_cancelled_is_a_warning_and_cancelling_is_off(statuses: Callable[..., None]) -> None:
    statuses("queued", "running", "retrying", "failed", "done")
    finding = the_finding()
    assert (finding.kind, finding.severity) == (Kind.MISSING_VALUE, "warning")
    assert finding.sentence == "jobs.status can't be “cancelled”."
    assert finding.consequence == "Cancelling is off."
    assert (finding.expected, finding.found) == ("cancelled", "“done”, “failed”, “queued”, “retrying”, “running”")


@both_kinds_of_enum
@pytest.mark.parametrize("lacking", ["queued", "running", "retrying", "failed", "done"])
def test_a_core_without_a_status_that_every_job_needs_is_an_error(statuses: Callable[..., None], lacking: str) -> None:
    statuses(*(status for status in STATUSES if status != lacking))
    finding = the_finding()
    assert (finding.severity, finding.expected) == ("error", lacking)
    assert finding.consequence.endswith(("settled.", "submitted or retried."))


@both_kinds_of_enum
def test_values_that_the_console_does_not_know_are_named(statuses: Callable[..., None]) -> None:
    statuses(*STATUSES, "paused", "it''s odd")
    finding = the_finding()
    assert (finding.kind, finding.severity) == (Kind.UNKNOWN_VALUES, "info")
    assert finding.sentence == "jobs.status can be “it's odd”, “paused”, which the console doesn't know."
    assert finding.consequence.startswith("Jobs that have it are shown as they are")


@both_kinds_of_enum
def test_other_words_for_the_same_are_both_unknown_and_lacking(statuses: Callable[..., None]) -> None:
    statuses(*(status.upper() for status in STATUSES))
    kinds = [finding.kind for finding in find_drift()]
    assert kinds == [Kind.MISSING_VALUE] * len(STATUSES) + [Kind.UNKNOWN_VALUES]


def test_of_very_many_values_only_some_are_named() -> None:
    statuses_by_check(*STATUSES, *(f"state_{number:03}" for number in range(300)))
    assert "“state_019” and 280 more" in the_finding().sentence


@pytest.mark.parametrize(
    "check",
    [
        "status <> 'archived'",
        "status NOT IN ('archived')",
        "lower(status) IN ('queued', 'running')",
        "status IN ('queued', NULL)",
        "status IN ('queued') OR attempts > 3",
        "status = 'queued' OR status = 'running'",
        "length(status) < 20",
    ],
)
def test_of_a_check_that_is_no_plain_list_nothing_is_said(check: str) -> None:
    statuses_as_text()
    sql(f"ALTER TABLE jobs ADD CHECK ({check})")
    assert find_drift() == []


def test_of_text_that_takes_anything_nothing_is_said() -> None:
    statuses_as_text()
    assert find_drift() == []


# --- views and foreign tables -------------------------------------------------------------------------------------


def test_a_view_counts_as_a_table() -> None:
    sql("ALTER TABLE identities RENAME TO people", "CREATE VIEW identities AS SELECT * FROM people")
    assert find_drift() == []


def test_a_foreign_table_counts_as_a_table() -> None:
    sql(
        "DROP TABLE providers CASCADE",
        "CREATE FOREIGN DATA WRAPPER far",
        "CREATE SERVER away FOREIGN DATA WRAPPER far",
        "CREATE FOREIGN TABLE providers (provider_id varchar(32) NOT NULL, display_name varchar(64) NOT NULL,"
        " enabled boolean NOT NULL, created_at timestamptz NOT NULL) SERVER away",
    )
    assert find_drift() == []


def test_jobs_can_be_submitted_through_a_view_that_can_be_written_to() -> None:
    sql("ALTER TABLE jobs RENAME TO work", "CREATE VIEW jobs AS SELECT * FROM work")
    finding = the_finding()
    assert (finding.kind, finding.severity) == (Kind.UNIQUENESS_UNKNOWN, "info")
    assert finding.sentence.startswith("jobs is a view; whether dedupe_key is unique in the table behind it")
    [first] = ledger.insert([WORK])
    [second] = ledger.insert([WORK])
    assert (second.job_id, second.joined) == (first.job_id, True)


@pytest.mark.parametrize(
    ("view", "sentence"),
    [
        ("CREATE MATERIALIZED VIEW", "audit_log is a materialized view that can't be written to."),
        ("CREATE VIEW", "audit_log is a view that can't be written to."),
    ],
)
def test_a_view_that_can_not_be_written_to_is_an_error_where_the_console_writes(view: str, sentence: str) -> None:
    sql(
        "ALTER TABLE audit_log RENAME TO log",
        f"{view} audit_log AS SELECT DISTINCT * FROM (SELECT {_as_jsonb()} FROM log) AS log",
    )
    finding = the_finding()
    assert (finding.kind, finding.severity) == (Kind.NOT_WRITABLE, "error")
    assert finding.sentence == sentence


def _as_jsonb() -> str:
    # DISTINCT can't compare json.
    names = [str(field.column) for field in AuditLog._meta.concrete_fields]
    return ", ".join(f"{name}::jsonb AS {name}" if name.endswith("_json") else name for name in names)
