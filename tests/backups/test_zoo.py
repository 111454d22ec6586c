"""A database that has a bit of everything is backed up, and passes its restore test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection

from backups.database import scratch
from backups.database.servers import Server
from backups.folder import BackupFolder
from backups.making import make_database_backup
from backups.models import PASSED, RestoreTest
from backups.testing import run_restore_test
from opsconsole.audit import Entity, record
from tests.backups.conftest import Watcher
from tests.cast import OPERATOR

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]

ZOO = Path(__file__).with_name("zoo.sql")
SETTINGS = {"DateStyle": "ISO, DMY", "TimeZone": "Asia/Tokyo", "search_path": "zoo", "IntervalStyle": "iso_8601"}


@pytest.fixture
def zoo() -> Iterator[None]:
    """Objects of all kinds, in a schema of their own, in a database with settings of its own."""
    with Server.source().connected(autocommit=True) as own:
        database = own.info.dbname
        for name, value in SETTINGS.items():
            own.execute(f"ALTER DATABASE \"{database}\" SET {name} = '{value}'")
        try:
            own.execute(ZOO.read_text(encoding="utf-8"))
            # The console's own connection has these settings too.
            connection.close()
            yield
        finally:
            connection.close()
            for name in SETTINGS:
                own.execute(f'ALTER DATABASE "{database}" RESET {name}')
            own.execute("DROP EVENT TRIGGER IF EXISTS looks")
            own.execute("DROP PUBLICATION IF EXISTS everything")
            if own.execute("SELECT 1 FROM pg_subscription WHERE subname = 'nowhere'").fetchone():
                own.execute("ALTER SUBSCRIPTION nowhere SET (slot_name = NONE)")
                own.execute("DROP SUBSCRIPTION nowhere")
            own.execute("SELECT lo_unlink(oid) FROM pg_largeobject_metadata")
            own.execute("DROP SCHEMA IF EXISTS zoo CASCADE")
            own.execute("DROP EXTENSION IF EXISTS amcheck")


def test_a_database_with_a_bit_of_everything_passes_its_restore_test(
    zoo: None, folder: BackupFolder, watcher: Watcher
) -> None:
    record(actor=OPERATOR, action="test", entity=Entity(type="job"))
    made = make_database_backup(watcher, job_id=None)
    run_restore_test(watcher, backup_run_id=made["backup_run_id"], job_id=None)

    test = RestoreTest.objects.get()
    assert test.status == PASSED, test.error
    assert scratch.leftovers() == []
