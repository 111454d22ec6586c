"""Sessions without the console's settings, as behind a pooler: `migrate`, the checks, readiness and health."""

import json
from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any

import psycopg
import pytest
from django.core.checks import Tags, run_checks
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection, transaction
from django.db.backends.postgresql.base import DatabaseWrapper
from rest_framework.test import APIClient

from devserver import prepare
from devserver.postgres import Postgres
from opsconsole.permissions import OPERATORS
from opsconsole.schema import session
from tests.api.cast import make_staff, with_token

Drop = Callable[[str], None]
OWN = "opsconsole"

# Search paths of the role, which apply once `options` is dropped, and a part of the error for each.
LOST = {
    "public": "begins with “public”",
    "public, opsconsole": "begins with “public”",
    "core, public": "begins with “core”",
    "nowhere, core": "begins with “core”",
    "pg_catalog": "begins with “pg_catalog”",
    "OPSCONSOLE_OLD, core": "begins with “core”",
    '"Opsconsole", public': "begins with “public”",
    '" opsconsole", core': "begins with “core”",
    "pg_temp, public": "begins with “pg_temp",
    "nowhere": "begins with no existing schema",
    "''": "begins with no existing schema",
    "information_schema, opsconsole": "begins with “information_schema”",
}


@pytest.fixture
def elsewhere(transactional_db: None, core_database: str) -> Iterator[Drop]:
    """Run the console on the test's own empty database, with its `options` dropped."""
    kept = {name: connection.settings_dict[name] for name in ("NAME", "OPTIONS")}
    with psycopg.connect(core_database, autocommit=True) as server:
        server.execute("CREATE SCHEMA core")

    def drop(search_path: str) -> None:
        connection.close()
        connection.settings_dict["NAME"] = core_database.rpartition("/")[2]
        options = f"-c search_path={search_path}".replace(", ", ",\\ ").replace('" ', '"\\ ') if search_path else ""
        connection.settings_dict["OPTIONS"] = {**kept["OPTIONS"], "options": options}

    yield drop
    connection.close()
    connection.settings_dict.update(kept)


def tables(database: str) -> list[str]:
    query = "SELECT tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
    with psycopg.connect(database) as server:
        return [name for (name,) in server.execute(query).fetchall()]


# --- migrate ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(("search_path", "sentence"), LOST.items())
def test_migrate_makes_no_table_where_the_search_path_is_lost(
    elsewhere: Drop, core_database: str, search_path: str, sentence: str
) -> None:
    elsewhere(search_path)
    with pytest.raises(CommandError) as refused:
        call_command("migrate", skip_checks=True, verbosity=0)
    assert str(refused.value).startswith("Nothing was migrated. The session's search path ")
    for words in (sentence, f"not with the console's schema “{OWN}”", "“options”", "ALTER ROLE", "docs/database.md"):
        assert words in str(refused.value)
    assert tables(core_database) == []


def test_migrate_stops_at_the_check_before_it_makes_the_schema(elsewhere: Drop, core_database: str) -> None:
    elsewhere("public")
    with pytest.raises(CommandError, match=r"opsconsole\.E120"):
        call_command("migrate", skip_checks=False, verbosity=0, stderr=StringIO())
    assert tables(core_database) == []


def test_the_development_server_ends_with_the_sentence(elsewhere: Drop, core_database: str) -> None:
    elsewhere("public")
    with pytest.raises(SystemExit) as ended:
        prepare.migrate()
    assert "not with the console's schema “opsconsole”" in str(ended.value)
    assert tables(core_database) == []


def test_before_the_first_migrate_nothing_is_wrong_with_a_schema_that_is_not_there(elsewhere: Drop) -> None:
    # The last one through `$user`, as the role has the same name.
    for search_path in ("opsconsole, public", '"opsconsole", core', "OpsConsole", '"$user", public'):
        elsewhere(search_path)
        assert list(session.findings(session.read(connection))) == []


def test_a_role_that_may_not_use_the_schema_is_told_apart(
    postgres: Postgres, elsewhere: Drop, core_database: str
) -> None:
    with psycopg.connect(core_database, autocommit=True) as server:
        server.execute("CREATE SCHEMA opsconsole")
        server.execute("CREATE ROLE nobody_much")
    try:
        elsewhere("opsconsole, public")
        with connection.cursor() as cursor:
            cursor.execute("SET ROLE nobody_much")
        with pytest.raises(CommandError, match=r"role may not use the schema “opsconsole”.* GRANT USAGE, CREATE"):
            session.require_own_schema(connection)
    finally:
        connection.close()
        with psycopg.connect(core_database, autocommit=True) as server:
            server.execute("DROP ROLE nobody_much")


