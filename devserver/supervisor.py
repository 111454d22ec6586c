"""Runs processes side by side: their output in one stream, one signal stops them all."""

import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TextIO

from devserver.child import dying_with_parent, kill_session
from devserver.errors import StartError

_COLOURS = (36, 33, 32, 35, 34, 31, 96, 93)
_TICK = 0.2  # seconds between two looks at who has ended


@dataclass(slots=True, eq=False)
class Member:
    """A process under supervision; `code` is its exit code once it has ended."""

    name: str
    argv: list[str]
    on_line: Callable[[str], None] | None
    colour: int
    process: "subprocess.Popen[bytes]"
    code: int | None = None


@dataclass(slots=True, eq=False)
class _Stream:
    """What a process prints. It may outlive the process: whatever that has started can hold it too."""

    member: Member
    file: IO[bytes]
    pending: bytes = b""


class Supervisor:
    """Starts processes, passes on what they print, and stops them.

    Single-threaded: the kernel ties a child's fate to the thread that forked it.
    """

    def __init__(self, *, environment: Mapping[str, str], folder: Path, output: TextIO | None = None) -> None:
        """Describe a supervisor.

        Args:
            environment: For the processes.
            folder: The processes' working directory.
            output: Where their lines go; default standard output.
        """
        self.environment = environment
        self.stop_requested = False
        self._hurry = False
        self._folder = folder
        self._output: TextIO | None = output or sys.stdout
        self._selector = selectors.DefaultSelector()
        self._members: list[Member] = []
        self._streams: list[_Stream] = []
        self._width = len("maintenance")

    def install_signals(self) -> None:
        """Let SIGTERM, SIGINT and SIGHUP ask for a stop, and a second one for a quick one."""

        def on_signal(_number: int, _frame: object) -> None:
            self._hurry = self.stop_requested
            self.stop_requested = True

        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, on_signal)

    def start(self, name: str, command: str | Sequence[str], on_line: Callable[[str], None] | None = None) -> None:
        """Start a process.

        Args:
            name: What its lines are marked with.
            command: A shell's command line, or a program with its arguments.
            on_line: Called with each line that it prints.
        """
        # exec: the process that we signal is the program itself, not a shell around it.
        argv = ["/bin/sh", "-c", f"exec {command}"] if isinstance(command, str) else list(command)
        colour = _COLOURS[len(self._members) % len(_COLOURS)]
        member = Member(name, argv, on_line, colour, self._launch(argv))
        self._members.append(member)
        self._listen(member)

    def restart(self, name: str) -> None:
        """Start a process that has ended once more; what it had started and left behind is left alone.

        Raises:
            ValueError: It has not ended.
        """
        member = self.member(name)
        if member.code is None:
            raise ValueError(f"The process {name!r} has not ended.")
        member.process = self._launch(member.argv)
        member.code = None
        self._listen(member)

    @property
    def members(self) -> tuple[Member, ...]:
        """The processes, in the order in which they were first started."""
        return tuple(self._members)

    def member(self, name: str) -> Member:
        """Return the process of this name.

        Raises:
            LookupError: There is none.
        """
        for member in self._members:
            if member.name == name:
                return member
        raise LookupError(f"No process is called {name!r}.")

    def run_to_end(self, commands: Mapping[str, Sequence[str]]) -> bool:
        """Run commands side by side until all have ended.

        Args:
            commands: Programs with their arguments, by name.

        Returns:
            True when all succeeded, False when a stop was asked for meanwhile; none of them is left then.

        Raises:
            StartError: One of them failed; the others were stopped.
        """
        for name, command in commands.items():
            self.start(name, command)
        try:
            while any(member.code is None for member in self._members):
                self.tick()
                if self.stop_requested:
                    return False
                for member in self._members:
                    if member.code:
                        raise StartError(f"The step {member.name!r} failed with exit code {member.code}.")
            return True
        finally:
            self.stop(grace=3.0)

    def tick(self) -> None:
        """Pass on what was printed within a moment, and notice who has ended."""
        for key, _ in self._selector.select(_TICK):
            self._read(key.data)
        for member in self._members:
            if member.code is None and (code := member.process.poll()) is not None:
                for stream in [stream for stream in self._streams if stream.member is member]:
                    self._read(stream, last=True)
                member.code = code

    def ended(self) -> Member | None:
        """Return a process that has ended, or None while all run."""
        return next((member for member in self._members if member.code is not None), None)

    def stop(self, *, grace: float) -> None:
        """Ask all processes to stop, pass on what they still print, and kill what is left.

        Args:
            grace: Seconds that they get; a second signal to us cuts that short.
        """
        for member in self._members:
            if member.process.poll() is None:
                member.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + grace
        while any(member.code is None for member in self._members):
            self.tick()
            if self._hurry or time.monotonic() > deadline:
                break
        for member in self._members:
            if member.code is None:
                self.say(f"{member.name} did not stop in time and is killed.")
            # Also where the process has ended: what it started may live on.
            kill_session(member.process)
            member.process.wait()
        for stream in list(self._streams):
            self._close(stream)
        self._members.clear()

    def say(self, sentence: str) -> None:
        """Print a line of our own among those of the processes."""
        self._print("system", 0, sentence)

    def announce(self, line: str) -> None:
        """Print a line as it is, for whoever waits for it."""
        if self._output is None:
            return
        try:
            print(line, file=self._output, flush=True)
        except BrokenPipeError:
            # Whoever read our output has left; go on to an orderly stop without it.
            self._output = None
            self.stop_requested = True

    # --- inside -------------------------------------------------------------------------------------------------

    def _launch(self, argv: Sequence[str]) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            argv,
            env=dict(self.environment),
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            # A session of its own: Ctrl-C reaches only us, and we stop them in our order. Celery, for one, takes a
            # signal to its whole group as an order to drop the tasks that run.
            start_new_session=True,
            preexec_fn=dying_with_parent(signal.SIGTERM),  # noqa: PLW1509 - it calls one function of the C library
        )

    def _listen(self, member: Member) -> None:
        file = member.process.stdout
        assert file is not None
        os.set_blocking(file.fileno(), False)
        stream = _Stream(member, file)
        self._streams.append(stream)
        self._selector.register(file, selectors.EVENT_READ, stream)

    def _read(self, stream: _Stream, *, last: bool = False) -> None:
        closed = False
        with suppress(BlockingIOError):
            while chunk := os.read(stream.file.fileno(), 65536):
                stream.pending += chunk
                if len(chunk) < 65536:
                    break
            else:
                last = closed = True
        *lines, stream.pending = stream.pending.split(b"\n")
        if last and stream.pending:
            lines.append(stream.pending)
            stream.pending = b""
        if closed:
            self._close(stream)
        member = stream.member
        for line in lines:
            text = line.decode("utf-8", "replace").rstrip("\r")
            self._print(member.name, member.colour, text)
            if member.on_line is not None:
                member.on_line(text)

    def _close(self, stream: _Stream) -> None:
        self._streams.remove(stream)
        self._selector.unregister(stream.file)
        stream.file.close()

    def _print(self, name: str, colour: int, text: str) -> None:
        label = f"{name:<{self._width}} | "
        if colour and self._output is not None and self._output.isatty():
            label = f"\033[{colour}m{label}\033[0m"
        self.announce(f"{label}{text}")
