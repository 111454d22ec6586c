"""Restoring a dump into a scratch database."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from backups.checks import Check
from backups.folder import BackupFolder
from backups.models import BackupRun
from backups.reporting import Reporter


@contextmanager
def verified_archive(folder: BackupFolder, run: BackupRun, reporter: Reporter) -> Iterator[tuple[BinaryIO, Check]]:
    """Open a backup's file and compare its checksum."""
    raise NotImplementedError
    yield


def try_out(archive: BinaryIO, manifest: dict[str, Any], test_id: int, reporter: Reporter) -> Iterator[Check]:
    """Restore and compare."""
    raise NotImplementedError
    yield
