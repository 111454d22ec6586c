"""Unusual kinds of databases, one at a time: each is backed up and passes its restore test."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from backups.database import scratch
from backups.errors import BackupFailed, BackupInterrupted, RestoreTestFailed
from backups.folder import BackupFolder
from backups.making import make_database_backup
from backups.models import PASSED, RestoreTest
from backups.testing import run_restore_test
from devserver.postgres import Postgres
from tests.backups.conftest import Watcher

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]

NAME: Final = "somebodys"
FAR: Final = """
    CREATE EXTENSION postgres_fdw;
    CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', port '1');
"""
COLORS: Final = "CREATE TYPE color AS ENUM ('red', 'green', 'blue', 'black', 'white', 'pink');"
LOGINS: Final = """
    CREATE TABLE logins (at timestamptz);
    CREATE FUNCTION enter() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN %s END $$;
    CREATE EVENT TRIGGER enters ON %s EXECUTE FUNCTION enter();
"""
WRITES, RAISES = "INSERT INTO public.logins VALUES (clock_timestamp());", "RAISE 'Not here.';"

KINDS: Final = {
    "a column that is computed when it is read, and raises": """
        CREATE TABLE t (a integer, b integer GENERATED ALWAYS AS (1 / a) VIRTUAL);
        INSERT INTO t VALUES (0);
    """,
    "a newest row whose moment is computed and raises": """
        CREATE TABLE jobs (id integer, created_at timestamp
            GENERATED ALWAYS AS ('2026-01-01'::timestamp + interval '1 day' / id) VIRTUAL);
        INSERT INTO jobs VALUES (0);
    """,
    "a sequence of a computed column": """
        CREATE TABLE t (a integer, b integer GENERATED ALWAYS AS (1 / a) VIRTUAL);
        CREATE SEQUENCE s OWNED BY t.b;
        INSERT INTO t VALUES (0);
    """,
    "a newest row in a year that Python doesn't have": """
        CREATE TABLE jobs (id integer, created_at timestamp);
        INSERT INTO jobs VALUES (1, '294276-12-31');
    """,
    "newest rows by an id that has no order": """
        CREATE TABLE jobs (id json, created_at timestamp);
        INSERT INTO jobs VALUES ('1', '2026-01-01');
    """,
    "a foreign table with a sequence": FAR
    + """
        CREATE TABLE t (a integer);
        CREATE FOREIGN TABLE f (id serial, a integer) SERVER far;
    """,
    "a foreign partition and a sequence": FAR
    + """
        CREATE TABLE t (id serial, a integer) PARTITION BY LIST (a);
        CREATE TABLE t_1 PARTITION OF t FOR VALUES IN (1);
        CREATE FOREIGN TABLE t_2 PARTITION OF t FOR VALUES IN (2) SERVER far;
        INSERT INTO t (a) VALUES (1), (1);
    """,
    "a foreign table that inherits from one with a sequence": FAR
    + """
        CREATE TABLE t (id serial, a integer);
        CREATE FOREIGN TABLE f () INHERITS (t) SERVER far;
        INSERT INTO t (a) VALUES (1);
    """,
    "a foreign table that inherits from one with newest rows": FAR
    + """
        CREATE TABLE jobs (id integer, created_at timestamp);
        CREATE FOREIGN TABLE f () INHERITS (jobs) SERVER far;
    """,
    "rows in partitions by an enum's hash": COLORS
    + """
        CREATE TABLE t (c color, n integer) PARTITION BY HASH (c);
        CREATE TABLE t_0 PARTITION OF t FOR VALUES WITH (MODULUS 3, REMAINDER 0);
        CREATE TABLE t_1 PARTITION OF t FOR VALUES WITH (MODULUS 3, REMAINDER 1);
        CREATE TABLE t_2 PARTITION OF t FOR VALUES WITH (MODULUS 3, REMAINDER 2);
        INSERT INTO t SELECT c, 1 FROM unnest(enum_range(NULL::color)) c;
    """,
    "rows in partitions of partitions by an enum's hash": COLORS
    + """
        CREATE TABLE t (c color, n integer) PARTITION BY RANGE (n);
        CREATE TABLE t_1 PARTITION OF t DEFAULT PARTITION BY HASH (c);
        CREATE TABLE t_1_0 PARTITION OF t_1 FOR VALUES WITH (MODULUS 2, REMAINDER 0);
        CREATE TABLE t_1_1 PARTITION OF t_1 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
        INSERT INTO t SELECT c, n FROM unnest(enum_range(NULL::color)) c, generate_series(1, 3) n;
    """,
    "a trigger that writes at each login": LOGINS % (WRITES, "login"),
    "a trigger that lets nobody in": LOGINS % (RAISES, "login"),
    "a trigger that allows no change": LOGINS % (RAISES, "ddl_command_start"),
    "a trigger that writes at each change": LOGINS % (WRITES, "ddl_command_end")
    + "CREATE MATERIALIZED VIEW m AS SELECT 1 AS one;",
    "a function that has the name of amcheck's": """
        CREATE FUNCTION bt_index_check(regclass) RETURNS void LANGUAGE sql AS '';
        CREATE TABLE t (a integer PRIMARY KEY);
    """,
    "an extension in a schema with a percent sign": """
        CREATE SCHEMA "per%s %x";
        CREATE EXTENSION amcheck SCHEMA "per%s %x";
        CREATE TABLE t (a integer PRIMARY KEY);
    """,
    "names with dots that could be each other's": """
        CREATE SCHEMA a;
        CREATE SCHEMA "a.b";
        CREATE TABLE a."b.c" (x integer CONSTRAINT k CHECK (x > 0));
        CREATE TABLE "a.b".c (x integer);
        ALTER TABLE "a.b".c ADD CONSTRAINT k CHECK (x > 1) NOT VALID;
        INSERT INTO a."b.c" VALUES (1);
        INSERT INTO "a.b".c VALUES (2), (3);
    """,
}


@pytest.fixture
def make_database(postgres: Postgres, settings: Any) -> Iterator[Callable[..., str]]:
    """Create the database to back up and return its libpq URL: `make_database(statements, options=…)`."""

    def make(statements: str, *, options: str = "", name: str = NAME) -> str:
        url = make_conninfo(postgres.url(name), options="-c event_triggers=off")
        made.append(name)
        with psycopg.connect(postgres.url("postgres"), autocommit=True) as server:
            server.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE template0 ").format(sql.Identifier(name)) + sql.SQL(options)
            )
        with psycopg.connect(url, autocommit=True) as own:
            own.execute(statements)
        settings.BACKUP_DATABASE_URL = settings.RESTORE_DATABASE_URL = postgres.url(name)
        return url

    made: list[str] = []
    yield make
    for name in made:
        postgres.drop_database(name)


def result_of(watcher: Watcher) -> RestoreTest:
    """Make a backup and test it."""
    made = make_database_backup(watcher, job_id=None)
    with suppress(RestoreTestFailed, BackupFailed, BackupInterrupted):
        run_restore_test(watcher, backup_run_id=made["backup_run_id"], job_id=None)
    return RestoreTest.objects.latest("pk")


@pytest.mark.parametrize("statements", KINDS.values(), ids=KINDS)
def test_it_is_backed_up_and_passes_its_restore_test(
    make_database: Callable[..., str], folder: BackupFolder, watcher: Watcher, statements: str
) -> None:
    make_database(statements)

    test = result_of(watcher)
    assert test.status == PASSED, test.error


@pytest.mark.parametrize(
    ("options", "encoding", "name"),
    [
        ("ENCODING 'SQL_ASCII' LOCALE_PROVIDER libc LOCALE 'C'", "LATIN1", "caf\xe9"),
        ("ENCODING 'SQL_ASCII' LOCALE_PROVIDER libc LOCALE 'C'", "UTF8", "caf\xe9"),
        ("ENCODING 'LATIN1' LOCALE_PROVIDER libc LOCALE 'C'", "UTF8", "caf\xe9"),
        ("ENCODING 'EUC_JP' LOCALE_PROVIDER libc LOCALE 'C'", "UTF8", "\u65e5\u672c"),
        ("ENCODING 'UTF8' LOCALE_PROVIDER libc LOCALE 'C'", "UTF8", "\U0001f418"),
    ],
)
def test_a_database_of_any_encoding_passes_whatever_its_names_are(
    make_database: Callable[..., str], folder: BackupFolder, watcher: Watcher, options: str, encoding: str, name: str
) -> None:
    url = make_database("", options=options)
    with psycopg.connect(url, autocommit=True) as own:
        own.execute(sql.SQL("SET client_encoding TO {}").format(encoding))
        own.execute(
            sql.SQL("CREATE SCHEMA {0}; CREATE TABLE {0}.{0} ({0} serial); INSERT INTO {0}.{0} VALUES (1)").format(
                sql.Identifier(name)
            )
        )

    test = result_of(watcher)
    assert test.status == PASSED, test.error


@pytest.mark.parametrize(
    ("schema", "table", "other_schema", "other_table"),
    [
        ("a", "b.c", "a.b", "c"),
        ("a", ".b", "a.", "b"),
        ("a", "..", "a.", "."),
        ('"a"', "b.c", '"a".b', "c"),
        ("a", '"b.c"', 'a."b', 'c"'),
        ('a"', '."b', 'a"."', "b"),
        (".", "a", "..", "a"),
        ('"', ".", '".', '"'),
        ("a.b.c", "d", "a", "b.c.d"),
        (" .", " ", " ", ". "),
        ("ä.", "b", "ä", ".b"),
        ("Select.", "x", "Select", ".x"),
    ],
)
def test_two_tables_are_never_taken_for_one(
    make_database: Callable[..., str],
    folder: BackupFolder,
    watcher: Watcher,
    schema: str,
    table: str,
    other_schema: str,
    other_table: str,
) -> None:
    url = make_database("")
    with psycopg.connect(url, autocommit=True) as own:
        for number, names in enumerate([(schema, table), (other_schema, other_table)], start=1):
            own.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(names[0])))
            own.execute(
                sql.SQL("CREATE TABLE {} AS SELECT FROM generate_series(1, {})").format(sql.Identifier(*names), number)
            )
    made = make_database_backup(watcher, job_id=None)

    assert (made["tables"], made["rows"]) == (2, 3)


def test_a_role_that_may_not_switch_triggers_off_makes_backups_all_the_same(
    make_database: Callable[..., str], folder: BackupFolder, watcher: Watcher, postgres: Postgres, settings: Any
) -> None:
    make_database(LOGINS % (WRITES, "login") + "GRANT INSERT ON logins TO PUBLIC;")
    direct = settings.RESTORE_DATABASE_URL
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as server:
        server.execute("CREATE ROLE ops_reader LOGIN PASSWORD 'pw' IN ROLE pg_read_all_data")
        try:
            settings.BACKUP_DATABASE_URL = make_conninfo(direct, user="ops_reader", password="pw")
            test = result_of(watcher)
        finally:
            server.execute("DROP ROLE ops_reader")

    assert test.status == PASSED, test.error


def test_a_role_that_may_do_nothing_but_create_databases_tests_backups(
    make_database: Callable[..., str], folder: BackupFolder, watcher: Watcher, postgres: Postgres, settings: Any
) -> None:
    make_database("CREATE TABLE t AS SELECT 1 AS one")
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as server:
        server.execute("CREATE ROLE ops_restorer LOGIN CREATEDB PASSWORD 'pw'")
        try:
            settings.RESTORE_DATABASE_URL = make_conninfo(
                settings.RESTORE_DATABASE_URL, user="ops_restorer", password="pw"
            )
            test = result_of(watcher)
        finally:
            server.execute("DROP ROLE ops_restorer")

    assert test.status == PASSED, test.error


# --- the scratch database ---------------------------------------------------------------------------------------------


class Intruder(Watcher):
    """A watcher with an unprivileged role that tries to connect to the scratch database while it exists."""

    def __init__(self, server: str) -> None:
        super().__init__()
        self._server = server
        self.answers: set[str] = set()

    def progress(self, current: int, total: int | None = None, unit: str = "items") -> None:
        for name in scratch.leftovers():
            try:
                psycopg.connect(self._server, user="ops_intruder", password="pw", dbname=name).close()
                self.answers.add("welcome")
            except psycopg.OperationalError as error:
                self.answers.add("permission denied" if "permission denied for database" in str(error) else str(error))


def test_nobody_else_gets_into_the_scratch_database(
    make_database: Callable[..., str], folder: BackupFolder, watcher: Watcher, postgres: Postgres
) -> None:
    make_database("CREATE TABLE t AS SELECT 1 AS one")
    made = make_database_backup(watcher, job_id=None)
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as server:
        server.execute("CREATE ROLE ops_intruder LOGIN PASSWORD 'pw'")
        try:
            intruder = Intruder(postgres.url("postgres"))
            run_restore_test(intruder, backup_run_id=made["backup_run_id"], job_id=None)
        finally:
            server.execute("DROP ROLE ops_intruder")

    assert intruder.answers == {"permission denied"}


# --- many objects -----------------------------------------------------------------------------------------------------


def many(tables: int) -> str:
    return f"""
        DO $$ BEGIN FOR n IN 1 .. {tables} LOOP
            EXECUTE format('CREATE TABLE t%s (a serial PRIMARY KEY, b integer)', n);
            EXECUTE format('CREATE INDEX ON t%s (b)', n);
            IF n % 50 = 0 THEN COMMIT; END IF;
        END LOOP; END $$
    """


class Counter(Watcher):
    """A watcher that counts the locks on tables and indexes after each table is read."""

    def __init__(self, server: psycopg.Connection[Any]) -> None:
        super().__init__()
        self._server = server
        self.locks: list[int] = []

    def progress(self, current: int, total: int | None = None, unit: str = "items") -> None:
        if unit == "tables":
            row = self._server.execute(
                "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database"
                " WHERE starts_with(d.datname, %s) AND l.relation >= 16384",
                [scratch.PREFIX],
            ).fetchone()
            assert row is not None
            self.locks.append(row[0])


def test_reading_many_tables_holds_the_locks_of_one(
    make_database: Callable[..., str], folder: BackupFolder, watcher: Watcher, postgres: Postgres
) -> None:
    make_database(many(60))
    made = make_database_backup(watcher, job_id=None)
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as server:
        counter = Counter(server)
        run_restore_test(counter, backup_run_id=made["backup_run_id"], job_id=None)

    assert len(counter.locks) == 60
    assert max(counter.locks) <= 3


class Limited(Postgres):
    """A server with room for fewer locks than the other tests' server."""

    limits: dict[str, int]

    def command(self) -> list[str]:
        """Return the command that runs it."""
        return [*super().command(), *(f"--{name}={value}" for name, value in self.limits.items())]


@pytest.mark.parametrize(
    ("tables", "limits"),
    [
        (800, {"max_connections": 20, "max_locks_per_transaction": 30}),
        pytest.param(
            5_000,
            {"max_connections": 100, "max_locks_per_transaction": 64},
            marks=pytest.mark.soak,
            id="5000-as PostgreSQL is set by default",
        ),
    ],
)
def test_where_pg_dump_finds_room_for_its_locks_so_does_a_backup(
    folder: BackupFolder, watcher: Watcher, settings: Any, tmp_path: Path, tables: int, limits: dict[str, int]
) -> None:
    server = Limited(tmp_path / "limited", durable=False)
    server.limits = limits
    server.start()
    try:
        server.create_database(NAME)
        with psycopg.connect(server.url(NAME), autocommit=True) as own:
            own.execute(many(tables))
        settings.BACKUP_DATABASE_URL = settings.RESTORE_DATABASE_URL = server.url(NAME)
        test = result_of(watcher)
    finally:
        server.stop()
    assert test.status == PASSED, test.error
