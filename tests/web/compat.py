"""The Ops page in an application on Next.js 14 and React 18 (`script/web-compat`): copied, type-checked, built.

It is put together in a folder of its own outside `apps/web`, because Node.js looks for packages in the folders above
too: with those of the other version a green build would prove nothing.
"""

import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from devserver import front_end, node
from devserver.errors import StartError

PROJECT: Final = front_end.FOLDER.parent.parent
APPLICATION: Final = front_end.FOLDER / "compat" / "next14"
README: Final = front_end.FOLDER / "README.md"
FOLDER: Final = PROJECT / ".compat" / "next14"
# Kept from one run to the next; `install` compares it with the lock file.
_KEPT: Final = "node_modules"


def main() -> int:
    """Do all of it; returns the exit code."""
    try:
        with alone():
            make()
    except StartError as error:
        print(error, file=sys.stderr, flush=True)  # noqa: T201 -- it is a program
        return 1
    return 0


@contextmanager
def alone() -> Iterator[None]:
    """Keep others from the folder meanwhile."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def make() -> None:
    """Copy, type-check and build, all of it anew.

    Raises:
        StartError: a step failed; it has printed why.
    """
    print(command(), flush=True)  # noqa: T201 -- it is a program
    assemble()
    install()
    _run([str(node.node()), "node_modules/typescript/bin/tsc", "--noEmit"])
    _run([str(node.node()), str(front_end.next_program(FOLDER)), "build"])


def assemble() -> None:
    """Put the application's own files and the copied ones into the folder, and nothing that was there before."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for old in FOLDER.iterdir():
        if old.name == _KEPT:
            continue
        shutil.rmtree(old) if old.is_dir() else old.unlink()
    ignored = shutil.ignore_patterns(_KEPT, ".next*", "next-env.d.ts", "*.tsbuildinfo")
    shutil.copytree(APPLICATION, FOLDER, ignore=ignored, dirs_exist_ok=True)
    # -e and pipefail: the README's reader would see it fail.
    shell = ["bash", "-euo", "pipefail", "-c", command()]
    copied = subprocess.run(shell, cwd=front_end.FOLDER, env={**os.environ, "APP": str(FOLDER)}, check=False)
    if copied.returncode:
        raise StartError("The README's command to copy the files failed.")


def install() -> None:
    """Install its packages, unless they are.

    Raises:
        StartError: npm failed.
    """
    front_end.install(FOLDER)


def command() -> str:
    """Return the command by which people copy the files: the first block of shell under its heading.

    Raises:
        StartError: there is none.
    """
    readme = README.read_text(encoding="utf-8")
    found = re.search(r"^#+ [\d. ]*Copy the files\n(?:(?!#+ ).*\n)*?```sh\n((?:.*\n)+?)```", readme, re.MULTILINE)
    if found is None:
        raise StartError(f"{README} has no block of shell under “Copy the files”.")
    return found[1].strip()


def _run(arguments: list[str]) -> None:
    if subprocess.run(arguments, cwd=FOLDER, env=node.environment(os.environ), check=False).returncode:
        raise StartError(f"{' '.join(arguments[1:])} failed in {FOLDER}.")


if __name__ == "__main__":
    sys.exit(main())
