"""A backups folder and an attachments folder of a test's own."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from backups.database.scratch import PREFIX
from backups.folder import BackupFolder
from devserver.postgres import Postgres


@pytest.fixture
def folder(tmp_path: Path, settings: Any, postgres: Postgres) -> Iterator[BackupFolder]:
    """The backups folder, empty and set; scratch databases that a test leaves behind are dropped after it."""
    path = tmp_path / "backups"
    path.mkdir()
    settings.BACKUP_DIR = str(path)
    yield BackupFolder(path)
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as server:
        left = server.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [PREFIX]).fetchall()
        for (name,) in left:
            server.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


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
