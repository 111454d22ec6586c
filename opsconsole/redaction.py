"""What is private never leaves the process: secrets and message texts in payloads, errors, results and arguments.

Two rules: a value under a key that names a secret or a text is replaced whole, also where keys and values stand in a
text as JSON or Python write them; in every other text, whatever looks like a token or a credential is replaced where
it stands. All of it takes a time that grows with the length only.
"""

import json
import math
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final

import orjson

REDACTED = "[redacted]"
# Of a text that is shown up to some length, so many characters more are read: a token that is cut in two is not known
# for one any more.
CUT_MARGIN = 256
MAX_DEPTH = 20
TOO_DEEP = "[too deeply nested to show]"

# Words that make a key private when they are one of the key's words (`api_key`, `accessToken`, `body-text`).
_SECRET_WORDS = frozenset(
    "secret secrets password passwd passphrase pwd token tokens apikey credential credentials authorization "
    "authentication bearer cookie cookies jwt csrf signature private otp pin".split()
)
_TEXT_WORDS = frozenset("text body content html markdown caption snippet draft prompt transcript".split())
_PRIVATE_KEYS = frozenset({"api_key", "access_key", "secret_key", "private_key", "message", "reply", "subject"})
# Errors are full of `"message": "Not found"`: in a text it stands for the reason, in a payload for what somebody wrote.
_READABLE_IN_TEXTS = frozenset({"message"})
# `message_id`, `content_type`, `token_count`: a number, a kind or a time of something private is not private itself.
_PRIVATE_IN_ONE = re.compile(
    r"(?:secret|passw(?:or)?d|passphrase|token|credential|sessionid|bodytext|selftext)s?$"
    r"|(?:api|access|private|secret|encryption|signing|session|client)key$|^(?:auth|session)$"
)
_HARMLESS_LAST_WORDS = frozenset("id ids count counts type types at length size status kind limit".split())
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")

# A quoted value up to the quote that closes it, or to the end of a text that was cut inside of it. In JSON within JSON
# its quotes are escaped: what closes it has as many backslashes as what opened it, and one with fewer closes what is
# around it.
_QUOTED = (
    r"(?P<escape>\\*+)(?P<quote>[\"'])"
    r"(?:[^\\\"']++|\\++(?![\"'])|(?!(?P=escape)(?P=quote))(?P=escape)\\*+[\"']|\\*+(?!(?P=quote))[\"'])*+"
    r"(?:(?P=escape)(?P=quote)|\Z|(?=\\*+(?P=quote)))"
)
_ASSIGNED = r"\\*[\"']?\s{0,8}(?:=>|[=:])\s{0,8}"
_PRIVATE_NAMES = (
    r"(?:secret|passw(?:or)?d|passphrase|pwd|token|api[_-]?key|access[_-]?key|private[_-]?key|credential|session"
    r"|signature|body_text)"
)
# A quoted key, as in JSON (also within JSON, with escaped quotes), in Python and in Ruby.
_KEY = re.compile(r"(?<!\\)(?P<quote>\\*+[\"'])(?P<key>[\w .-]{1,64})(?P=quote)\s{0,8}(?:=>|[=:])\s{0,8}")
# What a value may be made of: quoted texts and brackets; and one that is neither.
_PARTS = re.compile(rf"(?P<open>[\[{{(])|(?P<close>[\]}})])|(?<!\\){_QUOTED}")
_VALUE = re.compile(rf"{_QUOTED}")
_BARE_VALUE = re.compile(r"[^\s,;)\]}\"'\\]+")
# What is shown under private keys too: that there is nothing, whether it is so, and what was redacted already.
_NOTHING = (
    r"(?:(?:null|true|false|None|True|False)\b|\\*[\"']?\[redacted\]|\\*\"\\*\"(?!\")|\\*'\\*'(?!')|\[\s*\]|\{\s*\})"
)
_SAYS_NOTHING = re.compile(_NOTHING)
# Not a secret but a reason: “Failed to refresh token: ReadTimeout”. Only whole words match: what goes on after a word
# without a space, such as “server:hunter2”, may be a secret. Only the name of an exception can have a bracket after it.
_REASON = (
    r"(?:(?:(?:[a-z_]{1,40}\.){0,5}[a-z]{1,40}(?:error|exception|timeout)(?=\(|[,;:.)]?(?:\s|\Z))"
    r"|(?:invalid_(?:grant|client|token|request|scope)|unauthorized_client|access_denied|revoked|expired|rejected"
    r"|refused|timed|timeout|received|connection|unauthori[sz]ed|forbidden|temporarily|server|client|http)"
    r"(?=[,;:.)]?(?:\s|\Z))))"
)


