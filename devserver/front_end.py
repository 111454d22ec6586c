"""The front end's packages and its production build: made where they are missing or no longer those of the sources.

python -m devserver.front_end
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from devserver import node
from devserver.errors import StartError

FOLDER = Path(__file__).resolve().parent.parent / "apps" / "web"
# What decides what is built, beside `src` and `public`.
_FILES = ("package-lock.json", "package.json", "tsconfig.json", "next.config.mjs", "postcss.config.mjs")


def main() -> int:
    """Install and build what isn't; returns the exit code."""
    try:
        make(FOLDER)
    except StartError as error:
        print(error, file=sys.stderr, flush=True)
        return 1
    return 0


def make(folder: Path) -> None:
    """Install and build what isn't; whoever does so at the same time waits.

    Raises:
        StartError: npm or the build failed.
    """
    with (folder / "package.json").open(encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        install(folder)
        build(folder)


def install(folder: Path) -> bool:
    """Install the packages of the lock file, unless they are.

    Returns:
        Whether anything was done.

    Raises:
        StartError: npm failed.
    """
    lock, installed = folder / "package-lock.json", folder / "node_modules" / ".installed-lock.json"
    if installed.is_file() and installed.read_bytes() == lock.read_bytes():
        return False
    print("Installing the front end's packages; this is done once.", flush=True)
    # Without the packages' own scripts: none is needed, and they would run as whoever starts this.
    _run("npm ci", [*node.npm(), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], folder)
    # A copy says what is installed.
    shutil.copyfile(lock, installed)
    return True


def build(folder: Path) -> bool:
    """Build the front end, unless it is built from these sources.

    Returns:
        Whether anything was done.

    Raises:
        StartError: the build failed.
    """
    built_from, current = built_folder(folder) / "built-from", fingerprint(folder)
    if built_from.is_file() and built_from.read_text(encoding="utf-8") == current:
        return False
    print("Building the front end.", flush=True)
    built_from.unlink(missing_ok=True)
    _run("next build", [str(node.node()), str(next_program(folder)), "build"], folder)
    built_from.write_text(current, encoding="utf-8")
    return True


def next_program(folder: Path) -> Path:
    """Return the program of Next.js that builds and serves."""
    return folder / "node_modules" / "next" / "dist" / "bin" / "next"


def built_folder(folder: Path) -> Path:
    """Return where the build is, as next.config.mjs says."""
    return folder / (os.environ.get("NEXT_DIST_DIR") or ".next")


def fingerprint(folder: Path) -> str:
    """Return a fingerprint of what is built: sources, settings, packages. Tests aren't part of it."""
    state = hashlib.sha256()
    for file in _sources(folder):
        state.update(f"{file.relative_to(folder)}\0".encode())
        state.update(hashlib.sha256(file.read_bytes()).digest())
    return state.hexdigest()


def _sources(folder: Path) -> Iterator[Path]:
    yield from (file for name in _FILES if (file := folder / name).is_file())
    for part in ("src", "public"):
        found = sorted(file for file in (folder / part).rglob("*") if file.is_file())
        yield from (file for file in found if ".test." not in file.name)


def _run(name: str, command: list[str], folder: Path) -> None:
    ended = subprocess.run(command, cwd=folder, env=node.environment(os.environ), check=False)
    if ended.returncode:
        raise StartError(f"{name} failed with exit code {ended.returncode} in {folder}.")


if __name__ == "__main__":
    sys.exit(main())
