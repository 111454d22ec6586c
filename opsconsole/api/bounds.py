"""How large a page of a list may be: where it would be larger, its long texts are shortened, all to the same length."""

from collections.abc import Sequence
from typing import Any, Final

from opsconsole.api.rendering import ORJSONRenderer

MAX_PAGE_BYTES: Final = 1024 * 1024


def shorten(rows: Sequence[dict[str, Any]], *names: str, limit: int = MAX_PAGE_BYTES) -> None:
    """Shorten texts of rows evenly where all rows together would have more bytes than a page may.

    A text that was shortened is marked by a further key, its own with `_cut` after it.

    Args:
        rows: the rows of a page, changed in place.
        names: the keys of the texts.
        limit: bytes as JSON.
    """
    size = _bytes(rows)
    if size <= limit:
        return
    texts = [(row, name, row[name]) for row in rows for name in names if row.get(name)]
    sizes = [_bytes(text) for _, _, text in texts]
    # The mark takes its bytes too.
    room = limit - (size - sum(sizes)) - sum(len(name) + 14 for _, name, _ in texts)
    allowed = _even_share(sizes, max(room, 0))
    for (row, name, text), found in zip(texts, sizes, strict=True):
        if found > allowed:
            row[name] = _first(text, allowed)
            row[f"{name}_cut"] = True


def _even_share(sizes: Sequence[int], room: int) -> int:
    """Return how many bytes each may have so that all fit; the short ones leave theirs to the others."""
    left = sorted(sizes)
    for index, size in enumerate(left):
        share = room // (len(left) - index)
        if size > share:
            return share
        room -= size
    return max(left, default=0)


def _first(text: str, allowed: int) -> str:
    """Return as much of a text's beginning as has no more bytes than allowed, as JSON."""
    low, high = 0, min(len(text), allowed)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if _bytes(text[:middle]) <= allowed else (low, middle - 1)
    return text[:low]


def _bytes(value: Any) -> int:
    return len(ORJSONRenderer().render(value))
