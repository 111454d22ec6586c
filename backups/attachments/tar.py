"""The format of an attachments archive: regular files in a tar of the POSIX kind, compressed with zstd.

`tar --zstd -xf` unpacks it. The library's headers are used and nothing else of it: its archives keep every member in
memory, and what it reads may be links, devices and headers of any size.
"""

import hashlib
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

import zstandard

from backups.attachments.names import MAX_LENGTH, SUMS, as_text, is_attachment
from backups.errors import BackupInterrupted
from backups.folder import Part

COMPRESSION: Final = "zstd"
LEVEL: Final = 3

# Neither the owner nor the permissions of a file are kept; whoever unpacks it is its owner.
MODE: Final = 0o600

_ENCODING: Final = ("utf-8", "surrogateescape")
_BLOCK: Final = tarfile.BLOCKSIZE
_END: Final = bytes(2 * _BLOCK)
_MAX_EXTENDED_HEADER: Final = MAX_LENGTH + 8_192
_READ_BYTES: Final = 65_536
# What is decompressed at one time. It may become 32,768 times as much, in memory: 64 MiB, and not more.
_PIECE_BYTES: Final = 2_048
# Of what the compressor refers back to; level 3 needs 2 MiB.
_MAX_WINDOW_BYTES: Final = 8_388_608
_MAX_DIGITS: Final = 18


class Damaged(Exception):
    """An archive is not as it was written; the text goes on after “The archive”."""


@dataclass(frozen=True)
class Member:
    """A file in an archive.

    Attributes:
        name: in the archive.
        size: in bytes.
    """

    name: bytes
    size: int


class ArchiveWriter:
    """Writes an archive, member by member, with the checksum of what has gone into it."""

    def __init__(self, part: Part) -> None:
        self._part = part
        # The checksum is off where nobody asks for it.
        self._compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True).compressobj()
        self._hash = hashlib.sha256()
        self._size = 0
        self.lacking = 0

    def begin(self, name: bytes, *, size: int, modified: float) -> None:
        """Begin a member.

        Args:
            name: in the archive.
            size: in bytes; as many follow.
            modified: when the file was changed, in seconds since 1970.
        """
        header = tarfile.TarInfo(name.decode(*_ENCODING))
        header.size, header.mtime, header.mode = size, int(modified), MODE
        self._write(header.tobuf(tarfile.PAX_FORMAT, *_ENCODING))
        self._hash = hashlib.sha256()
        self._size = self.lacking = size

    def write(self, data: bytes) -> None:
        """Write the next piece of the member's content, at most what it lacks."""
        self._hash.update(data)
        self._write(data)
        self.lacking -= len(data)

    def end(self) -> str:
        """End the member; what it lacks becomes zeros. Returns the checksum of its content, 64 hex digits."""
        while self.lacking:
            self.write(bytes(min(self.lacking, _READ_BYTES)))
        self._write(bytes(-self._size % _BLOCK))
        return self._hash.hexdigest()

    def finish(self) -> None:
        """End the archive."""
        self._write(_END)
        self._part.write(self._compressor.flush())

    def _write(self, data: bytes) -> None:
        if compressed := self._compressor.compress(data):
            self._part.write(compressed)


