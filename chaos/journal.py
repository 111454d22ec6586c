"""What was asked of the console and what it answered, written down as it happens: one line for each try."""

import json
import threading
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any, Final

_UNDER_WAY: Final = "idempotency_key_in_use"
# The operation of own tasks that are sent past the API.
MESSAGE: Final = "message"


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """One try of one request.

    Attributes:
        request: The request's number.
        operation: What was asked for, such as `job.retry`.
        name: The request's own name: its reason in the audit log, its Idempotency-Key, or an own task's name.
        target: The job or run that it is about.
        at: When it was sent, in seconds since 1970.
        seconds: How long the answer took.
        status: The answer's, None when there was none.
        answer: What matters of its body.
        error: Why there was no answer.
    """

    request: int
    operation: str
    name: str
    target: str = ""
    at: float = 0.0
    seconds: float = 0.0
    status: int | None = None
    answer: dict[str, Any] = field(default_factory=dict)
    error: str = ""

    @property
    def accepted(self) -> bool:
        """Whether it was answered with a promise."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def refused(self) -> bool:
        """Whether it was answered with a refusal; not, when an earlier try of it was still under way."""
        return self.status is not None and 400 <= self.status < 500 and self.answer.get("code") != _UNDER_WAY


@dataclass(frozen=True, slots=True)
class Asked:
    """One request with all its tries."""

    tries: list[Try]

    @property
    def first(self) -> Try:
        """The first try, which says what was asked for."""
        return self.tries[0]

    @property
    def promises(self) -> list[Try]:
        """The tries that were accepted."""
        return [one for one in self.tries if one.accepted]

    @property
    def accepted(self) -> bool:
        """Whether any try was."""
        return bool(self.promises)

    @property
    def refused(self) -> bool:
        """Whether the answer was a refusal; under its key that is the answer to every try."""
        return not self.accepted and self.tries[-1].refused

    @property
    def in_doubt(self) -> bool:
        """Whether nobody was told what became of it."""
        return not self.accepted and not self.refused


class Journal:
    """The file; any number of threads may write to it."""

    def __init__(self, path: Path) -> None:
        """Begin a new one."""
        self._file = path.open("w", encoding="utf-8", buffering=1)
        self._lock = threading.Lock()

    def write(self, one: Try) -> None:
        """Add a try."""
        text = json.dumps(asdict(one))
        with self._lock:
            self._file.write(text + "\n")


def read(path: Path) -> list[Asked]:
    """Return what was asked, in the order of the requests."""
    return collect(_tries(path))


def collect(tries: Iterable[Try]) -> list[Asked]:
    """Return tries by their requests."""
    ordered = sorted(tries, key=lambda one: one.request)
    return [Asked(list(mine)) for _, mine in groupby(ordered, key=lambda one: one.request)]


def _tries(path: Path) -> Iterator[Try]:
    for text in path.read_text(encoding="utf-8").splitlines():
        yield Try(**json.loads(text))
