"""Carries out a plan of faults on a running console, and starts again whatever has ended."""

import signal
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import redis

from chaos import descendants
from chaos.descendants import Process
from chaos.plan import Act, Fault
from devserver.own_server import OwnServer
from devserver.stack import Stack

# What ended by itself is started again so much later, as a supervisor of processes does.
_REVIVE_AFTER: Final = 1.0


@dataclass(slots=True)
class Damage:
    """What has happened so far: faults, those that found nothing to break, and what ended without being told to."""

    faults: Counter[tuple[str, Act]] = field(default_factory=Counter)
    spared: int = 0
    ended_by_itself: Counter[str] = field(default_factory=Counter)
    left_behind: int = 0


@dataclass(slots=True)
class _Paused:
    until: float
    target: str
    processes: list[Process]


class Breaker:
    """Breaks and mends, in the one thread that may start processes. Times are seconds since the run's beginning."""

    def __init__(self, stack: Stack, faults: Sequence[Fault], say: Callable[[str], None]) -> None:
        """Describe it.

        Args:
            stack: The console.
            faults: In the order of their times.
            say: Is told of each thing that happens.
        """
        self.damage = Damage()
        self._stack = stack
        self._servers: dict[str, OwnServer] = {}
        self._processes: list[str] = []
        self._faults = list(faults)
        self._say = say
        self._down: dict[str, float] = {}
        self._paused: list[_Paused] = []
        self._orphans: list[Process] = []

    def watch(self) -> None:
        """Have an eye on what runs now; what is started later may end as it likes."""
        self._servers = {server.name: server for server in self._stack.servers}
        self._processes = [member.name for member in self._stack.supervisor.members]

    def tick(self, now: float) -> None:
        """Do what is due."""
        while self._faults and self._faults[0].at <= now:
            self._break(self._faults.pop(0))
        self._resume([one for one in self._paused if one.until <= now])
        for name, until in list(self._down.items()):
            if until <= now:
                self._start(name, now)
        for name in self._ended():
            self.damage.ended_by_itself[name] += 1
            self._say(f"{name} ended by itself")
            self._down[name] = now + _REVIVE_AFTER

    def mend(self) -> None:
        """Break nothing more, let go on what is paused, and have all that is down started with the next tick."""
        self._faults.clear()
        self._resume(list(self._paused))
        self._down = dict.fromkeys(self._down, 0.0)

    def clear_away(self) -> None:
        """Let go on what is paused, and kill what killed parents left behind and is still there."""
        self._resume(list(self._paused))
        self.damage.left_behind += descendants.kill(self._orphans)
        self._orphans.clear()

    @property
    def away(self) -> list[str]:
        """Who is down or paused."""
        return sorted({*self._down, *(f"{one.target} (paused)" for one in self._paused)})

    @property
    def whole(self) -> bool:
        """Whether everything runs."""
        return not (self._down or self._paused or self._ended())

    # --- inside -------------------------------------------------------------------------------------------------

    def _break(self, fault: Fault) -> None:
        pid = self._pid(fault.target)
        if pid is None or any(one.target == fault.target for one in self._paused):
            self.damage.spared += 1
            return
        children = descendants.of(pid)
        until = fault.at + fault.seconds
        match fault.act:
            case Act.FLUSH:
                _flush(self._stack.environment["CELERY_BROKER_URL"])
            case Act.KILL_CHILD if children:
                descendants.kill(children[:1])
            case Act.PAUSE_CHILD if children:
                self._pause(fault.target, until, children[:1])
            case Act.PAUSE:
                self._pause(fault.target, until, [Process(pid, ""), *children])
            case Act.KILL | Act.KILL_PARENT | Act.SHUT_DOWN:
                self._end(fault, pid, children)
                self._down[fault.target] = until
            case _:
                self.damage.spared += 1
                return
        self.damage.faults[fault.target, fault.act] += 1
        self._say(f"{fault.target} {fault.act}" + (f" for {fault.seconds:.1f} s" if fault.seconds else ""))

    def _end(self, fault: Fault, pid: int, children: list[Process]) -> None:
        server = self._servers.get(fault.target)
        if server is None:
            descendants.send(pid, signal.SIGKILL)
            self._stack.supervisor.member(fault.target).process.wait()
            if fault.act is Act.KILL:
                descendants.kill(children)
            else:
                self._orphans += children
        elif fault.act is Act.SHUT_DOWN:
            descendants.send(pid, signal.SIGQUIT)  # PostgreSQL's immediate shutdown
        else:
            server.kill()

    def _start(self, name: str, now: float) -> None:
        server = self._servers.get(name)
        if server is not None:
            # Something of the one before may be left, so that it ends again at once; then it is started again.
            if server.running:
                return
            server.relaunch()
        elif self._stack.supervisor.member(name).code is None:
            # It is dying, and the supervisor has not noticed yet.
            return
        else:
            self._stack.supervisor.restart(name)
        del self._down[name]
        self._say(f"{name} started again")

    def _ended(self) -> list[str]:
        """Return who has ended and isn't meant to be down."""
        member = self._stack.supervisor.member
        processes = [name for name in self._processes if member(name).code is not None]
        servers = [name for name, server in self._servers.items() if not server.running]
        return [name for name in [*processes, *servers] if name not in self._down]

    def _pid(self, name: str) -> int | None:
        server: OwnServer | None = self._servers.get(name)
        if server is not None:
            return server.pid
        with suppress(LookupError):
            member = self._stack.supervisor.member(name)
            return member.process.pid if member.process.poll() is None else None
        return None

    def _pause(self, target: str, until: float, processes: list[Process]) -> None:
        for process in processes:
            descendants.send(process.pid, signal.SIGSTOP)
        self._paused.append(_Paused(until, target, processes))

    def _resume(self, paused: list[_Paused]) -> None:
        for one in paused:
            self._paused.remove(one)
            for process in one.processes:
                descendants.send(process.pid, signal.SIGCONT)
            self._say(f"{one.target} goes on")


def _flush(url: str) -> None:
    with suppress(redis.RedisError), redis.Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2) as client:
        client.flushdb()
