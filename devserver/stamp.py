"""Knowing that nothing has changed since the last start, so that its preparation needn't be done again."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

# What is neither the console's code nor decides how the database has to look.
_IGNORED = {"tests", "bench", "chaos", "apps", "node_modules", "screenshots"}


def stamp(project: Path, environment: Mapping[str, str]) -> str:
    """Return a fingerprint of the code, what it is installed with and what it is told by its environment.

    Args:
        project: The project's folder.
        environment: Environment variables; those that start with OPS_ count.
    """
    state = hashlib.sha256()
    for name, value in sorted(environment.items()):
        if name.startswith("OPS_"):
            state.update(f"{name}={value}\0".encode())
    for file in (project / "requirements.txt", *_code(project)):
        found = file.stat()
        state.update(f"{file}\0{found.st_size}\0{found.st_mtime_ns}\0".encode())
    return state.hexdigest()


def _code(project: Path) -> Iterator[Path]:
    for folder in sorted(project.iterdir()):
        if folder.is_dir() and not folder.name.startswith(".") and folder.name not in _IGNORED:
            yield from sorted(file for file in folder.rglob("*") if file.is_file() and file.suffix != ".pyc")
