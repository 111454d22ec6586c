"""What is left of backups and restore tests whose process has died."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from backups import cleaning, locks, runs
from backups.cleaning import Cleaner
from backups.database import scratch
from backups.folder import BackupFolder
from backups.models import ATTACHMENTS, COULD_NOT_VERIFY, DATABASE, FAILED, KINDS, RUNNING, BackupRun, RestoreTest
from devserver.postgres import Postgres
from jobs import operations
from opsconsole.audit import Entity
from opsconsole.errors import Busy
from tests.backups import stuck_tasks
from tests.backups.cast import make_backup, make_restore_test
from tests.cast import OPERATOR
from tests.worker.at_once import at_once

pytestmark = pytest.mark.django_db(transaction=True)

UNFINISHED: dict[str, Any] = {"status": RUNNING, "completed_at": None, "storage_key": None, "sha256": None}


def make_part(folder: BackupFolder, kind: str = DATABASE) -> Any:
    path = folder.path / kind / f"{kind}-20260131T030000Z-1.dump.part"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"half")
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_a_backup_whose_process_is_gone_has_failed(kind: str, folder: BackupFolder) -> None:
    run, part = make_backup(kind, **UNFINISHED), make_part(folder, kind)
    checksum = part.with_name(part.name.replace(".part", ".sha256"))
    checksum.touch()
    assert Cleaner().look() == 1
    run.refresh_from_db()
    assert (run.status, run.error) == (FAILED, cleaning.BACKUP_LOST)
    assert run.completed_at
    assert run.started_at
    assert run.completed_at >= run.started_at
    assert not part.exists()
    assert not checksum.exists()


def test_a_restore_test_whose_process_is_gone_says_nothing_of_the_backup(folder: BackupFolder) -> None:
    test = make_restore_test(make_backup(), status=RUNNING, completed_at=None, checks_json=None)
    assert Cleaner().look() == 1
    test.refresh_from_db()
    assert (test.status, test.error) == (COULD_NOT_VERIFY, cleaning.TEST_LOST)


@pytest.mark.parametrize("kind", KINDS)
def test_whoever_is_at_it_is_left_alone(kind: str, folder: BackupFolder) -> None:
    run, part = make_backup(kind, **UNFINISHED), make_part(folder, kind)
    cleaner = Cleaner()
    with locks.held(kind):
        assert cleaner.look() == 0
        assert part.exists()
        run.refresh_from_db()
        assert run.status == RUNNING
    assert cleaner.look() == 1


def test_what_was_let_go_of_is_free_at_once() -> None:
    for _ in range(100):
        with locks.held(DATABASE):
            pass
        with transaction.atomic():
            assert locks.is_free(DATABASE)


def test_the_lock_of_one_kind_says_nothing_of_another(folder: BackupFolder) -> None:
    database, attachments = make_backup(DATABASE, **UNFINISHED), make_backup(ATTACHMENTS, **UNFINISHED)
    parts = [make_part(folder, kind) for kind in KINDS]
    with locks.held(DATABASE):
        assert Cleaner().look() == 1
    assert BackupRun.objects.get(pk=database.pk).status == RUNNING
    assert BackupRun.objects.get(pk=attachments.pk).status == FAILED
    assert [part.exists() for part in parts] == [True, False]


def test_one_that_ends_after_it_was_seen_stays_as_it_ended(
    folder: BackupFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_backup(**UNFINISHED)
    is_free = locks.is_free

    def ends_just_before(kind: str) -> bool:
        BackupRun.objects.filter(pk=run.pk).update(status="succeeded")
        return is_free(kind)

    monkeypatch.setattr(locks, "is_free", ends_just_before)
    assert Cleaner().look() == 0
    run.refresh_from_db()
    assert (run.status, run.error) == ("succeeded", None)


def test_what_has_ended_is_not_touched(folder: BackupFolder) -> None:
    make_restore_test(make_backup())
    before = [list(BackupRun.objects.values()), list(RestoreTest.objects.values())]
    assert Cleaner().look() == 0
    assert [list(BackupRun.objects.values()), list(RestoreTest.objects.values())] == before


def test_several_sweepers_end_each_row_once(folder: BackupFolder) -> None:
    for kind in KINDS:
        make_backup(kind, **UNFINISHED)
    found = at_once([Cleaner().look for _ in range(4)])
    assert sorted(found) == [0, 0, 0, 2] or sum(found) == 2, found


def test_half_a_file_without_a_row_goes_too_but_is_not_looked_for_each_time(folder: BackupFolder) -> None:
    cleaner = Cleaner()
    part = make_part(folder)
    cleaner.look()
    assert not part.exists()
    part = make_part(folder)
    cleaner.look()
    assert part.exists()


def test_whole_files_are_never_deleted(folder: BackupFolder) -> None:
    # A database that was restored from a backup has that backup's own row in it, which says that it is running.
    run = make_backup(**UNFINISHED)
    with folder.writing(DATABASE, datetime.now(UTC), run.pk) as part:
        part.write(b"whole")
    assert part.written is not None
    assert Cleaner().look() == 1
    assert folder.state_of(part.written.storage_key) == "kept"


@pytest.mark.parametrize("setting", ["", "/nowhere/at/all"])
def test_where_the_folder_cannot_be_seen_the_rows_are_ended_all_the_same(settings: Any, setting: str) -> None:
    settings.BACKUP_DIR = setting
    make_backup(**UNFINISHED)
    assert Cleaner().look() == 1


def test_while_nothing_runs_one_query_is_made(folder: BackupFolder) -> None:
    make_restore_test(make_backup())
    cleaner = Cleaner()
    # The first time, and once a minute, it also looks for scratch databases.
    cleaner.look()
    with CaptureQueriesContext(connection) as queries:
        cleaner.look()
    assert len(queries) == 1


@pytest.fixture
def scratch_database(postgres: Postgres) -> Iterator[str]:
    """A scratch database of this console's, left over."""
    name = f"{scratch.PREFIX}{scratch._mark()}_77"
    postgres.create_database(name)
    yield name
    postgres.drop_database(name)


