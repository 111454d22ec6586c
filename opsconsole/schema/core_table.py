"""What the console needs of one of the core's tables, beyond what the fields of its model say.

An unmanaged model carries it as the class attribute `core_table`; the drift check holds the real table against both.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

Severity = Literal["error", "warning", "info"]


@dataclass(frozen=True, kw_only=True)
class Lack:
    """What it means that a column can't hold one of the values that the console knows.

    Attributes:
        consequence: a full sentence: what the console can't do then.
        severity: `error` where an operation fails, `warning` where the console does without.
    """

    consequence: str
    severity: Severity


ONLY_SHOWN: Final = Lack(consequence="Nothing is lost by it: the console would only show it.", severity="info")


@dataclass(frozen=True, kw_only=True)
class Values:
    """The values of a column that the console knows; the only place that lists them for the drift check.

    Attributes:
        known: each value, and what its lack means.
        others: a full sentence: what the console does with a row that has any other value.
    """

    known: Mapping[str, Lack]
    others: str = "Rows that have it are shown as they are."


@dataclass(frozen=True, kw_only=True)
class Writes:
    """What the console writes into a table.

    Attributes:
        inserted: the columns that its INSERT names.
        updated: the columns that its UPDATE sets; without any it only inserts.
        nulled: the columns that it sets, or leaves, NULL.
        lengths: the most characters that it writes into a text column, where the model's field doesn't say so.
        unique: columns whose uniqueness it relies on, each with a full sentence: what fails without.
        at_stake: what fails when PostgreSQL refuses it; a main clause without its full stop.
    """

    inserted: tuple[str, ...]
    updated: tuple[str, ...] = ()
    nulled: tuple[str, ...] = ()
    lengths: Mapping[str, int] = field(default_factory=dict)
    unique: Mapping[str, str] = field(default_factory=dict)
    at_stake: str

    @property
    def columns(self) -> frozenset[str]:
        """All columns that it writes."""
        return frozenset(self.inserted + self.updated)


@dataclass(frozen=True, kw_only=True)
class CoreTable:
    """What the console needs of a table.

    Attributes:
        needed_for: what fails without the table; a plural noun phrase.
        values: the columns with a list of known values.
        writes: what is written; None where the table is only read.
    """

    needed_for: str
    values: Mapping[str, Values] = field(default_factory=dict)
    writes: Writes | None = None
