"""Every process of the Procfile writes its log in the one way, from its first line to its last."""

import http.client
import os
import re
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from devserver import loopback
from devserver.readiness import SAYS_READY, answers
from tests.logs.lines import found, parsed
from tests.processes import Child
from tests.waiting import PATIENCE

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]

Start = Callable[..., Child]


@pytest.fixture
def web(start_child: Start, wait_until: Callable[..., Any]) -> Callable[..., tuple[Child, int]]:
    """Start gunicorn as the Procfile does: `web(**environment)` returns it and its port."""

    def start(**environment: str) -> tuple[Child, int]:
        port = loopback.free_port()
        command = ["-m", "gunicorn", "opsconsole.wsgi:application", "--config", "gunicorn.conf.py", "--workers", "1"]
        child = start_child("web", *command, PORT=str(port), **environment)
        wait_until(lambda: answers(port, "/readyz"))
        return child, port

    return start


def stopped(child: Child) -> str:
    """Stop a process and return all that it has printed."""
    child.ask_to_stop()
    child.stop()
    return child.output


def test_all_that_the_web_server_prints_is_json(web: Callable[..., tuple[Child, int]]) -> None:
    child, port = web(OPS_LOG_FORMAT="json")
    with closing(http.client.HTTPConnection(loopback.HOST, port, timeout=PATIENCE)) as connection:
        connection.request("GET", "/ops/jobs?q=needle", headers={"X-Request-ID": "the-call"})
        answer = connection.getresponse()
        assert answer.getheader("X-Request-ID") == "the-call"
    output = stopped(child)
    assert found(output, logger="gunicorn.error", level="info")
    assert [line["path"] for line in found(output, event="request.answered", request_id="the-call")] == ["/ops/jobs"]
    assert "needle" not in output
    assert len(found(output, event="request.answered")) == 1
    assert parsed(output)[0]["event"].startswith("Starting gunicorn")


def test_all_that_beat_worker_and_sweeper_print_is_json(beat: Start, console_worker: Start, sweeper: Start) -> None:
    children = [start(OPS_LOG_FORMAT="json") for start in (beat, console_worker, sweeper)]
    for child in children:
        # What Celery says from within a signal handler goes to standard output, past any log.
        output = re.sub(r"(?m)^\n?worker: Warm shutdown .*\n", "", stopped(child)).strip()
        assert parsed(output), child.name


def test_the_sweepers_lines_are_its_own(sweeper: Start) -> None:
    output = stopped(sweeper(OPS_LOG_FORMAT="json"))
    assert {(line["actor"], line["via"]) for line in parsed(output)} == {("sweeper", "sweeper")}


@pytest.mark.parametrize("style", ["console", "json"])
def test_processes_say_that_they_are_ready_whatever_the_level(
    style: str, beat: Start, console_worker: Start, sweeper: Start
) -> None:
    # Each of these waits for the word of its process.
    for start in (beat, console_worker, sweeper):
        start(OPS_LOG_FORMAT=style, OPS_LOG_LEVEL="ERROR")


def test_the_usual_lines_are_for_people(sweeper: Start, web: Callable[..., tuple[Child, int]]) -> None:
    line = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z \[info\] .* \[[\w.]+\]( \w+=\S+)*"
    output = stopped(sweeper()) + stopped(web()[0])
    assert SAYS_READY["sweeper"].search(output)
    assert all(re.fullmatch(line, text) for text in output.splitlines()), output
    assert "\x1b" not in output


def test_a_command_that_fails_writes_a_redacted_line(start_child: Start, wait_until: Callable[..., Any]) -> None:
    code = "from opsconsole.celery import app; import django; django.setup(); raise ValueError('token=hunter2hunter2')"
    child = start_child("shell", "-c", code, OPS_LOG_FORMAT="json")
    wait_until(lambda: not child.running)
    (line,) = found(child.output, event="process.failed")
    assert line["level"] == "critical"
    assert "ValueError: token=[redacted]" in line["exception"]
    assert "hunter2" not in child.output
    assert os.getpid() != child.pid
