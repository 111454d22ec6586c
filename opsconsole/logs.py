"""How the lines of the log are made, ours and third parties' alike: redacted, bounded, as text or as JSON.

Every process goes through here: Django calls `configure` with its setting LOGGING, gunicorn takes `configuration`.
"""

import json
import logging
import logging.config
import re
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from copy import copy
from typing import Any, Final, cast

import structlog
from django.core.exceptions import ImproperlyConfigured
from structlog.dev import ConsoleRenderer, plain_traceback
from structlog.processors import JSONRenderer, TimeStamper, format_exc_info
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, Processor, WrappedLogger

from opsconsole.log_context import add_user
from opsconsole.redaction import CUT_MARGIN, redact, redact_start, redact_text

FORMATS: Final = ("console", "json")
LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
# Characters.
MAX_LINE_LENGTH: Final = 16_384
# Of longer texts only the start is looked at; far beyond what a line shows of one.
MAX_READ_LENGTH: Final = 65_536
# How much of each text is shown while the line is longer than it may be, one after the other.
_LENGTHS: Final = (4_096, 512, 64)
_MAX_ITEMS: Final = 20
_FIRST_KEYS: Final = ("timestamp", "level", "logger", "event")
# What would end the line, or tell a terminal what to do.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")

logger = structlog.get_logger(__name__)


def configuration(*, level: str, style: str) -> dict[str, Any]:
    """Return the configuration of the standard library's logging, as `logging.config.dictConfig` takes it.

    Args:
        level: the lowest level that is shown, one of LEVELS.
        style: one of FORMATS.

    Raises:
        ImproperlyConfigured: there is no such level or format.
    """
    if level not in LEVELS:
        raise ImproperlyConfigured(f"OPS_LOG_LEVEL is “{level}”; it must be one of {', '.join(LEVELS)}.")
    if style not in FORMATS:
        raise ImproperlyConfigured(f"OPS_LOG_FORMAT is “{style}”; it must be one of {', '.join(FORMATS)}.")
    to_root = {"handlers": [], "propagate": True}
    # What a process says when it is ready, others wait for, whatever the level.
    always = to_root | {"level": level if level == "DEBUG" else "INFO"}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": formatter, "style": style}},
        "handlers": {"console": {"()": LineHandler, "formatter": "line"}},
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            "django": to_root | {"level": level},
            # A refused request is answered with a sentence; it is not an incident.
            "django.request": to_root | {"level": "ERROR"},
            "django.server": to_root | {"level": level},
            "gunicorn.error": to_root | {"level": level},
            # Requests have a line of their own; this one would have their query strings.
            "gunicorn.access": to_root | {"level": "ERROR"},
            "kombu": {"level": "ERROR"},
            # It would name whatever somebody typed for a user; who is locked out has a line of our own.
            "axes": {"level": "CRITICAL"},
            # They would name the webhook's whole address, which is a secret with some receivers.
            "httpx": {"level": "WARNING"},
            "httpcore": {"level": "WARNING"},
            "celery.apps.worker": always,
            "celery.beat": always,
            "jobs.management.commands.run_sweeper": always,
        },
    }


def configure(logging_configuration: dict[str, Any]) -> None:
    """Set up both logging libraries, and what Python itself would print past them: warnings and fatal errors."""
    logging.config.dictConfig(logging_configuration)
    logging.captureWarnings(True)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    sys.excepthook = _log_fatal
    threading.excepthook = _log_thread_end


def formatter(*, style: str) -> ProcessorFormatter:
    """Return what makes a line of a record, whoever logged it."""
    return ProcessorFormatter(
        foreign_pre_chain=_SHARED,
        processors=[ProcessorFormatter.remove_processors_meta, _redacted, _Line(style)],
    )


