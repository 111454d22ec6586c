"""What the stand-in for the core's worker really runs, written down by itself; loaded with `--include chaos.witness`.

In a file, since the database is among the things that are broken meanwhile. One line is written at once, so that the
lines of several processes don't mix.
"""

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from celery.signals import task_postrun, task_prerun

FILE: Final = "CHAOS_WITNESS"


@dataclass(frozen=True, slots=True)
class Ran:
    """One time that a task was run; `ended` is None when its process died in it. Seconds since 1970."""

    task_id: str
    task: str
    pid: int
    began: float
    ended: float | None


@task_prerun.connect
def _began(task_id: str, task: Any, **kwargs: Any) -> None:
    _write("began", task_id, task)


@task_postrun.connect
def _ended(task_id: str, task: Any, **kwargs: Any) -> None:
    _write("ended", task_id, task)


def _write(event: str, task_id: str, task: Any) -> None:
    path = os.environ.get(FILE)
    if not path:
        return
    line = {"event": event, "task_id": task_id, "task": task.name, "pid": os.getpid(), "at": time.time()}
    with Path(path).open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def read(path: Path) -> list[Ran]:
    """Return what was run, in the order in which it began."""
    begun: dict[tuple[str, int], dict[str, Any]] = {}
    ran: list[Ran] = []
    for line in _lines(path):
        key = (line["task_id"], line["pid"])
        if line["event"] == "ended" and key in begun:
            ran.append(_ran(begun.pop(key), line["at"]))
        elif line["event"] == "began":
            begun[key] = line
    ran += [_ran(line, None) for line in begun.values()]
    return sorted(ran, key=lambda one: one.began)


def _ran(line: dict[str, Any], ended: float | None) -> Ran:
    return Ran(line["task_id"], line["task"], line["pid"], line["at"], ended)


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    if path.exists():
        for text in path.read_text(encoding="utf-8").splitlines():
            yield json.loads(text)
