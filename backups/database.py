"""Dump of the database."""

from typing import Any

from backups.folder import Part
from backups.reporting import Reporter


def dump(part: Part, reporter: Reporter, *, expected_bytes: int | None) -> dict[str, Any]:
    """Dump the database."""
    raise NotImplementedError
