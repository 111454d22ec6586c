"""What becomes of a snapshot when files change, vanish or can't be read meanwhile, or when it can't be made at all."""

import errno
import io
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from backups.attachments.snapshot import CHUNK_BYTES, IN_MEMORY_BYTES, write_snapshot
from backups.errors import BackupFailed, BackupInterrupted
from backups.folder import BackupFolder, Part
from backups.models import ATTACHMENTS
from backups.reporting import Reporter
from tests.backups.attachment_cast import compared, contents, snapshot

LARGE = IN_MEMORY_BYTES + 1_000_000
Read = Callable[[int, int], bytes]
NOBODY = 65_534


class Cancelled(Exception):
    """Somebody has cancelled it."""


class Meddler:
    """Watches, and does something whenever it is asked whether the work shall go on."""

    def __init__(self, meddle: Callable[[], None]) -> None:
        self.meddle = meddle

    def progress(self, current: int, total: int | None = None, unit: str = "items") -> None:
        self.check()

    def check(self) -> None:
        self.meddle()

    def on_stop(self, stop: Any) -> None:
        pass


@pytest.fixture
def after_reading(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path, Callable[[int], None]], None]:
    """Have something done each time after a piece of a certain file was read; it is told how often that was."""

    def set_up(path: Path, meddle: Callable[[int], None]) -> None:
        plain: Read = os.read
        times = 0
        inode = path.stat().st_ino

        def read(descriptor: int, most: int) -> bytes:
            nonlocal times
            data = plain(descriptor, most)
            if data and os.fstat(descriptor).st_ino == inode:
                times += 1
                meddle(times)
            return data

        monkeypatch.setattr(os, "read", read)

    return set_up


def passes(archive: bytes, manifest: dict[str, Any], watcher: Reporter) -> bool:
    return all(check.passed for check in compared(archive, manifest, watcher)[0].values())


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def members_named(archive: bytes, tmp_path: Path, name: str) -> int:
    (tmp_path / "archive").write_bytes(archive)
    listed = subprocess.run(["tar", "--zstd", "-tf", tmp_path / "archive"], capture_output=True, text=True, check=True)
    return listed.stdout.splitlines().count(name)


def test_a_file_that_changed_while_it_was_read_is_read_again(
    attachments: Path, tmp_path: Path, watcher: Reporter, after_reading: Any
) -> None:
    path = attachments / "growing"
    path.write_bytes(b"old")
    after_reading(path, lambda times: append(path, b" and new") if times == 1 else None)
    archive, manifest = snapshot(attachments, watcher)
    assert contents(archive)[b"attachments/growing"] == b"old and new"
    assert members_named(archive, tmp_path, "attachments/growing") == 1
    assert (manifest["changed"], manifest["bytes"]) == ([], 11)
    assert passes(archive, manifest, watcher)


def test_a_large_file_that_changed_is_archived_once_more_and_the_last_one_counts(
    attachments: Path, tmp_path: Path, watcher: Reporter, after_reading: Any
) -> None:
    path = attachments / "large"
    path.write_bytes(b"a" * LARGE)
    (attachments / "next").write_bytes(b"n")

    def rewrite(times: int) -> None:
        if times == 2:
            with path.open("r+b") as file:
                file.write(b"b")

    after_reading(path, rewrite)
    archive, manifest = snapshot(attachments, watcher)
    assert contents(archive)[b"attachments/large"] == b"b" + b"a" * (LARGE - 1)
    assert members_named(archive, tmp_path, "attachments/large") == 2
    assert (manifest["files"], manifest["bytes"], manifest["changed_count"]) == (2, LARGE + 1, 0)
    assert compared(archive, manifest, watcher)[1:] == (2, 2)
    assert passes(archive, manifest, watcher)


@pytest.mark.parametrize("size", [1_000, LARGE])
def test_a_file_that_never_stands_still_is_archived_as_it_was_read_and_named(
    size: int, attachments: Path, tmp_path: Path, watcher: Reporter, after_reading: Any
) -> None:
    path = attachments / "log"
    path.write_bytes(b"a" * size)
    after_reading(path, lambda times: append(path, b"more"))
    archive, manifest = snapshot(attachments, watcher)
    assert (manifest["changed"], manifest["changed_count"], manifest["files"]) == (["log"], 1, 1)
    assert members_named(archive, tmp_path, "attachments/log") == (1 if size == 1_000 else 3)
    assert len(contents(archive)[b"attachments/log"]) == manifest["bytes"] >= size
    assert passes(archive, manifest, watcher)


