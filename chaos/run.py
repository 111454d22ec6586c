"""One run: ask and break, mend, wait until all has settled, check, report."""

import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg

from chaos import instruments, journal, report, witness
from chaos.breaker import Breaker
from chaos.checks import check_all
from chaos.checks.facts import Facts
from chaos.client import Client
from chaos.instruments import Connection, Since
from chaos.journal import MESSAGE
from chaos.plan import plan
from chaos.settling import Settling
from devserver.errors import StartError
from devserver.own_server import write_private
from devserver.readiness import answers
from devserver.stack import PROJECT, Stack

_LOAD: Final = "load"
_PROGRESS_EVERY: Final = 10.0
# Seconds that things get after the last fault.
_WHOLE_WITHIN: Final = 120.0
_ANSWERED_WITHIN: Final = 150.0
_SETTLED_WITHIN: Final = 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a run is told.

    Attributes:
        seconds: How long there is load, and things go wrong.
        seed: What all choices are made from.
        repeat: Whether a request is asked again, under its key, after its answer was lost.
        port: Where the console listens.
        folder: Where the run keeps its files.
    """

    seconds: float
    seed: int
    repeat: bool
    port: int
    folder: Path

    @property
    def journal(self) -> Path:
        """What was asked and answered."""
        return self.folder / "journal.jsonl"

    @property
    def witness(self) -> Path:
        """What the stand-in for the core's worker has run."""
        return self.folder / "witness.jsonl"


class Interrupted(Exception):
    """Somebody asked for a stop."""


class Run:
    """A run on a console that is ready, in the one thread that may start processes."""

    def __init__(self, stack: Stack, options: Options, say: Callable[[str], None]) -> None:
        """Describe it.

        Args:
            stack: The console.
            options: What the run is told.
            say: Prints a line.
        """
        self.verdict: report.Verdict | None = None
        self._stack = stack
        self._options = options
        self._say = say
        self._started = self._said = 0.0
        self._loading = False
        self._breaker = Breaker(stack, plan(options.seed, options.seconds), stack.supervisor.say)
        self._token = ""

    def attend(self) -> None:
        """Do it all; what `Stack.run` calls once the console is ready.

        Raises:
            StartError: Something doesn't come back.
        """
        with ExitStack() as cleanup:
            cleanup.callback(self._breaker.clear_away)
            with closing(self._connect()) as connection:
                since = instruments.install(connection)
            cleanup.callback(self._remove_instruments)
            try:
                self._ask_and_break()
                self._mend()
                with closing(self._connect()) as connection:
                    self._judge(connection, since)
            except Interrupted:
                self._say("Stopped before it was over.")

    # --- phases -------------------------------------------------------------------------------------------------

    def _ask_and_break(self) -> None:
        options = self._options
        self._token = self._make_token()
        token_file = options.folder / "token"
        write_private(token_file, self._token)
        command = [sys.executable, "-m", "chaos.load", f"--port={options.port}", f"--token-file={token_file}"]
        command += [f"--journal={options.journal}", f"--seed={options.seed}", f"--seconds={options.seconds}"]
        options.journal.unlink(missing_ok=True)
        options.witness.unlink(missing_ok=True)
        self._breaker.watch()
        self._stack.supervisor.start(_LOAD, command if options.repeat else [*command, "--no-repeat"])
        self._say(f"Ready. For {options.seconds:.0f} s everything is killed in turn, with the seed {options.seed}.")
        self._started = self._said = time.monotonic()
        self._loading = True
        self._wait(lambda: self._passed >= options.seconds, options.seconds + 60)

    def _mend(self) -> None:
        self._say("No more faults: everything is started again.")
        self._breaker.mend()
        port = self._options.port
        if not self._wait(lambda: self._breaker.whole and answers(port, "/readyz"), _WHOLE_WITHIN):
            raise StartError(f"Not everything runs again {_WHOLE_WITHIN:.0f} s after the last fault.")
        load = self._stack.supervisor.member(_LOAD)
        if not self._wait(lambda: load.code is not None, _ANSWERED_WITHIN) or load.code:
            raise StartError(f"The load did not end well (exit code {load.code}).")
        self._loading = False

    def _judge(self, connection: Connection, since: Since) -> None:
        options = self._options
        client = Client(options.port, self._token)
        settling = Settling(connection, since, client, lambda seconds: self._wait(lambda: False, seconds))
        settled = settling.run(_SETTLED_WITHIN, self._say)
        # What is to be seen of it has been seen.
        self._breaker.clear_away()
        facts = Facts(connection, since, journal.read(options.journal), witness.read(options.witness), settled.stuck)
        findings = [*check_all(facts), *settled.findings]
        for line in report.lines(facts, self._breaker.damage, settled, findings):
            self._say(line)
        self.verdict = report.verdict(facts.asked, report.own_jobs(facts), findings)

    # --- inside -------------------------------------------------------------------------------------------------

    @property
    def _passed(self) -> float:
        return time.monotonic() - self._started

    def _wait(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Let time pass until something is true, and say whether it is; everything else goes on meanwhile.

        Raises:
            Interrupted: Somebody asked for a stop.
        """
        deadline = time.monotonic() + seconds
        while not (answer := condition()) and time.monotonic() < deadline:
            self._stack.supervisor.tick()
            if self._stack.supervisor.stop_requested:
                raise Interrupted
            self._breaker.tick(self._passed)
            if self._loading and time.monotonic() - self._said >= _PROGRESS_EVERY:
                self._said = time.monotonic()
                self._say_progress()
        return answer

    def _say_progress(self) -> None:
        asked = [one for one in journal.read(self._options.journal) if one.first.operation != MESSAGE]
        down = ", ".join(self._breaker.away) or "nothing"
        self._say(
            f"{self._passed:4.0f} s: asked {len(asked)}, accepted {sum(one.accepted for one in asked)}, "
            f"in doubt {sum(one.in_doubt for one in asked)}; broken {sum(self._breaker.damage.faults.values())} times, "
            f"away now: {down}"
        )

    def _connect(self) -> Connection:
        return instruments.connect(self._stack.environment["DATABASE_URL"])

    def _make_token(self) -> str:
        command = [sys.executable, "manage.py", "drf_create_token", "admin"]
        done = subprocess.run(
            command, env=self._stack.environment, cwd=PROJECT, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise StartError(f"No token could be made: {done.stderr.strip()}")
        return done.stdout.split()[2]

    def _remove_instruments(self) -> None:
        with suppress(psycopg.Error), closing(self._connect()) as connection:
            instruments.remove(connection)
