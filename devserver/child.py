"""Child processes that don't outlive us, and how to stop them."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

# Loaded here because between fork and exec nothing may be imported.
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None
_PR_SET_PDEATHSIG = 1


def dying_with_parent(number: signal.Signals) -> Callable[[], None] | None:
    """Return a `preexec_fn` that has the kernel send the child a signal when our process dies, even by SIGKILL.

    The kernel watches the thread that forked, so fork from one that lives as long as the process.
    None where the system can't do that (anything but Linux).
    """
    libc = _libc
    if libc is None:
        return None

    def set_signal() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, int(number))

    return set_signal


def stop(process: "subprocess.Popen[bytes]", number: signal.Signals, *, grace: float) -> bool:
    """Ask a child to stop, wait, and kill what is left of its session.

    Args:
        process: A child that leads a session of its own; one that has ended already is fine.
        number: The signal that asks it to stop in an orderly way.
        grace: Seconds that it gets for that.

    Returns:
        Whether it ended by itself.
    """
    in_time = True
    if process.poll() is None:
        process.send_signal(number)
        try:
            process.wait(grace)
        except subprocess.TimeoutExpired:
            in_time = False
    kill_session(process)
    process.wait()
    return in_time


def kill_session(process: "subprocess.Popen[bytes]") -> None:
    """Kill a child that leads a session, and whatever it started there that is still alive."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def tail(path: Path, lines: int = 15) -> str:
    """Return the last lines of a log file, for an error message."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "(no log)"
    return "\n".join(text.splitlines()[-lines:]) or "(the log is empty)"
