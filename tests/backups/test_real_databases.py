"""What databases of other people have, one kind at a time: each is backed up, and passes its restore test."""

from collections.abc import Callable, Iterator
from typing import Any, Final

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from backups.database import contents, scratch
from backups.database.contents import spelled
from backups.errors import BackupFailed, BackupInterrupted, RestoreTestFailed
from backups.folder import BackupFolder
from backups.making import make_database_backup
from backups.models import PASSED, BackupRun, RestoreTest
from backups.testing import run_restore_test
from devserver.postgres import Postgres
from tests.backups.conftest import Watcher
from tests.waiting import wait_until

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
    """Make the database that is backed up; returns its libpq URL. `make_database(statements, options=…)`."""

    def make(statements: str, *, options: str = "", name: str = NAME) -> str:
        url = make_conninfo(postgres.url(name), options="-c event_triggers=off")
        made.append(name)
        with psycopg.connect(postgres.url("postgres"), autocommit=True) as server:
            server.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0 ").format(sql.Identifier(name)) + sql.SQL(options))
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
    try:
        run_restore_test(watcher, backup_run_id=made["backup_run_id"], job_id=None)
    except (RestoreTestFailed, BackupFailed, BackupInterrupted):
        pass
    return RestoreTest.objects.latest("pk")


@pytest.mark.parametrize("statements", KINDS.values(), ids=KINDS)
def test_it_is_backed_up_and_passes_its_restore_test(
    make_database: Callable[..., str], folder: BackupFolder, watcher: Watcher, statements: str
) -> None:
    make_database(statements)

    test = result_of(watcher)
    assert test.status == PASSED, test.error
