"""A program of PostgreSQL's that works for us: started without a shell, ended with us, its last words kept."""

import re
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Final

from backups.reporting import Reporter
from opsconsole.redaction import REDACTED, redact_text

_LAST_WORDS_BYTES: Final = 4_000
_PATIENCE_SECONDS: Final = 10.0
# What PostgreSQL quotes of a row that it did not take: from there to the next thing that is said.
_OF_ROWS: Final = re.compile(
    r"((?:COPY [^;]{1,200}?, line \d+|Key \([^;]{1,200}?\)=|invalid input (?:syntax|value) for [^;:]{1,200}))[:,(].*?"
    r"(?=; (?:pg_restore|pg_dump|ERROR|DETAIL|HINT|CONTEXT|Command was)\b|\Z)",
    re.DOTALL,
)


class Child:
    """A program that runs."""

    def __init__(self, process: subprocess.Popen[bytes], errors: IO[bytes]) -> None:
        self.process = process
        self._errors = errors

    @property
    def last_words(self) -> str:
        """The end of what it wrote to its standard error, in one line and redacted."""
        self._errors.seek(0, 2)
        self._errors.seek(max(0, self._errors.tell() - _LAST_WORDS_BYTES))
        lines = self._errors.read().decode(errors="replace").replace("\0", "").split("\n")
        said = "; ".join(line.strip() for line in lines if line.strip())
        return redact_text(_OF_ROWS.sub(rf"\1 {REDACTED}", said)) or "it said nothing"

    @property
    def ending(self) -> str:
        """How it ended, in words."""
        code = self.process.returncode
        if code is not None and code < 0:
            try:
                return f"was killed ({signal.Signals(-code).name})"
            except ValueError:
                return f"was killed (signal {-code})"
        return f"ended with exit code {code}"

    def ended_within(self, seconds: float) -> bool:
        """Wait for its end; False when it has not ended by then."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def kill(self) -> None:
        """End it at once."""
        if self.process.poll() is None:
            self.process.kill()


@contextmanager
def running(
    command: Sequence[str], environment: dict[str, str], reporter: Reporter, *, keep: Sequence[int] = (), output: bool
) -> Iterator[Child]:
    """Run a program; it is gone when the enclosed block has ended, however it has.

    Args:
        command: its path and arguments.
        environment: all of its environment.
        reporter: has it ended when the work shall end.
        keep: file descriptors that it inherits.
        output: whether its standard output is read; else it is thrown away.

    Raises:
        OSError: it can't be started.
    """
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if output else subprocess.DEVNULL,
            stderr=errors,
            pass_fds=keep,
            cwd="/",
        )
        child = Child(process, errors)
        reporter.on_stop(child.kill)
        try:
            yield child
        finally:
            child.kill()
            if process.stdout is not None:
                process.stdout.close()
            process.wait(_PATIENCE_SECONDS)
