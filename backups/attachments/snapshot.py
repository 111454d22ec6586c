"""Writing an attachments snapshot: every file that can be read, what it was, and what had to be left out.

What is archived is what was hashed, byte by byte. A file that changes while it is read is read again; where it never
stands still, it is archived as it was read, and said so.
"""

import os
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from backups.attachments.names import FOLDER, SUMS, as_text
from backups.attachments.sums import Sums
from backups.attachments.tar import COMPRESSION, ArchiveWriter
from backups.attachments.tree import LINK, NOT_REGULAR, VANISHED, Found, Skipped, files_below, trouble_skipped
from backups.errors import BackupFailed, BackupInterrupted
from backups.folder import BackupFolder, Part
from backups.reporting import Reporter

FORMAT: Final = 1
# How often a file is read that changes meanwhile.
TRIES: Final = 3
# A file up to this size is read as a whole before it is archived; a larger one is archived as it is read.
IN_MEMORY_BYTES: Final = 4_000_000
CHUNK_BYTES: Final = 1_000_000
# How many names the manifest has of what was left out, and of what changed.
MAX_NAMED: Final = 100
PROGRESS_FILES: Final = 100

# What is left out for these is none of the attachments; all the rest is, and could not be read.
_NOT_MISSED: Final = {LINK, NOT_REGULAR, VANISHED}


def write_snapshot(source: Path, part: Part, reporter: Reporter) -> dict[str, Any]:
    """Archive a folder.

    Args:
        source: the attachments folder; it may be a link, what is in it may not.
        part: where the archive goes.
        reporter: is told how many files are done.

    Returns:
        The manifest: format, files, bytes, sums_sha256 (the checksum of the archive's list of checksums),
        skipped_count and changed_count with the first MAX_NAMED of them in skipped and changed, compression, seconds.

    Raises:
        BackupFailed: there is no such folder, none of its files can be read, or the archive can't be written.
        BackupInterrupted: something broke off; a second attempt may succeed.
    """
    began = time.monotonic()
    with _opened(source) as root, Sums() as sums:
        snapshot = _Snapshot(ArchiveWriter(part), sums, reporter)
        snapshot.add_all(root, left_out=_backups_folder(source))
        if not os.fstat(root).st_nlink:
            raise BackupInterrupted("The attachments folder was removed while it was archived.", code="no_attachments")
        return snapshot.finish() | {"seconds": round(time.monotonic() - began, 1)}


@dataclass(frozen=True, kw_only=True)
class _Copy:
    """A file as it is in the archive.

    Attributes:
        sha256: of its content there.
        size: of its content there, in bytes.
        steady: whether the file stood still while it was read.
        problem: why its content there is not whole.
    """

    sha256: str
    size: int
    steady: bool
    problem: str | None = None