@pytest.mark.parametrize("size", [IN_MEMORY_BYTES, LARGE])
def test_a_file_that_shrinks_each_time_leaves_a_whole_archive(
    size: int, attachments: Path, watcher: Reporter, after_reading: Any
) -> None:
    path = attachments / "shrinking"
    path.write_bytes(b"a" * size)

    def shrink(times: int) -> None:
        if path.stat().st_size > CHUNK_BYTES:
            os.truncate(path, path.stat().st_size - CHUNK_BYTES)
        os.utime(path, ns=(times, times))

    after_reading(path, shrink)
    archive, manifest = snapshot(attachments, watcher)
    assert manifest["changed"] == ["shrinking"]
    assert len(contents(archive)[b"attachments/shrinking"]) == manifest["bytes"]
    assert passes(archive, manifest, watcher)


def test_a_large_file_that_shrinks_and_is_gone_then_is_filled_up_with_zeros(
    attachments: Path, watcher: Reporter, after_reading: Any
) -> None:
    path = attachments / "going"
    path.write_bytes(b"a" * LARGE)

    def cut(times: int) -> None:
        os.truncate(path, 10) if times == 1 else None
        path.unlink(missing_ok=True)

    after_reading(path, cut)
    archive, manifest = snapshot(attachments, watcher)
    assert contents(archive)[b"attachments/going"] == b"a" * CHUNK_BYTES + bytes(LARGE - CHUNK_BYTES)
    assert (manifest["changed"], manifest["skipped"], manifest["bytes"]) == (["going"], [], LARGE)
    assert passes(archive, manifest, watcher)


def test_a_file_that_vanished_is_left_out_and_named(attachments: Path) -> None:
    for name in ("a", "b", "c"):
        (attachments / name).write_bytes(name.encode())
    asked = iter(range(1_000_000))

    def remove() -> None:
        # When it is asked for the first time, nothing was listed yet.
        if next(asked) == 1:
            (attachments / "b").unlink()

    meddler = Meddler(remove)
    archive, manifest = snapshot(attachments, meddler)
    assert list(contents(archive)) == [b"attachments/a", b"attachments/c", b"SHA256SUMS"]
    assert manifest["skipped"] == [{"path": "b", "reason": "It vanished before it could be read."}]
    assert passes(archive, manifest, meddler)


def test_a_file_and_a_folder_that_became_links_meanwhile_are_not_followed(attachments: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret").write_bytes(b"secret")
    (attachments / "a").write_bytes(b"a")
    (attachments / "secret").write_bytes(b"public")
    (attachments / "z").mkdir()
    (attachments / "z/secret").write_bytes(b"public")
    asked = iter(range(1_000_000))

    def exchange() -> None:
        if next(asked) == 1:
            (attachments / "secret").unlink()
            (attachments / "secret").symlink_to(tmp_path / "outside/secret")
            shutil.rmtree(attachments / "z")
            (attachments / "z").symlink_to(tmp_path / "outside")

    archive, manifest = snapshot(attachments, Meddler(exchange))
    assert set(contents(archive)) == {b"attachments/a", b"SHA256SUMS"}
    assert [left["path"] for left in manifest["skipped"]] == ["secret", "z"]


def test_a_file_that_became_a_pipe_meanwhile_holds_nothing_up(attachments: Path) -> None:
    (attachments / "a").write_bytes(b"a")
    (attachments / "b").write_bytes(b"b")
    asked = iter(range(1_000_000))

    def exchange() -> None:
        if next(asked) == 1:
            (attachments / "b").unlink()
            os.mkfifo(attachments / "b")

    _archive, manifest = snapshot(attachments, Meddler(exchange))
    assert manifest["skipped"] == [{"path": "b", "reason": "It is no regular file."}]


@pytest.fixture
def unreadable(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path, int, int], None]:
    """Have a file give an error after some reads."""

    def set_up(path: Path, number: int, reads: int) -> None:
        plain: Read = os.read
        inode = path.stat().st_ino
        left = reads

        def read(descriptor: int, most: int) -> bytes:
            nonlocal left
            if os.fstat(descriptor).st_ino == inode:
                if not left:
                    raise OSError(number, os.strerror(number))
                left -= 1
            return plain(descriptor, most)

        monkeypatch.setattr(os, "read", read)

    return set_up


