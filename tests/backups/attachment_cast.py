"""Snapshots made, read and tampered with by hand: archives as the console writes them, and as it never would."""

import hashlib
import io
import tarfile
from pathlib import Path
from typing import Any

import zstandard

from backups.attachments.comparison import compare
from backups.attachments.snapshot import write_snapshot
from backups.checks import Check
from backups.folder import Part
from backups.reporting import Reporter


def snapshot(source: Path, reporter: Reporter) -> tuple[bytes, dict[str, Any]]:
    """Archive a folder; returns the archive and its manifest."""
    file = io.BytesIO()
    manifest = write_snapshot(source, Part(file), reporter)
    return file.getvalue(), manifest


def compared(
    archive: bytes, manifest: dict[str, Any], reporter: Reporter, *, sample: int | None = None, seed: int = 1
) -> tuple[dict[str, Check], int, int]:
    """Compare an archive with its manifest; returns the checks by name, how many files were hashed and were right."""
    checks, sampled, verified = compare(io.BytesIO(archive), manifest, sample=sample, seed=seed, reporter=reporter)
    return {check.name: check for check in checks}, sampled, verified


def failed(archive: bytes, manifest: dict[str, Any], reporter: Reporter, **options: Any) -> dict[str, str | None]:
    """Return the sentences of the checks that an archive does not pass."""
    checks, _sampled, _verified = compared(archive, manifest, reporter, **options)
    return {name: check.error for name, check in checks.items() if not check.passed}


def unpacked(archive: bytes) -> bytes:
    """Return the tar in an archive."""
    return zstandard.ZstdDecompressor().decompressobj().decompress(archive)


def packed(tar: bytes) -> bytes:
    """Return an archive of a tar."""
    compressor = zstandard.ZstdCompressor(write_checksum=True).compressobj()
    return compressor.compress(tar) + compressor.flush()


def contents(archive: bytes) -> dict[bytes, bytes]:
    """Return the files in an archive as another program sees them, by their names; the list of checksums too."""
    found = {}
    with tarfile.open(fileobj=io.BytesIO(unpacked(archive)), encoding="utf-8", errors="surrogateescape") as tar:
        for member in tar:
            file = tar.extractfile(member)
            assert file is not None
            found[member.name.encode("utf-8", "surrogateescape")] = file.read()
    return found


def crafted(
    *members: tarfile.TarInfo | tuple[str, bytes], tar_format: int = tarfile.PAX_FORMAT
) -> tuple[bytes, dict[str, Any]]:
    """Make an archive of members that the console would not write, with a list and a manifest that fit them."""
    file = io.BytesIO()
    sums = b""
    with tarfile.open(fileobj=file, mode="w", format=tar_format, encoding="utf-8", errors="surrogateescape") as tar:
        for member in members:
            header, data = (tarfile.TarInfo(member[0]), member[1]) if isinstance(member, tuple) else (member, b"")
            if isinstance(member, tuple):
                header.size = len(data)
            tar.addfile(header, io.BytesIO(data))
            sums += f"{hashlib.sha256(data).hexdigest()}  {header.name}\n".encode("utf-8", "surrogateescape")
        header = tarfile.TarInfo("SHA256SUMS")
        header.size = len(sums)
        tar.addfile(header, io.BytesIO(sums))
    manifest = {
        "format": 1,
        "files": len(members),
        "bytes": sum(len(member[1]) for member in members if isinstance(member, tuple)),
        "sums_sha256": hashlib.sha256(sums).hexdigest(),
    }
    return packed(file.getvalue()), manifest
