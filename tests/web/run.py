"""Runs a program of the front end's packages in its folder, with the pinned Node.js: `python -m tests.web.run tsc`."""

import os
import subprocess
import sys

from devserver import front_end, node


def main(arguments: list[str]) -> int:
    """Run it; returns its exit code."""
    program, *rest = arguments
    environment = node.environment(os.environ)
    environment["PATH"] = os.pathsep.join([str(front_end.FOLDER / "node_modules" / ".bin"), environment["PATH"]])
    command = node.npm() if program == "npm" else [program]
    return subprocess.run([*command, *rest], cwd=front_end.FOLDER, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
