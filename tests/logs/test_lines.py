"""What one line of the log looks like, whoever logged it."""

import logging
import sys
import threading
import uuid
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
import structlog
from django.core.exceptions import ImproperlyConfigured
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from opsconsole import logs
from opsconsole.log_context import acting
from tests.logs.lines import logged, parsed
from tests.logs.tasks import SECRET, TEXT
from tests.privacy.secrets import Vault

ours = structlog.get_logger("tests.ours")
theirs = logging.getLogger("third.party")


def test_a_line_of_ours_is_a_json_object_with_its_fields() -> None:
    with logged() as log, acting(name="olivia", via="api"):
        ours.info("job.transition", job=1, run=None, before="queued", seconds=0.5, ids=[1, 2])
    (line,) = parsed(log.getvalue())
    moment = datetime.fromisoformat(line.pop("timestamp"))
    assert moment.tzinfo == UTC
    assert line == {
        "level": "info",
        "logger": "tests.ours",
        "event": "job.transition",
        "job": 1,
        "run": None,
        "before": "queued",
        "seconds": 0.5,
        "ids": [1, 2],
        "actor": "olivia",
        "via": "api",
    }


def test_times_end_in_z() -> None:
    with logged() as log:
        ours.info("now")
        theirs.info("now")
    assert all(line["timestamp"].endswith("Z") for line in parsed(log.getvalue()))


def test_what_the_call_says_wins_over_what_is_bound() -> None:
    with logged() as log, acting(name="sweeper", via="sweeper"):
        ours.info("job.transition", actor="olivia")
        ours.info("swept")
    assert [line["actor"] for line in parsed(log.getvalue())] == ["olivia", "sweeper"]


def test_a_line_of_a_third_party_has_what_is_bound_and_its_arguments_in_its_message() -> None:
    with logged() as log, acting(name="olivia", via="api"):
        theirs.warning("%s of %d done", "one", 2, extra={"token": SECRET})
    (line,) = parsed(log.getvalue())
    assert (line["event"], line["level"], line["logger"]) == ("one of 2 done", "warning", "third.party")
    assert line["actor"] == "olivia"


def test_the_console_format_is_one_line_of_keys_and_values() -> None:
    with logged("console") as log:
        ours.info("job.transition", job=1, path="/a b", note="two\nlines \x1b[31m")
        theirs.info("forged?\n2026-01-01T00:00:00Z [info] forged\u2028\x1b[2J")
    first, second = log.getvalue().splitlines()
    assert first.endswith("[info] job.transition [tests.ours] job=1 path='/a b' note='two\\\\nlines \\\\x1b[31m'")
    assert second.endswith("[info] forged?\\n2026-01-01T00:00:00Z [info] forged\\u2028\\x1b[2J [third.party]")


def test_an_errors_lines_are_indented_so_that_none_can_be_taken_for_a_line_of_its_own() -> None:
    with logged("console") as log:
        try:
            raise ValueError("first\n2026-01-01T00:00:00Z [info] forged")
        except ValueError:
            ours.exception("broke")
    assert all(line.startswith("    ") for line in log.getvalue().splitlines()[1:])
    assert "2026-01-01T00:00:00Z [info] forged" in log.getvalue()


# --- what is private ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("style", logs.FORMATS)
def test_an_error_that_a_third_party_logs_is_redacted_and_shows_no_local_variables(style: str) -> None:
    def connect(url: str) -> None:
        local = f"hidden-{len(url)}"
        raise ConnectionError(f"Authorization: Bearer {SECRET} refused {{'text': '{TEXT}'}}" + local[:0])

    with logged(style) as log:
        try:
            connect("redis://")
        except ConnectionError:
            theirs.exception("connecting to %s failed: %s", f"redis://:{SECRET}@host/0", {"password": "hunter2"})
    text = log.getvalue()
    assert "ConnectionError: Authorization: [redacted]" in text
    assert "raise ConnectionError" in text
    for private in (SECRET, TEXT, "hunter2", "hidden-8"):
        assert private not in text


@pytest.mark.parametrize("style", logs.FORMATS)
def test_every_field_is_redacted_at_any_depth_and_of_any_type(style: str) -> None:
    class Odd:
        def __repr__(self) -> str:
            return f"<Odd token={SECRET}>"

    class Broken:
        def __str__(self) -> str:
            raise RuntimeError(SECRET)

    loop: list[Any] = []
    loop.append(loop)
    fields = {
        "access_token": "short",
        "deep": [{"in": ({"Authorization": f"Bearer {SECRET}"}, Odd())}],
        "odd": Odd(),
        "broken": Broken(),
        "loop": loop,
        "raw": f"Cookie: sid={SECRET}".encode(),
        "when": datetime(2026, 1, 1, tzinfo=UTC),
        "run": uuid.UUID(int=1),
        "keys": {(1, 2): SECRET},
        SECRET: 1,
        "surrogate": "\ud800",
        "huge": 10**400,
    }
    with logged(style) as log:
        ours.info(f"token={SECRET}", **fields)
    text = log.getvalue()
    assert len(text.splitlines()) == 1
    assert SECRET not in text
    assert "short" not in text
    assert "2026-01-01 00:00:00+00:00" in text


