"""docs/guards.md, as the guards say."""

from typing import Final

from tests.mutations.guard import ROOT, Guard
from tests.mutations.guards import SECTIONS

PATH: Final = ROOT / "docs" / "guards.md"
_HEAD: Final = """\
# Guards

What keeps the promises of [the life of a job](life-of-a-job.md), and the test that goes red without it. Written by
`script/mutation-proofs --document` from `tests/mutations/guards.py`; a test says when it is out of date.

```sh
script/mutation-proofs                      # takes each guard out of a copy, and expects its tests to fail
script/mutation-proofs --only 'claimed once'
script/mutation-proofs --list
```

A guard counts as proven when its tests pass with it and each of them fails without it, in the test itself and not in an
import. Where a second guard would hold by itself, both are taken out together, and the table says so.
"""


def text() -> str:
    """Return the whole page."""
    parts = [_HEAD]
    for title, guards in SECTIONS.items():
        rows = "\n".join(_row(guard) for guard in guards)
        parts.append(f"## {title}\n\n| guard | what it keeps | where | proven by |\n|---|---|---|---|\n{rows}\n")
    return "\n".join(parts)


def _row(guard: Guard) -> str:
    where = "<br>".join(f"`{file}`" for file in guard.files)
    tests = "<br>".join(f"`{test.partition('::')[2]}` in `{test.partition('::')[0]}`" for test in guard.tests)
    return f"| {guard.name} | {guard.keeps} | {where} | {tests} |"
