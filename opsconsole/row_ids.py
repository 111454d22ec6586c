"""The ids of rows, as addresses, forms and payloads name them."""

from typing import Any, Final

MAX_ID: Final = 2**63 - 1
_MAX_DIGITS: Final = len(str(MAX_ID))


def row_id(value: Any) -> int | None:
    """Return what a text or a JSON value says as the id of a row, or None when no row can have it."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _MAX_DIGITS:
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= MAX_ID:
        return value
    return None
