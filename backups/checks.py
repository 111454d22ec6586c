"""What a restore test has looked at: one check, with what was expected and what was found."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

# In the order in which they are made, with what people call them.
TITLES: Final = {
    "archive_checksum": "Checksum of the file",
    "restore": "Restores without an error",
    "tables_present": "Tables are all there",
    "row_counts": "Numbers of rows",
    "content_hashes": "Contents of the rows",
    "constraints_valid": "Foreign keys and other constraints",
    "sequences": "Sequences are ahead of their columns",
    "indexes": "Indexes are sound",
    "newest_row": "Newest row",
    "archive_readable": "Archive can be read to its end",
    "attachments_present": "Attachments are all there",
    "attachments_content": "Contents of the attachments",
    "restore_seconds": "Time to restore",
    "backup_age_seconds": "Age of the backup when tested",
}

# They say how long something took or how old it was, and are neither right nor wrong.
MEASURED: Final = frozenset({"restore_seconds", "backup_age_seconds"})


@dataclass(frozen=True, kw_only=True)
class Check:
    """One check.

    Attributes:
        name: one of TITLES.
        passed: whether what was found is what was expected; None where that could not be looked at.
        expected: a text or a number; what it should be.
        actual: a text or a number; what it is.
        error: a sentence where it did not pass, or why it could not be looked at.
    """

    name: str
    passed: bool | None
    expected: str | float | None = None
    actual: str | float | None = None
    error: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as the table keeps it."""
        return {
            "check_name": self.name,
            "passed": self.passed,
            "expected": self.expected,
            "actual": self.actual,
            "error": self.error,
        }


def tally(checks: Iterable[Mapping[str, Any]]) -> tuple[int, int]:
    """Return how many checks passed, and how many there are; what was only measured is none.

    Args:
        checks: as the table keeps them.
    """
    judged = [check.get("passed") is True for check in checks if check.get("check_name") not in MEASURED]
    return sum(judged), len(judged)
