"""What is asked of the console next: a mix of triggers, retries and cancels, from a seed and from what there is."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from chaos import own_types
from chaos.journal import MESSAGE

# While so many jobs of the run wait or run, nothing new is asked for: it has to be done with in the end.
MOST_WAITING: Final = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Something to ask for: over HTTP at `path`, or, where that is empty, as the message of an own task."""

    operation: str
    path: str = ""
    body: dict[str, Any] = field(default_factory=dict)
    target: str = ""
    task: str = ""


@dataclass(slots=True)
class Known:
    """What the lists of the console have shown lately."""

    identities: list[int] = field(default_factory=list)
    conversations: list[int] = field(default_factory=list)
    failed: list[int] = field(default_factory=list)
    active: list[int] = field(default_factory=list)
    waiting: int = 0
    runs: list[str] = field(default_factory=list)
    needs_confirmation: set[int] = field(default_factory=set)


class Mix:
    """Chooses."""

    def __init__(self, seed: int, known: Known) -> None:
        """Begin; `known` is kept up to date by whoever asks."""
        self._rng = random.Random(seed)
        self._known = known
        self._weights: dict[Callable[[], Request | None], int] = {
            self._backfill_one: 16,
            self._backfill_all: 1,
            self._backfill_messages: 8,
            self._redownload: 14,
            self._step: 12,
            self._once: 8,
            self._retry: 20,
            self._cancel: 15,
            self._cancel_run: 6,
        }

    def next(self) -> Request | None:
        """Return what to ask for now; None when there is nothing to do it to."""
        (choose,) = self._rng.choices(list(self._weights), list(self._weights.values()))
        if self._known.waiting > MOST_WAITING:
            choose = self._cancel
        return choose()

    def _backfill_one(self) -> Request | None:
        identity = self._one_of(self._known.identities)
        body = {"identity_id": identity}
        return identity and Request(operation="backfill.trigger", path="/ops/backfill/conversations", body=body)

    def _backfill_all(self) -> Request:
        return Request(operation="backfill.trigger", path="/ops/backfill/conversations")

    def _backfill_messages(self) -> Request | None:
        chosen = [self._one_of(self._known.conversations) for _ in range(self._rng.choice((1, 1, 2)))]
        body = {"conversation_ids": sorted({one for one in chosen if one})}
        if not body["conversation_ids"]:
            return None
        return Request(operation="backfill.trigger", path="/ops/backfill/messages", body=body)

    def _redownload(self) -> Request:
        body: dict[str, Any] = {"limit": self._rng.randint(1, 300)}
        if self._known.conversations and self._rng.random() < 0.5:
            body["conversation_id"] = self._one_of(self._known.conversations)
        return Request(operation="redownload_attachments.trigger", path="/ops/redownload/attachments", body=body)

    def _step(self) -> Request:
        return self._own(own_types.STEP, failures=self._rng.choice((0, 0, 1, 2, 3)))

    def _once(self) -> Request:
        return self._own(own_types.ONCE, failures=self._rng.choice((0, 1, 1, 2)))

    def _own(self, task: str, *, failures: int) -> Request:
        body = {"seconds": round(self._rng.triangular(0, 3, 0.5), 2), "failures": failures}
        return Request(operation=MESSAGE, task=task, body=body)

    def _retry(self) -> Request | None:
        job = self._one_of(self._known.failed)
        if not job:
            return None
        body = {"confirm": True} if job in self._known.needs_confirmation else {}
        return Request(operation="job.retry", path=f"/ops/jobs/{job}/retry", body=body, target=str(job))

    def _cancel(self) -> Request | None:
        job = self._one_of(self._known.active)
        return job and Request(operation="job.cancel", path=f"/ops/jobs/{job}/cancel", target=str(job))

    def _cancel_run(self) -> Request | None:
        run = self._one_of(self._known.runs)
        return run and Request(operation="run.cancel", path=f"/ops/runs/{run}/cancel", target=run)

    def _one_of(self, found: list[Any]) -> Any:
        return self._rng.choice(found) if found else None
