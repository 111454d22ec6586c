import io
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from devserver.errors import StartError
from devserver.stack import PROJECT, read_procfile
from devserver.supervisor import Supervisor

PATIENT = "import signal, sys, time; signal.signal(15, lambda *_: sys.exit(0)); print('up', flush=True); time.sleep(60)"
STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"


@pytest.fixture
def output() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def supervisor(output: io.StringIO, tmp_path: Path) -> Supervisor:
    return Supervisor(environment=os.environ, folder=tmp_path, output=output)


def start(supervisor: Supervisor, name: str, program: str) -> None:
    """Start a Python program and wait for its first line."""
    lines: list[str] = []
    supervisor.start(name, [sys.executable, "-c", program], lines.append)
    deadline = time.monotonic() + 10
    while not lines:
        assert time.monotonic() < deadline, f"{name} printed nothing"
        supervisor.tick()


def tick_until(supervisor: Supervisor, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        supervisor.tick()


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_lines_are_marked_with_who_printed_them(supervisor: Supervisor, output: io.StringIO) -> None:
    assert supervisor.run_to_end({"one": ["/bin/sh", "-c", "echo first; printf 'no newline'"], "two": ["echo", "hi"]})
    lines = output.getvalue().splitlines()
    assert [line for line in lines if line.startswith("one ")] == ["one         | first", "one         | no newline"]
    assert "two         | hi" in lines


def test_a_long_output_arrives_whole(supervisor: Supervisor, output: io.StringIO) -> None:
    assert supervisor.run_to_end({"long": [sys.executable, "-c", "print('x' * 300_000); print('end')"]})
    assert "x" * 300_000 in output.getvalue()
    assert output.getvalue().endswith("| end\n")


def test_a_step_that_fails_stops_the_others(supervisor: Supervisor) -> None:
    started = time.monotonic()
    with pytest.raises(StartError, match="'bad' failed with exit code 3"):
        supervisor.run_to_end({"long": ["sleep", "60"], "bad": ["/bin/sh", "-c", "exit 3"]})
    assert time.monotonic() - started < 10


def test_stop_is_orderly(supervisor: Supervisor, output: io.StringIO) -> None:
    start(supervisor, "patient", PATIENT)
    assert supervisor.ended() is None
    supervisor.stop(grace=10)
    assert "killed" not in output.getvalue()
    assert supervisor.ended() is None


def test_who_does_not_stop_is_killed_with_what_it_started(supervisor: Supervisor, output: io.StringIO) -> None:
    start(
        supervisor,
        "stubborn",
        "import signal, subprocess, time; signal.signal(15, signal.SIG_IGN);"
        "print(subprocess.Popen(['sleep', '60']).pid, flush=True); time.sleep(60)",
    )
    pid = int(output.getvalue().splitlines()[0].rpartition(" ")[2])
    started = time.monotonic()
    supervisor.stop(grace=0.5)
    assert time.monotonic() - started < 5
    assert "stubborn did not stop in time and is killed." in output.getvalue()
    deadline = time.monotonic() + 5
    # Nobody may be there to reap it; a zombie counts as gone.
    while is_alive(pid) and "Z" not in Path(f"/proc/{pid}/stat").read_text().split()[2]:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_signal_asks_for_a_stop_and_a_second_one_for_a_quick_one(supervisor: Supervisor) -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    try:
        supervisor.install_signals()
        start(supervisor, "stubborn", STUBBORN)
        os.kill(os.getpid(), signal.SIGTERM)
        assert supervisor.stop_requested
        os.kill(os.getpid(), signal.SIGINT)
        started = time.monotonic()
        supervisor.stop(grace=60)
        assert time.monotonic() - started < 5
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_who_ended_is_known(supervisor: Supervisor) -> None:
    supervisor.start("brief", ["/bin/sh", "-c", "exit 7"])
    deadline = time.monotonic() + 10
    while (member := supervisor.ended()) is None:
        assert time.monotonic() < deadline
        supervisor.tick()
    assert (member.name, member.code) == ("brief", 7)
    supervisor.stop(grace=1)


def test_one_that_has_ended_can_be_started_again(supervisor: Supervisor, output: io.StringIO) -> None:
    start(supervisor, "patient", PATIENT)
    with pytest.raises(ValueError, match="has not ended"):
        supervisor.restart("patient")
    before = supervisor.member("patient").process.pid
    os.kill(before, signal.SIGKILL)
    tick_until(supervisor, lambda: supervisor.ended() is not None)

    supervisor.restart("patient")
    tick_until(supervisor, lambda: output.getvalue().count("patient     | up") == 2)

    assert supervisor.ended() is None
    assert [member.name for member in supervisor.members] == ["patient"]
    assert supervisor.member("patient").process.pid != before
    supervisor.stop(grace=10)


def test_what_a_killed_one_left_behind_is_still_heard_after_its_restart(
    supervisor: Supervisor, output: io.StringIO, tmp_path: Path
) -> None:
    parent = ["/bin/sh", "-c", "(while [ ! -e go ]; do sleep 0.05; done; echo child) & echo parent; wait"]
    supervisor.start("parent", parent)
    tick_until(supervisor, lambda: "| parent" in output.getvalue())
    supervisor.member("parent").process.kill()
    tick_until(supervisor, lambda: supervisor.ended() is not None)
    supervisor.restart("parent")

    (tmp_path / "go").touch()

    tick_until(supervisor, lambda: output.getvalue().count("parent      | child") == 2)
    supervisor.stop(grace=1)


def test_who_is_not_there_cannot_be_asked_for(supervisor: Supervisor) -> None:
    with pytest.raises(LookupError, match="No process is called 'nobody'"):
        supervisor.member("nobody")


def test_a_reader_that_leaves_ends_it_all(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as pipe:
        supervisor = Supervisor(environment=os.environ, folder=tmp_path, output=pipe)
        supervisor.say("Hello?")
        assert supervisor.stop_requested
        supervisor.say("Nobody.")
        # What could not be written is still in the pipe's buffer; closing it would fail once more.
        with pytest.raises(BrokenPipeError):
            pipe.flush()
        os.dup2(os.open(os.devnull, os.O_WRONLY), writing)


def test_the_procfile_names_the_processes() -> None:
    assert list(read_procfile(PROJECT / "Procfile")) == ["web", "worker", "maintenance", "sweeper", "beat", "core"]