class _Snapshot:
    """One snapshot, and what its manifest says."""

    def __init__(self, archive: ArchiveWriter, sums: Sums, reporter: Reporter) -> None:
        self._archive = archive
        self._sums = sums
        self._reporter = reporter
        self._files = self._bytes = 0
        self._skipped_count = self._changed_count = 0
        self._missed: str | None = None
        self._skipped: list[dict[str, str]] = []
        self._changed: list[str] = []

    def add_all(self, root: int, *, left_out: os.stat_result | None) -> None:
        """Archive every file below a folder."""
        self._reporter.progress(0, None, "files")
        with closing(files_below(root, left_out=left_out, skip=self._skip)) as every_file:
            for found in every_file:
                self._reporter.check()
                self._add(found)
                if self._files % PROGRESS_FILES == 0:
                    self._reporter.progress(self._files, None, "files")
        if self._missed is not None and not self._files:
            raise BackupFailed(
                f"Nothing in the attachments folder could be read. {self._missed}", code="attachments_unreadable"
            )

    def finish(self) -> dict[str, Any]:
        """Write the list of checksums, end the archive, and return the manifest."""
        self._archive.begin(SUMS, size=self._sums.size_bytes, modified=time.time())
        for chunk in self._sums.chunks():
            self._reporter.check()
            self._archive.write(chunk)
        self._archive.end()
        self._archive.finish()
        self._reporter.progress(self._files, self._files, "files")
        return {
            "format": FORMAT,
            "files": self._files,
            "bytes": self._bytes,
            "sums_sha256": self._sums.sha256,
            "skipped_count": self._skipped_count,
            "skipped": self._skipped,
            "changed_count": self._changed_count,
            "changed": self._changed,
            "compression": COMPRESSION,
        }

    def _add(self, found: Found) -> None:
        """Archive a file; of several members with its name, the last one counts."""
        copy: _Copy | None = None
        problem = VANISHED
        for tries_left in reversed(range(TRIES)):
            try:
                with found.opened() as descriptor:
                    copy = self._copied(found, descriptor, last=not tries_left) or copy
            except Skipped as reason:
                problem = str(reason)
                break
            if copy is not None and (copy.steady or copy.problem):
                break
        if copy is None:
            self._skip(found.path, problem)
            return
        self._sums.add(FOLDER + found.path, copy.sha256)
        self._files += 1
        self._bytes += copy.size
        if copy.problem:
            self._skip(found.path, copy.problem)
        elif not copy.steady:
            self._changed_count += 1
            if len(self._changed) < MAX_NAMED:
                self._changed.append(as_text(found.path))

    def _copied(self, found: Found, descriptor: int, *, last: bool) -> _Copy | None:
        """Archive an open file, or return None where it changed meanwhile and nothing of it is archived yet."""
        before = os.fstat(descriptor)
        if before.st_size > IN_MEMORY_BYTES:
            return self._streamed(found, descriptor, before)
        # One more than there should be, so that a file that grows is found out.
        data = b"".join(self._chunks(descriptor, before.st_size + 1))
        steady = len(data) == before.st_size and _is_unchanged(descriptor, before)
        if not steady and not last:
            return None
        self._archive.begin(FOLDER + found.path, size=len(data), modified=before.st_mtime)
        self._archive.write(data)
        return _Copy(sha256=self._archive.end(), size=len(data), steady=steady)

    def _streamed(self, found: Found, descriptor: int, before: os.stat_result) -> _Copy:
        """Archive a large file as it is read: exactly as much as its header says, whatever becomes of it."""
        problem = None
        self._archive.begin(FOLDER + found.path, size=before.st_size, modified=before.st_mtime)
        try:
            for chunk in self._chunks(descriptor, before.st_size):
                self._archive.write(chunk)
        except Skipped as reason:
            problem = f"It is archived with zeros in place of its end. {reason}"
        steady = not self._archive.lacking and _is_unchanged(descriptor, before)
        return _Copy(sha256=self._archive.end(), size=before.st_size, steady=steady, problem=problem)

    def _chunks(self, descriptor: int, most: int) -> Iterator[bytes]:
        """Return what a file holds, piece by piece, at most so many bytes."""
        while most:
            self._reporter.check()
            with trouble_skipped():
                chunk = os.read(descriptor, min(most, CHUNK_BYTES))
            if not chunk:
                return
            most -= len(chunk)
            yield chunk

    def _skip(self, path: bytes, reason: str) -> None:
        self._reporter.check()
        self._skipped_count += 1
        if self._missed is None and reason not in _NOT_MISSED:
            self._missed = f"{as_text(path)}: {reason}"
        if len(self._skipped) < MAX_NAMED:
            self._skipped.append({"path": as_text(path), "reason": reason})


@contextmanager
def _opened(source: Path) -> Iterator[int]:
    """Open the attachments folder; returns its descriptor."""
    try:
        root = os.open(source, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise BackupFailed(
            f"The attachments folder {source} is missing or no folder; create it, or change OPS_ATTACHMENTS_DIR.",
            code="no_attachments",
        ) from error
    except PermissionError as error:
        raise BackupFailed(
            f"The attachments folder {source} can't be read: {error.strerror}.", code="attachments_unreadable"
        ) from error
    except OSError as error:
        raise BackupInterrupted(
            f"The attachments folder {source} can't be read: {error.strerror or error}.", code="attachments_unreadable"
        ) from error
    try:
        yield root
    finally:
        os.close(root)


def _backups_folder(source: Path) -> os.stat_result | None:
    """Return the backups folder, which is not archived where it lies among the attachments.

    Raises:
        BackupFailed: the attachments lie in it, so every archive would hold the older ones.
    """
    folder = BackupFolder.configured()
    if folder is None:
        return None
    try:
        backups = folder.path.stat()
    except OSError:
        return None
    resolved = source.resolve()
    if any(os.path.samestat(parent.stat(), backups) for parent in (resolved, *resolved.parents)):
        raise BackupFailed(
            f"The attachments folder {source} lies in the backups folder; keep them apart.",
            code="attachments_in_backups",
        )
    return backups


def _is_unchanged(descriptor: int, before: os.stat_result) -> bool:
    """Say whether a file is still as it was; when it was last read does not matter."""
    now = os.fstat(descriptor)
    return (now.st_size, now.st_mtime_ns, now.st_ctime_ns) == (before.st_size, before.st_mtime_ns, before.st_ctime_ns)
