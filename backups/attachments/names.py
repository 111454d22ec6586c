"""Names in an attachments archive: bytes, as the file system has them, and what people are shown of them."""

from typing import Final

# Everything lies under this one, but for the list of checksums, so that no file's name can be the list's.
FOLDER: Final = b"attachments/"
SUMS: Final = b"SHA256SUMS"
# In bytes; twice what Linux lets a program open by its path.
MAX_LENGTH: Final = 8_192
MAX_TEXT: Final = 300


def is_attachment(name: bytes) -> bool:
    """Say whether a member's name leads to somewhere inside the attachments, wherever they are unpacked."""
    if not name.startswith(FOLDER) or len(name) > MAX_LENGTH or b"\0" in name:
        return False
    return not {b"", b".", b".."} & set(name.removeprefix(FOLDER).split(b"/"))


def as_text(name: bytes) -> str:
    """Return a name as text that JSON and PostgreSQL take, at most MAX_TEXT characters of it."""
    # A few bytes become one character at the most four: never more than is needed is decoded.
    text = name[: MAX_TEXT * 4].decode("utf-8", "backslashreplace").replace("\0", "\\x00")
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 1]}…"
