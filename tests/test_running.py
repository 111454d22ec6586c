"""The runner of the tests: asked to stop, it leaves nothing behind."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import PROJECT
from tests.waiting import wait_until

# A test that takes up to a minute, much longer than stopping does.
LASTING = "tests/schedules/test_real_beat.py::test_beat_starts_a_crontab_at_its_minute"


def processes_of(folder: Path) -> list[str]:
    """Return the command lines that name a folder."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in line:
            found.append(line)
    return found


@pytest.mark.processes
@pytest.mark.parametrize(
    "in_background",
    [
        pytest.param(False, id="in the foreground", marks=pytest.mark.soak),
        pytest.param(True, id="as a background job of a shell"),
    ],
)
def test_a_stopped_run_stops_its_servers(tmp_path: Path, in_background: bool) -> None:
    before = signal.getsignal(signal.SIGINT)
    if in_background:
        # A shell's background job inherits this.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        run = subprocess.Popen(
            [sys.executable, "-m", "tests.run", "--variant", "plain", LASTING, "-n", "1"],
            cwd=PROJECT,
            env={"PATH": "/usr/bin:/bin", "TMPDIR": str(tmp_path)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    finally:
        signal.signal(signal.SIGINT, before)
    try:
        wait_until(lambda: any("redis-server" in line or "postgres" in line for line in processes_of(tmp_path)))
        run.terminate()
        wait_until(lambda: run.poll() is not None)
    finally:
        run.kill()
        run.wait()
    assert run.returncode == 128 + signal.SIGTERM
    wait_until(lambda: not processes_of(tmp_path))
    assert not list(tmp_path.glob("opsconsole-*"))
