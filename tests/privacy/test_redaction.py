"""The rules of redaction: what is planted anywhere is found, what is honest stays, and it takes its time only once."""

import json
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from opsconsole.redaction import CUT_MARGIN, REDACTED, redact, redact_name, redact_names, redact_start, redact_text
from tests.privacy.hard_texts import UNITS
from tests.privacy.secrets import Vault

QUICK = hypothesis(max_examples=100, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
CHANCE = st.randoms(use_true_random=False)
WORDS = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\"'\\"), max_size=40)


def nested_in_strings(value: Any, times: int) -> str:
    """Return JSON in a string in JSON in a string …"""
    text = json.dumps(value)
    for _ in range(times):
        text = json.dumps({"inner": text})
    return text


@QUICK
@given(chance=CHANCE, before=WORDS, after=WORDS)
def test_what_is_planted_in_a_text_is_found_between_any_words(chance: Any, before: str, after: str) -> None:
    vault = Vault(chance.choice)
    assert vault.found_in(redact_text(f"{before}\n{vault.text('a text')}\n{after}")) == []


@QUICK
@given(chance=CHANCE, depth=st.integers(0, 4))
def test_what_is_planted_in_a_document_is_found_at_any_depth_and_in_strings(chance: Any, depth: int) -> None:
    vault = Vault(chance.choice)
    document: Any = vault.document("a document")
    for _ in range(depth):
        document = [{"more": document}]
    shown = (
        json.dumps(redact(document)),
        redact_text(json.dumps(document)),
        redact_text(nested_in_strings(document, depth)),
        json.dumps(redact({"raw": nested_in_strings(document, depth)})),
    )
    assert vault.found_in(" ".join(shown)) == []


@QUICK
@given(chance=CHANCE, cut=st.integers(1, 600))
def test_a_document_that_was_cut_shows_nothing_either(chance: Any, cut: int) -> None:
    vault = Vault(chance.choice)
    document = vault.document("a document")
    # In a text, this key stands for the reason of an error.
    document["deep"][0]["er"].pop("message", None)
    document.pop("raw")
    document["errors"] = document["errors"][:1]
    text = json.dumps(document)
    for before in ("", "failed: ", '{"error": "'):
        whole = before + text
        assert vault.found_in(redact_start(whole[: cut + CUT_MARGIN], cut)) == []


@QUICK
@given(chance=CHANCE)
def test_redacting_again_changes_nothing(chance: Any) -> None:
    vault = Vault(chance.choice)
    document = vault.document("a document")
    for value in (json.dumps(document), repr(document), vault.text("a text")):
        once = redact_text(value)
        assert redact_text(once) == once
    assert redact(redact(document)) == redact(document)


@QUICK
@given(chance=CHANCE)
def test_a_redacted_document_is_still_one(chance: Any) -> None:
    document = Vault(chance.choice).document("a document")
    assert isinstance(json.loads(redact_text(json.dumps(document))), dict)


# --- what stays ---------------------------------------------------------------------------------------------------

HONEST = [
    "HTTPError: 429 Too Many Requests for https://www.reddit.com/r/django/comments/abc?limit=100&after=t3_1abc",
    'GitHub said {"message": "Not Found", "status": "404", "documentation_url": "https://docs.github.com/rest"}',
    "{'message': 'Invalid credentials', 'code': 88}",
    '{"status": "success", "messages_synced": 10, "text_length": 12, "content_type": "text/html", "errors": []}',
    'relation "messages" has no column "body"; the token expired; text was empty; the password must be changed',
    "KeyError: 'access_token'",
    "The key (provider_id, external_message_id)=(reddit, t4_abc) already exists.",
    "sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 of 2026/01/database.dump",
    "task 0b5d6c1e-7c53-4c89-8d1f-2f6f3b8c9d10 on console@host-7.example.org",
    'File "/srv/core/app/ingest/providers/reddit_client.py", line 212, in fetch_conversation_messages',
    'Traceback (most recent call last):\n  File "<stdin>", line 1, in <module>\nZeroDivisionError: division by zero',
    '{"token": null, "body": "", "tokens": [], "text": {}, "session": false}',
    "https://example.org/a/very/long/path/that/Goes/On2/And/On/without/any/secret/in/it/at/all/index.html",
    'It’s 5 o\'clock: "text" is a word',
    "Failed to refresh token: timed out",
    "Failed to refresh token: requests.exceptions.ReadTimeout: HTTPS",
    "Failed to refresh token: invalid_grant",
    "Failed to refresh access token: ConnectionError(MaxRetryError(…))",
    "Failed to refresh credentials: received 429 HTTP response",
    "Failed to refresh token: HTTP 401",
    "access token: revoked. Connect again",
    "not synced (access token: expired) for a day",
    "Failed to refresh token: server: overloaded",
    "ingest.sync_delta",
    "light tasks highlight",
]


