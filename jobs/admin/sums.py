"""The numbers of what a task or a run returned."""

from typing import Any, Final

_NOT_SUMS: Final = frozenset({"status", "errors", "error", "skipped_because"})


def counted(result: Any) -> list[tuple[str, int]]:
    """Return the numbers of a result with their names in words."""
    if not isinstance(result, dict):
        return []
    return [
        (key.replace("_", " "), value)
        for key, value in result.items()
        if key not in _NOT_SUMS and not key.endswith("_id") and isinstance(value, int) and not isinstance(value, bool)
    ]
