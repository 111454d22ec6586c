"""The packages from npm that lint needs (`python -m tests.web.packages`), with `--all` those of browser tests too."""

import fcntl
import sys
from pathlib import Path

from devserver import front_end
from devserver.errors import StartError
from tests.browser import tools
from tests.web import compat


def main(arguments: list[str]) -> int:
    """Install those that aren't; returns the exit code."""
    try:
        install(front_end.FOLDER)
        if "--all" in arguments:
            install(tools.FOLDER)
            with compat.alone():
                compat.assemble()
                compat.install()
    except StartError as error:
        print(error, file=sys.stderr, flush=True)  # noqa: T201 -- it is a program
        return 1
    return 0


def install(folder: Path) -> None:
    """Install the packages of a folder; whoever does so at the same time waits.

    Raises:
        StartError: npm failed.
    """
    with (folder / "package.json").open(encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        front_end.install(folder)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
