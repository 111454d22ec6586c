"""Finding the attachments: every regular file below a folder, and nothing beyond it, whoever moves things meanwhile.

Folders are opened step by step from the first one's descriptor, and no link is followed, so that a folder which is
exchanged for a link leads nowhere. Only one folder is open at a time, and only its own names are in memory.
"""

import errno
import os
import stat
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from backups.attachments.names import FOLDER, MAX_LENGTH
from backups.errors import BackupInterrupted

LINK: Final = "It is a link, and links are not followed."
NOT_REGULAR: Final = "It is no regular file."
VANISHED: Final = "It vanished before it could be read."
TOO_LONG: Final = "Its path is too long."
BACKUPS: Final = "It is the backups folder."

# What is wrong with one file or folder; with anything else, such as too few descriptors, the others would fail too.
_ITS_OWN: Final = frozenset(
    {
        errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENXIO, errno.ENODEV,
        errno.EIO, errno.ESTALE, errno.EAGAIN, errno.EINVAL, errno.ENAMETOOLONG, errno.EOVERFLOW, errno.EBADMSG,
    }
)  # fmt: skip
_FOLDER_FLAGS: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE_FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

Skip = Callable[[bytes, str], None]


class Skipped(Exception):
    """A file or folder can't be read; the text says why."""


@dataclass(frozen=True)
class Found:
    """A file that was there when its folder was listed.

    Attributes:
        path: relative to the attachments folder.
        folder: the descriptor of its folder, open until the next one is asked for.
    """

    path: bytes
    folder: int

    @contextmanager
    def opened(self) -> Iterator[int]:
        """Open it for reading; returns its descriptor.

        Raises:
            Skipped: it can't be opened, or is no regular file by now.
        """
        with trouble_skipped():
            descriptor = os.open(self.path.rpartition(b"/")[2], _FILE_FLAGS, dir_fd=self.folder)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise Skipped(NOT_REGULAR)
            yield descriptor
        finally:
            os.close(descriptor)


def files_below(root: int, *, left_out: os.stat_result | None, skip: Skip) -> Generator[Found]:
    """Return the regular files below a folder: a folder's own, sorted, and then those of its folders.

    Args:
        root: its descriptor.
        left_out: a folder that is not entered.
        skip: is told the path of everything else that is there, and why it is not among them.
    """
    pending = [b""]
    while pending:
        path = pending.pop()
        try:
            with _opened(root, path) as folder:
                if left_out is not None and os.path.samestat(os.fstat(folder), left_out):
                    raise Skipped(BACKUPS)
                files, folders = _listed(folder, path, skip)
                for name in files:
                    yield Found(path + name, folder)
        except Skipped as problem:
            skip(path.rstrip(b"/") or b".", str(problem))
            continue
        pending += [b"%s%s/" % (path, name) for name in reversed(folders)]


@contextmanager
def trouble_skipped() -> Iterator[None]:
    """Say of what the operating system refuses whether it is about one file or about all of them.

    Raises:
        Skipped: about one.
        BackupInterrupted: about all.
    """
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOENT:
            raise Skipped(VANISHED) from error
        if error.errno == errno.ELOOP:
            raise Skipped(LINK) from error
        if error.errno in _ITS_OWN:
            raise Skipped(f"It can't be read: {error.strerror}.") from error
        raise BackupInterrupted(
            f"The attachments can't be read: {error.strerror or error}.", code="attachments_unreadable"
        ) from error


@contextmanager
def _opened(root: int, path: bytes) -> Iterator[int]:
    folder = os.dup(root)
    try:
        for name in path.split(b"/")[:-1]:
            with trouble_skipped():
                below = os.open(name, _FOLDER_FLAGS, dir_fd=folder)
            os.close(folder)
            folder = below
        yield folder
    finally:
        os.close(folder)


def _listed(folder: int, path: bytes, skip: Skip) -> tuple[list[bytes], list[bytes]]:
    """Return the names of a folder's files and folders, both sorted."""
    files: list[bytes] = []
    folders: list[bytes] = []
    try:
        with trouble_skipped(), os.scandir(folder) as entries:
            for entry in entries:
                name = os.fsencode(entry.name)
                if len(FOLDER) + len(path) + len(name) >= MAX_LENGTH:
                    skip(path + name, TOO_LONG)
                elif entry.is_symlink():
                    skip(path + name, LINK)
                elif entry.is_dir(follow_symlinks=False):
                    folders.append(name)
                elif entry.is_file(follow_symlinks=False):
                    files.append(name)
                else:
                    skip(path + name, NOT_REGULAR)
    except Skipped as problem:
        # What was listed until then is there, after all.
        skip(path.rstrip(b"/") or b".", str(problem))
    return sorted(files), sorted(folders)
