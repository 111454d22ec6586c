"""The folder in which backups are kept. What is written there appears under its name only once it is whole.

A file's name is one that the console has made, whatever a row says: no path leads out of the folder, and no link is
followed.
"""

import errno
import hashlib
import os
import re
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final, Literal

from django.conf import settings

from backups.errors import BackupFailed, BackupInterrupted
from backups.models import ATTACHMENTS, DATABASE
from opsconsole.formatting import size

PART: Final = ".part"
CHECKSUM: Final = ".sha256"
# Free space that a backup must find at the least, and how much more than the last one it may need.
LEAST_FREE_BYTES: Final = 50_000_000
ROOM: Final = 1.5

_ENDINGS: Final = {DATABASE: "dump", ATTACHMENTS: "tar.zst"}
_KEY: Final = re.compile(r"(?:database|attachments)/[A-Za-z0-9][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*")
_MAX_KEY: Final = 120
_SHA256: Final = re.compile(r"[0-9a-f]{64}")

FileState = Literal["kept", "missing", "unreachable"]


class BadStorageKey(BackupFailed):
    """A row names a file that the console would never have named so."""

    default_code = "bad_storage_key"


@dataclass(frozen=True, kw_only=True)
class Written:
    """A file that has been written.

    Attributes:
        storage_key: its name, relative to the folder.
        size_bytes: how large it is.
        sha256: its checksum, 64 hex digits.
        at: when it was completed.
    """

    storage_key: str
    size_bytes: int
    sha256: str
    at: datetime