def test_scratch_databases_that_are_left_over_are_dropped_and_others_are_not(
    scratch_database: str, postgres: Postgres
) -> None:
    other = f"{scratch.PREFIX}0123abcd_77"
    postgres.create_database(other)
    try:
        make_restore_test(make_backup(), status=RUNNING, completed_at=None)
        cleaner = Cleaner()
        with locks.held(locks.RESTORE_TEST):
            cleaner.look()
            assert scratch.leftovers() == [scratch_database]
        assert cleaner.look() == 1
        assert scratch.leftovers() == []
        assert not postgres.create_database(other), "it was another console's"
    finally:
        postgres.drop_database(other)


def test_one_that_is_left_over_without_a_row_is_dropped_after_a_while(scratch_database: str) -> None:
    make_restore_test(make_backup())
    Cleaner().look()
    assert scratch.leftovers() == []


def test_where_the_server_cannot_be_asked_the_rows_are_ended_and_it_is_left_in_peace(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.RESTORE_DATABASE_URL = "postgres://nobody@127.0.0.1:1/nothing"
    make_restore_test(make_backup(), status=RUNNING, completed_at=None)
    asked, leftovers = [], scratch.leftovers

    def ask() -> list[str]:
        asked.append(1)
        return leftovers()

    monkeypatch.setattr(scratch, "leftovers", ask)
    cleaner = Cleaner()
    assert [cleaner.look(), cleaner.look()] == [1, 0]
    assert RestoreTest.objects.get().status == COULD_NOT_VERIFY
    assert len(asked) == 1


def test_without_the_tables_nothing_is_done() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE public.restore_tests RENAME TO elsewhere")
    try:
        assert Cleaner().look() == 0
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE public.elsewhere RENAME TO restore_tests")


def test_who_begins_while_somebody_looks_waits_a_moment(folder: BackupFolder) -> None:
    def look() -> None:
        for _ in range(50):
            Cleaner().look()

    def begin() -> None:
        for _ in range(20):
            with locks.held(DATABASE):
                run = runs.begin_backup(DATABASE, job_id=None)
                part = make_part(folder)
                assert part.exists()
                BackupRun.objects.filter(pk=run.pk).update(status="succeeded")
                part.unlink()

    outcome = at_once([look, look, begin])
    assert not [one for one in outcome if isinstance(one, Exception)], outcome
    assert not BackupRun.objects.exclude(status="succeeded").exists()


def test_the_second_of_one_kind_is_refused_after_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(locks._SESSION, "lock_timeout", 50)
    with locks.held(DATABASE), pytest.raises(Busy, match="Another database backup is running"), locks.held(DATABASE):
        pass


@pytest.mark.processes
@pytest.mark.parametrize("job_type", stuck_tasks.TYPES)
def test_a_worker_that_is_killed_in_the_middle_leaves_nothing(
    job_type: str,
    folder: BackupFolder,
    settings: Any,
    console_worker: Callable[..., Any],
    sweeper: Callable[..., Any],
    wait_until: Callable[..., Any],
) -> None:
    settings.JOB_TYPES = stuck_tasks.TYPES
    environment = {
        "OPS_JOB_TYPES": json.dumps(stuck_tasks.TYPES),
        "OPS_TASK_MODULES": "tests.backups.stuck_tasks",
        "OPS_BACKUP_DIR": str(folder.path),
    }
    model: Any = BackupRun if job_type == "tests.stuck_backup" else RestoreTest
    backup = None if model is BackupRun else make_backup()
    payload: dict[str, Any] = {"kind": DATABASE} if backup is None else {"backup_run_id": backup.pk}
    worker = console_worker(**environment)
    sweeper("--tick", "0.1", **environment)
    operations.submit_run(
        operation="tests.trigger",
        title="A test",
        requests=[operations.JobRequest(job_type=job_type, payload=payload)],
        actor=OPERATOR,
        entity=Entity(type="job"),
    )
    if model is BackupRun:
        wait_until(lambda: [*folder.path.glob("database/*.part")])
    row = wait_until(lambda: model.objects.filter(status=RUNNING).first())

    worker.kill()
    ended = FAILED if model is BackupRun else COULD_NOT_VERIFY
    wait_until(lambda: model.objects.get(pk=row.pk).status == ended)
    wait_until(lambda: not [*folder.path.glob("*/*.part")])

    with locks.held(DATABASE):
        run = runs.begin_backup(DATABASE, job_id=None)
        with folder.writing(DATABASE, datetime.now(UTC), run.pk) as part:
            part.write(b"whole")
        assert part.written is not None
        runs.succeed(run, part.written)
    assert BackupRun.objects.get(pk=run.pk).status == "succeeded"
