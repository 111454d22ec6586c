"""The processes of an installation, kept from test to test as long as they live: starting one takes seconds."""

import json
import os
import signal
from collections.abc import Callable
from itertools import count
from pathlib import Path
from uuid import uuid4

from devserver.loopback import free_port
from devserver.own_server import OwnServer
from devserver.readiness import SAYS_READY, answers
from tests.processes import Child
from tests.waiting import PATIENCE, wait_until
from tests.worker import file_tasks

OWN_TYPES = {"OPS_JOB_TYPES": json.dumps(file_tasks.TYPES), "OPS_TASK_MODULES": "tests.worker.file_tasks"}


class World:
    """Starts processes on the tests' database and Redis.

    Args:
        database_url: the tests' database.
        folder: for logs, and for the archive of the core's provider.
    """

    def __init__(self, database_url: str, folder: Path) -> None:
        self.children: list[Child] = []
        self._environment = {
            "DATABASE_URL": database_url,
            "DEMO_ARCHIVE_DIR": str(folder / "archive"),
            "DEMO_PAGES_PER_SECOND": "1000",
            **OWN_TYPES,
        }
        self._folder = folder
        self._numbers = count()
        self._kept: dict[str, Child] = {}

    @property
    def archive(self) -> Path:
        """Where the provider keeps what the core reads."""
        return self._folder / "archive"

    def own_worker(self) -> Child:
        """Return the console's worker, with one process for tasks; started if there is none."""
        return self._keep("worker", self.another_own_worker)

    def core_worker(self) -> Child:
        """Return the core's worker, with one process for tasks; started if there is none."""
        return self._keep("core", self.another_core_worker)

    def another_core_worker(self, *options: str, hostname: str | None = None) -> Child:
        """Start a worker of the core without keeping it. `hostname` is its Celery name, a unique one by default."""
        queues = "ingest,messages,maintenance,celery"
        return self._worker("core", "demo.core_worker", queues, *options, hostname=hostname)

    def another_own_worker(self, *, concurrency: int = 1, **environment: str) -> Child:
        """Start a worker of the console, which is not kept."""
        return self._worker("worker", "opsconsole", file_tasks.QUEUE, concurrency=concurrency, **environment)

    def sweeper(self, **environment: str) -> Child:
        """Start a sweeper that ticks often."""
        return self.start("sweeper", "manage.py", "run_sweeper", "--tick", "0.1", **environment)

    def beat(self) -> Child:
        """Start a beat, ready to send."""
        argv = ["-m", "celery", "--quiet", "--app", "opsconsole", "beat", "--pidfile=", "--loglevel", "INFO"]
        return self.start("beat", *argv, "--scheduler", "django_celery_beat.schedulers:DatabaseScheduler")

    def web(self, **environment: str) -> tuple[Child, str]:
        """Start the web processes; returns them with their address."""
        port = free_port()
        argv = ["-m", "gunicorn", "opsconsole.wsgi:application", "--config", "gunicorn.conf.py"]
        child = self.start("web", *argv, PORT=str(port), **environment)
        wait_until(lambda: answers(port, "/readyz"))
        return child, f"http://127.0.0.1:{port}"

    def submit(self, job_type: str, payload: dict[str, object], **environment: str) -> Child:
        """Start a process that submits a job and ends."""
        return self.start("submit", "-m", "tests.worker.submit_job", job_type, json.dumps(payload), **environment)

    def command(self, *argv: str, **environment: str) -> Child:
        """Start a management command."""
        return self.start("command", "manage.py", *argv, **environment)

    def start(self, name: str, *argv: str, **environment: str) -> Child:
        """Start a process."""
        log = self._folder / f"{next(self._numbers)}-{name}.log"
        child = Child(name, argv, {**self._environment, **environment}, log)
        self.children.append(child)
        return child

    def kill(self, *, all_of_them: bool = True) -> None:
        """Kill what runs; workers may be kept for the next test."""
        kept = () if all_of_them else tuple(self._kept.values())
        for child in self.children:
            if child not in kept and child.running:
                child.kill()
        # The same list: a failed test shows the logs of those that it had to do with.
        self.children[:] = [child for child in kept if child.running]

    def _keep(self, name: str, start: Callable[[], Child]) -> Child:
        if name not in self._kept or not self._kept[name].running:
            self._kept[name] = start()
        return self._kept[name]

    def _worker(
        self,
        name: str,
        app: str,
        queues: str,
        *options: str,
        concurrency: int = 1,
        hostname: str | None = None,
        **environment: str,
    ) -> Child:
        argv = ["-m", "celery", "--quiet", "--app", app, "worker", "--queues", queues, "--loglevel", "INFO"]
        argv += ["--hostname", hostname or f"{name}-{uuid4().hex[:8]}@%h", "--concurrency", str(concurrency)]
        child = self.start(name, *argv, "--without-gossip", "--without-mingle", *options, **environment)
        child.wait_for(SAYS_READY[name])
        return child


def died_at_its_failpoint(child: Child) -> bool:
    """Wait for a process's end; whether it was killed, as a failpoint does."""
    return child.process.wait(PATIENCE) == -signal.SIGKILL


def kill_server(server: OwnServer) -> None:
    """Kill a server and its children, as a crash of its machine would; `server.start()` starts it again."""
    process = server._process
    assert process is not None
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    for pid in (process.pid, *map(int, children)):
        os.kill(pid, signal.SIGKILL)
    process.wait()
