"""Processes that other processes have started, as `ps` shows them."""

import os
import signal
import subprocess
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Process:
    """One process; its number alone may soon be another's."""

    pid: int
    started: str


def of(pid: int) -> list[Process]:
    """Return the children of a process, their children, and so on; those that have ended are left out."""
    children: dict[int, list[Process]] = defaultdict(list)
    for parent, process in _all():
        children[parent].append(process)
    found, parents = [], [pid]
    while parents:
        mine = children.get(parents.pop(), [])
        found += mine
        parents += [process.pid for process in mine]
    return found


def kill(processes: list[Process]) -> int:
    """Kill those that are still the same processes; return how many."""
    left = {process for _, process in _all()}
    return sum(send(process.pid, signal.SIGKILL) for process in processes if process in left)


def send(pid: int, number: signal.Signals) -> bool:
    """Send a signal; say whether there was somebody to get it."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)
        return True
    return False


def _all() -> list[tuple[int, Process]]:
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,stat=,lstart="], capture_output=True, text=True, check=True
    ).stdout
    found = []
    for line in listed.splitlines():
        pid, parent, state, started = line.split(maxsplit=3)
        if not state.startswith("Z"):
            found.append((int(parent), Process(int(pid), started)))
    return found