def test_a_file_on_a_bad_spot_of_the_disk_is_left_out_and_named(
    attachments: Path, watcher: Reporter, unreadable: Any
) -> None:
    (attachments / "bad").write_bytes(b"x" * 100)
    (attachments / "good").write_bytes(b"good")
    unreadable(attachments / "bad", errno.EIO, 0)
    archive, manifest = snapshot(attachments, watcher)
    assert manifest["skipped"] == [{"path": "bad", "reason": "It can't be read: Input/output error."}]
    assert manifest["files"] == 1
    assert passes(archive, manifest, watcher)


def test_a_large_file_that_cant_be_read_to_its_end_is_archived_in_part_and_named(
    attachments: Path, watcher: Reporter, unreadable: Any
) -> None:
    (attachments / "bad").write_bytes(b"x" * LARGE)
    (attachments / "good").write_bytes(b"good")
    unreadable(attachments / "bad", errno.EIO, 2)
    archive, manifest = snapshot(attachments, watcher)
    found = contents(archive)
    assert found[b"attachments/bad"] == b"x" * 2 * CHUNK_BYTES + bytes(LARGE - 2 * CHUNK_BYTES)
    assert found[b"attachments/good"] == b"good"
    assert (manifest["files"], manifest["skipped_count"], manifest["changed_count"]) == (2, 1, 0)
    assert manifest["skipped"][0]["reason"] == (
        "It is archived with zeros in place of its end. It can't be read: Input/output error."
    )
    assert passes(archive, manifest, watcher)


def test_a_folder_of_which_nothing_can_be_read_is_no_snapshot(
    attachments: Path, watcher: Reporter, unreadable: Any
) -> None:
    (attachments / "a-link").symlink_to("nowhere")
    (attachments / "bad").write_bytes(b"x")
    unreadable(attachments / "bad", errno.EIO, 0)
    with pytest.raises(BackupFailed, match=r"Nothing .* could be read\. bad: It can't be read: Input/output error"):
        snapshot(attachments, watcher)


def test_what_would_befall_every_file_ends_the_snapshot(attachments: Path, watcher: Reporter, unreadable: Any) -> None:
    (attachments / "a").write_bytes(b"x")
    unreadable(attachments / "a", errno.ENOMEM, 0)
    with pytest.raises(BackupInterrupted, match="The attachments can't be read: Cannot allocate memory"):
        snapshot(attachments, watcher)


@pytest.fixture
def of_nobody() -> Iterator[Path]:
    """An attachments folder of a user who may not read everything, which is who does what follows."""
    # Not below `tmp_path`, whose folders are closed to others.
    with TemporaryDirectory() as place:
        folder = Path(place, "attachments")
        folder.mkdir()
        if os.geteuid() != 0:
            yield folder
            return
        Path(place).chmod(0o711)
        os.chown(folder, NOBODY, -1)
        os.seteuid(NOBODY)
        try:
            yield folder
        finally:
            os.seteuid(0)


def test_a_file_and_a_folder_that_may_not_be_read_are_left_out_and_named(of_nobody: Path, watcher: Reporter) -> None:
    (of_nobody / "file").write_bytes(b"mine")
    (of_nobody / "private").write_bytes(b"not yours")
    (of_nobody / "private").chmod(0)
    (of_nobody / "folder").mkdir()
    (of_nobody / "folder").chmod(0)
    archive, manifest = snapshot(of_nobody, watcher)
    (of_nobody / "folder").chmod(0o700)
    assert list(contents(archive)) == [b"attachments/file", b"SHA256SUMS"]
    assert manifest["skipped"] == [
        {"path": "private", "reason": "It can't be read: Permission denied."},
        {"path": "folder", "reason": "It can't be read: Permission denied."},
    ]


def test_an_attachments_folder_that_may_not_be_read_is_a_failure(of_nobody: Path, watcher: Reporter) -> None:
    of_nobody.chmod(0)
    with pytest.raises(BackupFailed, match="can't be read: Permission denied"):
        snapshot(of_nobody, watcher)
    of_nobody.chmod(0o700)


def test_an_attachments_folder_that_is_missing_is_a_failure(tmp_path: Path, watcher: Reporter) -> None:
    with pytest.raises(BackupFailed, match="is missing or no folder; create it, or change OPS_ATTACHMENTS_DIR"):
        snapshot(tmp_path / "nowhere", watcher)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(BackupFailed, match="is missing or no folder"):
        snapshot(tmp_path / "file", watcher)


