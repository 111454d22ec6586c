"""Records the shape of each statement that the console's own code sends to the core's tables.

Every Python process of the tests calls `install` when it starts (`startup/sitecustomize.py`). Without FOLDER in the
environment nothing is recorded.
"""

import json
import os
import re
import sys
import threading
from collections.abc import Callable
from functools import cache, wraps
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import psycopg

FOLDER: Final = "TESTS_STATEMENTS"
"""The environment variable that names a folder. Each shape becomes a file in it."""

_PROJECT: Final = Path(__file__).resolve().parents[2]
_CONSOLE: Final = ("opsconsole", "jobs", "identities", "backups", "notices")
# Statements of the tests prove nothing about the console, and the stand-in for the core has its own SQL.
_OTHERS: Final = ("tests", "demo", "devserver", "chaos", "bench")
_CORE_TABLES: Final = re.compile(
    r"\b(providers|identities|provider_credentials|external_accounts|conversations|messages|jobs|audit_log|local_users"
    r"|sessions|backup_runs|restore_tests)\b"
)
_written: set[str] = set()


def install() -> None:
    """Patch psycopg's cursors to record statements, in this process and in those that it forks."""
    for cursor in (psycopg.Cursor, psycopg.ServerCursor):
        for name in {"execute", "executemany", "copy", "stream"} & vars(cursor).keys():
            setattr(cursor, name, _recording(vars(cursor)[name]))


def shape(statement: str) -> str:
    """Return a statement with `?` for each value and `?…` for each list of values."""
    text = re.sub(r"'(?:[^']|'')*'", "?", statement)
    text = re.sub(r"%\(\w+\)s|%[sbt]|\$\d+|\b\d+\b", "?", text)
    text = re.sub(r"\s+", " ", text).strip()
    text = re.sub(r"\?(?:::[\w.]+(?:\[\])?)?(?:, ?\?(?:::[\w.]+(?:\[\])?)?)+", "?…", text)
    text = re.sub(r"([(\[])\?…?([)\]])", r"\1?…\2", text)
    # Rows of values, of which there may be several.
    return re.sub(r"(\((?:[^()]|\(\))*\))(?:, ?\1)+", r"\1", text)


def _recording(send: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(send)
    def sending(self: Any, query: Any, *args: Any, **kwargs: Any) -> Any:
        result = send(self, query, *args, **kwargs)
        # A statement that PostgreSQL refuses has not run.
        if folder := os.environ.get(FOLDER):
            _write_down(folder, query)
        return result

    return sending


def _write_down(folder: str, query: Any) -> None:
    text = query if isinstance(query, str) else query.decode() if isinstance(query, bytes) else query.as_string(None)
    if text in _written or not _CORE_TABLES.search(text) or "CREATE TABLE" in text:
        return
    if place := _place():
        _written.add(text)
        found = shape(text)
        # One small file per shape: a test may limit how large files can become.
        file = Path(folder) / f"{sha256(found.encode()).hexdigest()}.json"
        if not file.exists():
            test = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" (")[0]
            # Whole or not at all: others write the same file, and tests kill processes.
            part = file.with_suffix(f".{os.getpid()}.{threading.get_ident()}")
            part.write_text(json.dumps([found, place, test]))
            part.replace(file)


def _place() -> str:
    """Return the `file:line` of the console that sends the statement, or an empty string if a test does."""
    frame = sys._getframe(3)
    while frame is not None:
        package, file = _home(frame.f_code.co_filename)
        if package in _CONSOLE:
            return f"{file}:{frame.f_lineno}"
        if package in _OTHERS:
            return ""
        frame = frame.f_back  # type: ignore[assignment]
    return "a library"


@cache
def _home(filename: str) -> tuple[str, str]:
    path = Path(filename)
    if not path.is_relative_to(_PROJECT):
        return "", ""
    file = path.relative_to(_PROJECT)
    return file.parts[0], str(file)
