"""What is private never leaves the process: secrets and message texts in payloads, errors, results and arguments.

Two rules: a value under a key that names a secret or a text is replaced whole; in every other string, whatever
looks like a token or a credential is replaced where it stands.
"""

import re
from typing import Any

REDACTED = "[redacted]"
MAX_DEPTH = 20
TOO_DEEP = "[too deeply nested to show]"

# Words that make a key private when they are one of the key's words (`api_key`, `accessToken`, `body-text`).
_SECRET_WORDS = frozenset(
    "secret secrets password passwd passphrase pwd token tokens apikey credential credentials authorization "
    "authentication bearer cookie cookies jwt csrf signature private otp pin".split()
)
_TEXT_WORDS = frozenset("text body content html markdown caption snippet draft prompt transcript".split())
_PRIVATE_KEYS = frozenset({"api_key", "access_key", "secret_key", "private_key", "message", "reply", "subject"})
# `message_id`, `content_type`, `token_count`: a number, a kind or a time of something private is not private itself.
_HARMLESS_LAST_WORDS = frozenset("id ids count counts type types at length size status kind limit".split())
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")

_TOKEN_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    # user:password@ of a URL
    (re.compile(r"(?P<keep>\b[a-z][a-z0-9+.-]{1,20}://)[^\s/@'\"]{1,512}@", re.IGNORECASE), r"\g<keep>[redacted]@"),
    # Authorization: Bearer …, Basic …, Token …
    (
        re.compile(r"(?P<keep>\b(?:bearer|basic|token)\s+)(?=[\w.~+/=-]*[\d=._-])[\w.~+/=-]{8,}", re.IGNORECASE),
        r"\g<keep>[redacted]",
    ),
    # key=value, key: value and "key": "value" under a key that names a secret
    (
        re.compile(
            r"(?P<keep>[\"']?\b[\w-]*(?:secret|passw(?:or)?d|passphrase|token|api[_-]?key|access[_-]?key|private[_-]?key"
            r"|authorization|credential|cookie|body_text|session)[\w-]*\b[\"']?\s*(?:=>|[=:])\s*)"
            r"(?:\"(?:[^\"\\]|\\.){0,4096}\"|'(?:[^'\\]|\\.){0,4096}'|(?!\[redacted\])[^\s,;&)\]}\"']{4,})",
            re.IGNORECASE,
        ),
        r"\g<keep>[redacted]",
    ),
    # JSON web tokens, and the prefixes that providers give their tokens
    (re.compile(r"\beyJ[\w-]{6,}(?:\.[\w-]*){0,2}"), REDACTED),
    (re.compile(r"\b(?:gh[pousr]_|github_pat_|xox[abprs]-|sk-|pk_|rk_|AKIA|ya29\.|glpat-)[\w.-]{10,}"), REDACTED),
    # a private key in PEM
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL), REDACTED),
)
# Long runs of base64 or hex with digits and both cases: what is left of tokens without a name. Hashes and UUIDs
# (lower-case hex) stay readable, since errors and payloads are full of honest ones.
_OPAQUE = re.compile(r"(?<![\w/.-])(?=[\w+-]*[a-z])(?=[\w+-]*[A-Z])(?=[\w+-]*\d)[\w+-]{32,}={0,2}(?![\w/])")
# NUL, which PostgreSQL takes in no text, and lone surrogates, which no encoding takes.
_NOT_STORABLE = re.compile("[\x00\ud800-\udfff]")


def is_private_key(key: str) -> bool:
    """Say whether the value under this key of a payload is a secret or a message's text."""
    words = [word.lower() for word in _WORD.findall(key)]
    if not words or words[-1] in _HARMLESS_LAST_WORDS:
        return False
    if "_".join(words) in _PRIVATE_KEYS or "_".join(words[-2:]) in _PRIVATE_KEYS:
        return True
    return any(word in _SECRET_WORDS for word in words) or words[-1] in _TEXT_WORDS


def redact_text(text: str) -> str:
    """Return the text with everything that looks like a credential replaced by `[redacted]`.

    NUL characters and lone surrogates become U+FFFD.
    """
    text = _NOT_STORABLE.sub("\ufffd", text)
    for pattern, replacement in _TOKEN_PATTERNS:
        text = pattern.sub(replacement, text)
    return _OPAQUE.sub(REDACTED, text)


def redact(value: Any, *, _depth: int = 0) -> Any:
    """Return a copy of a JSON value without what is private in it, at any depth."""
    if isinstance(value, str):
        return redact_text(value)
    if _depth >= MAX_DEPTH and isinstance(value, dict | list):
        return TOO_DEEP
    if isinstance(value, dict):
        return {
            redact_text(str(key)): REDACTED
            if is_private_key(str(key)) and item not in (None, "", [], {})
            else redact(item, _depth=_depth + 1)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [redact(item, _depth=_depth + 1) for item in value]
    return value
