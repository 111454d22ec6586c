"""All tests on both variants of the core's tables, side by side: `script/test`. Arguments go to pytest.

Many of them wait for other processes, so that two runs on two cores take little longer than one. Each has servers of
its own. What the first run prints is shown as it comes, what the second one prints when both have ended. Coverage is
measured by the first alone: measuring takes as long as the tests, and the second runs the same code.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Final

from tests.browser import tools

VARIANTS: Final = ("plain", "native")
PROJECT: Final = Path(__file__).resolve().parent.parent
_SAYS_WHAT = "=== The core's tables in the {} variant"


def main(arguments: Sequence[str]) -> int:
    """Run the tests; returns the exit code: 0 where they passed on both variants.

    Args:
        arguments: for pytest. What the browser tests need may be missing, unless REQUIRE_BROWSER is set: they are
            left out then, which is said at the end.
    """
    missing = tools.missing()
    left_out = missing and not os.environ.get("REQUIRE_BROWSER") and not any("browser" in word for word in arguments)
    if left_out:
        arguments = [*arguments, f"--ignore={tools.FOLDER}"]
    first, *others = VARIANTS
    failed = []
    with tempfile.TemporaryFile("w+") as later:
        _say(_SAYS_WHAT.format(first))
        # Before the first one has ended, so that they run side by side.
        running = {variant: _start(variant, arguments, later) for variant in others}
        running = {first: _start(first, arguments, None), **running}
        try:
            failed = [variant for variant in VARIANTS if running[variant].wait() != 0]
        except KeyboardInterrupt:
            # They got it too, and tidy up.
            for process in running.values():
                process.wait()
            return 130
        later.seek(0)
        for variant in others:
            _say(f"\n{_SAYS_WHAT.format(variant)}\n{later.read()}")
    if left_out:
        _say(f"\nLeft out: the browser tests (tests/browser), for want of {' and '.join(missing)}; {tools.HOW}.")
    if failed:
        _say(f"\nTests failed on: {', '.join(failed)}")
    return 1 if failed else 0


def _start(variant: str, arguments: Sequence[str], output: IO[str] | None) -> subprocess.Popen[bytes]:
    measured = ["-m", "coverage", "run", "--parallel-mode"] if variant == VARIANTS[0] else []
    command = [sys.executable, "-X", "dev", *measured, "-m", "pytest", "--variant", variant, *arguments]
    return subprocess.Popen(command, cwd=PROJECT, stdout=output, stderr=output)


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 -- that is what it is for


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
