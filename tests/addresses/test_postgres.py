"""PostgreSQL addresses: the console honors libpq's parameters, and refuses invalid addresses when it starts."""

import os
import subprocess
import sys
from typing import Any

import psycopg
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from backups.database.servers import Server
from devserver.choices import Choices
from devserver.errors import StartError
from devserver.postgres import Postgres
from opsconsole.addresses import database, session_options
from tests.processes import PROJECT
from tests.waiting import PATIENCE

SECRET = "hunter2"

REFUSED = {
    "postgres://user:hunter2@x@host/name": "%40",
    "postgres://user:hunter2/x@host/name": "%2F",
    "postgres://user:1234/hunter2@host/name": "%2F",
    "postgres://user:hunter2%zz@host/name": "%25",
    "postgres://user:hunter2@host/name?%zz=1": "is unknown",
    "postgres://user:hunter2 x@host/name": "%20",
    "postgres://user:hunter2@host/name\n": "control character",
    " postgres://user:hunter2@host/name": "blank",
    "postgres://user:hunter2@host": "names no database",
    "postgres://user:hunter2@host/": "names no database",
    "mysql://user:hunter2@host/name": "only with PostgreSQL",
    "sqlite:///hunter2": "only with PostgreSQL",
    "POSTGRES://user:hunter2@host/name": "must begin with postgres://",
    "psql://user:hunter2@host/name": "must begin with postgres://",
    "hunter2": "libpq can't read it",
    "host=x password=hunter2 nonsense=1": "libpq can't read it",
    "postgres://user:hunter2@host:0/name": "1 to 65535",
    "postgres://user:hunter2@host:65536/name": "1 to 65535",
    "postgres://user:hunter2@host:port/name": "1 to 65535",
    "postgres://user:hunter2@a:1,b:2,c/name?port=1,2": "one port",
    "postgres://user:hunter2@[::1/name": "libpq can't read it",
    "postgres://user:hunter2@host/name?connect_timeout=0": "1 to 30 seconds",
    "postgres://user:hunter2@host/name?connect_timeout=-1": "1 to 30 seconds",
    "postgres://user:hunter2@host/name?connect_timeout=31": "1 to 30 seconds",
    "postgres://user:hunter2@host/name?connect_timeout=soon": "1 to 30 seconds",
    "postgres://user:hunter2@host/name?client_encoding=LATIN1": "UTF8",
    "postgres://user:hunter2@host/name?conn_max_age=60": "conn_max_age is unknown",
    "postgres://user:hunter2@host/name?pool=true": "pool is unknown",
    "postgres://user:hunter2@host/name?sslmode=maybe": "sslmode must be disable, allow, prefer, require, verify-ca or",
    "host=host dbname=name password=hunter2 sslmode=REQUIRE": "sslmode must be disable",
    "postgres://user:hunter2@host/name?sslnegotiation=x": "sslnegotiation must be postgres or direct.",
    "postgres://user:hunter2@host/name?sslcertmode=prefer": "sslcertmode must be disable, allow or require.",
    "postgres://user:hunter2@host/name?gssencmode=allow": "gssencmode must be disable, prefer or require.",
    "postgres://user:hunter2@host/name?channel_binding=yes": "channel_binding must be disable, prefer or require.",
    "postgres://user:hunter2@host/name?target_session_attrs=master": "target_session_attrs must be any, read-write,",
    "postgres://user:hunter2@host/name?load_balance_hosts=1": "load_balance_hosts must be disable or random.",
    "postgres://user:hunter2@host/name?ssl_min_protocol_version=1.2": "ssl_min_protocol_version must be TLSv1,",
    "postgres://user:hunter2@host/name?ssl_max_protocol_version=SSLv3": "ssl_max_protocol_version must be TLSv1,",
    "postgres://user:hunter2@host/name?options=-c%20search_path%3Dcore": "OPS_CORE_SCHEMA",
    "postgres://user:hunter2@host/name?options=-csearch_path%3Dcore": "OPS_CORE_SCHEMA",
    "postgres://user:hunter2@host/name?options=--search-path%3Dcore": "OPS_CORE_SCHEMA",
    "postgres://user:hunter2@host/name?options=-c%20TimeZone%3DAsia/Tokyo": "options set timezone",
}
# The expected parameters of libpq, besides the user and the password.
HONORED: list[tuple[str, dict[str, str]]] = [
    ("postgres://user:hunter2@host/name", {"host": "host", "dbname": "name"}),
    ("postgresql://user:hunter2@host:5433/name", {"host": "host", "port": "5433", "dbname": "name"}),
    ("postgres://user:hunter2@%2Fvar%2FRun%2Fpostgresql/name", {"host": "/var/Run/postgresql", "dbname": "name"}),
    ("postgres://user:hunter2@/name?host=/var/run/postgresql", {"host": "/var/run/postgresql", "dbname": "name"}),
    ("postgres://user:hunter2@a,b/name", {"host": "a,b", "port": ",", "dbname": "name"}),
    (
        "postgres://user:hunter2@a:1,b:2/name?target_session_attrs=read-write",
        {"host": "a,b", "port": "1,2", "dbname": "name", "target_session_attrs": "read-write"},
    ),
    ("postgres://user:hunter2@[::1]:5433/name", {"host": "::1", "port": "5433", "dbname": "name"}),
    ("postgres://user:hunter2@host/na%40me", {"host": "host", "dbname": "na@me"}),
    (
        "postgres://user:hunter2@host/name?sslmode=verify-ca&ssl_min_protocol_version=tlsv1.2&gssencmode=disable",
        {
            "host": "host",
            "dbname": "name",
            "sslmode": "verify-ca",
            "ssl_min_protocol_version": "tlsv1.2",
            "gssencmode": "disable",
        },
    ),
    (
        "postgres://user:hunter2@host/name?connect_timeout=10",
        {"host": "host", "dbname": "name", "connect_timeout": "10"},
    ),
    (
        "postgres://user:hunter2@host/name?options=-c%20statement_timeout%3D9s&application_name=me",
        {"host": "host", "dbname": "name", "options": "-c statement_timeout=9s", "application_name": "me"},
    ),
    (
        "postgres://user:hunter2@host/name?options=endpoint%3Done",
        {"host": "host", "dbname": "name", "options": "endpoint=one"},
    ),
    (
        "postgres://user:hunter2@host/name?sslmode=verify-full&sslrootcert=/etc/c@.pem",
        {"host": "host", "dbname": "name", "sslmode": "verify-full", "sslrootcert": "/etc/c@.pem"},
    ),
    ("postgres://user:hunter2@/?service=core", {"service": "core"}),
    ("host=host dbname=name user=user password=hunter2", {"host": "host", "dbname": "name"}),
]


