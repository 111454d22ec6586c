"""The checks of a restore test as a table; what isn't a check as this console writes it is shown as it is."""

import re
from dataclasses import dataclass
from typing import Any, Final

from backups.checks import MEASURED, TITLES, tally
from opsconsole import formatting
from opsconsole.formatting import Look
from opsconsole.redaction import redact

_PASSED: Final = Look(word="Passed", icon="check_circle", tone="good")
_FAILED: Final = Look(word="Failed", icon="error", tone="bad")
_UNKNOWN: Final = Look(word="Not known", icon="help", tone="idle")
_ONLY_MEASURED: Final = Look(word="Measured", icon="timer", tone="idle")
_LOOKS: Final[dict[bool | None, Look]] = {True: _PASSED, False: _FAILED}

# Characters of one value that are shown.
VALUE_SHOWN: Final = 500
CHECKSUM_SHOWN: Final = 12
ROWS_SHOWN: Final = 200

_CHECKSUM: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class CheckRow:
    """One check as the page shows it.

    Attributes:
        title: what people call it.
        look: whether it passed.
        expected: what it should be, in words.
        actual: what it is.
        error: a sentence where it did not pass.
    """

    title: str
    look: Look
    expected: str
    actual: str
    error: str


def table(checks_json: Any) -> tuple[list[CheckRow], Any]:
    """Return the checks as rows, and whatever else stands among them, redacted; nothing else is None."""
    checks = redact(checks_json)
    if not isinstance(checks, list):
        return [], checks
    known = [check for check in checks if _is_check(check)]
    odd = [check for check in checks if not _is_check(check)]
    rows = [_row(check) for check in known[:ROWS_SHOWN]]
    return rows, [*odd, *known[ROWS_SHOWN:]] or None


def passed_words(checks_json: Any) -> str:
    """Return how many checks passed, in words, or nothing where there are none."""
    checks = [check for check in checks_json if _is_check(check)] if isinstance(checks_json, list) else []
    passed, judged = tally(checks)
    return f"{passed:,} of {judged:,} passed" if judged else ""


def number_of(checks_json: Any, name: str) -> float | None:
    """Return the number that a check has found, such as the seconds to restore; None where there is none."""
    for check in checks_json if isinstance(checks_json, list) else []:
        if _is_check(check) and check["check_name"] == name:
            found = check.get("actual")
            if isinstance(found, int | float) and not isinstance(found, bool) and 0 <= found < 1e12:
                return found
    return None


def _is_check(check: Any) -> bool:
    return isinstance(check, dict) and isinstance(check.get("check_name"), str)


def _row(check: dict[str, Any]) -> CheckRow:
    name = check["check_name"]
    look = _LOOKS.get(check.get("passed") if isinstance(check.get("passed"), bool) else None, _UNKNOWN)
    if name in MEASURED:
        look = _ONLY_MEASURED
    error = check.get("error")
    return CheckRow(
        title=TITLES.get(name) or name.replace("_", " ").capitalize(),
        look=look,
        expected=_words(name, check.get("expected")),
        actual=_words(name, check.get("actual")),
        error="" if error is None else _cut(str(error)),
    )


def _words(name: str, value: Any) -> str:
    """Return a value as people read it: seconds as a duration, numbers with separators."""
    if value is None:
        return formatting.NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        seconds = name.endswith("_seconds") or name == "newest_row"
        return formatting.duration(int(value * 1_000)) if seconds and 0 <= value < 1e12 else formatting.number(value)
    text = str(value)
    # Enough to compare two at a glance; the whole one stands on the backup's page.
    return f"{text[:CHECKSUM_SHOWN]}…" if _CHECKSUM.fullmatch(text) else _cut(text)


def _cut(text: str) -> str:
    return text if len(text) <= VALUE_SHOWN else f"{text[:VALUE_SHOWN]}…"
