"""The list of checksums in an archive, as `sha256sum --check` reads it: a line for each file, in its order."""

import hashlib
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final, Self

from backups.attachments.names import MAX_LENGTH
from backups.errors import BackupInterrupted

# As much of it is kept in memory; what is more, on the disk.
IN_MEMORY_BYTES: Final = 4_000_000
CHUNK_BYTES: Final = 1_000_000

# Escaped: every character of the name may be two; before it are a backslash, the checksum and two blanks.
_MAX_LINE: Final = 2 * MAX_LENGTH + 100
_ESCAPES: Final = {b"\\": b"\\\\", b"\n": b"\\n", b"\r": b"\\r"}
_UNESCAPES: Final = {escaped: plain for plain, escaped in _ESCAPES.items()}
_TO_ESCAPE: Final = re.compile(rb"[\\\n\r]")
_ESCAPED: Final = re.compile(rb"\\[\\nr]")


class Sums:
    """A list that is being written; it needs no memory to speak of, however long it grows."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY_BYTES)  # noqa: SIM115 - closed by close()
        self._hash = hashlib.sha256()
        self.size_bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._file.close()

    def add(self, name: bytes, sha256: str) -> None:
        """Append a file.

        Raises:
            BackupInterrupted: there is no room for it on the disk of temporary files.
        """
        added = line(name, sha256)
        with _kept():
            self._file.write(added)
        self._hash.update(added)
        self.size_bytes += len(added)

    @property
    def sha256(self) -> str:
        """The checksum of the list."""
        return self._hash.hexdigest()

    def chunks(self) -> Iterator[bytes]:
        """Return the list from its start, piece by piece; nothing can be added afterwards."""
        with _kept():
            self._file.seek(0)
        while True:
            with _kept():
                chunk = self._file.read(CHUNK_BYTES)
            if not chunk:
                return
            yield chunk


def line(name: bytes, sha256: str) -> bytes:
    """Return a file's line; a name that would break it is escaped, as coreutils does."""
    escaped = _TO_ESCAPE.sub(lambda match: _ESCAPES[match[0]], name)
    return b"%s%s  %s\n" % (b"\\" if escaped != name else b"", sha256.encode(), escaped)


def lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Return the lines of a list that arrives in pieces.

    Raises:
        ValueError: it is no such list.
    """
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from (found + b"\n" for found in whole)
        if len(rest) > _MAX_LINE:
            raise ValueError("a line that is too long")
    if rest:
        raise ValueError("a line that does not end")


def name_in(listed: bytes) -> bytes:
    """Return the name that a line has, still escaped, with the line's end; b"" where it has none."""
    _sum, _blanks, name = listed.partition(b"  ")
    return name


def unescaped(name: bytes) -> bytes:
    """Return the name of which `name_in` returned the escaped one."""
    return _ESCAPED.sub(lambda match: _UNESCAPES[match[0]], name.removesuffix(b"\n"))


@contextmanager
def _kept() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BackupInterrupted(
            f"The list of checksums can't be kept in the folder of temporary files: {error.strerror or error}.",
            code="no_temporary_file",
        ) from error