def test_an_attachments_folder_that_is_removed_meanwhile_is_no_snapshot_of_nothing(attachments: Path) -> None:
    (attachments / "a").write_bytes(b"a")

    def remove() -> None:
        shutil.rmtree(attachments, ignore_errors=True)

    with pytest.raises(BackupInterrupted, match="The attachments folder was removed while it was archived"):
        snapshot(attachments, Meddler(remove))


def test_the_attachments_folder_itself_may_be_a_link(attachments: Path, tmp_path: Path, watcher: Reporter) -> None:
    (attachments / "a").write_bytes(b"a")
    (tmp_path / "link").symlink_to(attachments)
    archive, _manifest = snapshot(tmp_path / "link", watcher)
    assert b"attachments/a" in contents(archive)


def test_a_backups_folder_among_the_attachments_is_left_out(
    attachments: Path, watcher: Reporter, settings: Any
) -> None:
    (attachments / "a").write_bytes(b"a")
    (attachments / "below/backups/attachments").mkdir(parents=True)
    (attachments / "below/backups/attachments/older.tar.zst").write_bytes(b"older")
    settings.BACKUP_DIR = str(attachments / "below/backups")
    archive, manifest = snapshot(attachments, watcher)
    assert list(contents(archive)) == [b"attachments/a", b"SHA256SUMS"]
    assert manifest["skipped"] == [{"path": "below/backups", "reason": "It is the backups folder."}]


@pytest.mark.parametrize("below", [".", "attachments"])
def test_attachments_in_the_backups_folder_are_refused(
    below: str, folder: BackupFolder, tmp_path: Path, watcher: Reporter
) -> None:
    (folder.path / below).mkdir(exist_ok=True)
    (tmp_path / "link").symlink_to(folder.path / below)
    for source in (folder.path / below, tmp_path / "link"):
        with pytest.raises(BackupFailed, match="lies in the backups folder; keep them apart"):
            snapshot(source, watcher)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one MiB."""
    path = tmp_path / "small"
    path.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", path], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip(
            "Only root may mount a disk; test_a_disk_that_fills_up_within_a_large_file_is_a_failure needs none."
        )
    try:
        yield path
    finally:
        subprocess.run(["umount", path], check=True)


def test_a_full_disk_is_a_failure_and_nothing_is_kept(small_disk: Path, attachments: Path, watcher: Reporter) -> None:
    for number in range(40):
        (attachments / f"{number}").write_bytes(os.urandom(100_000))
    folder = BackupFolder(small_disk)
    with (
        pytest.raises(BackupFailed, match="The disk of the backups folder is full; nothing was kept"),
        folder.writing(ATTACHMENTS, datetime.now(UTC), 1) as part,
    ):
        write_snapshot(attachments, part, watcher)
    assert list((small_disk / "attachments").iterdir()) == []


class FullFile(io.BytesIO):
    """A file on a disk that is full after a while."""

    def write(self, data: Any, /) -> int:
        if self.tell() + len(data) > 500_000:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(data)


def test_a_disk_that_fills_up_within_a_large_file_is_a_failure(attachments: Path, watcher: Reporter) -> None:
    (attachments / "large").write_bytes(os.urandom(LARGE))
    with pytest.raises(BackupFailed, match="The disk of the backups folder is full"):
        write_snapshot(attachments, Part(FullFile()), watcher)


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - only their number counts


@pytest.mark.parametrize("questions", [0, 1, 2, 3, 6, 9])
def test_a_cancel_is_heeded_between_files_and_within_a_large_one(questions: int, attachments: Path) -> None:
    (attachments / "folder").mkdir()
    (attachments / "folder/large").write_bytes(b"a" * LARGE)
    (attachments / "folder/small").write_bytes(b"a")
    left = questions

    def ask() -> None:
        nonlocal left
        if not left:
            raise Cancelled
        left -= 1

    before = descriptors()
    with pytest.raises(Cancelled):
        snapshot(attachments, Meddler(ask))
    assert descriptors() == before


def test_a_comparison_can_be_cancelled_within_a_large_file(attachments: Path, watcher: Reporter) -> None:
    (attachments / "large").write_bytes(os.urandom(LARGE))
    archive, manifest = snapshot(attachments, watcher)
    asked = 0

    def ask() -> None:
        nonlocal asked
        asked += 1
        if asked > 100:
            raise Cancelled

    with pytest.raises(Cancelled):
        compared(archive, manifest, Meddler(ask))
