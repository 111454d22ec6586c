"""Reading the log as whoever runs the console does: a JSON object a line."""

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from opsconsole import logs

Line = dict[str, Any]


@contextmanager
def logged(style: str = "json", *, level: int = logging.DEBUG) -> Iterator[io.StringIO]:
    """Collect what is logged meanwhile in this process."""
    written = io.StringIO()
    handler = logs.LineHandler(written)
    handler.setFormatter(logs.formatter(style=style))
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(level)
    try:
        yield written
    finally:
        root.setLevel(before)
        root.removeHandler(handler)


def parsed(text: str) -> list[Line]:
    """Return the lines of a log; every one must be a JSON object with what all lines have."""
    lines = []
    for text_line in text.splitlines():
        line = json.loads(text_line)
        assert {"timestamp", "level", "logger", "event"} <= line.keys(), line
        lines.append(line)
    return lines


def found(text: str, **fields: Any) -> list[Line]:
    """Return the lines that have these fields."""
    return [line for line in parsed(text) if fields.items() <= line.items()]
