"""The shipped DDL: what the design says of each variant is what PostgreSQL says of the tables."""

import psycopg
import pytest

from opsconsole.schema import ddl


def _columns(cursor: psycopg.Cursor[tuple[str, ...]], *, schema: str = "public") -> list[tuple[str, ...]]:
    return cursor.execute(
        "SELECT table_name, column_name, data_type, coalesce(column_default, ''), is_identity"
        " FROM information_schema.columns WHERE table_schema = %s",
        [schema],
    ).fetchall()


@pytest.mark.parametrize("variant", ddl.VARIANTS)
def test_every_table_is_made_once_and_only_where_it_is_missing(core_database: str, variant: str) -> None:
    with psycopg.connect(core_database) as connection, connection.cursor() as cursor:
        assert ddl.missing_tables(cursor) == list(ddl.TABLES)
        assert ddl.create_tables(cursor, variant) == list(ddl.TABLES)
        assert ddl.missing_tables(cursor) == []
        assert ddl.create_tables(cursor, variant) == []
        # A core that is older than its backup tables gets just these.
        cursor.execute("DROP TABLE restore_tests")
        if variant == "native":
            cursor.execute("DROP TYPE restore_test_status_enum, restore_test_trigger_enum")
        assert ddl.create_tables(cursor, variant) == ["restore_tests"]


def test_the_plain_variant_is_as_designed(core_database: str) -> None:
    with psycopg.connect(core_database) as connection, connection.cursor() as cursor:
        ddl.create_tables(cursor, "plain")
        columns = _columns(cursor)
    types = {data_type for _, _, data_type, _, _ in columns}
    assert {"jsonb", "timestamp with time zone"} <= types
    assert not types & {"json", "timestamp without time zone", "USER-DEFINED"}
    of_jobs = {name: (default, identity) for table, name, _, default, identity in columns if table == "jobs"}
    assert of_jobs["id"] == ("", "YES")
    assert of_jobs["max_attempts"] == ("10", "NO")
    assert of_jobs["status"][0].startswith("'queued'")
    assert of_jobs["created_at"][0] == "now()"


def test_the_native_variant_is_as_designed(core_database: str) -> None:
    with psycopg.connect(core_database) as connection, connection.cursor() as cursor:
        ddl.create_tables(cursor, "native")
        columns = _columns(cursor)
        cursor.execute("SELECT typname FROM pg_type WHERE typtype = 'e'")
        enums = {name for (name,) in cursor.fetchall()}
    types = {data_type for _, _, data_type, _, _ in columns}
    assert {"json", "timestamp without time zone", "USER-DEFINED"} <= types
    assert not types & {"jsonb", "timestamp with time zone"}
    assert "job_status_enum" in enums
    assert len(enums) == 11
    defaults = {(table, name): default for table, name, _, default, _ in columns if default}
    assert defaults
    assert all(name == "id" and default.startswith("nextval(") for (_, name), default in defaults.items())


def test_both_variants_have_the_same_columns_keys_and_indexes(core_database: str) -> None:
    found = []
    with psycopg.connect(core_database) as connection, connection.cursor() as cursor:
        for variant in ddl.VARIANTS:
            schema = f"{variant}_one"
            cursor.execute(f"CREATE SCHEMA {schema}")
            ddl.create_tables(cursor, variant, schema=schema)
            indexes = cursor.execute(
                "SELECT replace(indexdef, schemaname || '.', '') FROM pg_indexes WHERE schemaname = %s", [schema]
            ).fetchall()
            keys = cursor.execute(
                "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
                " WHERE connamespace = %s::regnamespace AND contype IN ('p', 'u', 'f')",
                [schema],
            ).fetchall()
            names = {(table, column) for table, column, *_ in _columns(cursor, schema=schema)}
            foreign = {(name, text.replace(f"{schema}.", "")) for name, text in keys}
            found.append((names, set(indexes), foreign))
    assert found[0] == found[1]


def test_another_schema_is_filled_and_the_search_path_left_alone(core_database: str) -> None:
    with psycopg.connect(core_database, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA core")
        cursor.execute("SET search_path TO core, 'it''s'")
        before = cursor.execute("SHOW search_path").fetchall()
        ddl.create_tables(cursor, "plain", schema="core")
        assert cursor.execute("SHOW search_path").fetchall() == before
        assert ddl.missing_tables(cursor, schema="core") == []
        assert ddl.missing_tables(cursor) == list(ddl.TABLES)


def test_a_failure_leaves_no_half_of_the_tables(core_database: str) -> None:
    with psycopg.connect(core_database, autocommit=True) as connection, connection.cursor() as cursor:
        # The name is taken by something that isn't a table.
        cursor.execute("CREATE SEQUENCE restore_tests")
        with pytest.raises(psycopg.errors.DuplicateTable):
            ddl.create_tables(cursor, "native")
        assert ddl.missing_tables(cursor) == list(ddl.TABLES)


def test_an_unknown_variant_and_an_odd_schema_are_refused(core_database: str) -> None:
    with psycopg.connect(core_database) as connection, connection.cursor() as cursor:
        with pytest.raises(ValueError, match="must be one of plain, native"):
            ddl.create_tables(cursor, "mysql")
        for schema in ("", "Public", "public; SELECT 1", "a.b", "public'"):
            with pytest.raises(ValueError, match="plain lower-case schema name"):
                ddl.create_tables(cursor, "plain", schema=schema)
