"""A backups folder and an attachments folder of a test's own."""

from pathlib import Path
from typing import Any

import pytest

from backups.folder import BackupFolder


@pytest.fixture
def folder(tmp_path: Path, settings: Any) -> BackupFolder:
    """The backups folder, empty and set."""
    path = tmp_path / "backups"
    path.mkdir()
    settings.BACKUP_DIR = str(path)
    return BackupFolder(path)


@pytest.fixture
def attachments(tmp_path: Path, settings: Any) -> Path:
    """The attachments folder, empty and set."""
    path = tmp_path / "attachments"
    path.mkdir()
    settings.ATTACHMENTS_DIR = str(path)
    return path


class Watcher:
    """Remembers what it was told, and wants nothing stopped."""

    def __init__(self) -> None:
        self.told: list[tuple[int, int | None, str]] = []

    def progress(self, current: int, total: int | None = None, unit: str = "items") -> None:
        """Remember."""
        self.told.append((current, total, unit))

    def check(self) -> None:
        """Go on."""

    def on_stop(self, stop: Any) -> None:
        """Never call it."""


@pytest.fixture
def watcher() -> Watcher:
    """Somebody who watches."""
    return Watcher()
