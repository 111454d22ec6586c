"""The whole: databases, preparation, processes; started in this order and stopped in the reverse one."""

import re
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TextIO

from devserver import loopback
from devserver.choices import Choices, child_environment
from devserver.core_tables import prepare_core_tables
from devserver.data_folder import DataFolder
from devserver.errors import StartError
from devserver.own_server import OwnServer
from devserver.postgres import Postgres, find_programs
from devserver.readiness import Readiness
from devserver.redis import Redis
from devserver.stamp import stamp
from devserver.supervisor import Supervisor

PROJECT = Path(__file__).resolve().parent.parent
_STAND_IN = "core"
_STOP_SECONDS = 7.0  # for the console's processes; the databases come after them
_READY_SECONDS = 60.0


class Stack:
    """One console with all that it stands on."""

    def __init__(
        self, choices: Choices, *, processes: Mapping[str, str] | None = None, output: TextIO | None = None
    ) -> None:
        """Describe it; nothing is started yet.

        Args:
            choices: What whoever starts it has chosen.
            processes: Commands by the names of the processes; default those of the Procfile.
            output: Where the processes' lines go; default standard output.
        """
        self._choices = choices
        self._processes = processes if processes is not None else read_procfile(PROJECT / "Procfile")
        self._folder = DataFolder(choices.data_dir)
        self._prepared = self._folder.path / "prepared"
        self.servers: list[OwnServer] = []
        self.environment: dict[str, str] = child_environment(choices)
        self.supervisor = Supervisor(environment=self.environment, folder=PROJECT, output=output)

    def run(self, attend: Callable[[], None] | None = None) -> None:
        """Start everything, say when it is ready, and stay until a signal asks for a stop; then stop everything.

        Args:
            attend: Called once all is ready, and everything is stopped when it returns; it has to let the supervisor
                tick and to heed its `stop_requested`. Default: stay, and end it all when one of the processes ends.

        Raises:
            StartError: Something didn't start, or a process ended by itself; the rest has been stopped.
        """
        self.supervisor.install_signals()
        with ExitStack() as cleanup:
            self._folder.lock()
            cleanup.callback(self._folder.unlock)
            for name, port in self._ports().items():
                if not loopback.is_free(port):
                    raise StartError(
                        f"Port {port} of {loopback.HOST} is taken by another program: stop it, "
                        f"or choose another port with {name}."
                    )
            for step in (self._start_servers, self._prepare, self._start_processes):
                step(cleanup)
                if self.supervisor.stop_requested:
                    return
            (attend or self._watch)()

    # --- what a stack with more in it adds to --------------------------------------------------------------------

    def _ports(self) -> dict[str, int]:
        """Return the ports that are listened on, by the variables that choose them."""
        return {"PORT": self._choices.port}

    def _more_steps(self) -> dict[str, list[str]]:
        """Return commands that run to their end beside the preparation, by name."""
        return {}

    def _commands(self) -> dict[str, str | list[str]]:
        """Return the commands of the processes, by name."""
        return {
            name: command
            for name, command in self._processes.items()
            if name != _STAND_IN or self.environment["OPS_DEMO"] == "1"
        }

    def _more_awaited(self) -> list[str]:
        """Return the names of further processes that don't answer yet."""
        return []

    def _ready_line(self) -> str:
        """Return what is said when everything is ready."""
        return (
            f"Ready: http://{loopback.HOST}:{self._choices.port}/admin/  "
            f"(user admin, password in {self._folder.admin_password_file})"
        )

    # --- steps --------------------------------------------------------------------------------------------------

    def _start_servers(self, cleanup: ExitStack) -> None:
        """Start our own databases, or take the ones that exist."""
        environment, folder = self.environment, self._folder.path
        if self._choices.database_url is None:
            postgres = Postgres(folder / "postgres")
            self._start_server(postgres, cleanup)
            postgres.create_database()
            environment["DATABASE_URL"] = postgres.url()
        if self._choices.redis_urls is None:
            redis = Redis(folder / "redis")
            self._start_server(redis, cleanup)
            environment["CELERY_BROKER_URL"] = redis.url(0)
            environment["CORE_RESULT_BACKEND"] = redis.url(1)
            environment["OPS_CACHE_URL"] = redis.url(2)
        else:
            environment.update(self._choices.redis_urls)

    def _start_server(self, server: OwnServer, cleanup: ExitStack) -> None:
        # Registered before it starts, so that a start that fails halfway leaves nothing behind.
        cleanup.callback(server.stop)
        server.start()
        self.servers.append(server)
        self.supervisor.say(f"{server.name} listens on {loopback.HOST}:{server.port}; its log is {server.log}")

    def _prepare(self, _cleanup: ExitStack) -> None:
        """Make what is missing: tables, sample data, the providers' archive, the console's tables, the user admin."""
        choices, environment, folder = self._choices, self.environment, self._folder
        url = environment["DATABASE_URL"]
        tables = prepare_core_tables(url, choices, folder)
        if tables.missing:
            self.supervisor.say(f"The database lacks tables of the core's: {', '.join(tables.missing)}.")
        # Where the data or the broker is somebody's, a real core's worker may be there; ours would take its tasks.
        demo = choices.demo if choices.demo is not None else tables.ours and choices.redis_urls is None
        environment |= {
            "OPS_DEMO": "1" if demo else "0",
            "OPS_SECRET_KEY": environment.get("OPS_SECRET_KEY") or folder.secret_key(),
            "OPS_STATIC_ROOT": environment.get("OPS_STATIC_ROOT") or str(folder.path / "static"),
            "DEMO_ARCHIVE_DIR": environment.get("DEMO_ARCHIVE_DIR") or str(folder.path / "archive"),
        }
        if choices.database_url is None:
            self._set_up_backups(demo=demo)
        environment.pop("OPS_ADMIN_PASSWORD", None)
        current = stamp(PROJECT, environment)
        password, set_password = folder.admin_password(choices.admin_password)
        steps = {}
        if set_password or not self._is_prepared(current):
            self._prepared.unlink(missing_ok=True)
            environment |= {"OPS_ADMIN_PASSWORD": password, "OPS_ADMIN_RESET": "1" if set_password else "0"}
            steps["prepare"] = [sys.executable, "-m", "devserver.prepare"]
        if tables.empty:
            self.supervisor.say("Loading the sample data; this is done once.")
            steps["sample"] = [sys.executable, "-m", "demo.sample_data", "--database-url", url]
        if demo and not _attachments(environment).exists():
            steps["archive"] = [sys.executable, "-m", "demo.archive", "--folder", environment["DEMO_ARCHIVE_DIR"]]
        if self.supervisor.run_to_end(steps | self._more_steps()):
            self._prepared.write_text(current)
            if "sample" in steps:
                # The providers came beside Django's migrations, or after them.
                self.supervisor.run_to_end({"schedules": [sys.executable, "manage.py", "ship_schedules"]})
        for name in ("OPS_ADMIN_PASSWORD", "OPS_ADMIN_RESET"):
            environment.pop(name, None)  # nobody else needs it
        folder.keep_environment(environment)

    def _set_up_backups(self, *, demo: bool) -> None:
        """Have backups of our own database made beside it, unless whoever starts it wants them elsewhere."""
        environment = self.environment
        if "OPS_BACKUP_DIR" not in environment:
            backups = self._folder.path / "backups"
            backups.mkdir(mode=0o700, exist_ok=True)
            environment["OPS_BACKUP_DIR"] = str(backups)
        environment.setdefault("OPS_PG_BIN_DIR", str(find_programs() / "bin"))
        if demo:
            environment.setdefault("OPS_ATTACHMENTS_DIR", str(_attachments(environment)))

    def _is_prepared(self, current: str) -> bool:
        """Say whether Django has nothing to do, by the stamp of the last start."""
        if self._choices.database_url is not None:
            return False  # somebody's: it may have been emptied or replaced meanwhile
        if not Path(self.environment["OPS_STATIC_ROOT"]).is_dir():
            return False
        return self._prepared.exists() and self._prepared.read_text() == current

    def _start_processes(self, cleanup: ExitStack) -> None:
        """Start the processes of the Procfile and wait until all are ready."""
        supervisor, readiness = self.supervisor, Readiness(self._choices.port)
        cleanup.callback(supervisor.stop, grace=_STOP_SECONDS)
        for name, command in self._commands().items():
            supervisor.start(name, command, readiness.listener(name))
        deadline = time.monotonic() + _READY_SECONDS
        while waiting := readiness.waiting_for() or self._more_awaited():
            if time.monotonic() > deadline:
                raise StartError(f"Not ready after {_READY_SECONDS:.0f} s: {', '.join(waiting)}.")
            if self._tick():
                return
        supervisor.announce(self._ready_line())

    def _watch(self) -> None:
        while not self._tick():
            continue

    def _tick(self) -> bool:
        """Let a moment pass; say whether a stop was asked for.

        Raises:
            StartError: A process or a database ended by itself.
        """
        self.supervisor.tick()
        if self.supervisor.stop_requested:
            self.supervisor.say("Stopping …")
            return True
        if (member := self.supervisor.ended()) is not None:
            raise StartError(f"The process {member.name!r} ended by itself with exit code {member.code}.")
        for server in self.servers:
            if not server.running:
                raise StartError(f"{server.name} ended by itself; its log is {server.log}.")
        return False


def _attachments(environment: Mapping[str, str]) -> Path:
    """Return where the stand-in for the core keeps what it downloads."""
    return Path(environment["DEMO_ARCHIVE_DIR"]) / "attachments"


def read_procfile(path: Path) -> dict[str, str]:
    """Return the commands of a Procfile by the names of the processes."""
    pattern = re.compile(r"^([A-Za-z0-9_-]+):\s*(.+)$", re.MULTILINE)
    return dict(pattern.findall(path.read_text(encoding="utf-8")))