class ArchiveReader:
    """Reads an archive once, from its start to its end, and believes nothing that it says.

    Whatever the archive holds: a header and some MiB of content are in memory, and nothing is unpacked to the disk.
    """

    def __init__(self, file: BinaryIO, check: Callable[[], None]) -> None:
        """Read.

        Args:
            file: the archive.
            check: is called often; raises where the work shall end.
        """
        self._stream = _Stream(file, check)
        self._lacking = 0

    def members(self) -> Iterator[Member]:
        """Return the attachments, and the list of checksums as the last one; read its content before the next.

        Raises:
            Damaged: it is not as the console writes it.
            BackupInterrupted: the archive can't be read.
        """
        listed = False
        while (header := self._stream.exactly(_BLOCK)).strip(b"\0"):
            if listed:
                raise Damaged("goes on after its list of checksums")
            member = self._member(header)
            listed = member.name == SUMS
            self._lacking = member.size
            yield member
            # The stream goes one way: what nobody has read of this one lies before the next.
            for _rest in self.content():
                continue
            self._stream.exactly(-member.size % _BLOCK)
        if not listed:
            raise Damaged("ends before its list of checksums")
        while rest := self._stream.some(_READ_BYTES):
            if rest.strip(b"\0"):
                raise Damaged("goes on after its end")

    def content(self) -> Iterator[bytes]:
        """Return what is left of the present member's content, piece by piece.

        Raises:
            Damaged: it breaks off.
            BackupInterrupted: the archive can't be read.
        """
        while self._lacking:
            piece = self._stream.some(min(self._lacking, _READ_BYTES))
            if not piece:
                raise Damaged("breaks off")
            self._lacking -= len(piece)
            yield piece

    def _member(self, block: bytes) -> Member:
        """Return what a header says, and the one that extends it."""
        header = _header(block)
        records: dict[bytes, bytes] = {}
        if header.type == tarfile.XHDTYPE:
            if not 0 <= header.size <= _MAX_EXTENDED_HEADER:
                raise Damaged("has a header that is too long")
            records = _records(self._stream.exactly(header.size))
            self._stream.exactly(-header.size % _BLOCK)
            header = _header(self._stream.exactly(_BLOCK))
        name = records.get(b"path", header.name.encode(*_ENCODING))
        size = _number(records[b"size"]) if b"size" in records else header.size
        if header.type != tarfile.REGTYPE:
            raise Damaged(f"holds {as_text(name)}, which is no regular file")
        if name != SUMS and not is_attachment(name):
            raise Damaged(f"holds {as_text(name)}, which does not lie among the attachments")
        if size < 0:
            raise Damaged(f"holds {as_text(name)} with a size that can't be")
        return Member(name, size)


class _Stream:
    """What an archive unpacks to, in pieces of a bounded size, and that nothing of it is missing or altered."""

    def __init__(self, file: BinaryIO, check: Callable[[], None]) -> None:
        self._file = file
        self._check = check
        self._decompressor = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW_BYTES).decompressobj()
        self._compressed = self._plain = memoryview(b"")

    def exactly(self, size: int) -> bytes:
        """Return the next `size` bytes; for small ones."""
        pieces = []
        while size:
            piece = self.some(size)
            if not piece:
                raise Damaged("breaks off")
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)

    def some(self, most: int) -> bytes:
        """Return the next bytes, at most so many; none once all was read and found whole."""
        while not self._plain:
            if self._decompressor.eof:
                self._end()
                return b""
            self._advance()
        piece, self._plain = self._plain[:most], self._plain[most:]
        return bytes(piece)

    def _advance(self) -> None:
        self._check()
        if not self._compressed:
            self._compressed = memoryview(self._read())
            if not self._compressed:
                raise Damaged("breaks off")
        piece, self._compressed = self._compressed[:_PIECE_BYTES], self._compressed[_PIECE_BYTES:]
        try:
            self._plain = memoryview(self._decompressor.decompress(piece))
        except zstandard.ZstdError as error:
            raise Damaged(f"can't be decompressed ({error})") from error

    def _end(self) -> None:
        if self._decompressor.unused_data or self._compressed or self._read():
            raise Damaged("is followed by something else in its file")

    def _read(self) -> bytes:
        try:
            return self._file.read(_READ_BYTES)
        except OSError as error:
            raise BackupInterrupted(
                f"The archive can't be read: {error.strerror or error}.", code="archive_unreadable"
            ) from error


def _header(block: bytes) -> tarfile.TarInfo:
    try:
        return tarfile.TarInfo.frombuf(block, *_ENCODING)
    except tarfile.HeaderError as error:
        raise Damaged(f"has a header that can't be read ({error})") from error


def _records(data: bytes) -> dict[bytes, bytes]:
    """Return what an extended header says: records of a length, a keyword and a value."""
    found = {}
    while data:
        digits, _blank, _rest = data.partition(b" ")
        length = _number(digits)
        record = data[:length]
        keyword, equals, value = record[len(digits) + 1 : -1].partition(b"=")
        if len(record) < length or not record.endswith(b"\n") or not equals:
            raise Damaged("has an extended header that can't be read")
        found[keyword] = value
        data = data[length:]
    return found


def _number(digits: bytes) -> int:
    if not digits.isdigit() or len(digits) > _MAX_DIGITS:
        raise Damaged("has an extended header that can't be read")
    return int(digits)