@pytest.mark.parametrize("style", logs.FORMATS)
def test_a_line_that_can_not_be_made_shows_nothing_of_its_arguments(
    style: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with logged(style) as log:
        # Past the handlers of the tests themselves, which would raise.
        handler = logging.getLogger().handlers[-1]
        handler.handle(theirs.makeRecord(theirs.name, logging.INFO, "", 0, "%d jobs", (f"token={SECRET}",), None))
    assert "A line could not be written: TypeError." in log.getvalue()
    assert "third.party" in log.getvalue()
    assert SECRET not in log.getvalue() + "".join(capsys.readouterr())


@hypothesis(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(random=st.randoms(use_true_random=False), style=st.sampled_from(logs.FORMATS))
def test_no_line_shows_what_is_planted_in_it(random: Any, style: str) -> None:
    vault = Vault(random.choice)
    with logged(style) as log:
        try:
            raise ValueError(vault.text("an error"), vault.text("its second argument"))
        except ValueError:
            ours.exception(vault.text("an event"), about=vault.document("a field"), error=vault.text("a text"))
            theirs.exception("It was %s: %s", vault.text("an argument"), vault.document("a document"))
            theirs.error(vault.text("a message"), exc_info=True, stack_info=True)
    assert vault.found_in(log.getvalue()) == []


# --- how long it may be -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("style", logs.FORMATS)
@pytest.mark.parametrize(
    "fields",
    [
        {"a": "x" * 1_000_000},
        {f"f{n}": "y " * 2_000 for n in range(100)},
        {"deep": [{"list": ["z" * 50] * 1_000}] * 100},
        {"k" * 100_000: 1},
        {"exception": "w\n" * 500_000},
        {"a": [[["v" * 100] * 20] * 20] * 20},
    ],
    ids=["one long text", "many texts", "many items", "a long key", "a long error", "a wide tree"],
)
def test_a_line_has_a_bounded_length_and_stays_valid(style: str, fields: dict[str, Any]) -> None:
    with logged(style) as log:
        ours.error("e" * 30_000, **fields)
        ours.error("short", **fields)
    lines = log.getvalue().split("\n")
    if style == "json":
        assert [line["level"] for line in parsed(log.getvalue())] == ["error", "error"]
        assert all(len(line) <= logs.MAX_LINE_LENGTH for line in lines)
    assert len(log.getvalue()) <= 2 * (logs.MAX_LINE_LENGTH + 1)
    assert "short" in log.getvalue()


@pytest.mark.parametrize("position", [3_900, 4_000, 4_090, 4_096, 65_500, 65_530, 65_536, 65_700])
def test_a_token_where_a_long_text_is_cut_is_not_cut_in_two(position: int) -> None:
    text = "x " * (position // 2) + SECRET + " y" * 40_000
    with logged() as log:
        ours.error(text, field=text)
        theirs.error(text)
    assert SECRET[:8] not in log.getvalue()


def test_how_a_long_error_ended_is_kept() -> None:
    def deeper(levels: int) -> None:
        if not levels:
            raise ValueError("the reason")
        shallower(levels - 1) if levels % 2 else deeper(levels - 1)

    def shallower(levels: int) -> None:
        deeper(levels)

    with logged() as log:
        try:
            deeper(300)
        except ValueError:
            ours.exception("broke", padding="p" * 20_000)
    (line,) = parsed(log.getvalue())
    assert line["exception"].startswith("Traceback")
    assert line["exception"].endswith("ValueError: the reason")


# --- what Python would print by itself ----------------------------------------------------------------------------


def test_what_ends_the_process_is_a_line_too(capsys: pytest.CaptureFixture[str]) -> None:
    error = ValueError(f"token={SECRET}")
    with logged() as log:
        sys.excepthook(ValueError, error, None)
        logs._log_thread_end(
            SimpleNamespace(  # type: ignore[arg-type]
                exc_type=ValueError, exc_value=error, exc_traceback=None, thread=threading.current_thread()
            )
        )
        sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert [line["event"] for line in parsed(log.getvalue())] == ["process.failed", "thread.failed"]
    assert SECRET not in log.getvalue()
    assert "KeyboardInterrupt" in capsys.readouterr().err


# --- choices ------------------------------------------------------------------------------------------------------


def test_the_settings_take_only_what_they_know() -> None:
    with pytest.raises(ImproperlyConfigured, match="OPS_LOG_LEVEL is “LOUD”; it must be one of DEBUG, INFO"):
        logs.configuration(level="LOUD", style="json")
    with pytest.raises(ImproperlyConfigured, match="OPS_LOG_FORMAT is “xml”; it must be one of console, json"):
        logs.configuration(level="INFO", style="xml")


def test_no_logger_writes_past_the_one_handler() -> None:
    own = {"console"}
    configured = logs.configuration(level="WARNING", style="json")
    assert configured["root"]["handlers"] == [*own]
    for name in ("django", "django.server", "django.request", "gunicorn.error", "gunicorn.access"):
        assert configured["loggers"][name]["handlers"] == []
        assert configured["loggers"][name]["propagate"]
