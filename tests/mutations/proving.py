"""Taking guards out of copies of the project, and running the tests that should notice."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from xml.etree import ElementTree as ET

from tests.mutations.guard import ROOT, Edit, Guard, NotOnce

# For machines that have much else to do.
PROOF_SECONDS: Final = 300
BASELINE_SECONDS: Final = 900
# What stays behind: history, what was made, and all that is ignored.
_LEFT_OUT: Final = (
    ".git",
    ".venv",
    ".data",
    ".compat",
    ".next*",
    "node_modules",
    "__pycache__",
    ".*_cache",
    ".hypothesis",
    ".coverage*",
)
# Of these a test fails whatever it is about: the code without the guard is no code.
_NO_PROOF: Final = ("SyntaxError", "IndentationError", "ImportError", "ModuleNotFoundError", "NameError", "TypeError")


class Unproven(Exception):
    """A guard could be taken out, and a test that should have noticed did not fail; or it can't be told."""


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What came of taking out one guard; `problem` is empty where it is proven."""

    guard: Guard
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What pytest has said: the outcome of each test, and all of its output."""

    outcomes: dict[str, str]
    output: str

    def of(self, test: str) -> list[str]:
        """Return the outcomes of a test, of all its parameters: `passed`, `no proof`, or what it failed with."""
        return [outcome for node, outcome in self.outcomes.items() if node == test or node.startswith(f"{test}[")]


def prove(guards: Sequence[Guard], *, jobs: int, variant: str) -> Iterator[Proof]:
    """Prove guards, several at the same time; yields what came of each, in their order.

    Raises:
        Unproven: the tests fail with all guards in place.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="opsconsole-mutations-")))
        whole = _copied(ROOT, folder / "whole", _LEFT_OUT)
        _check_baseline(whole, guards, variant)
        pool = stack.enter_context(ThreadPoolExecutor(jobs))
        # What hasn't begun doesn't begin any more when whoever asked gives up.
        stack.callback(pool.shutdown, wait=True, cancel_futures=True)
        yield from pool.map(lambda job: _proof(whole, folder / str(job[0]), job[1], variant), enumerate(guards))


def _check_baseline(whole: Path, guards: Iterable[Guard], variant: str) -> None:
    """Have all tests pass in a copy from which nothing is taken out; compiles it for the copies to come as well."""
    tests = sorted({test for guard in guards for test in guard.tests})
    ran = _run(whole, tests, variant, BASELINE_SECONDS)
    bad = [test for test in tests if set(ran.of(test)) != {"passed"}]
    if bad:
        raise Unproven(f"{ran.output}\nWith all guards in place these tests don't pass: {', '.join(bad)}")


def _proof(whole: Path, folder: Path, guard: Guard, variant: str) -> Proof:
    try:
        _copied(whole, folder)
        _take_out(folder, guard.edits)
        ran = _run(folder, guard.tests, variant, PROOF_SECONDS)
    except (NotOnce, SyntaxError, Unproven) as error:
        return Proof(guard=guard, problem=str(error))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for test in guard.tests:
        outcomes = ran.of(test)
        if not any(outcome not in {"passed", "no proof"} for outcome in outcomes):
            said = "couldn't run" if not outcomes or "no proof" in outcomes else "passes"
            return Proof(guard=guard, problem=f"without it {test} {said}.\n{ran.output[-3_000:]}")
    return Proof(guard=guard)


def _take_out(folder: Path, edits: Iterable[Edit]) -> None:
    for edit in edits:
        edit.apply(folder)
        compile((folder / edit.file).read_text(), edit.file, "exec")


def _copied(source: Path, target: Path, left_out: Sequence[str] = ()) -> Path:
    # What is compiled is copied too, with its times, so that it counts.
    shutil.copytree(source, target, ignore=shutil.ignore_patterns(*left_out), symlinks=True)
    return target


def _run(folder: Path, tests: Iterable[str], variant: str, seconds: float) -> Ran:
    report = folder / "report.xml"
    # The copy's own modules, and nothing that the caller's environment says of the project's.
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("OPS_", "PYTHON", "COV"))}
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short", "--variant", variant]
    argv += [f"--junit-xml={report}", *tests]
    with (folder / "output").open("w+") as output:
        child = subprocess.Popen(argv, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT)
        try:
            child.wait(seconds)
        except subprocess.TimeoutExpired:
            # As Ctrl-C does, so that it stops the servers that it has started.
            child.send_signal(signal.SIGINT)
            _end(child)
            raise Unproven(f"the tests took longer than {seconds:g} seconds.") from None
        except BaseException:
            _end(child)
            raise
        output.seek(0)
        said = output.read()
    return Ran(outcomes=_outcomes(report) if report.exists() else {}, output=said)


def _end(child: subprocess.Popen[bytes]) -> None:
    try:
        child.wait(30)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _outcomes(report: Path) -> dict[str, str]:
    """Return how each test ended, from pytest's report."""
    found = {}
    for case in ET.parse(report).iter("testcase"):  # noqa: S314 -- pytest has written it
        node = f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name')}"
        failure = case.find("failure")
        # An error is one of collecting, or of what comes before and after a test.
        problem = case.find("error") if failure is None else None
        if failure is not None:
            message = failure.get("message", "")
            found[node] = "no proof" if message.startswith(_NO_PROOF) else message or "failed"
        elif problem is not None or case.find("skipped") is not None:
            found.setdefault(node, "no proof")
        else:
            found[node] = "passed"
    return found
