"""A dump of the real database, and what a restore test says of it."""

import hashlib
import os
import re
import resource
import shlex
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection

from backups import locks
from backups.database import scratch
from backups.database.servers import Server
from backups.errors import BackupFailed, BackupInterrupted, RestoreTestFailed
from backups.folder import BackupFolder
from backups.making import make_database_backup
from backups.models import COULD_NOT_VERIFY, DATABASE, FAILED, PASSED, SUCCEEDED, BackupRun, RestoreTest
from backups.runs import STOPPED
from backups.testing import run_restore_test
from opsconsole.audit import Entity, record
from opsconsole.errors import Busy
from tests.backups.conftest import Watcher
from tests.backups.programs import fake_programs
from tests.cast import OPERATOR, make_conversation, make_identity, make_job, make_message

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]


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


# --- archives that are not what they were ---------------------------------------------------------------------------


def verdict(watcher: Watcher, backup: BackupRun) -> RestoreTest:
    """Run a restore test that fails, and return its row."""
    with pytest.raises((RestoreTestFailed, BackupFailed, BackupInterrupted)):
        run_restore_test(watcher, backup_run_id=backup.pk, job_id=None)
    assert scratch.leftovers() == []
    return RestoreTest.objects.latest("pk")


def rewrite(folder: BackupFolder, backup: BackupRun, data: bytes, *, fix_row: bool = False) -> None:
    """Replace a backup's file, and the row's checksum with it."""
    (folder.path / str(backup.storage_key)).write_bytes(data)
    if fix_row:
        BackupRun.objects.filter(pk=backup.pk).update(sha256=hashlib.sha256(data).hexdigest(), size_bytes=len(data))


