"""The numbers of what a task or a run returned."""

from typing import Any, Final

from opsconsole import formatting

_BYTES: Final = "_bytes"
_NOT_SUMS: Final = frozenset({"status", "errors", "error", "skipped_because"})


def counted(result: Any) -> list[tuple[str, str]]:
    """Return the numbers of a result in words, each with its name; bytes as a size."""
    if not isinstance(result, dict):
        return []
    return [
        (key.removesuffix(_BYTES).replace("_", " "), formatting.size(value))
        if key.endswith(_BYTES)
        else (key.replace("_", " "), formatting.number(value))
        for key, value in result.items()
        if key not in _NOT_SUMS and not key.endswith("_id") and isinstance(value, int) and not isinstance(value, bool)
    ]
