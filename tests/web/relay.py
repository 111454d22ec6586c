"""What stands between the front end and the console: the demo's path split, which can also misbehave as networks do."""

import re
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from demo.path_split import PathSplit
from devserver import loopback
from tests.waiting import PATIENCE

Environ = dict[str, Any]
Application = Callable[[Environ, Any], Iterable[bytes]]


@dataclass(frozen=True)
class Asked:
    """A request of the front end's server, and how it was answered."""

    method: str
    path: str
    etag: str | None
    status: int


class Relay:
    """A server whose address stays the same while tests change what stands behind it."""

    def __init__(self) -> None:
        """Begin to listen."""
        self.asked: list[Asked] = []
        self._split: Application = _nobody
        self._fault: tuple[re.Pattern[str], Application | None] | None = None
        self._server = make_server(loopback.HOST, 0, self._answer, _Server, _Silent)
        threading.Thread(target=self._server.serve_forever, name="relay", daemon=True).start()

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"http://{loopback.HOST}:{self._server.server_port}"

    def lead_to(self, core: Application, console: str) -> None:
        """Have the console's paths answered there, and all others by the core's stand-in.

        Args:
            core: the stand-in.
            console: the console's address.
        """
        host, _, port = console.removeprefix("http://").partition(":")
        self._split = PathSplit(core, host=host, port=int(port))
        self.asked.clear()

    @contextmanager
    def answering(self, path: str, fault: Application) -> Iterator[None]:
        """Answer requests whose path matches by a fault instead."""
        self._fault = re.compile(path), fault
        try:
            yield
        finally:
            self._fault = None

    @contextmanager
    def holding(self, path: str) -> Iterator[Callable[[], None]]:
        """Answer requests whose path matches only once what this gives has been called."""
        release = threading.Event()

        def held(environ: Environ, start_response: Any) -> Iterable[bytes]:
            release.wait(PATIENCE)
            return self._split(environ, start_response)

        try:
            with self.answering(path, held):
                yield release.set
        finally:
            release.set()

    def stop(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        # This server's own would go on to read until the other side closes.
        environ["wsgi.input"] = BytesIO(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
        path = environ["PATH_INFO"]

        def noting(status: str, *rest: Any) -> Any:
            etag = environ.get("HTTP_IF_NONE_MATCH")
            self.asked.append(Asked(environ["REQUEST_METHOD"], path, etag, int(status[:3])))
            return start_response(status, *rest)

        fault = self._fault
        if fault is not None and fault[1] is not None and fault[0].search(path):
            return fault[1](environ, noting)
        return self._split(environ, noting)


def html(_environ: Environ, start_response: Any) -> Iterable[bytes]:
    """Answer as a proxy does that has lost its server, and says so with 200."""
    start_response("200 OK", [("Content-Type", "text/html")])
    return [b"<html><body><h1>Be right back</h1></body></html>"]


def cut(_environ: Environ, start_response: Any) -> Iterable[bytes]:
    """Begin an answer, and close the connection in its middle."""
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", "5000")])
    return [b'{"jobs": [']


def _nobody(_environ: Environ, start_response: Any) -> Iterable[bytes]:
    start_response("404 Not Found", [("Content-Type", "application/json")])
    return [b'{"detail": "No test is running."}']


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: whoever asked has left, or was meant to get half an answer."""


class _Silent(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        """Say nothing."""
