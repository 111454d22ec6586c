"""Runs the tests (`script/test`): both variants of the core's tables in parallel, each in several processes."""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Final

from tests.browser import tools
from tests.statements.comparing import one_sided
from tests.statements.recorder import FOLDER
from tests.variants import VARIANTS

PROJECT: Final = Path(__file__).resolve().parent.parent
# pytest processes for each variant; the second one runs fewer tests. Tests spend half of their time waiting for workers
# and servers, so two cores carry four.
PROCESSES: Final = {"plain": 3, "native": 1}
FAST: Final = ("-n", "2", "-m", "not processes and not browser")  # these tests don't wait
ALL: Final = ("--every-variant", "--fuzz-seconds=600", "--machine-minutes=10")


def main(arguments: Sequence[str]) -> int:
    """Run the tests and print what they print.

    Args:
        arguments: those of the command line.

    Returns:
        The exit code: 0 if everything passed.
    """
    parser = argparse.ArgumentParser(prog="script/test", allow_abbrev=False, epilog="Other arguments go to pytest.")
    parser.add_argument("--fast", action="store_true", help="skip process and browser tests; plain variant only")
    parser.add_argument("--all", action="store_true", help="every test on both variants, and more; takes hours")
    parser.add_argument("--coverage", action="store_true", help="measure the coverage of the plain run")
    given, rest = parser.parse_known_args(arguments)
    if given.fast and given.all:
        parser.error("--fast and --all exclude each other.")
    skipped = "" if given.fast else _skipped_browser_tests(rest)
    options = [*(FAST if given.fast else ()), *(ALL if given.all else ()), *rest]
    if skipped:
        options.append(f"--ignore={tools.FOLDER}")
    with tempfile.TemporaryDirectory(prefix="opsconsole-statements-") as folder:
        runs = [
            _Run(
                variant,
                Path(folder),
                options,
                dev_mode=given.all,
                coverage=(given.coverage or given.all) and variant == VARIANTS[0],
            )
            for variant in (VARIANTS[:1] if given.fast else VARIANTS)
        ]
        failed = _finish(runs)
        # With arguments for pytest only some statements are sent, so there is nothing to compare.
        if not given.fast and not failed and not rest:
            failed = _compare_statements(Path(folder))
    if given.all and not failed and subprocess.call([sys.executable, "-m", "tests.mutations"], cwd=PROJECT):
        failed = ["the mutation proofs"]
    if skipped:
        _say(f"\n{skipped}")
    if failed:
        _say(f"\nFailed: {', '.join(failed)}")
    return 1 if failed else 0


class _Run:
    """pytest on one variant. The output of the first variant streams; `show` prints that of the other."""

    def __init__(self, variant: str, folder: Path, options: Sequence[str], *, dev_mode: bool, coverage: bool) -> None:
        self.variant = variant
        self._output: IO[str] | None = None if variant == VARIANTS[0] else tempfile.TemporaryFile("w+")  # noqa: SIM115
        statements = folder / variant
        statements.mkdir()
        startup = PROJECT / "tests" / "statements" / "startup"
        path = os.pathsep.join(filter(None, [str(startup), os.environ.get("PYTHONPATH")]))
        interpreter = [sys.executable, *(["-X", "dev"] if dev_mode else [])]
        measured = ["-m", "coverage", "run", "--parallel-mode"] if coverage else []
        workers = ["--variant", variant, "-n", str(PROCESSES[variant]), "--dist", "worksteal"]
        self.process = subprocess.Popen(
            [*interpreter, *measured, "-m", "pytest", *workers, *options],
            cwd=PROJECT,
            env={**os.environ, FOLDER: str(statements), "PYTHONPATH": path},
            stdout=self._output,
            stderr=self._output,
        )

    def show(self) -> None:
        """Print the buffered output."""
        if self._output is not None:
            self._output.seek(0)
            _say(f"\n=== Variant: {self.variant}\n{self._output.read()}")
            self._output.close()


def _finish(runs: Sequence[_Run]) -> list[str]:
    """Wait for all runs; return the variants that failed."""
    _say(f"=== Variant: {runs[0].variant}")
    try:
        failed = [run.variant for run in runs if run.process.wait() != 0]
    except KeyboardInterrupt:
        # The children received it too; wait until they have stopped their servers.
        for run in runs:
            run.process.wait()
        raise SystemExit(130) from None
    for run in runs:
        run.show()
    return failed


def _compare_statements(folder: Path) -> list[str]:
    """Compare what was sent on the variants; return the failure, if any."""
    findings = one_sided(*(folder / variant for variant in VARIANTS))
    for finding in findings:
        _say(f"\n{finding}")
    return [f"statements on one variant only: {len(findings)} (docs/testing.md)"] if findings else []


def _skipped_browser_tests(arguments: Sequence[str]) -> str:
    """Return the notice if the browser tests are skipped, otherwise an empty string."""
    missing = tools.missing()
    if not missing or os.environ.get("REQUIRE_BROWSER") or any("browser" in word for word in arguments):
        return ""
    return f"Skipped: the browser tests. Missing: {' and '.join(missing)}. Run script/setup --browser."


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 -- that is what it is for


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
