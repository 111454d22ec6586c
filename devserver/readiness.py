"""When the console's processes are ready, by their own word."""

import http.client
import re
from collections.abc import Callable

from devserver import loopback

# What each process of the Procfile prints when it does its work. `web` is asked instead.
SAYS_READY = {
    "worker": re.compile(r"@\S+ ready\."),
    "maintenance": re.compile(r"@\S+ ready\."),
    "core": re.compile(r"@\S+ ready\."),
    "beat": re.compile(r"beat: Starting"),
    "sweeper": re.compile(r"\b(ready|started|sweeping)\b", re.IGNORECASE),
}


class Readiness:
    """Collects who is ready."""

    def __init__(self, port: int) -> None:
        """Begin with nobody ready; the console will listen on `port`."""
        self._port = port
        self._waiting: set[str] = set()
        self._web = False

    def listener(self, name: str) -> Callable[[str], None] | None:
        """Expect a process, and return what must be called with its lines; None: it needs no listening to."""
        if name == "web":
            self._web = True
            return None
        pattern = SAYS_READY.get(name)
        if pattern is None:
            return None
        self._waiting.add(name)

        def listen(line: str) -> None:
            if pattern.search(line):
                self._waiting.discard(name)

        return listen

    def waiting_for(self) -> list[str]:
        """Return the names of those that aren't ready yet; asks the console at most when it is the last."""
        if self._waiting:
            return sorted(self._waiting)
        if self._web and not answers(self._port, "/readyz"):
            return ["web"]
        self._web = False
        return []


def answers(port: int, path: str) -> bool:
    """Say whether a GET of `path` on the loopback address is answered with 200 within a second."""
    connection = http.client.HTTPConnection(loopback.HOST, port, timeout=1)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
