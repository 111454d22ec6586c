"""Lighthouse on a page of the front end."""

import json
import os
import subprocess
from dataclasses import dataclass
from typing import Any

from devserver import front_end, node
from tests.browser import tools


@dataclass(frozen=True)
class Verdict:
    """What one run says.

    Attributes:
        address: of the page that it looked at in the end.
        scores: by category: performance, accessibility, best-practices; None: it could not tell.
        failed: audits that didn't pass, but for those of performance.
    """

    address: str
    scores: dict[str, int | None]
    failed: list[Any]


def run(address: str, session: str, times: int = 1) -> list[Verdict]:
    """Run it, with the desktop preset.

    Args:
        address: of the page.
        session: value of the cookie `session`.
        times: how often.
    """
    command = [str(node.node()), "tests/lighthouse.mjs", address, str(times)]
    environment = {**node.environment(os.environ), "SESSION": session, "CHROMIUM": tools.chromium() or ""}
    ended = subprocess.run(
        command, cwd=front_end.FOLDER, env=environment, capture_output=True, text=True, check=False, timeout=900
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    found = [json.loads(line) for line in ended.stdout.splitlines() if line.startswith("{")]
    assert not any(one.get("runtimeError") for one in found), found
    return [Verdict(one["address"], one["scores"], one["failed"]) for one in found]