class LineHandler(logging.StreamHandler[Any]):
    """Writes to standard error; of a record that can't be written, only where it came from."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record, its arguments redacted by their keys as long as they have any."""
        if record.args:
            record = copy(record)
            args: Any = record.args
            record.args = (
                {key: _redacted_if_nested(value) for key, value in args.items()}
                if isinstance(args, dict)
                else tuple(_redacted_if_nested(value) for value in args)
            )
        return super().format(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the standard library's name
        """Say that a line was lost; the standard library would print its arguments."""
        kind = getattr(sys.exc_info()[0], "__name__", "")
        lost = logging.LogRecord(record.name, logging.ERROR, "", 0, "A line could not be written: %s.", (kind,), None)
        # Nobody reads any more, or nothing can be written.
        with suppress(Exception):
            self.stream.write(self.format(lost) + self.terminator)


def _redacted_if_nested(value: Any) -> Any:
    return redact(value) if isinstance(value, dict | list | tuple) else value


class _Line:
    """Makes text of a line's fields, no longer than a line may be."""

    def __init__(self, style: str) -> None:
        self._render: Callable[[EventDict], str] = _json if style == "json" else _console()

    def __call__(self, logger: WrappedLogger, method: str, event: EventDict) -> str:
        line = self._render(event)
        for length in _LENGTHS:
            if len(line) <= MAX_LINE_LENGTH:
                return line
            line = self._render({key: _shortened(value, length) for key, value in event.items()})
        if len(line) > MAX_LINE_LENGTH:
            line = self._render({key: _shortened(event[key], 512) for key in _FIRST_KEYS if key in event})
        return line


def _json(event: EventDict) -> str:
    first = {key: event[key] for key in _FIRST_KEYS if key in event}
    return cast("str", JSONRenderer()(None, "", first | dict(event)))


def _console() -> Callable[[EventDict], str]:
    renderer = ConsoleRenderer(
        colors=sys.stderr.isatty(),
        pad_event_to=0,
        pad_level=False,
        sort_keys=False,
        exception_formatter=plain_traceback,
    )

    def render(event: EventDict) -> str:
        shown = {key: _in_one_line(value) if key != "exception" else _indented(value) for key, value in event.items()}
        return renderer(None, "", shown)

    return render


def _in_one_line(value: Any) -> Any:
    return _CONTROL.sub(lambda found: repr(found.group())[1:-1], value.rstrip()) if isinstance(value, str) else value


def _indented(text: str) -> str:
    # No line of an error's own text can be taken for one of the log.
    return "\n".join("    " + _in_one_line(line) for line in text.splitlines())


def _redacted(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Return the line's fields as JSON has them, without what is private."""
    exception = event.pop("exception", None)
    shown: dict[str, Any] = redact({key: _plain(value) for key, value in event.items()})
    if exception:
        shown["exception"] = redact_text(str(exception))
    return shown


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return _text(value)
    try:
        document = json.dumps(value, default=_text)
    except (TypeError, ValueError, RecursionError):
        return _text(value)
    # No line could show it, and redacting it would take its time.
    return json.loads(document) if len(document) <= MAX_READ_LENGTH else f"[{len(document):,} characters left out]"


def _text(value: Any) -> str:
    try:
        text = str(value)
    except Exception:  # noqa: BLE001 - whatever somebody's __str__ does, the line is to be written
        return f"<{type(value).__name__}>"
    return text if len(text) <= MAX_READ_LENGTH else redact_start(text[: MAX_READ_LENGTH + CUT_MARGIN], MAX_READ_LENGTH)


def _shortened(value: Any, length: int) -> Any:
    """Return a redacted value with no more than `length` characters of each text, and no more than a few items."""
    if isinstance(value, str):
        if len(value) <= length:
            return value
        # How an error ended says more than where it began.
        start, end = value[: length // 4], value[-(length * 3 // 4) :]
        return f"{start} … {len(value) - len(start) - len(end)} characters left out … {end}"
    if isinstance(value, dict):
        return {key[:length]: _shortened(item, length) for key, item in list(value.items())[:_MAX_ITEMS]}
    if isinstance(value, list):
        return [_shortened(item, length) for item in value[:_MAX_ITEMS]]
    return value


def _log_fatal(kind: type[BaseException], error: BaseException, traceback: Any) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, traceback)
        return
    logger.critical("process.failed", exc_info=(kind, error, traceback))


def _log_thread_end(failed: threading.ExceptHookArgs) -> None:
    if failed.exc_value is not None and not isinstance(failed.exc_value, SystemExit):
        name = failed.thread.name if failed.thread else ""
        logger.error("thread.failed", thread=name, exc_info=failed.exc_value)


# For our lines while they are logged, for third parties' when they are written.
_SHARED: Final[list[Processor]] = [
    structlog.contextvars.merge_contextvars,
    TimeStamper(fmt="iso", utc=True),
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    add_user,
    format_exc_info,
]