def _pattern(expression: str) -> re.Pattern[str]:
    return re.compile(expression, re.IGNORECASE)


# Each with words of which one stands in every text that it matches: looking for these is quick, and most texts have
# none. What is left over grows with the text's length only: no repetition can be entered at two places of one run.
_TOKEN_PATTERNS: tuple[tuple[tuple[str, ...], re.Pattern[str], str], ...] = (
    # user:password@ of a URL
    (("://",), _pattern(r"(?<=://)[^\s/'\"]{1,512}@"), f"{REDACTED}@"),
    # What a database says of the row that it didn't take, and an ORM of a statement's parameters: message texts too.
    (
        ("failing row contains",),
        _pattern(r"(?<=failing row contains )\([\s\S]*?(?=\n(?:\[SQL|CONTEXT|The above|During handling)|\Z)"),
        REDACTED,
    ),
    (("[parameters: ",), _pattern(r"(?<=\[parameters: )(?!\[redacted\])[^\n]+"), f"{REDACTED}]"),
    # Bearer …, Basic …, Token …
    (
        ("bearer", "basic", "token"),
        _pattern(
            r"(?P<keep>\b(?:bearer|basic|token)\s{1,8}+)(?:(?=[\w.~+/=-]*[\d=._-])[\w.~+/=-]{8,}|[\w.~+/=-]{20,})"
        ),
        rf"\g<keep>{REDACTED}",
    ),
    # The headers Authorization and Cookie, whose values have several words
    (
        ("authorization", "cookie"),
        _pattern(
            rf"(?P<keep>(?:authorization|cookies?){_ASSIGNED})(?!{_NOTHING})"
            rf"(?:{_QUOTED}|(?:\w{{1,16}}\s{{1,8}})?[^\s,;\"']+(?:;\s{{0,8}}[^\s;=]{{1,128}}=[^\s;\"']*)*)"
        ),
        rf"\g<keep>{REDACTED}",
    ),
    # key=value, key: value and "key": "value" under a key that names a secret
    (
        ("secret", "passw", "passphrase", "pwd", "token", "key", "credential", "session", "signature", "body_text"),
        _pattern(
            rf"(?P<keep>{_PRIVATE_NAMES}[\w-]{{0,64}}+{_ASSIGNED})"
            rf"(?!{_NOTHING}|{_REASON})(?:{_QUOTED}|[^\s,;&)\]}}\"'\\]{{4,}})"
        ),
        rf"\g<keep>{REDACTED}",
    ),
    # JSON web tokens, and the prefixes that providers give their tokens
    (("eyj",), re.compile(r"\beyJ[\w-]{6,}(?:\.[\w-]*){0,2}"), REDACTED),
    (
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "xox", "sk-", "pk_", "rk_", "akia", "ya29.", "glpat-"),
        re.compile(r"\b(?:gh[pousr]_|github_pat_|xox[abprs]-|sk-|pk_|rk_|AKIA|ya29\.|glpat-)[\w.-]{10,}"),
        REDACTED,
    ),
    # a private key in PEM
    (
        ("private key",),
        re.compile(
            r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|\Z)", re.DOTALL
        ),
        REDACTED,
    ),
)
# Long runs of base64 or hex with digits and both cases: what is left of tokens without a name. Hashes and UUIDs
# (lower-case hex) stay readable, since errors and payloads are full of honest ones.
_RUN = re.compile(r"(?<![\w/.+-])[\w+-]{32,}={0,2}(?![\w/])")
_MIXED = (re.compile("[a-z]"), re.compile("[A-Z]"), re.compile("[0-9]"))
# NUL, which PostgreSQL takes in no text, and lone surrogates, which no encoding takes.
_NOT_STORABLE = re.compile("[\x00\ud800-\udfff]")


# Looking for all of the words at once is what most texts cost.
_WORDS = tuple((word, index) for index, (words, _, _) in enumerate(_TOKEN_PATTERNS) for word in words)
_SHORTEST_RUN: Final = 32
# What is remembered is no longer than this.
_SHORT: Final = 256


def is_private_key(key: str) -> bool:
    """Say whether the value under this key of a payload is a secret or a message's text."""
    return _is_private(key[-_SHORT:])


