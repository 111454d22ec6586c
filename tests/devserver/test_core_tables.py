from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from devserver.choices import Choices
from devserver.core_tables import prepare_core_tables
from devserver.data_folder import DataFolder
from devserver.errors import StartError
from opsconsole.schema.ddl import NOT_IN_EVERY_CORE, TABLES, create_tables


@pytest.fixture
def choices(core_database: str, variant: str) -> Choices:
    """Somebody chose the database."""
    return replace(Choices.read({}), database_url=core_database, variant=variant)


def test_an_empty_database_gets_the_tables_and_is_ours_from_then_on(
    core_database: str, choices: Choices, tmp_path: Path
) -> None:
    first = prepare_core_tables(core_database, choices, DataFolder(tmp_path))
    assert (first.ours, first.empty, first.missing) == (True, True, [])
    again = prepare_core_tables(core_database, choices, DataFolder(tmp_path))
    assert (again.ours, again.empty, again.missing) == (True, True, [])
    password = core_database.split(":")[2].partition("@")[0]
    assert password not in (tmp_path / "demo-databases").read_text()


def test_a_database_with_tables_is_somebodys_and_left_alone(
    core_database: str, choices: Choices, tmp_path: Path
) -> None:
    with psycopg.connect(core_database, autocommit=True) as connection:
        connection.execute("CREATE TABLE identities (id bigint)")
    tables = prepare_core_tables(core_database, choices, DataFolder(tmp_path))
    assert (tables.ours, tables.empty) == (False, False)
    assert set(tables.missing) == set(TABLES) - {"identities", *NOT_IN_EVERY_CORE}
    with psycopg.connect(core_database) as connection:
        assert connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (1,)


def test_tables_that_the_console_makes_itself_are_not_missed(
    core_database: str, choices: Choices, variant: str, tmp_path: Path
) -> None:
    with psycopg.connect(core_database) as connection, connection.cursor() as cursor:
        create_tables(cursor, variant)
        cursor.execute(f"DROP TABLE {', '.join(NOT_IN_EVERY_CORE)}")
    tables = prepare_core_tables(core_database, choices, DataFolder(tmp_path))
    assert (tables.ours, tables.missing) == (False, [])
    with psycopg.connect(core_database) as connection:
        assert connection.execute("SELECT to_regclass('restore_tests')").fetchone() == (None,)


def test_nothing_is_created_in_a_schema_of_the_cores_own(core_database: str, choices: Choices, tmp_path: Path) -> None:
    tables = prepare_core_tables(core_database, replace(choices, core_schema="core"), DataFolder(tmp_path))
    assert (tables.ours, set(tables.missing)) == (False, set(TABLES) - set(NOT_IN_EVERY_CORE))


def test_a_database_that_does_not_answer_is_said_without_its_password(choices: Choices, tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"The database at 127\.0\.0\.1:1/none can't be used") as caught:
        prepare_core_tables("postgresql://me:secret@127.0.0.1:1/none", choices, DataFolder(tmp_path))
    assert "secret" not in str(caught.value)
