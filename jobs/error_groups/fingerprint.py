"""Which failures are the same: the type of the job, and what its error says without what differs from case to case."""

import hashlib
import re
from typing import Final

from opsconsole.formatting import first_line

# Longer ones differ in what is normalised away, and would differ in where they are cut.
READ_LENGTH: Final = 500
SAID_LENGTH: Final = 200

# A number that says what went wrong: the status of an answer.
_STATUS: Final = r"""
    \b(?:https?(?:/[\d.]{1,3})?|status|code|error)(?:[ _]code)?[\s:=]{1,3}[1-5]\d\d\b
  | \b[45]\d\d(?=[ ](?:client|server)[ ]error\b|[ ](?:bad|unauthori|forbidden|not[ ]found|conflict|gone|too[ ]many
                      |internal|service|gateway))
"""
# In this order: what comes first may hold what comes later. Each takes a time that grows with the length only.
_PARTS: Final = re.compile(
    rf"""
    (?P<kept>{_STATUS})
  | (?P<url>\b[a-z][a-z0-9+.-]{{1,15}}://[^\s'"<>]+)
  | (?P<quoted>"[^"]*" | “[^”]*” | «[^»]*» | `[^`]*` | (?<!\w)'[^']*'(?!\w) | (?<!\w)‘[^’]*’(?!\w))
  | (?P<id>\b[0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}\b)
  | (?P<time>\b\d{{4}}-\d\d-\d\d(?:[t ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?)?(?:[ ]?(?:z|utc|[+-]\d\d:?\d\d))?\b
            | \b\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?\b)
  | (?P<number>\b\w*\d\w*(?:[.,:-]\w*\d\w*)*)
    """,
    re.IGNORECASE | re.VERBOSE,
)


def message_of(error: str | None) -> str:
    """Return what an error says, in one line.

    Args:
        error: the error, redacted: what is private must not be what tells groups apart.
    """
    return first_line(error, READ_LENGTH)


def normalised(message: str) -> str:
    """Return a message with what differs from case to case replaced: numbers, ids, times, addresses, quoted parts."""
    said = _PARTS.sub(lambda part: part[0] if part["kept"] else f"<{part.lastgroup}>", message[:READ_LENGTH])
    return " ".join(said.split()).casefold()[:SAID_LENGTH]


def fingerprint(job_type: str, message: str) -> str:
    """Return the short name of the failures that are the same as this one: sixteen hexadecimal digits.

    Args:
        job_type: the type of the job that failed.
        message: what its error says, as `message_of` returns it.
    """
    # Lone surrogates can't be encoded, and the core's writers can leave some.
    text = f"{job_type}\0{normalised(message)}".encode(errors="replace")
    return hashlib.blake2s(text, digest_size=8).hexdigest()