@lru_cache(maxsize=4_096)
def _is_private(key: str) -> bool:
    words = [word.lower() for word in _WORD.findall(key)]
    if not words or words[-1] in _HARMLESS_LAST_WORDS:
        return False
    if "_".join(words) in _PRIVATE_KEYS or "_".join(words[-2:]) in _PRIVATE_KEYS:
        return True
    if any(word in _SECRET_WORDS for word in words) or words[-1] in _TEXT_WORDS:
        return True
    # Written in one, as in `clientsecret`.
    return _PRIVATE_IN_ONE.search("".join(words)) is not None


def redact_text(text: str, *, _depth: int = 0) -> str:
    """Return the text with everything that looks like a credential replaced by `[redacted]`.

    What stands under private keys of JSON, or of what looks like it, is replaced too. NUL characters and lone
    surrogates become U+FFFD.
    """
    text = _NOT_STORABLE.sub("\ufffd", text)
    document = _redacted_document(text, _depth)
    if document is not None:
        return document
    text = _without_private_values(text)
    lowered = text.lower()
    for index in sorted({index for word, index in _WORDS if word in lowered}):
        _, pattern, replacement = _TOKEN_PATTERNS[index]
        text = pattern.sub(replacement, text)
    return _RUN.sub(_without_opaque, text) if len(text) >= _SHORTEST_RUN else text


@lru_cache(maxsize=4_096)
def _redact_short(text: str) -> str:
    return redact_text(text)


def redact_name(text: str) -> str:
    """Return a name, a type or the like without anything that looks like a credential; the same few come again."""
    return _redact_short(text) if len(text) <= _SHORT else redact_text(text)


def redact_names(row: dict[str, Any], names: Iterable[str]) -> None:
    """Redact these values of a row in place, those that are texts."""
    for name in names:
        if isinstance(value := row.get(name), str):
            row[name] = redact_name(value)


def _redacted_document(text: str, depth: int) -> str | None:
    """Return a text that is a JSON document without what is private in it; None when it is none, or has nothing."""
    if depth >= MAX_DEPTH or not text.lstrip(" \n\r\t").startswith(("{", "[")):
        return None
    try:
        # orjson only checks that the text can be written as UTF-8. Python's parser keeps whole numbers of any size.
        orjson.loads(text)
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    shown = redact(document, _depth=depth + 1)
    return None if shown == document else json.dumps(shown, ensure_ascii=False)


def _without_private_values(text: str) -> str:
    """Return a text in which what stands after quoted private keys is replaced."""
    if "'" not in text and '"' not in text:
        return text
    parts: list[str] = []
    done = 0
    for found in _KEY.finditer(text):
        key = found["key"]
        if found.start() < done or not is_private_key(key) or key.lower() in _READABLE_IN_TEXTS:
            continue
        start = found.end()
        if _SAYS_NOTHING.match(text, start):
            continue
        end = _end_of_value(text, start)
        if end > start:
            parts += [text[done:start], REDACTED]
            done = end
    return "".join([*parts, text[done:]])


def _end_of_value(text: str, start: int) -> int:
    """Return where a value ends: a quoted one, one in brackets with all that they hold, or a bare one."""
    if quoted := _VALUE.match(text, start):
        return quoted.end()
    if text[start : start + 1] not in {"[", "{", "("}:
        bare = _BARE_VALUE.match(text, start)
        return bare.end() if bare else start
    depth = 0
    for part in _PARTS.finditer(text, start):
        depth += 1 if part["open"] else -1 if part["close"] else 0
        if depth == 0:
            return part.end()
    # Cut inside of it.
    return len(text)


def redact_start(text: str, length: int) -> str:
    """Return the first `length` characters of a text, redacted.

    Args:
        text: the text, or of a longer one its first `length + CUT_MARGIN` characters.
        length: how many to show.
    """
    shown = redact_text(text)
    if len(text) >= length + CUT_MARGIN:
        shown = shown[:-CUT_MARGIN]
    return shown[:length]


def _without_opaque(run: re.Match[str]) -> str:
    found = run.group()
    return REDACTED if all(kind.search(found) for kind in _MIXED) else found


def redact(value: Any, *, _depth: int = 0) -> Any:
    """Return a copy of a JSON value without what is private in it, at any depth."""
    if isinstance(value, str):
        return redact_text(value, _depth=_depth)
    if _depth >= MAX_DEPTH and isinstance(value, dict | list):
        return TOO_DEEP
    if isinstance(value, dict):
        return {
            redact_name(str(key)): REDACTED
            if is_private_key(str(key)) and not isinstance(item, bool) and item not in (None, "", [], {})
            else redact(item, _depth=_depth + 1)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [redact(item, _depth=_depth + 1) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        # Python writes NaN and Infinity as JSON; nobody else reads them.
        return str(value)
    return value
