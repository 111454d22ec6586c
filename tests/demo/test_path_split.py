"""What stands before the core and the console in the demonstration: which path goes where, and what arrives there."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import Any, ClassVar

import pytest

from demo.path_split import MAX_BODY, PathSplit
from devserver.loopback import HOST, free_port


class Console(BaseHTTPRequestHandler):
    """Stands for the console: answers with what arrived."""

    answer: ClassVar[tuple[int, dict[str, str], bytes | None]] = (200, {}, None)

    def do_GET(self) -> None:
        status, headers, body = self.answer
        length = int(self.headers.get("Content-Length") or 0)
        arrived = {
            "method": self.command,
            "target": self.path,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "body": self.rfile.read(length).decode(),
        }
        content = json.dumps(arrived).encode() if body is None else body
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 304:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD" and status != 304:
            self.wfile.write(content)

    do_POST = do_PUT = do_DELETE = do_HEAD = do_GET  # noqa: N815 - so the library calls them

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def console() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer((HOST, 0), Console)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def split(console: ThreadingHTTPServer) -> PathSplit:
    return PathSplit(core, host=HOST, port=console.server_port)


def core(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Stand for the core."""
    start_response("200 OK", [])
    return [b"the core"]


def ask(split: PathSplit, path: str, method: str = "GET", body: bytes | None = None, **environ: str) -> tuple[Any, ...]:
    """Return status, headers and body of an answer."""
    asked = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "RAW_URI": path,
        "REMOTE_ADDR": "127.0.0.9",
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(body or b""),
        **({} if body is None else {"CONTENT_LENGTH": str(len(body)), "CONTENT_TYPE": "application/json"}),
        **environ,
    }
    got: list[Any] = []
    content = b"".join(split(asked, lambda status, headers: got.extend((status, dict(headers)))))
    return (*got, content)


@pytest.mark.parametrize(
    ("path", "is_consoles"),
    [
        ("/ops", True),
        ("/ops/", True),
        ("/ops/jobs/7/retry", True),
        ("/conversations/sync", True),
        ("/conversations/sync/", True),
        ("/conversations/sync/b5a5c1c4-6e53-4c56-9d0f-1f5a4e6b7c01", True),
        ("/", False),
        ("/opsx", False),
        ("/x/ops", False),
        ("/auth/login", False),
        ("/conversations", False),
        ("/conversations/1", False),
        ("/conversations/synced", False),
        ("/admin/", False),
    ],
)
def test_a_path_goes_to_the_console_or_to_the_core(split: PathSplit, path: str, is_consoles: bool) -> None:
    status, _, body = ask(split, path)
    assert status.startswith("200 ")
    assert (body == b"the core") is not is_consoles


def test_what_was_asked_arrives_as_it_was(split: PathSplit) -> None:
    _, _, body = ask(
        split,
        "/ops/jobs",
        "POST",
        b'{"a": 1}',
        RAW_URI="/ops/jobs?q=%C3%A9&status=failed,done",
        HTTP_HOST="ops.example.org",
        HTTP_COOKIE="session=abc",
        HTTP_IDEMPOTENCY_KEY="key",
        HTTP_ACCEPT="application/json",
        HTTP_IF_NONE_MATCH='"x"',
        HTTP_CONNECTION="keep-alive",
        HTTP_X_FORWARDED_FOR="203.0.113.5",
    )
    arrived = json.loads(body)
    assert (arrived["method"], arrived["body"]) == ("POST", '{"a": 1}')
    assert arrived["target"] == "/ops/jobs?q=%C3%A9&status=failed,done"
    assert arrived["headers"] == {
        "host": "ops.example.org",
        "cookie": "session=abc",
        "idempotency-key": "key",
        "accept": "application/json",
        "accept-encoding": "identity",
        "if-none-match": '"x"',
        "content-type": "application/json",
        "content-length": "8",
        "x-forwarded-for": "203.0.113.5, 127.0.0.9",
        "x-forwarded-proto": "http",
    }


def test_a_path_that_was_sent_unencoded_is_encoded(split: PathSplit) -> None:
    path = "/ops/jobs/é".encode().decode("latin-1")
    _, _, body = ask(split, path, RAW_URI="", QUERY_STRING="a=b")
    assert json.loads(body)["target"] == "/ops/jobs/%C3%A9?a=b"


def test_without_a_body_none_is_sent(split: PathSplit) -> None:
    for method in ("GET", "DELETE"):
        assert "content-length" not in json.loads(ask(split, "/ops/x", method)[2])["headers"]


def test_a_body_in_chunks_arrives_with_its_length(split: PathSplit) -> None:
    _, _, body = ask(
        split,
        "/ops/x",
        "POST",
        HTTP_TRANSFER_ENCODING="chunked",
        **{"wsgi.input": BytesIO(b"{}")},  # type: ignore[arg-type]
    )
    headers = json.loads(body)["headers"]
    assert headers["content-length"] == "2"
    assert "transfer-encoding" not in headers


@pytest.mark.parametrize("status", [200, 202, 304, 404, 409, 500, 503])
def test_what_is_answered_is_passed_on(split: PathSplit, monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    headers = {"ETag": '"x"', "Retry-After": "5", "Vary": "Cookie", "Connection": "close", "Keep-Alive": "timeout=5"}
    monkeypatch.setattr(Console, "answer", (status, headers, b'{"detail": "x"}'))
    got, passed, body = ask(split, "/ops/x")
    assert int(got.split()[0]) == status
    assert body == (b"" if status == 304 else b'{"detail": "x"}')
    assert {name: passed[name] for name in ("ETag", "Retry-After", "Vary")} == {
        name: headers[name] for name in ("ETag", "Retry-After", "Vary")
    }
    assert not {"Connection", "Keep-Alive", "Date", "Server"} & set(passed)


def test_a_long_answer_is_passed_on_whole(split: PathSplit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Console, "answer", (200, {}, b"x" * 3_000_000))
    assert len(ask(split, "/ops/x")[2]) == 3_000_000
    assert ask(split, "/ops/x", "HEAD")[2] == b""


def test_a_body_that_is_too_large_is_refused(split: PathSplit) -> None:
    status, _, body = ask(split, "/ops/x", "POST", b"x" * (MAX_BODY + 1))
    assert (status, json.loads(body)["code"]) == ("413 Content Too Large", "too_large")


def test_a_console_that_is_away_is_a_502() -> None:
    status, headers, body = ask(PathSplit(core, host=HOST, port=free_port()), "/ops/jobs")
    assert status == "502 Bad Gateway"
    assert headers["Content-Type"] == "application/json"
    assert json.loads(body) == {"detail": "The console does not answer.", "code": "unreachable"}
