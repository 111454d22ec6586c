"""What stands before the core and the console, so that both have one address: the path split of docs/front-end.md."""

import http.client
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final
from urllib.parse import quote

CONSOLES: Final = re.compile(r"/(ops|conversations/sync)(/|$)")
MAX_BODY: Final = 2 * 1024 * 1024
TIMEOUT: Final = 60.0
# Of one connection, not of what it carries (RFC 9110, section 7.6.1).
_OF_A_CONNECTION: Final = frozenset(
    "connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer transfer-encoding "
    "upgrade".split()
)
# Of the answer; our own server writes these as well.
_NOT_PASSED_ON: Final = _OF_A_CONNECTION | {"date", "server"}


class PathSplit:
    """Gives the console's paths to the console and all others to the core, as a WSGI application."""

    def __init__(self, core: Any, *, host: str, port: int) -> None:
        """Stand before both.

        Args:
            core: the core, a WSGI application.
            host: of the console.
            port: of the console.
        """
        self._core = core
        self._host, self._port = host, port

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer a request, or have it answered."""
        if not CONSOLES.match(environ["PATH_INFO"]):
            found: Iterable[bytes] = self._core(environ, start_response)
            return found
        # As long as nginx would wait. A new connection for each: on one that is kept, nobody knows whether a request
        # arrived before the other side closed it.
        connection = http.client.HTTPConnection(self._host, self._port, timeout=TIMEOUT)
        body = _body(environ)
        if body is not None and len(body) > MAX_BODY:
            return _refuse(start_response, "413 Content Too Large", "too_large", "The body is too large.")
        try:
            connection.request(environ["REQUEST_METHOD"], _target(environ), body, _headers(environ, body))
            response = connection.getresponse()
        except (OSError, http.client.HTTPException):
            connection.close()
            return _refuse(start_response, "502 Bad Gateway", "unreachable", "The console does not answer.")
        headers = [(name, value) for name, value in response.getheaders() if name.lower() not in _NOT_PASSED_ON]
        start_response(f"{response.status} {response.reason}", headers)
        return _content(connection, response)


def _body(environ: dict[str, Any]) -> bytes | None:
    """Return the whole body, as nginx reads it first; None where there is none, and only its beginning if it's long."""
    is_chunked = "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower()
    return bytes(environ["wsgi.input"].read(MAX_BODY + 1)) if environ.get("CONTENT_LENGTH") or is_chunked else None


def _target(environ: dict[str, Any]) -> str:
    """Return what is asked for, spelled as it was."""
    raw = environ.get("RAW_URI", "")
    if raw.startswith("/") and raw.isascii():
        return str(raw)
    query = environ.get("QUERY_STRING", "")
    return quote(environ["PATH_INFO"].encode("latin-1")) + (f"?{query}" if query else "")


def _headers(environ: dict[str, Any], body: bytes | None) -> dict[str, str]:
    headers = {name[5:].replace("_", "-").title(): value for name, value in environ.items() if name.startswith("HTTP_")}
    headers = {name: value for name, value in headers.items() if name.lower() not in _OF_A_CONNECTION}
    if environ.get("CONTENT_TYPE"):
        headers["Content-Type"] = environ["CONTENT_TYPE"]
    if body is not None:
        headers["Content-Length"] = str(len(body))
    before = headers.get("X-Forwarded-For")
    caller = environ.get("REMOTE_ADDR", "")
    headers["X-Forwarded-For"] = f"{before}, {caller}" if before else caller
    headers["X-Forwarded-Proto"] = environ["wsgi.url_scheme"]
    # Otherwise http.client names one, and the console would answer in another coding than it was asked for.
    headers.setdefault("Accept-Encoding", "identity")
    return headers


def _content(connection: http.client.HTTPConnection, response: http.client.HTTPResponse) -> Iterator[bytes]:
    try:
        while part := response.read1(65536):
            yield part
    finally:
        connection.close()


def _refuse(start_response: Any, status: str, code: str, detail: str) -> list[bytes]:
    body = json.dumps({"detail": detail, "code": code}).encode()
    start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