def test_one_flipped_byte_is_seen_by_the_checksum_before_anything_opens_the_file(
    backup: BackupRun, folder: BackupFolder, watcher: Watcher
) -> None:
    data = bytearray((folder.path / str(backup.storage_key)).read_bytes())
    data[len(data) // 2] ^= 1
    rewrite(folder, backup, bytes(data))

    test = verdict(watcher, backup)
    assert test.status == FAILED
    assert checks_of(test) == {"archive_checksum": False}
    assert "checksum is another one" in str(test.error)


def test_rows_that_differ_from_the_manifest_are_seen_although_the_checksum_is_right(
    backup: BackupRun, watcher: Watcher
) -> None:
    manifest = backup.manifest_json
    manifest["tables"]["public.messages"]["hash"] = "1"
    BackupRun.objects.filter(pk=backup.pk).update(manifest_json=manifest)

    test = verdict(watcher, backup)
    assert test.status == FAILED
    assert [name for name, passed in checks_of(test).items() if passed is False] == ["content_hashes"]
    assert "public.messages" in str(test.error)


@pytest.mark.parametrize("share", [0.2, 0.6, 0.9, 0.999])
def test_an_archive_that_is_cut_short_never_passes_even_with_its_checksum_fixed(
    backup: BackupRun, folder: BackupFolder, watcher: Watcher, share: float
) -> None:
    data = (folder.path / str(backup.storage_key)).read_bytes()
    rewrite(folder, backup, data[: int(len(data) * share)], fix_row=True)

    test = verdict(watcher, backup)
    assert test.status == FAILED
    assert checks_of(test)["archive_checksum"] is True


def test_bytes_flipped_anywhere_with_the_checksum_fixed_never_pass_unless_nothing_that_is_restored_has_changed(
    backup: BackupRun, folder: BackupFolder, watcher: Watcher
) -> None:
    original = (folder.path / str(backup.storage_key)).read_bytes()
    seen = set()
    # Much of an archive is text that a restore doesn't use; the rows lie at its end.
    among_rows = (len(original) - back for back in (20, 150, 600, 2_000, 4_000, 8_000))
    for place in [*range(5, len(original), len(original) // 12), *among_rows]:
        data = bytearray(original)
        data[place] ^= 0x10
        rewrite(folder, backup, bytes(data), fix_row=True)
        try:
            run_restore_test(watcher, backup_run_id=backup.pk, job_id=None)
        except (RestoreTestFailed, BackupFailed, BackupInterrupted):
            seen.add(place)
        test = RestoreTest.objects.latest("pk")
        found = checks_of(test)
        assert (test.status == PASSED) == (place not in seen)
        if test.status == PASSED:
            # What has changed is a comment of the archive, say: the contents were compared, and are right.
            assert [found[name] for name in ("content_hashes", "row_counts", "constraints_valid")] == [True] * 3
    assert len(seen) >= 8
    assert scratch.leftovers() == []


def test_another_backups_archive_in_its_place_is_seen(
    backup: BackupRun, folder: BackupFolder, watcher: Watcher
) -> None:
    make_job("ingest.sync_delta", payload={"identity_id": 2})
    other = BackupRun.objects.get(pk=make_database_backup(watcher, job_id=None)["backup_run_id"])
    rewrite(folder, backup, (folder.path / str(other.storage_key)).read_bytes(), fix_row=True)

    test = verdict(watcher, backup)
    assert test.status == FAILED
    assert "jobs" in str(test.error)


@pytest.mark.parametrize("key", ["../../etc/passwd", "/etc/passwd", "database/../../x", "", "database/.hidden", "x\n"])
def test_a_row_that_was_edited_to_name_another_file_is_refused_and_nothing_is_read(
    backup: BackupRun, watcher: Watcher, key: str
) -> None:
    BackupRun.objects.filter(pk=backup.pk).update(storage_key=key)

    with pytest.raises((RestoreTestFailed, BackupFailed)) as refused:
        run_restore_test(watcher, backup_run_id=backup.pk, job_id=None)
    assert "never have named" in refused.value.message or "no file" in refused.value.message
    assert not RestoreTest.objects.filter(status=PASSED).exists()


def test_a_link_in_the_files_place_is_not_followed(backup: BackupRun, folder: BackupFolder, watcher: Watcher) -> None:
    path = folder.path / str(backup.storage_key)
    elsewhere = folder.path / "elsewhere"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)

    assert verdict(watcher, backup).status == FAILED


def test_a_file_that_is_gone_fails_its_test(backup: BackupRun, folder: BackupFolder, watcher: Watcher) -> None:
    (folder.path / str(backup.storage_key)).unlink()

    test = verdict(watcher, backup)
    assert (test.status, folder.state_of(str(backup.storage_key))) == (FAILED, "missing")
    assert "The backup's file is gone." in str(test.error)


# --- what keeps a backup from being made ------------------------------------------------------------------------------


def failure(watcher: Watcher, folder: BackupFolder) -> BackupRun:
    """Make a backup that fails, and return its row; nothing may be left of it."""
    with pytest.raises((BackupFailed, BackupInterrupted)):
        make_database_backup(watcher, job_id=None)
    if folder.path.is_dir():
        assert [path.name for path in folder.path.rglob("*") if path.is_file()] == []
    run = BackupRun.objects.latest("pk")
    assert (run.status, run.storage_key) == (FAILED, None)
    return run


def test_a_folder_that_is_missing_is_said(watcher: Watcher, folder: BackupFolder) -> None:
    folder.path.rmdir()

    assert "is missing" in str(failure(watcher, folder).error)


def test_a_disk_that_is_full_leaves_no_file(watcher: Watcher, folder: BackupFolder, rows: None) -> None:
    # A write beyond it fails as on a full disk, but with the error of a file that is too large.
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_096, before[1]))
    try:
        run = failure(watcher, folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert "can't be written" in str(run.error)


def test_a_backup_is_not_begun_without_room_for_it(
    watcher: Watcher, folder: BackupFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(folder.path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=10_000_000))

    assert "a backup needs 47.7 MiB" in str(failure(watcher, folder).error)


@pytest.mark.parametrize(
    ("script", "version", "said"),
    [
        (None, "", "no working pg_dump"),
        ("exit 0", "9.6.2", "at least as new as the server"),
        ("echo half; echo something broke >&2; exit 3", "99.1", "exit code 3: something broke"),
        ("echo half; kill -9 $$", "99.1", "was killed (SIGKILL)"),
    ],
)
def test_a_pg_dump_that_is_missing_too_old_or_dies_is_said(
    watcher: Watcher, folder: BackupFolder, tmp_path: Path, settings: Any, script: str | None, version: str, said: str
) -> None:
    settings.PG_BIN_DIR = fake_programs(tmp_path / "bin", script, version=version) if script else str(tmp_path)

    assert said in str(failure(watcher, folder).error)


def test_a_server_that_ends_the_connection_in_the_middle_is_said(
    watcher: Watcher, folder: BackupFolder, tmp_path: Path, settings: Any, rows: None
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_database()")
        (name,) = cursor.fetchone()
    url = Server.source().environment()
    sql = (
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}' AND backend_xmin IS NOT NULL"
    )
    settings.PG_BIN_DIR = fake_programs(
        tmp_path / "bin", f"exec {shlex.quote(sys.executable)} {shlex.quote(str(tmp_path / 'end.py'))}"
    )
    (tmp_path / "end.py").write_text(
        f"import psycopg\nwith psycopg.connect({psycopg_url(url)!r}, autocommit=True) as c:\n"
        f"    c.execute({sql + ' AND pid <> pg_backend_pid()'!r})\nprint('half')\nraise SystemExit(1)\n"
    )

    assert "pg_dump ended" in str(failure(watcher, folder).error) or "server" in str(failure(watcher, folder).error)


def psycopg_url(environment: dict[str, str]) -> str:
    names = {"PGHOST": "host", "PGPORT": "port", "PGUSER": "user", "PGPASSWORD": "password", "PGDATABASE": "dbname"}
    return psycopg.conninfo.make_conninfo(
        "", **{keyword: environment[name] for name, keyword in names.items() if name in environment}
    )


def test_a_server_that_refuses_the_login_is_not_said_to_be_away(
    watcher: Watcher, folder: BackupFolder, settings: Any
) -> None:
    environment = {**Server.source().environment(), "PGDATABASE": "there_is_no_such_database"}
    settings.BACKUP_DATABASE_URL = psycopg_url(environment)
    assert "refuses the login" in str(failure(watcher, folder).error)


def test_of_two_backups_at_once_one_is_refused_and_leaves_no_row(watcher: Watcher, folder: BackupFolder) -> None:
    with locks.held(DATABASE), pytest.raises(Busy):
        make_database_backup(watcher, job_id=None)
    assert not BackupRun.objects.exists()


def test_a_restore_test_runs_while_a_backup_does(backup: BackupRun, watcher: Watcher) -> None:
    with locks.held(DATABASE):
        run_restore_test(watcher, backup_run_id=backup.pk, job_id=None)
    assert RestoreTest.objects.get().status == PASSED


def test_a_backup_that_is_cancelled_in_the_middle_leaves_no_file(folder: BackupFolder, rows: None) -> None:
    class Stopped(BaseException):
        """What a job's attempt raises."""

    class Impatient(Watcher):
        def progress(self, current: int, total: int | None = None, unit: str = "items") -> None:
            raise Stopped

    with pytest.raises(Stopped):
        make_database_backup(Impatient(), job_id=None)
    run = BackupRun.objects.get()
    assert (run.status, run.error) == (FAILED, STOPPED)
    assert [path for path in folder.path.rglob("*") if path.is_file()] == []


def test_a_backup_whose_row_was_ended_by_somebody_meanwhile_leaves_no_file(folder: BackupFolder, rows: None) -> None:
    class Meddler(Watcher):
        def progress(self, current: int, total: int | None = None, unit: str = "items") -> None:
            BackupRun.objects.update(status=FAILED, error="Somebody else's words.")

    with pytest.raises(BackupInterrupted):
        make_database_backup(Meddler(), job_id=None)
    assert BackupRun.objects.get().error == "Somebody else's words."
    assert [path for path in folder.path.rglob("*") if path.is_file()] == []


# --- what keeps a restore test from being made ------------------------------------------------------------------------


def test_a_role_that_may_not_create_databases_could_not_verify(
    backup: BackupRun, watcher: Watcher, settings: Any
) -> None:
    environment = Server.source().environment()
    with connection.cursor() as cursor:
        cursor.execute("DROP ROLE IF EXISTS ops_nobody")
        cursor.execute("CREATE ROLE ops_nobody LOGIN PASSWORD 'pw-for-nobody'")
    try:
        settings.RESTORE_DATABASE_URL = (
            f"postgresql://ops_nobody:pw-for-nobody@{environment['PGHOST']}:{environment['PGPORT']}"
            f"/{environment['PGDATABASE']}"
        )
        with pytest.raises(BackupFailed):
            run_restore_test(watcher, backup_run_id=backup.pk, job_id=None)
    finally:
        settings.RESTORE_DATABASE_URL = ""
        with connection.cursor() as cursor:
            cursor.execute("DROP ROLE ops_nobody")
    test = RestoreTest.objects.get()
    assert test.status == COULD_NOT_VERIFY
    assert "permission denied to create database" in str(test.error)


def test_a_server_without_room_for_the_scratch_database_could_not_verify(
    backup: BackupRun, watcher: Watcher, tmp_path: Path, settings: Any
) -> None:
    settings.PG_BIN_DIR = fake_programs(
        tmp_path / "bin",
        'echo \'pg_restore: error: could not execute query: ERROR:  could not extend file "base/1/2": No space left on'
        " device' >&2; exit 1",
    )

    test = verdict(watcher, backup)
    assert test.status == COULD_NOT_VERIFY
    assert "No space left" in str(test.error)


def test_a_backup_without_a_manifest_could_not_be_verified(backup: BackupRun, watcher: Watcher) -> None:
    BackupRun.objects.filter(pk=backup.pk).update(manifest_json={"server": "16.4", "tables": {"messages": 20}})

    test = verdict(watcher, backup)
    assert test.status == COULD_NOT_VERIFY
    assert "no manifest" in str(test.error)


def test_no_password_is_on_a_command_line_or_in_an_error(
    watcher: Watcher, folder: BackupFolder, tmp_path: Path, settings: Any
) -> None:
    settings.PG_BIN_DIR = fake_programs(tmp_path / "bin", 'echo "args: $*; tz=$OPS_SECRET_KEY" >&2; exit 1')
    password = Server.source().environment()["PGPASSWORD"]

    run = failure(watcher, folder)
    assert password not in str(run.error)
    assert re.search(r"--snapshot=\S+ .*; tz=|--snapshot=.*tz=", str(run.error))
    assert str(settings.SECRET_KEY) not in str(run.error)
