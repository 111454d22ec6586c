"""Runs the tests (`script/test`): both variants of the core's tables in parallel, each in several processes."""

import argparse
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Final

import pytest

from devserver.child import dying_with_parent
from tests.browser import tools
from tests.statements.comparing import one_sided
from tests.statements.recorder import FOLDER
from tests.variants import VARIANTS

PROJECT: Final = Path(__file__).resolve().parent.parent
# pytest processes for each variant; the second one runs fewer tests. Tests spend half of their time waiting for workers
# and servers, so two cores carry five. Those of --fast don't wait.
PROCESSES: Final = {"plain": 4, "native": 1}
FAST_PROCESSES: Final = 2
# Whoever asks for these tests means those with a browser.
_WITH_BROWSER: Final = ("tests/browser", "tests/web")
ALL: Final = ("--every-variant", "--fuzz-seconds=600", "--machine-minutes=10")


def main(arguments: Sequence[str]) -> int:
    """Run the tests and print what they print.

    Args:
        arguments: those of the command line.

    Returns:
        The exit code: 0 if everything passed.
    """
    parser = argparse.ArgumentParser(prog="script/test", allow_abbrev=False, epilog="Other arguments go to pytest.")
    extent = parser.add_mutually_exclusive_group()
    extent.add_argument("--fast", action="store_true", help="skip process, browser and slow tests; plain variant only")
    extent.add_argument("--all", action="store_true", help="every test on both variants, and more; takes hours")
    parser.add_argument("--coverage", action="store_true", help="measure the coverage of the first variant's run")
    parser.add_argument("--variant", choices=VARIANTS, help="run the tests on one variant only")
    given, rest = parser.parse_known_args(arguments)
    # Asked to stop by a signal, the tests stop their servers first.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    # A shell's background jobs ignore SIGINT. Restore it, because it stops the tests.
    signal.signal(signal.SIGINT, signal.default_int_handler)

    variants = [given.variant] if given.variant else VARIANTS[:1] if given.fast else VARIANTS
    skipped = "" if given.fast else _skipped_browser_tests(rest)
    options = ["--dist", "worksteal", f"--randomly-seed={secrets.randbelow(2**32)}"]
    options += ["--fast"] if given.fast else ALL if given.all else []
    options += ["--no-browser"] if skipped else []
    options += rest
    measured = given.coverage or given.all
    if measured:
        os.environ.setdefault("COVERAGE_FILE", str(PROJECT / ".coverage"))
        _coverage("erase")
    with tempfile.TemporaryDirectory(prefix="opsconsole-statements-") as folder:
        runs = [
            _Run(
                variant,
                Path(folder),
                ["-n", str(FAST_PROCESSES if given.fast else PROCESSES[variant]), *options],
                dev_mode=given.all,
                streamed=variant == variants[0],
                coverage=measured and variant == variants[0],
            )
            for variant in variants
        ]
        failed = _finish(runs)
        if len(runs) > 1 and not failed and not given.all:
            failed = _compare_statements(Path(folder), partial=bool(rest))
    if measured:
        _coverage("combine", "--quiet")
        _coverage("report")
    if given.all and not failed:
        failed = _prove_guards(partial=bool(rest))
    if skipped:
        _say(f"\n{skipped}")
    if failed:
        _say(f"\nFailed: {', '.join(failed)}")
    return 1 if failed else 0


class _Run:
    """pytest on one variant; its output streams, or is printed by `show`."""

    def __init__(
        self, variant: str, folder: Path, options: Sequence[str], *, dev_mode: bool, streamed: bool, coverage: bool
    ) -> None:
        self.variant = variant
        self._output: IO[str] | None = None
        if not streamed:
            self._output = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115 -- `show`
        statements = folder / variant
        statements.mkdir()
        startup = PROJECT / "tests" / "statements" / "startup"
        path = os.pathsep.join(filter(None, [str(startup), os.environ.get("PYTHONPATH")]))
        environment = {**os.environ, FOLDER: str(statements), "PYTHONPATH": path}
        if dev_mode:
            # Unlike the option -X dev, it reaches the processes of pytest-xdist.
            environment["PYTHONDEVMODE"] = "1"
        command = [sys.executable, *(["-m", "coverage", "run", "--parallel-mode"] if coverage else [])]
        command += ["-m", "pytest", "--variant", variant, "-o", f"cache_dir=.pytest_cache/{variant}", *options]
        self.process = subprocess.Popen(
            command,
            cwd=PROJECT,
            env=environment,
            stdin=None if streamed else subprocess.DEVNULL,
            stdout=self._output,
            stderr=self._output,
            preexec_fn=dying_with_parent(signal.SIGINT),  # noqa: PLW1509 - it calls one function of the C library
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
        codes = [run.process.wait() for run in runs]
    except BaseException as stopped:
        for run in runs:
            # Ctrl-C has reached it already.
            if run.process.poll() is None and not isinstance(stopped, KeyboardInterrupt):
                run.process.send_signal(signal.SIGINT)
        for run in runs:
            run.process.wait()
            run.show()
        raise
    for run in runs:
        run.show()
    passed = [pytest.ExitCode.OK]
    if pytest.ExitCode.OK in codes:
        # None of the chosen tests runs on the other variant.
        passed.append(pytest.ExitCode.NO_TESTS_COLLECTED)
    return [run.variant for run, code in zip(runs, codes, strict=True) if code not in passed]


def _compare_statements(folder: Path, *, partial: bool) -> list[str]:
    """Compare what was sent on the variants; return the failure, if any."""
    if partial:
        _say("\nThe statements of the variants were not compared: there were arguments for pytest.")
        return []
    findings = one_sided(*(folder / variant for variant in VARIANTS))
    for finding in findings:
        _say(f"\n{finding}")
    return ["the comparison of statements (docs/testing.md)"] if findings else []


def _prove_guards(*, partial: bool) -> list[str]:
    """Run the mutation proofs; return the failure, if any."""
    if partial:
        _say("\nThe mutation proofs were not run: there were arguments for pytest.")
        return []
    return ["the mutation proofs"] if subprocess.call([sys.executable, "-m", "tests.mutations"], cwd=PROJECT) else []


def _coverage(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "coverage", *arguments], cwd=PROJECT, check=False)


def _skipped_browser_tests(arguments: Sequence[str]) -> str:
    """Return the notice if the browser tests are skipped, otherwise an empty string."""
    missing = tools.missing()
    if not missing or os.environ.get("REQUIRE_BROWSER") or any(word.startswith(_WITH_BROWSER) for word in arguments):
        return ""
    return f"Skipped: the browser tests. Missing: {' and '.join(missing)}. Run script/setup --browser."


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 -- that is what it is for


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