# --- the checks ---------------------------------------------------------------------------------------------------


def checked() -> list[str]:
    return [str(message.id) for message in run_checks(tags=[Tags.database], databases=["default"])]


@pytest.mark.django_db
def test_check_schema_says_it_too() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL search_path TO public; SET LOCAL timezone TO 'Asia/Tokyo'")
    out = StringIO()
    with pytest.raises(CommandError, match="1 difference with which something can't work"):
        call_command("check_schema", "--json", stdout=out)
    found = {each["code"]: each for each in json.loads(out.getvalue())}
    assert set(found) == {"search_path", "time_zone"}
    assert (found["search_path"]["found"], found["search_path"]["expected"]) == ("“public”", OWN)
    assert "is Asia/Tokyo, not UTC" in found["time_zone"]["sentence"]
    assert checked() == ["opsconsole.E120", "opsconsole.W121"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("setting", "value"), [("datestyle", "German"), ("datestyle", "SQL, DMY"), ("standard_conforming_strings", "off")]
)
def test_another_form_of_dates_or_strings_is_told(setting: str, value: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL {setting} TO {value}")
    assert checked() == ["opsconsole.E123"]


# A pooler invents the process id that it tells a client, so it differs from the server's.
@pytest.fixture
def _pooled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psycopg.ConnectionInfo, "backend_pid", property(lambda self: 1))


@pytest.mark.usefixtures("_pooled")
@pytest.mark.django_db(transaction=True)
def test_a_pooler_that_keeps_a_session_for_each_connection_is_fine() -> None:
    assert session.read(connection).pooled
    assert checked() == []


@pytest.mark.usefixtures("_pooled")
@pytest.mark.django_db(transaction=True)
def test_a_pooler_that_gives_an_idle_session_to_another_connection_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    connection.ensure_connection()
    shared = connection.connection

    def copy(self: DatabaseWrapper, alias: str | None = None) -> DatabaseWrapper:
        other = DatabaseWrapper(self.settings_dict, "other")

        def close() -> None:
            other.rollback()
            other.set_autocommit(True)

        monkeypatch.setattr(other, "get_new_connection", lambda params: shared)
        monkeypatch.setattr(other, "close", close)
        return other

    monkeypatch.setattr(DatabaseWrapper, "copy", copy)
    assert checked() == ["opsconsole.W122"]


@pytest.mark.usefixtures("_pooled")
@pytest.mark.django_db(transaction=True)
def test_a_pooler_that_gives_this_session_away_meanwhile_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    pids = iter([7, 8])
    monkeypatch.setattr(session, "_pid", lambda cursor: next(pids))
    assert checked() == ["opsconsole.W122"]


@pytest.mark.usefixtures("_pooled")
@pytest.mark.django_db(transaction=True)
def test_a_pooler_that_knows_no_transactions_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(cursor: Any) -> int:
        raise OperationalError("transaction blocks not allowed in statement pooling mode")

    monkeypatch.setattr(session, "_pid", refuse)
    assert checked() == ["opsconsole.W122"]


def test_without_a_pooler_no_second_connection_is_opened(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any) -> Any:
        raise AssertionError("It costs a connection.")

    monkeypatch.setattr(DatabaseWrapper, "copy", fail)
    assert checked() == []


# --- at run time --------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_process_whose_search_path_is_lost_is_not_ready() -> None:
    assert APIClient().get("/readyz").status_code == 200
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL search_path TO public, opsconsole")
        response = APIClient().get("/readyz")
        transaction.set_rollback(True)
    assert (response.status_code, response.json()["database"]) == (503, "has another search path")


@pytest.mark.parametrize(
    "search_path", ["public, opsconsole", "pg_catalog, opsconsole, public", "pg_temp, public, opsconsole"]
)
def test_health_says_that_the_search_path_is_lost(db: None, search_path: str) -> None:
    api = with_token(make_staff("olivia", OPERATORS))
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL search_path TO {search_path}")
    answer = api.get("/ops/health").json()
    (reason,) = (reason for reason in answer["reasons"] if reason["part"] == "database")
    assert (reason["code"], reason["severity"]) == ("database_search_path", "critical")
    assert "ALTER ROLE" in reason["message"]
    assert answer["parts"]["database"] == {"status": "critical"}
