"""What our PostgreSQL and our Redis have in common: a folder, a port, a password, a process."""

import os
import secrets
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from pathlib import Path

from devserver import loopback
from devserver.child import dying_with_parent, stop, tail
from devserver.errors import StartError

_ATTEMPTS = 3


class OwnServer(ABC):
    """A server on the loopback address; it can be stopped and started again, and keeps its port and its data."""

    name: str
    stop_signal: signal.Signals
    start_seconds: float
    stop_seconds: float

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        """Describe a server; nothing is started yet.

        Args:
            folder: Where its data, log, password and port are kept; made when missing.
            durable: Whether what it was given survives a crash. Tests are faster without.
        """
        self.folder = folder.absolute()
        self.durable = durable
        self.log = self.folder / f"{self.name.lower()}.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Whether the server's process is alive."""
        return self._process is not None and self._process.poll() is None

    @property
    def password(self) -> str:
        """The server's password, made when first asked for."""
        path = self.folder / "password"
        if not path.exists():
            write_private(path, secrets.token_urlsafe(24))
        return path.read_text()

    @property
    def port(self) -> int:
        """The port of the last start; 0 before the first."""
        try:
            return int((self.folder / "port").read_text())
        except (OSError, ValueError):
            return 0

    @property
    def pid(self) -> int | None:
        """The server's process, or None while it doesn't run."""
        return self._process.pid if self._process is not None and self.running else None

    def start(self) -> None:
        """Start the server, after making its data the first time, and wait until it answers.

        Raises:
            StartError: It can't be started; the message holds the end of its log.
        """
        if self.running:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        self.make_data()
        for attempt in range(_ATTEMPTS):
            # The port of last time, so that whoever was connected finds the server again.
            if not (self.port and loopback.is_free(self.port)):
                (self.folder / "port").write_text(str(loopback.free_port()))
            try:
                self._launch()
            except StartError:
                lost_its_port = not loopback.is_free(self.port)
                if not lost_its_port or attempt + 1 == _ATTEMPTS:
                    raise
            else:
                return

    def stop(self) -> None:
        """Stop the server in an orderly way; a durable one keeps what it was given."""
        if self._process is not None:
            stop(self._process, self.stop_signal, grace=self.stop_seconds)
            self._process = None

    def kill(self) -> None:
        """Have the server die at once, as in a crash; what it had started finds out by itself."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def relaunch(self) -> None:
        """Start a server that was killed once more, on its old port, without waiting until it answers.

        It can end again soon after, as long as something of the one before it is left; `running` says so.
        """
        if not self.running:
            self._spawn()

    # --- for the two servers ------------------------------------------------------------------------------------

    @abstractmethod
    def make_data(self) -> None:
        """Make what the server needs before its first start."""

    @abstractmethod
    def command(self) -> list[str]:
        """Return the command that runs the server in the foreground."""

    def configuration(self) -> str:
        """Return what the server reads from its standard input."""
        return ""

    @abstractmethod
    def check(self) -> None:
        """Ask the server something; raises whatever its client raises when it doesn't answer."""

    # --- inside -------------------------------------------------------------------------------------------------

    def _spawn(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command(),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder.anchor,
                start_new_session=True,
                preexec_fn=dying_with_parent(self.stop_signal),  # noqa: PLW1509 - it calls one function of the C library
            )
        assert self._process.stdin is not None
        with self._process.stdin as pipe:
            pipe.write(self.configuration().encode())

    def _launch(self) -> None:
        self._spawn()
        deadline = time.monotonic() + self.start_seconds
        while True:
            try:
                self.check()
            except Exception as error:
                if not self.running:
                    raise StartError(f"{self.name} did not start. {self.log} ends with:\n{tail(self.log)}") from error
                if time.monotonic() > deadline:
                    self.stop()
                    raise StartError(f"{self.name} did not answer in {self.start_seconds:.0f} s: {error}") from error
                time.sleep(0.03)
            else:
                return


def write_private(path: Path, text: str) -> None:
    """Write a file that only we may read, whole or not at all."""
    unfinished = path.with_name(f"{path.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    unfinished.replace(path)
