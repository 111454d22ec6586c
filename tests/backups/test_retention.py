"""Which backups' files are deleted, and which never are."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from backups import retention
from backups.folder import BackupFolder
from backups.models import ATTACHMENTS, DATABASE, FAILED, RUNNING, BackupRun
from tests.backups.cast import make_backup, make_restore_test

pytestmark = pytest.mark.django_db

ENDINGS = {DATABASE: "dump", ATTACHMENTS: "tar.zst"}


@pytest.fixture(autouse=True)
def _kept(settings: Any) -> None:
    settings.BACKUP_KEEP, settings.BACKUP_KEEP_DAYS = 2, 14.0


def keep(folder: BackupFolder, days: float, kind: str = DATABASE, **values: Any) -> BackupRun:
    """A backup that is so many days old, with its file."""
    run = make_backup(kind, age=timedelta(days=days), **values)
    key = f"{kind}/{kind}-20260131T030000Z-{run.pk}.{ENDINGS[kind]}"
    BackupRun.objects.filter(pk=run.pk).update(storage_key=key)
    run.storage_key = key
    path = file_of(folder, run)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"whole")
    path.with_name(path.name + ".sha256").write_bytes(b"sum")
    return run


def file_of(folder: BackupFolder, run: BackupRun) -> Path:
    assert run.storage_key is not None
    return folder.path / run.storage_key


def left(folder: BackupFolder) -> set[str]:
    return {path.name.split("-")[-1].split(".")[0] for path in folder.path.glob("*/*") if path.suffix != ".sha256"}


def names(*runs: BackupRun) -> set[str]:
    return {str(run.pk) for run in runs}


def test_what_is_too_many_and_too_old_goes_and_its_row_stays(folder: BackupFolder) -> None:
    runs = [keep(folder, days) for days in (40, 30, 20, 1)]
    assert retention.apply(folder, DATABASE) == 2
    assert left(folder) == names(*runs[2:])
    assert not [*folder.path.glob(f"*/*-{runs[0].pk}.*")]
    removed = BackupRun.objects.get(pk=runs[0].pk)
    assert removed.removed_at is not None
    assert (removed.status, removed.storage_key) == ("succeeded", runs[0].storage_key)
    assert retention.apply(folder, DATABASE) == 0


def test_what_is_only_too_many_stays(folder: BackupFolder) -> None:
    for days in (10, 8, 6, 4, 2):
        keep(folder, days)
    assert retention.apply(folder, DATABASE) == 0


def test_what_is_only_too_old_stays(folder: BackupFolder) -> None:
    for days in (400, 300):
        keep(folder, days)
    assert retention.apply(folder, DATABASE) == 0


def test_the_last_good_one_stays_whatever_the_settings_say(folder: BackupFolder, settings: Any) -> None:
    settings.BACKUP_KEEP, settings.BACKUP_KEEP_DAYS = -3, -1.0
    runs = [keep(folder, days) for days in (40, 30)]
    make_backup(age=timedelta(days=1), status=FAILED, storage_key=None)
    assert retention.apply(folder, DATABASE) == 1
    assert left(folder) == names(runs[1])


def test_what_is_dated_in_the_future_neither_counts_nor_goes(folder: BackupFolder, settings: Any) -> None:
    settings.BACKUP_KEEP = 1
    good = keep(folder, 30)
    tested = keep(folder, 40)
    make_restore_test(tested)
    wrong = keep(folder, -365)
    make_restore_test(wrong)
    assert retention.apply(folder, DATABASE) == 0
    assert left(folder) == names(good, tested, wrong)


def test_days_without_end_keep_everything(folder: BackupFolder, settings: Any) -> None:
    settings.BACKUP_KEEP_DAYS = 1e12
    for days in (4_000, 40, 30, 20):
        keep(folder, days)
    assert retention.apply(folder, DATABASE) == 0


def test_the_last_one_that_passed_a_restore_test_stays(folder: BackupFolder) -> None:
    old, verified, failed, *newest = [keep(folder, days) for days in (60, 50, 40, 20, 1)]
    make_restore_test(old)
    make_restore_test(verified)
    make_restore_test(failed, status="failed")
    assert retention.apply(folder, DATABASE) == 2
    assert left(folder) == names(verified, *newest)


def test_once_a_newer_one_has_passed_the_older_one_may_go(folder: BackupFolder) -> None:
    old, newer, *newest = [keep(folder, days) for days in (60, 50, 20, 1)]
    make_restore_test(newer, age=timedelta(days=2))
    # Tested later, but older.
    make_restore_test(old, age=timedelta(days=1))
    assert retention.apply(folder, DATABASE) == 1
    assert left(folder) == names(newer, *newest)


def test_what_is_being_tested_stays(folder: BackupFolder) -> None:
    tested, _, *newest = [keep(folder, days) for days in (60, 50, 20, 1)]
    make_restore_test(tested, status=RUNNING, completed_at=None)
    assert retention.apply(folder, DATABASE) == 1
    assert left(folder) == names(tested, *newest)


def test_each_kind_is_counted_by_itself(folder: BackupFolder) -> None:
    databases = [keep(folder, days) for days in (40, 30, 20)]
    attachments = [keep(folder, days, ATTACHMENTS) for days in (40, 30, 20)]
    assert retention.apply(folder, ATTACHMENTS) == 1
    assert left(folder) == names(*databases, *attachments[1:])


def test_a_file_that_is_gone_already_is_noted_as_removed(folder: BackupFolder) -> None:
    gone, *_ = [keep(folder, days) for days in (40, 20, 1)]
    file_of(folder, gone).unlink()
    assert retention.apply(folder, DATABASE) == 1
    gone.refresh_from_db()
    assert gone.removed_at is not None


@pytest.mark.parametrize(
    "key",
    [
        "../../etc/passwd",
        "/etc/passwd",
        "database/../../precious-{pk}.dump",
        "database/../precious-{pk}.dump",
        "database/sub/precious-{pk}.dump",
        "database/.precious-{pk}.dump",
        "database/precious.dump",
        "{path}",
        "",
    ],
)
def test_a_row_that_somebody_has_edited_deletes_nothing(folder: BackupFolder, tmp_path: Path, key: str) -> None:
    edited, *_ = [keep(folder, days) for days in (40, 20, 1)]
    precious = tmp_path / f"precious-{edited.pk}.dump"
    for path in (precious, folder.path / precious.name, folder.path / "database" / f".{precious.name}"):
        path.write_bytes(b"precious")
    before = sorted(tmp_path.rglob("*"))
    BackupRun.objects.filter(pk=edited.pk).update(storage_key=key.format(pk=edited.pk, path=precious))
    assert retention.apply(folder, DATABASE) == 0
    assert sorted(tmp_path.rglob("*")) == before
    edited.refresh_from_db()
    assert edited.removed_at is None


def test_a_row_that_names_another_rows_file_does_not_delete_it(folder: BackupFolder) -> None:
    edited, middle, newest = [keep(folder, days) for days in (40, 20, 1)]
    BackupRun.objects.filter(pk=edited.pk).update(storage_key=newest.storage_key)
    assert retention.apply(folder, DATABASE) == 0
    assert left(folder) == names(edited, middle, newest)


def test_what_the_core_has_told_of_is_neither_counted_nor_deleted(folder: BackupFolder) -> None:
    runs = [keep(folder, days) for days in (40, 30, 20)]
    for days in (2, 1):
        make_backup(age=timedelta(days=days), storage_key=f"database/core-{days}.dump")
    assert retention.apply(folder, DATABASE) == 1
    assert left(folder) >= names(*runs[1:])


def test_no_more_than_a_batch_is_deleted_at_once_and_the_oldest_first(
    folder: BackupFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH_SIZE", 2)
    runs = [keep(folder, days) for days in (70, 60, 50, 40, 30)]
    assert [retention.apply(folder, DATABASE) for _ in range(3)] == [2, 1, 0]
    assert left(folder) == names(*runs[3:])


def test_rows_that_can_never_go_hold_up_no_others(folder: BackupFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH_SIZE", 2)
    for days in (90, 80, 75):
        make_backup(age=timedelta(days=days), storage_key="../../etc/passwd")
    keep(folder, 70)
    runs = [keep(folder, days) for days in (30, 20)]
    assert retention.apply(folder, DATABASE) == 1
    assert left(folder) == names(*runs)


def test_a_file_that_cannot_be_deleted_stays_in_its_row_and_the_others_go(
    folder: BackupFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck, other, *_ = [keep(folder, days) for days in (60, 50, 20, 1)]
    remove = BackupFolder.remove

    def refuse(self: BackupFolder, storage_key: str) -> None:
        if storage_key == stuck.storage_key:
            raise PermissionError(13, "Permission denied")
        remove(self, storage_key)

    monkeypatch.setattr(BackupFolder, "remove", refuse)
    assert retention.apply(folder, DATABASE) == 1
    stuck.refresh_from_db()
    assert stuck.removed_at is None
    assert not file_of(folder, other).exists()


def test_a_moment_may_be_given(folder: BackupFolder) -> None:
    runs = [keep(folder, days) for days in (10, 8, 6)]
    later = datetime.now(UTC) + timedelta(days=10)
    assert [run.pk for run in retention.removable(DATABASE, now=later)] == [runs[0].pk]
