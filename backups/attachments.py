"""Attachments snapshot."""

from pathlib import Path
from typing import Any, BinaryIO

from backups.checks import Check
from backups.folder import Part
from backups.reporting import Reporter


def write_snapshot(source: Path, part: Part, reporter: Reporter) -> dict[str, Any]:
    """Archive a folder."""
    raise NotImplementedError


def compare(
    archive: BinaryIO, manifest: dict[str, Any], *, sample: int | None, seed: int, reporter: Reporter
) -> tuple[list[Check], int, int]:
    """Compare an archive with its manifest: the checks, how many files were compared, and how many were right."""
    raise NotImplementedError
