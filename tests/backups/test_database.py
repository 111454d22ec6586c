"""A dump of the real database, and what a restore test says of it."""

import gzip
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection

from backups import programs, scratch
from backups.errors import BackupFailed, BackupInterrupted, RestoreTestFailed
from backups.folder import BackupFolder
from backups.making import make_database_backup
from backups.models import COULD_NOT_VERIFY, FAILED, PASSED, SUCCEEDED, BackupRun, RestoreTest
from backups.testing import run_restore_test
from opsconsole.audit import Entity, record
from tests.backups.conftest import Watcher
from tests.cast import OPERATOR, make_conversation, make_identity, make_job, make_message

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def rows() -> None:
    """Some rows that are worth a backup."""
    conversation = make_conversation(make_identity("Ünïcode “Alice”"))
    for _ in range(20):
        make_message(conversation)
    make_job("ingest.sync_delta", payload={"identity_id": 1, "odd": "\u2028 % \\ '"})
    record(actor=OPERATOR, action="test", entity=Entity(type="job"))


@pytest.fixture
def backup(rows: None, folder: BackupFolder, watcher: Watcher) -> BackupRun:
    """A backup of the database."""
    made = make_database_backup(watcher, job_id=None)
    return BackupRun.objects.get(pk=made["backup_run_id"])


def checks_of(test: RestoreTest) -> dict[str, Any]:
    return {check["check_name"]: check["passed"] for check in test.checks_json}


def test_a_backup_is_a_file_with_the_size_and_checksum_of_its_row(backup: BackupRun, folder: BackupFolder) -> None:
    path = folder.path / str(backup.storage_key)

    assert backup.status == SUCCEEDED
    assert path.stat().st_size == backup.size_bytes
    assert path.stat().st_mode & 0o777 == 0o600
    assert os.system(f"cd {path.parent} && sha256sum --quiet --check {path.name}.sha256") == 0  # noqa: S605
    assert backup.manifest_json["tables"]["public.messages"]["rows"] == 20


def test_a_backup_that_was_restored_and_is_what_was_backed_up_passes(backup: BackupRun, watcher: Watcher) -> None:
    run_restore_test(watcher, backup_run_id=backup.pk, job_id=None)

    test = RestoreTest.objects.get()
    assert test.status == PASSED, test.error
    found = checks_of(test)
    assert [name for name, passed in found.items() if passed is not True] == ["restore_seconds", "backup_age_seconds"]
    assert {"restore", "tables_present", "row_counts", "content_hashes", "constraints_valid", "sequences"} <= set(found)
    assert {"indexes", "newest_row"} <= set(found)
    assert scratch.leftovers() == []
