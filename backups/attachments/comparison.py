"""Comparing an attachments archive with its manifest, without unpacking it to the disk."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

from backups.attachments.names import SUMS, as_text
from backups.attachments.sample import Sample
from backups.attachments.snapshot import FORMAT
from backups.attachments.sums import Sums, line, lines, name_in, unescaped
from backups.attachments.tar import ArchiveReader, Damaged, Member
from backups.checks import Check
from backups.errors import BackupFailed
from backups.reporting import Reporter
from opsconsole.formatting import count

PROGRESS_FILES: Final = 100


def compare(
    archive: BinaryIO, manifest: dict[str, Any], *, sample: int | None, seed: int, reporter: Reporter
) -> tuple[list[Check], int, int]:
    """Compare an archive with its manifest.

    Args:
        archive: at its start.
        manifest: as `attachments.write_snapshot` returned it.
        sample: how many files are hashed, roughly; None for all of them.
        seed: the number of the test; tests that follow one another hash all files in turn.
        reporter: is told how many files are done.

    Returns:
        The checks, how many files were hashed, and how many of them were right.

    Raises:
        BackupFailed: the manifest is none that this version knows.
        BackupInterrupted: the archive can't be read, for a reason that is not its own.
    """
    promised = _promised(manifest)
    damage: str | None = None
    with Sums() as own:
        found = _Comparison(promised, Sample(files=promised.files, size=sample, seed=seed), own, reporter)
        try:
            found.read(archive)
        except Damaged as error:
            damage = str(error)
    readable = Check(
        name="archive_readable", passed=damage is None, error=None if damage is None else f"The archive {damage}."
    )
    return [readable, found.present(damage), found.content(damage)], found.sampled, found.verified


@dataclass(frozen=True, kw_only=True)
class _Promised:
    """What a manifest says of its archive.

    Attributes:
        files: how many there are.
        bytes: how large they are together.
        sums_sha256: the checksum of the list of checksums.
    """

    files: int
    bytes: int
    sums_sha256: str


class _Comparison:
    """One reading of an archive.

    The checksums of the files that are hashed are kept in the archive's order, which is that of its own list: the two
    are compared line by line as the list is read, at the end.
    """

    def __init__(self, promised: _Promised, sample: Sample, own: Sums, reporter: Reporter) -> None:
        self._promised = promised
        self._sample = sample
        self._own = own
        self._reporter = reporter
        self._files = self._bytes = 0
        self._names = hashlib.sha256()
        self._listed_names = hashlib.sha256()
        self._sums_sha256: str | None = None
        self._wrong: bytes | None = None
        self.sampled = self.verified = 0

    def read(self, archive: BinaryIO) -> None:
        """Read it all.

        Raises:
            Damaged: it is not as it was written.
        """
        reader = ArchiveReader(archive, self._reporter.check)
        last: tuple[Member, str | None] | None = None
        self._reporter.progress(0, self._promised.files, "files")
        for member in reader.members():
            # A file that changed while it was archived is there again, right behind: the last one counts.
            if last is not None and member.name != last[0].name:
                self._count(*last)
            if member.name == SUMS:
                self._compare(reader.content())
            else:
                last = member, self._hashed(member, reader)
        self._reporter.progress(self._files, self._promised.files, "files")

    def present(self, damage: str | None) -> Check:
        """Return whether the files are all there."""
        problem = None
        if damage:
            problem = (
                f"The archive {damage}; {count(self._files, 'attachment was', 'attachments were')} read until then."
            )
        elif self._files != self._promised.files:
            problem = f"The archive holds {count(self._files, 'attachment')}; {self._promised.files:,} were archived."
        elif self._names.digest() != self._listed_names.digest():
            problem = "The archive holds other attachments than its list of checksums says."
        return Check(
            name="attachments_present",
            passed=problem is None,
            expected=self._promised.files,
            actual=self._files,
            error=problem,
        )

    def content(self, damage: str | None) -> Check:
        """Return whether the files that were hashed are what was archived."""
        problem = None
        if self._wrong is not None:
            problem = f"{as_text(self._wrong)} is not what was archived."
        elif damage:
            problem = f"The archive {damage}, so its attachments can't all be compared."
        elif self._sums_sha256 != self._promised.sums_sha256:
            problem = "The archive's list of checksums is not the one that was written."
        elif self._bytes != self._promised.bytes:
            problem = f"The attachments have {self._bytes:,} bytes in all; {self._promised.bytes:,} were archived."
        elif self.verified != self.sampled:
            problem = f"{count(self.sampled - self.verified, 'attachment')} can't be found in the list of checksums."
        return Check(
            name="attachments_content",
            passed=problem is None,
            expected=self.sampled,
            actual=self.verified,
            error=problem,
        )

    def _hashed(self, member: Member, reader: ArchiveReader) -> str | None:
        """Return the checksum of a member's content, or None where it is not in the sample."""
        if not self._is_chosen(self._files, member.name):
            return None
        found = hashlib.sha256()
        for piece in reader.content():
            found.update(piece)
        return found.hexdigest()

    def _count(self, member: Member, sha256: str | None) -> None:
        self._files += 1
        self._bytes += member.size
        self._names.update(name_in(line(member.name, "")))
        if sha256 is not None:
            self._own.add(member.name, sha256)
            self.sampled += 1
        if self._files % PROGRESS_FILES == 0:
            self._reporter.progress(self._files, self._promised.files, "files")

    def _compare(self, content: Iterator[bytes]) -> None:
        """Compare the list with what was found, line by line."""
        own = lines(self._own.chunks())
        sums = hashlib.sha256()
        try:
            for index, listed in enumerate(lines(content)):
                sums.update(listed)
                name = name_in(listed)
                self._listed_names.update(name)
                if not self._is_chosen(index, unescaped(name)):
                    continue
                if next(own, None) == listed:
                    self.verified += 1
                elif self._wrong is None:
                    self._wrong = unescaped(name)
        except ValueError as error:
            raise Damaged(f"has a list of checksums with {error}") from error
        self._sums_sha256 = sums.hexdigest()

    def _is_chosen(self, index: int, name: bytes) -> bool:
        # The first one always is, so that what was compared is never nothing.
        return index == 0 or self._sample.has(name)


def _promised(manifest: dict[str, Any]) -> _Promised:
    files, size, sums_sha256 = manifest.get("files"), manifest.get("bytes"), manifest.get("sums_sha256")
    if (
        manifest.get("format") != FORMAT
        or not isinstance(files, int)
        or not isinstance(size, int)
        or not isinstance(sums_sha256, str)
    ):
        raise BackupFailed(
            "This backup's manifest is none that this version of the console knows, so there is nothing to compare "
            "it with.",
            code="unknown_manifest",
        )
    return _Promised(files=files, bytes=size, sums_sha256=sums_sha256)
