"""Proves the guards: `script/mutation-proofs`."""

import argparse
import signal
import sys
import time
from itertools import zip_longest

from tests.mutations import document
from tests.mutations.guards import GUARDS
from tests.mutations.proving import Proof, Unproven, prove


def main() -> int:
    """Prove all guards or one, and print what came of each."""
    parser = argparse.ArgumentParser(prog="script/mutation-proofs", description="Proves that each guard has a test.")
    parser.add_argument("--only", metavar="NAME", action="append", choices=[guard.name for guard in GUARDS])
    parser.add_argument("--list", action="store_true", help="list the guards and end")
    parser.add_argument("--document", action="store_true", help="write docs/guards.md and end")
    parser.add_argument("--jobs", type=int, default=2, help="how many at the same time (default: 2)")
    parser.add_argument("--variant", choices=("plain", "native"), default="plain", help="of the core's tables")
    given = parser.parse_args()
    if given.document:
        document.PATH.write_text(document.text())
        return 0
    guards = [guard for guard in GUARDS if not given.only or guard.name in given.only]
    if given.list:
        _say("\n".join(f"{guard.name}: {guard.keeps}" for guard in guards))
        return 0
    # Whoever is asked to stop leaves neither copies nor servers behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    started = time.monotonic()
    proven = 0
    _say(_row("guard", "file", "test that went red"))
    try:
        for proof in prove(guards, jobs=given.jobs, variant=given.variant):
            proven += not proof.problem
            _say(_rows(proof))
    except Unproven as error:
        _say(str(error))
        return 1
    _say(f"in {time.monotonic() - started:.0f} s\n{len(guards)} guards, {proven} proven")
    return 0 if proven == len(guards) else 1


def _rows(proof: Proof) -> str:
    guard = proof.guard
    reds = [f"NOT PROVEN: {proof.problem}"] if proof.problem else [test.partition("::")[2] for test in guard.tests]
    return "\n".join(_row(*cells) for cells in zip_longest([guard.name], guard.files, reds, fillvalue=""))


def _row(name: str, file: str, test: str) -> str:
    return f"{name:38} {file:48} {test}".rstrip()


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 -- that is what it is for


if __name__ == "__main__":
    sys.exit(main())