class Part:
    """A file that is being written, with its size and its checksum as they grow."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self.size_bytes = 0
        self.written: Written | None = None

    def write(self, data: bytes) -> int:
        """Append to it.

        Raises:
            BackupFailed, BackupInterrupted: it can't be written, for want of space for example.
        """
        rest = memoryview(data)
        with _writable():
            while rest:
                # What is almost full takes a part and says so; only the next write fails.
                rest = rest[self._file.write(rest) :]
        self._hash.update(data)
        self.size_bytes += len(data)
        return len(data)

    @property
    def sha256(self) -> str:
        """The checksum of what was written so far."""
        return self._hash.hexdigest()


class BackupFolder:
    """The folder, at a path that the installation has set."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def configured(cls) -> "BackupFolder | None":
        """Return the folder that the setting names, or None when it names none."""
        return cls(Path(settings.BACKUP_DIR)) if settings.BACKUP_DIR else None

    def check(self, *, last_size_bytes: int | None) -> None:
        """Raise unless a backup can be written: the folder is there, can be written to, and has room.

        Args:
            last_size_bytes: how large the last backup of that kind was.

        Raises:
            BackupFailed: with what is wrong.
        """
        if not self.is_there():
            raise BackupFailed(
                f"The backups folder {self.path} is missing; create it, or change OPS_BACKUP_DIR.", code="no_folder"
            )
        with _writable():
            if not os.access(self.path, os.W_OK | os.X_OK) or _is_read_only(self.path):
                raise BackupFailed(f"The backups folder {self.path} can't be written to.", code="folder_not_writable")
            free = shutil.disk_usage(self.path).free
        needed = max(LEAST_FREE_BYTES, int((last_size_bytes or 0) * ROOM))
        if free < needed:
            raise BackupFailed(
                f"The disk of the backups folder has {size(free)} left; a backup needs {size(needed)}.",
                code="disk_full",
            )

    def is_there(self) -> bool:
        """Say whether it can be seen from this process."""
        return os.path.isdir(self.path)  # noqa: PTH112 -- Path.is_dir raises where a folder above can't be entered

    @contextmanager
    def writing(self, kind: str, moment: datetime, number: int) -> Iterator[Part]:
        """Write a new backup; it appears under its name once the enclosed block has ended without an error.

        Args:
            kind: of the backup.
            moment: when it began.
            number: of its row, so that no two have the same name.

        Raises:
            BackupFailed: the disk is full, or the file can't be written for another reason.
        """
        key = _key(kind, moment, number)
        final = self.path / key
        part_path = final.with_name(final.name + PART)
        with _writable():
            final.parent.mkdir(mode=0o700, exist_ok=True)
            descriptor = os.open(part_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb", buffering=0) as file:
                part = Part(file)
                yield part
                with _writable():
                    os.fsync(file.fileno())
            with _writable():
                _write_checksum(final, part.sha256)
                part_path.rename(final)
                _sync_folder(final.parent)
        except BaseException:
            # Under its name too: its row will say that it failed, so nobody would ever delete it.
            for path in (part_path, final, final.with_name(final.name + CHECKSUM)):
                _unlink(path)
            raise
        part.written = Written(storage_key=key, size_bytes=part.size_bytes, sha256=part.sha256, at=datetime.now(UTC))

    def finished(self, kind: str, moment: datetime, number: int) -> Written | None:
        """Return the complete file that `writing` has written for a row.

        Args:
            kind: the backup's kind.
            moment: when the backup began.
            number: the id of its row.

        Returns:
            The file, or None if it is missing or can't be read.
        """
        key = _key(kind, moment, number)
        path = self._path_of(key)
        try:
            found = path.lstat()
            # The checksum is written before the backup gets its final name.
            sha256 = path.with_name(path.name + CHECKSUM).read_text("ascii")[:64]
        except (OSError, UnicodeDecodeError):
            return None
        if not stat.S_ISREG(found.st_mode) or not _SHA256.fullmatch(sha256):
            return None
        at = datetime.fromtimestamp(found.st_mtime, UTC)
        return Written(storage_key=key, size_bytes=found.st_size, sha256=sha256, at=at)

    def open(self, storage_key: str) -> BinaryIO:
        """Open a backup's file for reading; no link is followed.

        Raises:
            BadStorageKey: the name is none that the console makes.
            FileNotFoundError: it is gone.
            OSError: it can't be read.
        """
        descriptor = os.open(self._path_of(storage_key), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise BadStorageKey("The backup's file is no regular file.")
        return os.fdopen(descriptor, "rb")

    def state_of(self, storage_key: str) -> FileState:
        """Return whether a backup's file is there, gone, or can't be seen from this process."""
        if not self.is_there():
            return "unreachable"
        try:
            return "kept" if stat.S_ISREG(self._path_of(storage_key).lstat().st_mode) else "missing"
        except (FileNotFoundError, BadStorageKey):
            return "missing"
        except OSError:
            return "unreachable"

    def remove(self, storage_key: str) -> None:
        """Delete a backup's file; one that is gone already is fine.

        Raises:
            BadStorageKey: the name is none that the console makes.
            OSError: it can't be deleted.
        """
        path = self._path_of(storage_key)
        path.unlink(missing_ok=True)
        path.with_name(path.name + CHECKSUM).unlink(missing_ok=True)

    def remove_parts(self, kind: str) -> int:
        """Delete what unfinished backups of a kind have left; only for whoever holds that kind's lock."""
        removed = 0
        for path in (self.path / kind).glob(f"*{PART}"):
            removed += _unlink(path)
            final = path.with_name(path.name.removesuffix(PART))
            if not final.exists():
                # The checksum is written before the file has its name.
                _unlink(final.with_name(final.name + CHECKSUM))
        return removed

    def usage(self) -> tuple[int, int] | None:
        """Return the bytes in use and the bytes in all of the folder's disk, or None when it can't be seen."""
        try:
            found = shutil.disk_usage(self.path)
        except OSError:
            return None
        return found.total - found.free, found.total

    def _path_of(self, storage_key: str) -> Path:
        if len(storage_key) > _MAX_KEY or not _KEY.fullmatch(storage_key):
            raise BadStorageKey("The row names a file that the console would never have named so.")
        return self.path / storage_key


def _key(kind: str, moment: datetime, number: int) -> str:
    return f"{kind}/{kind}-{moment:%Y%m%dT%H%M%SZ}-{number}.{_ENDINGS[kind]}"


def _write_checksum(final: Path, sha256: str) -> None:
    """Write what `sha256sum --check` reads, for a day on which the database is gone."""
    path = final.with_name(final.name + CHECKSUM)
    with path.open("w", encoding="ascii") as file:
        file.write(f"{sha256}  {final.name}\n")
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_read_only(path: Path) -> bool:
    return bool(os.statvfs(path).f_flag & os.ST_RDONLY)


def _unlink(path: Path) -> int:
    try:
        path.unlink()
    except OSError:
        return 0
    return 1


@contextmanager
def _writable() -> Iterator[None]:
    """Turn what the operating system says into a sentence."""
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise BackupFailed("The disk of the backups folder is full; nothing was kept.", code="disk_full") from error
        if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
            raise BackupFailed(
                "The backups folder can't be written to; nothing was kept.", code="folder_not_writable"
            ) from error
        raise BackupInterrupted(
            f"The backup can't be written: {error.strerror or error}.", code="not_written"
        ) from error
