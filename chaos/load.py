"""Asks the console for work at a steady rate: python -m chaos.load, a process of its own.

A request whose answer was lost is asked again under the same key until there is one. What can't be asked because too
much is still out is left out, so that the rate stays bounded.
"""

import argparse
import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import BoundedSemaphore
from typing import Any, Final

from chaos.client import Client
from chaos.journal import MESSAGE, Journal, Try
from chaos.messages import Messages
from chaos.mix import Known, Mix, Request

RATE: Final = 6.0  # requests in a second
_AT_ONCE: Final = 24
_LOOK_EVERY: Final = 1.0  # seconds between two looks at the lists
_AGAIN_AFTER: Final = 2.0
# How likely a request that was accepted is sent once more all the same, as by somebody who has not seen the answer.
_ONCE_MORE: Final = 0.15
# How long after the end answers are still asked for; everything runs again by then.
_PATIENCE: Final = 90.0
_KEPT: Final = ("job_id", "jobs", "already_active", "status", "id", "code", "detail", "message")


class Load:
    """One run of requests."""

    def __init__(self, *, client: Client, messages: Messages, journal: Journal, seed: int, repeat: bool) -> None:
        """Describe it.

        Args:
            client: Whom to ask.
            messages: How own tasks are sent.
            journal: Where all is written down.
            seed: What the choices are made from.
            repeat: Whether a request is asked again after its answer was lost.
        """
        self._client = client
        self._messages = messages
        self._journal = journal
        self._repeat = repeat
        self._known = Known()
        self._mix = Mix(seed, self._known)
        self._prefix = f"chaos {seed} {int(time.time())}"
        self._first_job: int | None = None
        self._until = 0.0

    def run(self, seconds: float) -> None:
        """Ask for that many seconds, then wait for the answers that are still out."""
        free = BoundedSemaphore(_AT_ONCE)
        started = time.monotonic()
        self._until = started + seconds + _PATIENCE
        number, looked = 0, float("-inf")
        with ThreadPoolExecutor(_AT_ONCE + 1) as pool:
            while (now := time.monotonic()) < started + seconds:
                if now - looked >= _LOOK_EVERY:
                    looked = now
                    pool.submit(_carrying_on(self._look))
                request = self._mix.next()
                if request is not None and free.acquire(blocking=False):
                    number += 1
                    future = pool.submit(_carrying_on(self._ask), number, request)
                    future.add_done_callback(lambda _: free.release())
                time.sleep(max(0.0, 1 / RATE - (time.monotonic() - now)))

    def _look(self) -> None:
        """Bring what is known up to date; while the console doesn't answer, what was known stands."""
        known, get = self._known, self._client.get
        if not known.identities and (answer := get("/ops/identities")):
            known.identities = [one["id"] for one in answer["identities"]]
        if not known.conversations and (answer := get("/ops/conversations?limit=200")):
            known.conversations = [one["id"] for one in answer["conversations"]]
        if self._first_job is None and (answer := get("/ops/jobs?limit=1")):
            self._first_job = answer["jobs"][0]["id"] + 1 if answer["jobs"] else 0
        if answer := get("/ops/jobs?status=failed&limit=60"):
            known.failed = [one["id"] for one in answer["jobs"] if one["can"]["retry"]]
            known.needs_confirmation = {one["id"] for one in answer["jobs"] if one["can"].get("confirm")}
        if answer := get("/ops/jobs?status=queued,running,retrying&limit=200"):
            mine = [one for one in answer["jobs"] if one["id"] >= (self._first_job or 0)]
            known.active = [one["id"] for one in mine]
            known.waiting = sum(one["status"] != "retrying" for one in mine)

    def _ask(self, number: int, request: Request) -> None:
        name = f"{self._prefix} {number}"
        once_more = random.Random(name).random() < _ONCE_MORE
        while True:
            at = time.time()
            status, answer, error = self._answer(request, name)
            one = Try(
                request=number,
                operation=request.operation,
                name=name,
                target=request.target,
                at=at,
                seconds=round(time.time() - at, 3),
                status=status,
                answer={key: answer[key] for key in _KEPT if key in answer},
                error=error,
            )
            self._journal.write(one)
            if one.accepted and "job_id" in answer:
                self._known.runs = [*self._known.runs[-30:], answer["job_id"]]
            if request.operation == MESSAGE or not self._repeat or time.monotonic() > self._until:
                return
            if one.refused or (one.accepted and not once_more):
                return
            once_more = once_more and not one.accepted
            time.sleep(_AGAIN_AFTER)

    def _answer(self, request: Request, name: str) -> tuple[int | None, dict[str, Any], str]:
        if request.operation == MESSAGE:
            error = self._messages.send(request.task, {**request.body, "name": name})
            return (None, {}, error) if error else (202, {}, "")
        answer = self._client.post(request.path, {**request.body, "reason": name}, key=name.replace(" ", "-"))
        return answer.status, answer.body if isinstance(answer.body, dict) else {}, answer.error


def _carrying_on(do: Any) -> Any:
    def run(*args: Any) -> None:
        try:
            do(*args)
        except Exception as error:  # noqa: BLE001 -- one request must not end the others, and shows in the log
            print(f"{type(error).__name__}: {error}", file=sys.stderr)

    return run


def main() -> int:
    """Read the arguments and ask. The token is in a file, since everybody on the machine can read arguments."""
    parser = argparse.ArgumentParser(description="Ask a console for work at a steady rate.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--token-file", type=Path, required=True)
    parser.add_argument("--journal", type=Path, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--no-repeat", action="store_true")
    given = parser.parse_args()
    client = Client(given.port, given.token_file.read_text(encoding="utf-8").strip())
    load = Load(
        client=client,
        messages=Messages(),
        journal=Journal(given.journal),
        seed=given.seed,
        repeat=not given.no_repeat,
    )
    load.run(given.seconds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