@pytest.mark.parametrize(("address", "fix"), REFUSED.items())
def test_an_address_that_can_not_work_is_refused_with_how_to_fix_it(address: str, fix: str) -> None:
    with pytest.raises(ImproperlyConfigured) as refused:
        database("DATABASE_URL", address, session=True)
    sentence = str(refused.value)
    assert sentence.startswith("DATABASE_URL is invalid: ")
    assert fix in sentence
    assert SECRET not in sentence
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__


@pytest.mark.parametrize(("address", "told"), HONORED)
def test_what_libpq_reads_is_honored(address: str, told: dict[str, str]) -> None:
    assert database("DATABASE_URL", address, session=True) == {"user": "user", "password": SECRET, **told}


@pytest.mark.parametrize("password", ["p@ss", "p#ss", "p?ss", "p/ss", "p:ss", "p ss", "p%41", "p'ss", 'p"ss', "päss\\"])
def test_an_encoded_password_is_read_as_it_is(password: str) -> None:
    encoded = "".join(f"%{byte:02X}" for byte in password.encode())
    assert database("DATABASE_URL", f"postgres://user:{encoded}@host/name")["password"] == password


def test_a_backups_address_may_set_its_own_search_path() -> None:
    address = "postgres://user:hunter2@host/name?options=-c%20search_path%3Dcore"
    assert database("BACKUP_DATABASE_URL", address)["options"] == "-c search_path=core"


@pytest.mark.parametrize("address", ["postgres://user:hunter2@x@host/name", "mysql://user:hunter2@host/name"])
def test_the_development_server_refuses_it_with_the_same_sentence(address: str) -> None:
    with pytest.raises(StartError, match=r"^DATABASE_URL is invalid: ") as refused:
        Choices.read({"DATABASE_URL": address})
    assert SECRET not in str(refused.value)


# --- sessions -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "schema",
    ["opsconsole", "Ops", "ops console", "ops-console", 'o"ps', "o'ps", "o\\ps", "ops,public", "select", "öps"],
)
def test_the_search_path_begins_with_the_consoles_schema_whatever_it_is_called(core_database: str, schema: str) -> None:
    options = session_options("-c statement_timeout=9s", schema=schema, core_schema="public")
    with psycopg.connect(core_database, options=options) as session:
        session.execute(psycopg.sql.SQL("CREATE SCHEMA {}").format(psycopg.sql.Identifier(schema)))
        found = session.execute(
            "SELECT current_schemas(false)::text[], current_setting('statement_timeout'), current_setting('TimeZone')"
        ).fetchone()
    assert found == ([schema, "public"], "9s", "UTC")


@pytest.mark.processes
def test_the_console_connects_as_its_address_says(postgres: Postgres) -> None:
    user, _, server = postgres.url("postgres").partition("@")
    place = server.partition("/")[0]
    script = """
import django; django.setup()
from django.db import connection
from backups.database.servers import Server
with connection.cursor() as cursor:
    cursor.execute("SELECT current_setting('statement_timeout'), current_setting('application_name'),"
                   " current_setting('search_path'), current_setting('TimeZone')")
    print(*cursor.fetchone(), connection.get_connection_params()["connect_timeout"], Server.source().options, sep="|")
"""
    ran = subprocess.run(
        [sys.executable, "-c", script],
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "opsconsole.settings",
            # The first one doesn't answer.
            "DATABASE_URL": f"{user}@127.0.0.1:1,{place}/postgres?connect_timeout=7&application_name=me"
            "&options=-c%20statement_timeout%3D9s",
        },
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=10 * PATIENCE,
        check=False,
    )
    assert ran.stdout.strip() == '9s|me|"opsconsole",public|UTC|7|-c statement_timeout=9s', ran.stderr


def test_what_the_address_sets_holds_for_backups_too_but_not_the_search_path(settings: Any) -> None:
    assert "search_path" in connection.get_connection_params()["options"]
    assert Server.source().options == ""
    settings.DATABASE_URL_OPTIONS = "-c role=reader"
    assert Server.source().options == "-c role=reader"
