"""What happens to a database, to rows and to files while a backup or a restore test is at them, and odd addresses."""

import errno
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError, connection
from django.db.models.functions import Now

from backups import folder as folders
from backups import locks, retention
from backups.database import contents, programs, scratch
from backups.database.programs import Programs
from backups.database.servers import Server
from backups.errors import BackupFailed, BackupInterrupted, RestoreTestFailed
from backups.folder import BackupFolder
from backups.making import make_database_backup
from backups.models import COULD_NOT_VERIFY, DATABASE, FAILED, PASSED, SUCCEEDED, BackupRun, RestoreTest
from backups.runs import OVERTAKEN
from backups.testing import run_restore_test
from opsconsole.audit import Entity, record
from tests.backups.cast import make_backup
from tests.backups.conftest import Watcher
from tests.backups.programs import fake_programs
from tests.cast import OPERATOR, make_job
from tests.waiting import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]


@pytest.fixture
def backup(folder: BackupFolder, watcher: Watcher) -> BackupRun:
    """A backup of the database."""
    record(actor=OPERATOR, action="test", entity=Entity(type="job"))
    return BackupRun.objects.get(pk=make_database_backup(watcher, job_id=None)["backup_run_id"])


def execute(statement: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone() if cursor.description else None


def address(database: str = "", parameters: str = "") -> str:
    known = Server.source().environment()
    return (
        f"postgresql://{known['PGUSER']}:{known['PGPASSWORD']}@{known['PGHOST']}:{known['PGPORT']}"
        f"/{database or known['PGDATABASE']}{parameters}"
    )


def files_of(folder: BackupFolder) -> list[str]:
    return [path.name for path in folder.path.rglob("*") if path.is_file()]


# --- what goes on in the database -------------------------------------------------------------------------------------


def test_a_sequence_that_goes_on_while_it_is_backed_up_did_not_go_back(
    folder: BackupFolder, watcher: Watcher, tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = programs.find(180_000)
    dumped = tmp_path / "dumped"
    settings.PG_BIN_DIR = fake_programs(
        tmp_path / "bin", f'{shlex.quote(real.dump)} "$@" && touch {shlex.quote(str(dumped))}', version=real.version
    )
    views = contents._views

    def after_the_dump(own: psycopg.Connection[Any]) -> list[str]:
        wait_until(dumped.exists)
        own.execute("SELECT 1")
        with Server.source().connected(autocommit=True) as other:
            other.execute("SELECT setval('public.jobs_id_seq', nextval('public.jobs_id_seq') + 100)")
        return views(own)

    make_job("ingest.sync_delta", payload={"identity_id": 1})
    monkeypatch.setattr(contents, "_views", after_the_dump)
    made = make_database_backup(watcher, job_id=None)
    monkeypatch.undo()
    settings.PG_BIN_DIR = ""
    run_restore_test(watcher, backup_run_id=made["backup_run_id"], job_id=None)

    assert RestoreTest.objects.get().status == PASSED


def test_a_database_in_which_nothing_happened_for_long_is_not_taken_for_another_one(
    folder: BackupFolder, watcher: Watcher
) -> None:
    job = make_job("ingest.sync_delta", payload={"identity_id": 1})
    execute(f"UPDATE jobs SET created_at = created_at - interval '10 days' WHERE id = {job.pk}")
    made = make_database_backup(watcher, job_id=None)
    run_restore_test(watcher, backup_run_id=made["backup_run_id"], job_id=None)

    assert RestoreTest.objects.get().status == PASSED


def test_a_stop_between_two_tables_ends_the_reading_there(
    folder: BackupFolder, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stopped(BaseException):
        """What a job's attempt raises."""

    class Stoppable(Watcher):
        stops: list[Callable[[], object]] = []
        stopped = False

        def on_stop(self, stop: Callable[[], object]) -> None:
            self.stops.append(stop)

        def check(self) -> None:
            if self.stopped:
                raise Stopped

    someone, read = Stoppable(), []
    table = contents._table

    def told_to_stop(*args: Any) -> dict[str, Any]:
        found = table(*args)
        read.append(args)
        someone.stopped = True
        for stop in someone.stops:
            stop()
        return found

    monkeypatch.setattr(contents, "_table", told_to_stop)
    with pytest.raises(Stopped):
        make_database_backup(someone, job_id=None)
    assert len(read) == 1
    assert files_of(folder) == []


def test_a_database_without_tables_is_no_backup(folder: BackupFolder, watcher: Watcher, settings: Any) -> None:
    settings.BACKUP_DATABASE_URL = address("template1")

    with pytest.raises(BackupFailed, match="template1 has no tables"):
        make_database_backup(watcher, job_id=None)
    assert (BackupRun.objects.get().status, files_of(folder)) == (FAILED, [])


def test_an_address_may_say_how_long_a_connection_is_kept_and_what_it_sets(
    folder: BackupFolder, watcher: Watcher, settings: Any
) -> None:
    settings.BACKUP_DATABASE_URL = settings.RESTORE_DATABASE_URL = address(
        parameters="?keepalives=1&keepalives_idle=60&tcp_user_timeout=10000&sslmode=prefer"
        "&options=-c%20statement_timeout%3D200ms%20-c%20lc_monetary%3DC"
    )
    made = make_database_backup(watcher, job_id=None)
    run_restore_test(watcher, backup_run_id=made["backup_run_id"], job_id=None)

    assert RestoreTest.objects.get().status == PASSED


def test_a_child_reaches_the_server_as_our_own_connections_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGSSLROOTCERT", "/etc/ssl/some.crt")
    monkeypatch.setenv("PGHOST", "elsewhere")
    environment = Server.source().environment()

    assert environment["PGSSLROOTCERT"] == "/etc/ssl/some.crt"
    assert environment["PGHOST"] != "elsewhere"
    assert "PGCLIENTENCODING" not in environment
    assert "OPS_SECRET_KEY" not in environment


# --- rows and files ---------------------------------------------------------------------------------------------------


class Overtaken(Watcher):
    """Somebody else ends what runs, as the sweeper does where a lock is free."""

    def progress(self, current: int, total: int | None = None, unit: str = "items") -> None:
        BackupRun.objects.filter(status="running").update(status=FAILED, completed_at=Now(), error="lost")
        RestoreTest.objects.filter(status="running").update(status=COULD_NOT_VERIFY, completed_at=Now(), error="lost")


def test_a_backup_whose_row_was_ended_meanwhile_leaves_no_file_and_does_not_succeed(folder: BackupFolder) -> None:
    with pytest.raises(BackupInterrupted, match=OVERTAKEN):
        make_database_backup(Overtaken(), job_id=None)
    assert BackupRun.objects.get().error == "lost"
    assert files_of(folder) == []


def test_a_restore_test_whose_row_was_ended_meanwhile_does_not_say_that_it_passed(backup: BackupRun) -> None:
    with pytest.raises(BackupInterrupted, match=OVERTAKEN):
        run_restore_test(Overtaken(), backup_run_id=backup.pk, job_id=None)
    assert RestoreTest.objects.get().status == COULD_NOT_VERIFY
    assert scratch.leftovers() == []


def test_a_lock_that_is_no_longer_held_is_noticed_although_the_connection_lives() -> None:
    with locks.held(DATABASE) as lock:
        lock.check()
        lock._held_by.rollback()
        with pytest.raises(BackupInterrupted, match="broke off"):
            lock.check()


def test_a_backup_is_there_although_older_ones_could_not_be_looked_for(
    folder: BackupFolder, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(folder: BackupFolder, kind: str) -> int:
        raise DatabaseError("gone")

    monkeypatch.setattr(retention, "apply", broken)
    make_database_backup(watcher, job_id=None)
    assert BackupRun.objects.get().status == SUCCEEDED


@pytest.mark.parametrize("step", ["_write_checksum", "_sync_folder"])
def test_what_fails_at_the_very_end_leaves_no_file(
    folder: BackupFolder, watcher: Watcher, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    before = getattr(folders, step)

    def full(*args: Any) -> None:
        before(*args)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(folders, step, full)
    with pytest.raises(BackupFailed, match="full"):
        make_database_backup(watcher, job_id=None)
    assert (BackupRun.objects.get().status, files_of(folder)) == (FAILED, [])


def test_a_folder_that_cannot_even_be_looked_at_is_missing(watcher: Watcher, settings: Any, tmp_path: Path) -> None:
    settings.BACKUP_DIR = str(tmp_path / ("x" * 300))

    with pytest.raises(BackupFailed, match="is missing"):
        make_database_backup(watcher, job_id=None)


def test_a_file_that_retention_deletes_just_then_says_nothing_against_the_backup(
    backup: BackupRun, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    def removed(self: BackupFolder, storage_key: str) -> Any:
        BackupRun.objects.filter(pk=backup.pk).update(removed_at=Now())
        raise FileNotFoundError(errno.ENOENT, "No such file or directory")

    monkeypatch.setattr(BackupFolder, "open", removed)
    with pytest.raises(BackupFailed, match="removed meanwhile"):
        run_restore_test(watcher, backup_run_id=backup.pk, job_id=None)
    assert RestoreTest.objects.get().status == COULD_NOT_VERIFY


def test_nothing_is_said_against_a_backup_that_the_core_has_made(folder: BackupFolder, watcher: Watcher) -> None:
    run = make_backup(storage_key="nightly/core.dump", sha256=None, manifest_json={"reported_by": "core"})

    with pytest.raises(BackupFailed, match="The core has made"):
        run_restore_test(watcher, backup_run_id=run.pk, job_id=None)
    assert RestoreTest.objects.get().status == COULD_NOT_VERIFY


@pytest.mark.parametrize("manifest", [{"format": 1}, {"format": 9}])
def test_a_manifest_that_is_not_known_could_not_be_verified(
    backup: BackupRun, watcher: Watcher, manifest: dict[str, Any]
) -> None:
    BackupRun.objects.filter(pk=backup.pk).update(manifest_json=manifest)

    with pytest.raises(BackupFailed, match="none that this version"):
        run_restore_test(watcher, backup_run_id=backup.pk, job_id=None)
    assert RestoreTest.objects.get().status == COULD_NOT_VERIFY


@pytest.mark.parametrize(
    "said",
    [
        'role "reader" does not exist',
        "must be owner of schema public",
        'unrecognized configuration parameter "transaction_timeout"',
        'could not access file "$libdir/other": No such file or directory',
    ],
)
def test_what_the_server_lacks_is_not_the_backups_fault(
    backup: BackupRun, watcher: Watcher, tmp_path: Path, settings: Any, said: str
) -> None:
    error = shlex.quote(f"pg_restore: error: could not execute query: ERROR:  {said}")
    settings.PG_BIN_DIR = fake_programs(tmp_path / "bin", f"printf '%s\\n' {error} >&2; exit 1")

    with pytest.raises(BackupFailed):
        run_restore_test(watcher, backup_run_id=backup.pk, job_id=None)
    assert RestoreTest.objects.get().status == COULD_NOT_VERIFY
    assert scratch.leftovers() == []


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ('extra data; CONTEXT:  COPY messages, line 2: "1 private; words"', "COPY messages, line 2 [redacted]"),
        ('invalid input syntax for type json: "private"; DETAIL: x', "type json [redacted]; DETAIL: x"),
        (
            "DETAIL:  Key (email)=(private) is duplicated.; Command was: ALTER",
            "Key (email)= [redacted]; Command was: ALTER",
        ),
    ],
)
def test_what_is_said_of_a_row_that_was_not_taken_is_not_shown(
    backup: BackupRun, watcher: Watcher, tmp_path: Path, settings: Any, said: str, shown: str
) -> None:
    lines = shlex.quote(f"pg_restore: error: COPY failed: ERROR:  {said}".replace("; ", "\n"))
    settings.PG_BIN_DIR = fake_programs(tmp_path / "bin", f"printf '%s\\n' {lines} >&2; exit 1")

    with pytest.raises(RestoreTestFailed):
        run_restore_test(watcher, backup_run_id=backup.pk, job_id=None)
    error = str(RestoreTest.objects.get().error)
    assert shown in error
    assert "private" not in error


def test_the_programs_of_the_servers_own_version_go_before_newer_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    there = [
        Programs(dump=f"/{major}/pg_dump", restore=f"/{major}/pg_restore", version=f"{major}.1", major=major)
        for major in (18, 15, 16, 17)
    ]
    monkeypatch.setattr(programs, "_found", lambda: iter(there))

    assert [programs.find(wanted).major for wanted in (160_004, 140_001, 180_001)] == [16, 15, 18]
