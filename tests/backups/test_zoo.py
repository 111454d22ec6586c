"""A database that has a bit of everything is backed up and passes its restore test.

The database, its role and its settings are unusual too. `zoo.sql` lists what it has.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from backups.database import scratch
from backups.errors import RestoreTestFailed
from backups.folder import BackupFolder
from backups.making import make_database_backup
from backups.models import FAILED, PASSED, BackupRun, RestoreTest
from backups.testing import run_restore_test
from devserver.postgres import Postgres
from tests.backups.conftest import Watcher

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]

ZOO: Final = Path(__file__).with_name("zoo.sql")
NAME: Final = "zoo of=\"Ålice\" & 'Bob' \\ %s postgresql://x"
ROLE: Final = "keeper of=\"Ålice\" & 'Bob' \\ %s"
PASSWORD: Final = "se cret'\\\"%s"
SETTINGS: Final = {
    "DateStyle": "ISO, DMY",
    "TimeZone": "Asia/Tokyo",
    "search_path": "zoo",
    "IntervalStyle": "iso_8601",
    "idle_session_timeout": "200ms",
    "idle_in_transaction_session_timeout": "200ms",
    "tcp_user_timeout": "200",
}


@pytest.fixture
def zoo(postgres: Postgres, settings: Any) -> Iterator[str]:
    """The libpq URL of a database with objects of all kinds, which is backed up and tested."""
    name, role = sql.Identifier(NAME), sql.Identifier(ROLE)
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as server:
        server.execute(sql.SQL("CREATE ROLE {} SUPERUSER LOGIN PASSWORD {}").format(role, sql.Literal(PASSWORD)))
        server.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(name))
        url = make_conninfo(
            host="127.0.0.1",
            port=postgres.port,
            user=ROLE,
            password=PASSWORD,
            dbname=NAME,
            options="-c event_triggers=off",
        )
        try:
            with psycopg.connect(url, autocommit=True) as own:
                own.execute(ZOO.read_text(encoding="utf-8"))
                for setting, value in SETTINGS.items():
                    own.execute(sql.SQL("ALTER DATABASE {} SET {} = {}").format(name, sql.Identifier(setting), value))
            address = make_conninfo(host="127.0.0.1", port=postgres.port, user=ROLE, password=PASSWORD, dbname=NAME)
            settings.BACKUP_DATABASE_URL = settings.RESTORE_DATABASE_URL = address
            yield url
        finally:
            with psycopg.connect(url, autocommit=True) as own:
                if own.execute("SELECT FROM pg_subscription WHERE subname = 'nowhere'").fetchone() is not None:
                    own.execute("ALTER SUBSCRIPTION nowhere SET (slot_name = NONE)")
                    own.execute("DROP SUBSCRIPTION nowhere")
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))
            server.execute(sql.SQL("DROP ROLE {}").format(role))


def make_backup(watcher: Watcher) -> BackupRun:
    return BackupRun.objects.get(pk=make_database_backup(watcher, job_id=None)["backup_run_id"])


def test_a_database_with_a_bit_of_everything_passes_its_restore_test_and_with_one_row_altered_it_fails(
    zoo: str, folder: BackupFolder, watcher: Watcher
) -> None:
    backup = make_backup(watcher)
    run_restore_test(watcher, backup_run_id=backup.pk, job_id=None)

    test = RestoreTest.objects.get()
    assert test.status == PASSED, test.error
    unjudged = {check["check_name"] for check in test.checks_json if check["passed"] is not True}
    # None of its newest rows has a time that tells how old the data is.
    assert unjudged == {"restore_seconds", "backup_age_seconds", "newest_row"}
    assert scratch.leftovers() == []

    with psycopg.connect(zoo, autocommit=True) as own:
        own.execute("UPDATE zoo.by_color SET n = n + 100 WHERE c = 'red' AND n = 1")
    altered = (folder.path / str(make_backup(watcher).storage_key)).read_bytes()
    (folder.path / str(backup.storage_key)).write_bytes(altered)
    BackupRun.objects.filter(pk=backup.pk).update(sha256=hashlib.sha256(altered).hexdigest(), size_bytes=len(altered))
    with pytest.raises(RestoreTestFailed):
        run_restore_test(watcher, backup_run_id=backup.pk, job_id=None)

    test = RestoreTest.objects.latest("pk")
    assert test.status == FAILED
    assert [check["check_name"] for check in test.checks_json if check["passed"] is False] == ["content_hashes"]
    assert "zoo.by_color" in str(test.error)


def test_what_is_backed_up_is_not_changed_by_it(zoo: str, folder: BackupFolder, watcher: Watcher) -> None:
    make_database_backup(watcher, job_id=None)

    with psycopg.connect(zoo, autocommit=True) as own:
        (logins,) = own.execute("SELECT count(*) FROM zoo.logins").fetchone() or (None,)
    assert logins == 0
