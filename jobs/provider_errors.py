"""Recognizes errors in which the provider rejects a credential or limits the rate.

Retry rules, results and the health of identities all use this classifier. A number alone is no evidence: “query took
401 ms” says nothing about a credential. A number counts only if the text presents it as an HTTP status.
"""

import re
from typing import Final

# Only the start of an error is read. A longer text holds a whole page or payload.
MAX_LENGTH: Final = 100_000

# Tells a status from a count: after a count comes a unit, a counted thing, or “of 512”.
_NO_COUNT: Final = (
    r"(?!\s*(?:/|%|ms\b|s\b|sec(?:onds?)?\b|min(?:utes?)?\b|hours?\b|[kmg]?i?b\b|of\b|x\b|more\b|others?\b"
    r"|(?:byte|item|row|message|page|record|character|time|file|job|task|conversation|post|comment|request|response"
    r"|error|attempt|call|user|account|line|event|object|download|attachment|image|identit|entr)"
    r"(?:s|ies)\b|bytes?\b))"
)
# The end of a clause.
_END: Final = r"(?=\s*(?:$|[.,;:)\]}\"'’”|>]|[-–—]\s))"


def _status(codes: str, reasons: str) -> str:
    """Return the pattern of a text that presents one of these numbers as an HTTP status.

    Args:
        codes: a pattern that matches the numbers.
        reasons: a pattern that matches the phrases that servers send with them.

    Returns:
        The pattern, to be compiled with re.IGNORECASE.
    """
    code = rf"\b(?:{codes})\b"
    # “401 HTTP response” and “a 401 error”, but not “401 HTTP requests” or “401 error reports”.
    kind = (
        rf"(?:https?\s+)?(?:error|response|status(?:\s+code)?)\b(?:{_END}|(?=\s+(?:from|for|on|by|at|in|while|when)\b))"
    )
    reason = rf"\s*[:,(–—-]?\s*\(?(?:{reasons}|client error\b|server error\b|{kind})"
    ends = rf"(?:{_END}|(?={reason}))"
    named = rf"(?:\s+(?:is|was|of))?[\s:=(\[\"']{{0,4}}{code}{_NO_COUNT}"
    peer = r"server|provider|api|reddit|mastodon|host|endpoint|upstream|proxy|instance|service|receiver"
    says = r"returned|answered|replied|responded|returns|answers|responds|said|says"
    fails = r"failed to|unable to|could not|couldn't|cannot|can't"
    asks = r"fetch|refresh|authenticate|connect|request|sync|log ?in|reach|call|read"
    return "|".join(
        (
            # HTTP 401 · HTTP/1.1" 401 · HTTP Error 401 · status code: 403 · 'status': 401 · error code 401
            rf"\bhttps?(?:/\d(?:\.\d)?)?[\"']?(?:[ _-]?(?:status|response|error|code))*{named}",
            rf"(?<!exit )\bstatus(?:[ _-]?code)?[\"']?{named}",
            rf"\b(?:response|error)[ _-]?code[\"']?{named}",
            rf"[\"']code[\"']\s*:\s*[\"']?{code}{_NO_COUNT}",
            # <Response [401]> · unexpected response: 403
            rf"\bresponse\s*[:\[(]?\s*{code}{_NO_COUNT}{ends}",
            # 401 Unauthorized · 403 Client Error · received 401 HTTP response · a 401 error
            rf"{code}{reason}",
            # Error 401 · HTTPError: 403
            rf"(?:\b|[a-z])error\b\s*[:(\[]?\s*{code}{ends}",
            # a 401 from the provider
            rf"\b(?:an?|the)\s+{code}(?:{ends}|(?=\s+(?:from|by|when|while)\b))",
            # the API returned 403 · the server answered with 401
            rf"\b(?:{peer})\b[^\n]{{0,40}}?\b(?:{says})\b(?:\s+with|\s+an?|:){{0,2}}\s+{code}{ends}",
            # GET /api/me: 401
            rf"\b(?:GET|POST|PUT|PATCH|DELETE|HEAD)\s+\S{{1,2000}}\s*(?:->|→|=>|:)?\s+{code}{ends}",
            # Failed to fetch page 7: 401
            rf"\b(?:{fails})\s+(?:{asks})\b[^\n:]{{0,80}}:\s*{code}{ends}",
            # request failed with 401
            rf"\bfailed with\s+{code}{ends}",
        )
    )


_GRANTED: Final = r"(?<![a-z])(?:token|credentials?|grant|authori[sz]ation|consent|api[ _-]?key)"
# Not credentials: “sync token” and similar are positions in a list, and a “CSRF token” belongs to a form.
_PLACE: Final = (
    r"(?<!sync )(?<!page )(?<!csrf )(?<!lock )(?<!cursor )(?<!next )(?<!resume )(?<!pagination )(?<!continuation )"
    r"(?<!sync_)(?<!page_)(?<!csrf_)(?<!lock_)(?<!next_)(?<!resume_)"
)
_OAUTH: Final = r"(?:(?:access|refresh|oauth2?|bearer|api|auth(?:entication|orization)?)[ _-]?)"

