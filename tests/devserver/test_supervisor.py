import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from devserver.errors import StartError
from devserver.stack import PROJECT, read_procfile
from devserver.supervisor import Supervisor
from tests.waiting import PATIENCE, wait_until

# All of them live until they are stopped, unless the supervisor has forgotten them.
PATIENT = (
    "import signal, sys, time; signal.signal(15, lambda *_: sys.exit(0)); print('up', flush=True); time.sleep(600)"
)
STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"


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
    tick_until(supervisor, lambda: bool(lines))


def tick_until(supervisor: Supervisor, condition: Callable[[], bool]) -> None:
    def after_a_tick() -> bool:
        supervisor.tick()
        return condition()

    wait_until(after_a_tick)


def is_alive(pid: int) -> bool:
    """Say whether a process is there; a zombie isn't, since nobody may be there to reap it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_lines_are_marked_with_who_printed_them(supervisor: Supervisor, output: io.StringIO) -> None:
    assert supervisor.run_to_end({"one": ["/bin/sh", "-c", "echo first; printf 'no newline'"], "two": ["echo", "hi"]})
    lines = output.getvalue().splitlines()
    assert [line for line in lines if line.startswith("one ")] == ["one         | first", "one         | no newline"]
    assert "two         | hi" in lines


def test_a_long_output_arrives_whole(supervisor: Supervisor, output: io.StringIO) -> None:
    assert supervisor.run_to_end({"long": [sys.executable, "-c", "print('x' * 300_000); print('end')"]})
    assert "x" * 300_000 in output.getvalue()
    assert output.getvalue().endswith("| end\n")


def test_a_step_that_fails_stops_the_others(supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []
    launch = supervisor._launch

    def noted(argv: Sequence[str]) -> subprocess.Popen[bytes]:
        started.append(launch(argv))
        return started[-1]

    monkeypatch.setattr(supervisor, "_launch", noted)
    with pytest.raises(StartError, match="'bad' failed with exit code 3"):
        supervisor.run_to_end({"long": ["sleep", "600"], "bad": ["/bin/sh", "-c", "exit 3"]})
    assert len(started) == 2
    # By a signal, long before it would have ended by itself.
    assert started[0].returncode in {-signal.SIGTERM, -signal.SIGKILL}


def test_stop_is_orderly(supervisor: Supervisor, output: io.StringIO) -> None:
    start(supervisor, "patient", PATIENT)
    assert supervisor.ended() is None
    supervisor.stop(grace=PATIENCE)
    assert "killed" not in output.getvalue()
    assert supervisor.ended() is None


def test_who_does_not_stop_is_killed_with_what_it_started(supervisor: Supervisor, output: io.StringIO) -> None:
    start(
        supervisor,
        "stubborn",
        "import signal, subprocess, time; signal.signal(15, signal.SIG_IGN);"
        "print(subprocess.Popen(['sleep', '600']).pid, flush=True); time.sleep(600)",
    )
    pid = int(output.getvalue().splitlines()[0].rpartition(" ")[2])
    stubborn = supervisor.member("stubborn").process
    assert is_alive(pid)
    supervisor.stop(grace=0.5)
    assert stubborn.returncode == -signal.SIGKILL
    assert "stubborn did not stop in time and is killed." in output.getvalue()
    wait_until(lambda: not is_alive(pid))


def test_a_signal_asks_for_a_stop_and_a_second_one_for_a_quick_one(supervisor: Supervisor) -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    try:
        supervisor.install_signals()
        start(supervisor, "stubborn", STUBBORN)
        os.kill(os.getpid(), signal.SIGTERM)
        assert supervisor.stop_requested
        os.kill(os.getpid(), signal.SIGINT)
        stubborn = supervisor.member("stubborn").process
        # Were it not for the second signal, it would be waited for until it ends by itself.
        supervisor.stop(grace=float("inf"))
        assert stubborn.returncode == -signal.SIGKILL
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_who_ended_is_known(supervisor: Supervisor) -> None:
    supervisor.start("brief", ["/bin/sh", "-c", "exit 7"])
    tick_until(supervisor, lambda: supervisor.ended() is not None)
    member = supervisor.ended()
    assert member is not None
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