@pytest.mark.parametrize("text", HONEST)
def test_what_is_honest_stays_as_it_is(text: str) -> None:
    assert redact_text(text) == text
    assert redact_text(f"before {text} after") == f"before {text} after"
    assert redact_name(text) == text


def test_only_the_private_part_of_a_text_goes() -> None:
    assert redact_text('400: {"id": 7, "tokens": ["a", {"b": "c"}], "text": \'it\', "pin": 1234, "n": 5} at 12:00') == (
        '400: {"id": 7, "tokens": [redacted], "text": [redacted], "pin": [redacted], "n": 5} at 12:00'
    )


@pytest.mark.parametrize(
    "secret",
    [
        "timed-out-9f8e7d",
        "revoked9f8e7d",
        "expired.9f8e7d6c",
        "httpsecret",
        "error=9f8e7d",
        "Timeout/9f8e7d",
        "x9ReadTimeout",
        "invalid_grant_9f8e",
        "connection+9f8e",
        "server'9f8e",
        "server:hunter2zzz",
        "http:abcSECRETdef",
        "refused(abcSECRETdef",
        "expired,9f8e7d6c",
        "revoked;9f8e7d6c",
        "ReadTimeout:9f8e7d",
        "client:9f8e7d",
    ],
)
def test_a_secret_that_begins_like_a_reason_goes(secret: str) -> None:
    assert secret not in redact_text(f"Failed to refresh token: {secret} again")
    assert secret not in redact_text(f"password={secret}")


def test_a_row_is_redacted_in_place_where_it_holds_texts() -> None:
    row = {"name": "token=abcdef", "type": "ingest.sync", "count": 5, "none": None, "other": "token=abcdef"}
    redact_names(row, ("name", "type", "count", "none", "missing"))
    assert row == {
        "name": f"token={REDACTED}",
        "type": "ingest.sync",
        "count": 5,
        "none": None,
        "other": "token=abcdef",
    }


# --- how long it takes --------------------------------------------------------------------------------------------


def cpu_seconds(text: str) -> float:
    """Return what redacting a text costs: of this thread's own time, which others on the machine don't lengthen."""
    began = time.thread_time()
    redact_text(text)
    return time.thread_time() - began


def grows_with_the_length_only(whole: str, eighth: str) -> bool:
    """Compare a text with one like it that is an eighth as long; quadratic, it would cost 64 times as much."""
    # What takes next to no time is not compared. A second try is for a machine that is slow for a moment.
    return any(cpu_seconds(whole) < 30 * cpu_seconds(eighth) + 1.0 for _ in range(2))


@pytest.mark.slow
@pytest.mark.parametrize("unit", UNITS)
def test_a_million_characters_take_a_time_that_grows_with_their_number_only(unit: str) -> None:
    def text(length: int) -> str:
        return (unit * (length // len(unit) + 1))[:length]

    assert grows_with_the_length_only(text(1_000_000), text(125_000))


@pytest.mark.slow
def test_a_document_of_a_million_characters_takes_a_time_that_grows_with_its_length_only() -> None:
    def wide(rows: int) -> str:
        return json.dumps([{"token": "x", "text": ["y"], "n": n} for n in range(rows)])

    def deep(levels: int) -> str:
        return "[" * levels + "]" * levels

    assert grows_with_the_length_only(wide(24_000), wide(3_000))
    assert grows_with_the_length_only(deep(480_000), deep(60_000))
    assert redact(json.loads(wide(3_000))) == [{"token": REDACTED, "text": REDACTED, "n": n} for n in range(3_000)]


def test_a_document_in_a_string_in_a_document_is_redacted_however_often_its_quotes_are_escaped() -> None:
    assert "it is 8" not in redact_text(nested_in_strings({"pin": "it is 8"}, 14))