# Only authorization servers, and libraries that talk to them, use these phrases.
_REFUSED: Final = re.compile(
    "|".join(
        (
            r"\binvalid[_ ]grant\b|\binvalid_(?:token|client)\b|\bunauthorized_client\b|\baccess_denied\b",
            r"\binsufficient[_ ]scope\b",
            r"\b(?:invalid|revoked|expired)(?:token|grant|client|credentials?)(?:error|exception)?\b",
            r"\btokenexpired(?:error|exception)?\b",
            rf"\b(?:invalid|bad|expired|unknown)\s+{_OAUTH}token\b|\binvalid or expired token\b",
            r"\b(?:bad|invalid) credentials?\b|\bcould not validate credentials\b",
            rf"{_OAUTH}token\s+(?:is|was|has become)\s+(?:invalid|not valid|no longer valid)\b",
            rf"{_GRANTED}\b[^\n.;]{{0,40}}\brevoked\b",
            r"\brevoked\b[^\n.;]{0,30}(?<![a-z])(?:token|credentials?|grant|authori[sz]ation|access|consent)\b",
            r"\b(?:access|permissions?)\b[^\n.;]{0,20}\brevoked\b",
            rf"{_PLACE}{_GRANTED}(?: has| have| is| was| are)?(?: been)?[ _]expired\b",
            r"\bexpired[ _](?:(?:access|refresh|oauth|bearer)[ _])?(?:token|credentials?|grant)\b",
        )
    ),
    re.IGNORECASE,
)
_NOT_REFRESHED: Final = re.compile(
    r"\b(?:fail(?:ed|ure)|unable|could not|couldn't|cannot|can't|error)\b[^\n]{0,20}\brefresh(?:ing)?\b"
    r"[^\n]{0,40}(?<![a-z])(?:token|credentials?)"
    r"|(?<![a-z])(?:token|credentials?) refresh (?:failed|error|was (?:refused|rejected|denied))"
    r"|\brefresherror\b",
    re.IGNORECASE,
)
# Temporary reasons why a valid token can't be refreshed.
_PASSING: Final = re.compile(
    r"time[ds]?[ -]?out|timeout|connect|unreachable|temporar|network|name resolution|getaddrinfo|\bssl|\bdns\b"
    r"|broken pipe|reset by peer|too many requests|rate[ _-]?limit|unavailable|bad gateway|internal server error"
    r"|maintenance|overloaded|try again|deadlock|database|redis|refreshed elsewhere|\boserror\b|jsondecodeerror|"
    + _status(r"429|5\d\d", "too many requests|service|bad gateway|gateway|internal"),
    re.IGNORECASE,
)
# Servers of any kind use these phrases.
_TURNED_AWAY: Final = re.compile(
    _status(
        "401|403",
        r"unauthori[sz]ed|forbidden|(?:authori[sz]ation|authentication) (?:required|failed|error)|access denied",
    )
    + r"|\bunauthori[sz]ed\b|\baccess\b[^\n]{0,60}\bforbidden\b"
    r"|(?<!are )(?<!is )\bforbidden\b(?!\s+(?:char|word|value|path|operation|field|name|key|control|element))",
    re.IGNORECASE,
)
_ASKED_TOO_OFTEN: Final = re.compile(
    _status("429", "too many requests|rate[ _-]?limit")
    + r"|\btoo many requests\b|\bdoing that too much\b|\brate[ _-]?limited\b"
    r"|\brate[ _-]?limit\b(?=[^\n]{0,40}\b(?:exceeded|reached|hit|exhausted)\b)|\bRATELIMIT:",
    re.IGNORECASE,
)
# Errors of a media server say nothing about the credential.
_MEDIA: Final = re.compile(r"\b(?:images?|attachments?|thumbnails?|avatars?|media|videos?|pictures?)\b", re.IGNORECASE)
_MEDIA_ADDRESS: Final = re.compile(
    r"https?://(?:i|img|images?|media|cdn\w*|static|preview|thumbs?|v)\."
    r"|https?://\S{1,2000}\.(?:jpe?g|png|gif|webp|avif|heic|svg|mp4|webm|mov)\b",
    re.IGNORECASE,
)
# Not the provider's doing: a revoked Celery task, or a wrong setup of the console, the core or one of their servers.
_OWN_TROUBLE: Final = re.compile(
    r"\btask\b[^\n]{0,80}\brevoked\b|taskrevokederror|\bcertificate\b[^\n]{0,40}\brevoked\b|\bfernet\b|\bdecrypt",
    re.IGNORECASE,
)


def rejects_credential(error: str) -> bool:
    """Return whether at least one line of an error says that the provider rejects the credential.

    Retries can't fix such an error. Somebody must connect the account again.
    """
    return any(_rejects(line) for line in error[:MAX_LENGTH].splitlines())


def is_rate_limit(error: str) -> bool:
    """Return whether at least one line of an error says that the provider limits the rate."""
    return any(_ASKED_TOO_OFTEN.search(line) and not _is_about_media(line) for line in error[:MAX_LENGTH].splitlines())


def _rejects(line: str) -> bool:
    if _OWN_TROUBLE.search(line):
        return False
    if _REFUSED.search(line):
        return True
    if _NOT_REFRESHED.search(line) and not _PASSING.search(line):
        return True
    return _TURNED_AWAY.search(line) is not None and not _is_about_media(line)


def _is_about_media(line: str) -> bool:
    # Ignore words inside a URL: they don't tell what kind of file the URL has.
    words = " ".join(word for word in line.split() if "/" not in word)
    return _MEDIA_ADDRESS.search(line) is not None or _MEDIA.search(words) is not None
