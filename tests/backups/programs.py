"""Programs in the place of PostgreSQL's, which do what those do on a bad day."""

from pathlib import Path


def fake_programs(folder: Path, script: str, *, version: str = "99.1") -> str:
    """Make a pg_dump and a pg_restore that say they are of some version, and do something else; returns their folder.

    Args:
        folder: where; made.
        script: lines of a shell's.
        version: what they say they are.
    """
    folder.mkdir()
    for name in ("pg_dump", "pg_restore"):
        path = folder / name
        path.write_text(
            f'#!/bin/sh\nif [ "$1" = --version ]; then echo "{name} (PostgreSQL) {version}"; exit; fi\n{script}\n'
        )
        path.chmod(0o755)
    return str(folder)
