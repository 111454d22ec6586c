"""Asking the console over HTTP, as a program with a token does."""

import http.client
import json
from dataclasses import dataclass
from typing import Any, Final

from devserver import loopback

# Longer than the console lets anybody wait; after that, nobody knows what became of it.
_TIMEOUT_SECONDS: Final = 12.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; `status` is None when nothing did, and then `error` says why."""

    status: int | None
    body: Any
    error: str = ""


class Client:
    """The console at a port of the loopback address."""

    def __init__(self, port: int, token: str) -> None:
        """Describe it; each request has a connection of its own, since most of them will break."""
        self._port = port
        self._token = token

    def get(self, path: str) -> Any:
        """Return what is at an address, or None when it can't be had just now."""
        answer = self._ask("GET", path, None, {})
        return answer.body if answer.status == 200 else None

    def post(self, path: str, body: dict[str, Any], *, key: str) -> Answer:
        """Ask for something to be done, under a key that stays the same when it is asked for again."""
        return self._ask("POST", path, json.dumps(body), {"Idempotency-Key": key})

    def _ask(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> Answer:
        connection = http.client.HTTPConnection(loopback.HOST, self._port, timeout=_TIMEOUT_SECONDS)
        headers |= {"Authorization": f"Token {self._token}", "Content-Type": "application/json"}
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return Answer(response.status, json.loads(response.read()))
        except (OSError, http.client.HTTPException, ValueError) as error:
            return Answer(None, None, f"{type(error).__name__}: {error}")
        finally:
            connection.close()
