"""Which errors of a sync say that the provider refuses the credential, so that somebody has to connect it again."""

import re
from typing import Final

_REFUSED: Final = re.compile(
    # Not where the number is a name: “identity 401”.
    r"(?<!identity )(?<!account )(?<!conversation )(?<!message )(?<!page )(?<!job )(?<![#/])\b(?:401|403)\b(?![/%])"
    r"|\bunauthori[sz]ed\b|\bforbidden\b|\binvalid_(?:grant|token|client)\b|\brevoked\b"
    r"|(?<![a-z])(?:token|credentials?|grant|authori[sz]ation)(?: has| have| is| was| are)?[ _]expired\b"
    r"|\bexpired[ _](?:(?:access|refresh|oauth|bearer)[ _])?(?:token|credentials?|grant)\b"
    r"|\b(?:expiredtoken|tokenexpired)(?:error)?\b",
    re.IGNORECASE,
)
# What a picture's own server says is not about the credential; nor is what somebody told Celery's workers.
_ABOUT_OTHERS: Final = re.compile(
    r"\b(?:images?|attachments?|thumbnails?|avatars?|media|videos?|pictures?)\b|\btask was revoked\b|TaskRevokedError",
    re.IGNORECASE,
)


def says_refused(error: str) -> bool:
    """Say whether an error, one of its lines at least, is the provider's refusal of a credential."""
    return any(_REFUSED.search(line) and not _ABOUT_OTHERS.search(line) for line in error.splitlines())
