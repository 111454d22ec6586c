"""Which failures are the same."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs.error_groups.fingerprint import READ_LENGTH, SAID_LENGTH, fingerprint, message_of, normalised

# The same examples each time, however long they take.
STEADY = settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])

SAME = [
    ("Failed to fetch conversation 12", "Failed to fetch conversation 40312"),
    ("No row with id 3f2b8c1e-7a54-4d0e-9c55-0123456789ab", "No row with id aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"),
    ("Could not read 'alice.png'", "Could not read 'bob and carol.png'"),
    ('KeyError: "next"', 'KeyError: "after"'),
    ("GET https://example.com/a/1?x=2 timed out", "GET https://example.org/other timed out"),
    ("Locked since 2026-01-31T03:00:00Z", "Locked since 2026-02-01 04:15:00.123+00:00"),
    ("Waited 1.5 s for 10.0.0.1:5432", "Waited 27 s for 10.0.0.22:6432"),
    ("digest 0x1f2e3d4c differs", "digest 0xdeadbee5 differs"),
    ("blob 9f86d081884c7d65 is gone", "blob a3f5b1c2d4e6f708 is gone"),
    ("post t3_abc12 was removed", "post t3_zzz99 was removed"),
    ("Timed  out\twaiting", "timed out waiting"),
    ("  \n\nFailed: 1\nall about it", "Failed: 2\nsomething else"),
    (
        'Traceback (most recent call last):\n  File "a.py", line 1, in f\nValueError: bad row 3',
        'Traceback (most recent call last):\n  File "b.py", line 99, in g\nValueError: bad row 12',
    ),
    ("key=[redacted] was refused after 3", "key=[redacted] was refused after 4"),
    (None, "  \n "),
]
DIFFERENT = [
    ("Connection refused", "Connection reset"),
    ("Failed to fetch inbox: HTTP 401", "Failed to fetch inbox: HTTP 500"),
    ("status_code=429 from the provider", "status_code=503 from the provider"),
    ("401 Client Error: Unauthorized", "403 Client Error: Forbidden"),
    ("HTTP 429", "HTTP 404"),
    ("It didn't answer, so it can't go on", "It didn't answer, so it won't go on"),
    ("ValueError: bad", "TypeError: bad"),
    (None, "none"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_errors_that_differ_in_what_differs_from_case_to_case_are_the_same(one: str | None, other: str) -> None:
    assert fingerprint("a", message_of(one)) == fingerprint("a", message_of(other))


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_errors_that_say_something_else_are_not_the_same(one: str | None, other: str) -> None:
    assert fingerprint("a", message_of(one)) != fingerprint("a", message_of(other))


def test_the_same_error_of_another_type_is_another() -> None:
    assert fingerprint("ingest.sync_delta", "down") != fingerprint("message.send_manual", "down")


def test_what_replaces_a_part_says_what_it_was() -> None:
    message = "Read 3 of 'a' at https://x.example/1 on 2026-01-31 03:00, HTTP 404"
    assert normalised(message) == "read <number> of <quoted> at <url> on <time>, http 404"


@STEADY
@given(st.text(), st.text())
def test_any_text_has_a_short_hexadecimal_name(job_type: str, error: str) -> None:
    found = fingerprint(job_type, message_of(error))
    assert len(found) == 16
    assert set(found) <= set("0123456789abcdef")
    assert len(normalised(message_of(error))) <= SAID_LENGTH


@STEADY
@given(st.integers(min_value=0), st.integers(min_value=0), st.uuids(), st.uuids())
def test_numbers_and_ids_never_tell_failures_apart(one: int, other: int, first: object, second: object) -> None:
    said = [f"job {number} of {uid} gave up" for number, uid in ((one, first), (other, second))]
    assert fingerprint("a", said[0]) == fingerprint("a", said[1])


@pytest.mark.parametrize("text", ["'" * 100_000, "a" * 100_000, "1:" * 100_000, "a1" * 100_000, "http://" * 50_000])
def test_of_a_long_text_only_the_beginning_is_searched(text: str) -> None:
    # Searching more than that could take a time that grows with the square of it.
    assert len(message_of(text)) <= READ_LENGTH
    assert normalised(text) == normalised(text[:READ_LENGTH])
    assert fingerprint("a", message_of(text)) == fingerprint("a", message_of(text[: 2 * READ_LENGTH]))


def test_a_lone_surrogate_is_no_obstacle() -> None:
    assert fingerprint("a", "bad \ud800 text") == fingerprint("a", "bad \ud800 text")
