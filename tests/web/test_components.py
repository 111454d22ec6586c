"""The tests of the components, the data layer and the forwarder, which stand beside them: `npm test` in apps/web."""

import os
import subprocess

import pytest

from devserver import front_end, node
from tests.web import packages

pytestmark = [pytest.mark.processes, pytest.mark.long]

TIMEOUT_SECONDS = 1_200


def run(*command: str) -> None:
    """Run a program of the front end's packages, and fail with what it printed if it fails."""
    packages.install(front_end.FOLDER)
    program = front_end.FOLDER / "node_modules" / command[0]
    ended = subprocess.run(
        [str(node.node()), str(program), *command[1:]],
        cwd=front_end.FOLDER,
        env={**node.environment(os.environ), "NO_COLOR": "1", "CI": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=TIMEOUT_SECONDS,
    )
    if ended.returncode:
        pytest.fail(ended.stdout[-30_000:], pytrace=False)


def test_the_components_do_what_their_tests_say() -> None:
    run("vitest/vitest.mjs", "run", "--reporter=dot")
