"""How times, durations, numbers, sizes and errors are written."""

from datetime import UTC, datetime, timedelta

import pytest

from opsconsole import formatting

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ago", "words"),
    [
        (timedelta(seconds=2), "just now"),
        (timedelta(seconds=40), "40 s ago"),
        (timedelta(minutes=14), "14 min ago"),
        (timedelta(hours=31), "31 h ago"),
        (timedelta(days=3), "3 d ago"),
        (timedelta(days=100), "3 months ago"),
        (timedelta(days=4000), "10 years ago"),
        (-timedelta(minutes=5), "in 5 min"),
        (-timedelta(days=400), "in 13 months"),
    ],
)
def test_moments_are_relative_in_both_directions(ago: timedelta, words: str) -> None:
    assert formatting.relative(NOW - ago, NOW) == words


@pytest.mark.parametrize(
    ("milliseconds", "words"),
    [
        (None, "–"),
        (320, "320 ms"),
        (4_200, "4.2 s"),
        (42_000, "42 s"),
        (200_000, "3 min 20 s"),
        (7_500_000, "2 h 5 min"),
        (100 * 86_400_000, "100 d 0 h"),
    ],
)
def test_durations_have_two_units(milliseconds: int | None, words: str) -> None:
    assert formatting.duration(milliseconds) == words


@pytest.mark.parametrize(
    ("count", "words"),
    [(None, "–"), (0, "0 B"), (1023, "1,023 B"), (1536, "1.5 KiB"), (5 * 1024**3, "5.0 GiB"), (1024**5, "1,024.0 TiB")],
)
def test_sizes_are_binary(count: int | None, words: str) -> None:
    assert formatting.size(count) == words


def test_numbers_have_separators() -> None:
    assert [formatting.number(value) for value in (1_234_567, 0, "x", None, True)] == [
        "1,234,567",
        "0",
        "x",
        "None",
        "True",
    ]
    assert [formatting.count(n, "job") for n in (0, 1, 20_312)] == ["0 jobs", "1 job", "20,312 jobs"]


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (None, ""),
        ("\n\n  429 Too Many Requests  \nmore", "429 Too Many Requests"),
        ("Traceback (most recent call last):\n  File x\n    y()\nKeyError: 'a'\nCONTEXT: more", "KeyError: 'a'"),
        ("Traceback (most recent call last):", "Traceback (most recent call last):"),
        ("x" * 500, "x" * 199 + "…"),
    ],
)
def test_the_line_of_an_error_that_says_most(error: str | None, line: str) -> None:
    assert formatting.first_line(error) == line


def test_a_bar_says_in_words_what_it_shows() -> None:
    known = formatting.bar({"current": 500, "total": 2000, "percent": 25, "unit": "messages"})
    assert 'aria-valuenow="25"' in known
    assert "500 of 2,000 messages (25 %)" in known
    assert "aria-valuenow" not in formatting.bar({"current": 5, "unit": "messages"})
    unknown = formatting.bar(None)
    assert "not known yet" in unknown
    assert "aria-valuenow" not in unknown
    assert "<b>" not in formatting.bar({"current": 5, "unit": "<b>"}, label="<b>")


def test_doors_read_as_words() -> None:
    assert [formatting.through(via) for via in ("admin", "beat", "pigeon", None)] == [
        "on these pages",
        "on schedule",
        "through pigeon",
        "",
    ]


@pytest.mark.parametrize(
    ("progress", "words"),
    [
        ({"current": 1_204, "total": 3_000, "percent": 40, "unit": "messages"}, "1,204 of 3,000 messages (40 %)"),
        ({"current": 1_204, "unit": "messages"}, "1,204 messages so far"),
        ({"current": 1_536, "total": 3_072, "percent": 50, "unit": "bytes"}, "1.5 KiB of 3.0 KiB (50 %)"),
        ({"current": 1_536, "unit": "bytes"}, "1.5 KiB so far"),
        ({"current": 0, "total": 3_000, "percent": 0, "unit": "messages"}, "0 of 3,000 messages (0 %)"),
        ({"current": 0, "total": 0, "unit": "files"}, "0 files so far"),
        (None, "not known yet"),
    ],
)
def test_progress_is_told_in_words_and_bytes_as_sizes(progress: dict[str, object] | None, words: str) -> None:
    assert formatting.progress_words(progress) == words
