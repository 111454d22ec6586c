"""The whole of `script/web`, for real: the console, its front end and the login between them, from an empty folder."""

import http.client
import json
import os
import re
import signal
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from devserver.loopback import HOST, free_port
from tests.devserver.test_server import NOT_INHERITED, processes_of
from tests.processes import Child
from tests.statements.recorder import FOLDER
from tests.waiting import PATIENCE

pytestmark = pytest.mark.processes

# `python -m devserver.web` with longer timeouts, for busy machines.
PATIENT_WEB = """
import sys
from devserver import stack
from devserver.__main__ import main
from devserver.web import make

stack._READY_SECONDS, stack._STOP_SECONDS = 600.0, 60.0
sys.exit(main(make))
"""
READY = re.compile(
    r"^Ready: (?P<address>http://127\.0\.0\.1:\d+)/ops  \(log in as operator with password (?P<operator>\S+),"
    r" viewer with password (?P<viewer>\S+); console: (?P<console>http://127\.0\.0\.1:\d+)/admin/\)$",
    re.MULTILINE,
)


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def children(tmp_path: Path, data_dir: Path) -> Iterator[Any]:
    """Start script/web's program as somebody who has set only ports: `children(port, web_port, **environment)`."""
    started: list[Child] = []
    # Node.js isn't looked for where other programs are.
    traps = tmp_path / "traps"
    traps.mkdir()
    for name in ("node", "npm", "npx", "next"):
        (traps / name).write_text("#!/bin/sh\nexit 66\n")
        (traps / name).chmod(0o755)

    def start(port: int, web_port: int, **environment: str) -> Child:
        nothing = dict.fromkeys((*NOT_INHERITED, "CORE_API_URL", "OPS_API_URL"), "")
        own = {"OPS_DATA_DIR": str(data_dir), "PORT": str(port), "WEB_PORT": str(web_port)}
        log = tmp_path / f"web-{len(started)}.log"
        own["PATH"] = f"{traps}:{os.environ['PATH']}"
        child = Child("web", ["-c", PATIENT_WEB], {**nothing, FOLDER: "", **own, **environment}, log)
        started.append(child)
        return child

    yield start
    for child in started:
        child.stop(grace=PATIENCE)


def ask(
    address: str, path: str, method: str = "GET", body: str | None = None, **headers: str
) -> tuple[int, dict[str, str], str]:
    """Return status, headers and body of an answer."""
    host, port = urlsplit(address).hostname, urlsplit(address).port
    assert host is not None
    connection = http.client.HTTPConnection(host, port, timeout=PATIENCE)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), response.read().decode()
    finally:
        connection.close()


def log_in(address: str, username: str, password: str) -> str:
    """Log in as the page's form does, and return the cookie."""
    form = urlencode({"username": username, "password": password, "next": "/ops"})
    status, headers, body = ask(
        address,
        "/api/auth/login",
        "POST",
        form,
        Content_Type="application/x-www-form-urlencoded",
        Origin=address,
    )
    assert status in {302, 303}, (status, body)
    return headers.get("set-cookie", headers.get("Set-Cookie", "")).split(";")[0]


@pytest.mark.long
def test_from_an_empty_folder_to_a_page_and_back_and_again(children: Any, data_dir: Path) -> None:
    port, web_port = free_port(), free_port()
    web = children(port, web_port)
    # Installing and building is part of it, where that wasn't done before.
    web.wait_for(READY, timeout=20 * PATIENCE)
    (ready,) = READY.finditer(web.output)
    address = ready["address"]
    assert (address, ready["console"]) == (f"http://{HOST}:{web_port}", f"http://{HOST}:{port}")
    for name in ("operator", "viewer"):
        file = data_dir / f"{name}-password"
        assert file.read_text().strip() == ready[name]
        assert stat.S_IMODE(file.stat().st_mode) == 0o600

    # Who isn't logged in, or says a wrong password, sees nothing.
    assert ask(address, "/api/core/ops/jobs")[0] == 401
    assert "session=" not in log_in(address, "operator", "guess")
    cookies = {name: log_in(address, name, ready[name]) for name in ("operator", "viewer")}
    for name, cookie in cookies.items():
        assert cookie.startswith("session=")
        status, _, body = ask(address, "/api/core/ops/meta", Cookie=cookie)
        meta = json.loads(body)
        assert (status, meta["user"]["username"]) == (200, f"{name}@core")
        assert meta["may"]["view_jobs"]
        assert meta["may"]["retry"] is (name == "operator")
    status, _, body = ask(address, "/ops", Cookie=cookies["operator"])
    assert status == 200
    assert "<html" in body

    # One address for the console and the core, and the same for a front end's server.
    core = re.search(r"(?m)^CORE_API_URL=(\S+)$", (data_dir / "environment").read_text())
    assert core is not None
    assert json.loads(ask(core[1], "/auth/me", Cookie=cookies["viewer"])[2])["username"] == "viewer"
    assert ask(core[1], "/ops/jobs", Cookie=cookies["viewer"])[0] == 200
    assert ask(core[1], "/conversations/sync", "POST", Cookie=cookies["viewer"])[0] == 403

    # Nothing that it was given is told to whoever lists processes, or left to those that don't need it.
    assert not [command for command in processes_of(data_dir).values() if ready["operator"] in command]
    for pid in processes_of(data_dir):
        assert ready["operator"].encode() not in Path(f"/proc/{pid}/environ").read_bytes()

    elsewhere = children(free_port(), web_port, OPS_DATA_DIR=str(data_dir.parent / "other"))
    assert elsewhere.process.wait(timeout=2 * PATIENCE) == 1
    assert f"Port {web_port} of 127.0.0.1 is taken" in elsewhere.output
    assert "choose another port with WEB_PORT" in elsewhere.output

    web.process.send_signal(signal.SIGINT)
    assert web.process.wait(timeout=2 * PATIENCE) == 0
    assert processes_of(data_dir) == {}

    # The next start does nothing again, and those who were logged in still are.
    again = children(port, web_port)
    again.wait_for(READY, timeout=5 * PATIENCE)
    assert not re.search(r"Installing|Building|Loading", again.output)
    assert ask(address, "/api/core/ops/jobs", Cookie=cookies["operator"])[0] == 200
    again.process.send_signal(signal.SIGTERM)
    assert again.process.wait(timeout=2 * PATIENCE) == 0
    assert "did not stop in time" not in again.output
    assert processes_of(data_dir) == {}
