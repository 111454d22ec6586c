"""The findings of the schema checks and the session checks."""

from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

from opsconsole.schema.core_table import Severity


class Kind(Enum):
    """A kind of difference, with the number of its system check."""

    MISSING_TABLE = 101
    MISSING_COLUMN = 102
    OTHER_TYPE = 103
    NULLABLE = 104
    UNKNOWN_REQUIRED = 105
    REFUSES_NULL = 106
    TOO_SHORT = 107
    NOT_UNIQUE = 108
    NOT_WRITABLE = 109
    MISSING_VALUE = 110
    UNKNOWN_VALUES = 111
    UNIQUENESS_UNKNOWN = 112
    SEVERAL_TABLES = 113
    # Of the session.
    SEARCH_PATH = 120
    TIME_ZONE = 121
    SHARED_SESSION = 122
    VALUE_FORM = 123
    READ_ONLY = 124

    @property
    def code(self) -> str:
        """The name that a program can tell it by."""
        return self.name.lower()

    def check_id(self, severity: Severity) -> str:
        """Return the id that its system check has at this severity, such as `opsconsole.E101`."""
        return f"opsconsole.{severity[0].upper()}{self.value}"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One difference between a model and the real table, or between a session and what the console needs.

    Attributes:
        kind: what differs.
        severity: `error` where the console can't do its work, `warning` where it does without, else `info`.
        table: the table; empty for a finding about the session.
        column: the column, or None when it is about the table.
        found: what is there, or None when nothing is.
        expected: what the console needs.
        sentence: what differs.
        consequence: what the console does about it, or can't do then.
    """

    kind: Kind
    severity: Severity
    table: str = ""
    column: str | None = None
    found: str | None
    expected: str
    sentence: str
    consequence: str

    def as_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {"code": self.kind.code, **{k: v for k, v in asdict(self).items() if k != "kind"}}
