"""The whole of `script/server`, for real: everything that it starts, everything that it stops."""

import http.client
import os
import re
import shutil
import signal
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from devserver import stack
from devserver.loopback import free_port
from devserver.postgres import Postgres
from devserver.readiness import answers
from devserver.redis import Redis
from opsconsole.schema.ddl import TABLES, create_tables
from tests.processes import Child
from tests.waiting import PATIENCE, wait_until

pytestmark = pytest.mark.processes

NOT_INHERITED = (
    "DATABASE_URL",
    "CELERY_BROKER_URL",
    "CORE_RESULT_BACKEND",
    "OPS_ADMIN_PASSWORD",
    "OPS_CACHE_URL",
    "OPS_DATABASE_POOL_SIZE",
    "OPS_DEMO",
    "OPS_SECRET_KEY",
    "OPS_STATIC_ROOT",
)
# `python -m devserver` with longer timeouts, for busy machines.
PATIENT_SERVER = """
import sys
from devserver import stack
from devserver.__main__ import main

stack._READY_SECONDS, stack._STOP_SECONDS = 600.0, 60.0
sys.exit(main())
"""
ServerStarter = Callable[..., Child]


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def start_server(tmp_path: Path, data_dir: Path, variant: str) -> Iterator[ServerStarter]:
    """Start the development server as somebody who has set nothing: `start_server(port, **environment)`."""
    children: list[Child] = []

    def start(port: int, **environment: str) -> Child:
        nothing = dict.fromkeys(NOT_INHERITED, "")
        own = {"OPS_DATA_DIR": str(data_dir), "PORT": str(port), "OPS_SCHEMA_VARIANT": variant}
        log = tmp_path / f"server-{len(children)}.log"
        child = Child("server", ["-c", PATIENT_SERVER], {**nothing, **own, **environment}, log)
        children.append(child)
        return child

    yield start
    for child in children:
        child.stop(grace=PATIENCE)


def processes_of(data_dir: Path) -> dict[int, str]:
    """Return the processes that were started for a data folder, whoever they belong to now."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"OPS_DATA_DIR={data_dir}\0".encode() in (folder / "environ").read_bytes() + b"\0":
                found[int(folder.name)] = (folder / "cmdline").read_text().replace("\0", " ")
        except OSError:
            pass  # ended meanwhile, or somebody else's
    return found


def wait_until_ready(server: Child) -> None:
    """Wait for the line that says so; much has to happen before."""
    server.wait_for(r"(?m)^Ready: ", timeout=5 * PATIENCE)


def ask(url: str, question: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(question).fetchone()
    assert row is not None
    return row[0]


@pytest.mark.long
def test_from_an_empty_folder_to_ready_and_back_and_again(
    start_server: ServerStarter, data_dir: Path, tmp_path: Path
) -> None:
    port = free_port()
    server = start_server(port)
    wait_until_ready(server)
    password_file = data_dir / "admin-password"
    line = f"Ready: http://127.0.0.1:{port}/admin/  (user admin, password in {password_file})"
    assert server.output.splitlines().count(line) == 1
    assert stat.S_IMODE(password_file.stat().st_mode) == 0o600
    password = password_file.read_text().strip()
    assert password not in server.output
    assert answers(port, "/healthz")
    assert answers(port, "/readyz")
    database = Postgres(data_dir / "postgres").url()
    assert ask(database, "SELECT count(*) FROM identities WHERE is_active")
    assert ask(database, "SELECT count(*) >= 100_000 FROM messages") is True
    assert ask(database, "SELECT count(*) FROM opsconsole.auth_user WHERE is_superuser") == 1
    assert log_in(port, password)
    assert not log_in(port, "guess")
    assert stat.S_IMODE((data_dir / "backups").stat().st_mode) == 0o700
    assert len(list((data_dir / "archive" / "attachments").iterdir())) > 300
    environment = (data_dir / "environment").read_text()
    assert f"OPS_BACKUP_DIR={data_dir}/backups\n" in environment
    assert f"OPS_ATTACHMENTS_DIR={data_dir}/archive/attachments\n" in environment
    assert re.search(r"(?m)^OPS_PG_BIN_DIR=.*/bin$", environment)

    second = start_server(free_port())
    assert second.process.wait(timeout=2 * PATIENCE) == 1
    assert f"A console already runs on the data in {data_dir} (process {server.pid})." in second.output
    elsewhere = start_server(port, OPS_DATA_DIR=str(tmp_path / "other"))
    assert elsewhere.process.wait(timeout=2 * PATIENCE) == 1
    assert f"Port {port} of 127.0.0.1 is taken" in elsewhere.output
    assert not list((tmp_path / "other").glob("postgres*")), "something was started before the port was looked at"

    before = processes_of(data_dir)
    assert len(before) > 10, before
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(timeout=2 * PATIENCE) == 0
    # Every process stopped before the timeout, and the timeout is short.
    assert "did not stop in time" not in server.output
    assert stack._STOP_SECONDS <= 7
    assert processes_of(data_dir) == {}

    # The next start goes on where the last one was, and does nothing again.
    again = start_server(port)
    wait_until_ready(again)
    assert not re.search(r"(?m)^(prepare|sample|archive)\b|Loading", again.output)
    assert ask(database, "SELECT count(*) FROM opsconsole.auth_user WHERE is_superuser") == 1
    assert log_in(port, password)

    # One that dies takes the others with it, and is named.
    beat = next(pid for pid, command in processes_of(data_dir).items() if " beat " in command)
    os.kill(beat, signal.SIGKILL)
    assert again.process.wait(timeout=2 * PATIENCE) == 1
    assert "The process 'beat' ended by itself with exit code -9." in again.output
    assert processes_of(data_dir) == {}


def test_a_cores_database_and_broker_are_used_and_left_alone(
    start_server: ServerStarter, core_database: str, redis_server: Redis, data_dir: Path, variant: str
) -> None:
    with psycopg.connect(core_database, autocommit=True) as connection, connection.cursor() as cursor:
        create_tables(cursor, variant)
    port = free_port()
    chosen = {
        "DATABASE_URL": core_database,
        "CELERY_BROKER_URL": redis_server.url(0),
        "OPS_ADMIN_PASSWORD": "mine, mine",
    }
    server = start_server(port, **chosen)
    wait_until_ready(server)
    assert log_in(port, "mine, mine")
    assert not (data_dir / "postgres").exists()
    assert not (data_dir / "redis").exists()
    # No stand-in: it would take the tasks of the real worker.
    assert not re.search(r"(?m)^core\b", server.output)
    assert not (data_dir / "archive").exists()
    assert not (data_dir / "backups").exists()
    assert "OPS_BACKUP_DIR" not in (data_dir / "environment").read_text()
    assert ask(core_database, "SELECT count(*) FROM identities") == 0
    tables = ask(core_database, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
    assert tables == len(TABLES)
    assert ask(core_database, "SELECT count(*) > 10 FROM pg_tables WHERE schemaname = 'opsconsole'") is True
    server.process.send_signal(signal.SIGINT)
    assert server.process.wait(timeout=2 * PATIENCE) == 0
    assert processes_of(data_dir) == {}


def test_nothing_outlives_a_killed_supervisor(start_server: ServerStarter, data_dir: Path) -> None:
    server = start_server(free_port())
    server.wait_for("Loading the sample data")
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()
    wait_until(lambda: not processes_of(data_dir), message="all processes have ended")


def test_a_choice_that_cannot_be_is_a_sentence(start_server: ServerStarter, data_dir: Path) -> None:
    server = start_server(free_port(), PORT="many")
    assert server.process.wait(timeout=2 * PATIENCE) == 1
    assert server.output == "PORT is 'many'; it must be a number from 1 to 65535.\n"
    assert not data_dir.exists()


def log_in(port: int, password: str) -> bool:
    """Log in to the admin as a browser does; say whether it let us in."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", "/admin/login/")
        page = connection.getresponse()
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.read().decode())
        assert token is not None
        cookie = str(page.headers["Set-Cookie"]).partition(";")[0]
        connection.request(
            "POST",
            "/admin/login/?next=/admin/",
            f"csrfmiddlewaretoken={token[1]}&username=admin&password={password.replace(' ', '+')}",
            {"Content-Type": "application/x-www-form-urlencoded", "Cookie": cookie},
        )
        answer = connection.getresponse()
        answer.read()
        return answer.status == 302
    finally:
        connection.close()


def test_the_commands_are_plain_and_executable() -> None:
    project = Path(__file__).parents[2]
    for name in ("script/setup", "script/server", "script/test", "script/lint", ".ci/run"):
        assert os.access(project / name, os.X_OK), name
    for name in ("setup", "server", "test", "lint"):
        done = subprocess.run(["sh", "-n", project / "script" / name], check=False)
        assert done.returncode == 0, name


def test_a_setup_of_what_is_installed_already_does_nothing(tmp_path: Path) -> None:
    for folder in (".venv/bin", "script"):
        (tmp_path / folder).mkdir(parents=True)
    shutil.copy(Path(__file__).parents[2] / "script" / "setup", tmp_path / "script")
    for name in ("requirements.txt", "requirements-web.txt", "requirements-dev.txt"):
        (tmp_path / name).write_text("nothing==1\n")
        (tmp_path / ".venv" / name).write_text("nothing==1\n")
    # This Python leaves a file if it runs.
    python = tmp_path / ".venv" / "bin" / "python"
    python.write_text(f"#!/bin/sh\ntouch {tmp_path}/was-run\nexit 1\n")
    python.chmod(0o755)
    done = subprocess.run([tmp_path / "script" / "setup"], check=True, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("", "")
    assert not (tmp_path / "was-run").exists()
    # A changed requirements file starts an installation, which fails with this Python, for those who need that file.
    environment = {**os.environ, "PYTHON": str(python)}
    for changed, *needs_nothing in (("web", "--runtime"), ("dev", "--runtime", "--web")):
        (tmp_path / f"requirements-{changed}.txt").write_text("nothing==2\n")
        for option, code in [*((option, 0) for option in needs_nothing), ("", 1)]:
            done = subprocess.run(
                ["/bin/sh", str(tmp_path / "script" / "setup"), *([option] if option else [])],
                env=environment,
                check=False,
                capture_output=True,
                text=True,
            )
            assert (done.returncode, (tmp_path / "was-run").exists()) == (code, bool(code)), (changed, option)
        (tmp_path / "was-run").unlink()
        (tmp_path / ".venv" / f"requirements-{changed}.txt").write_text("nothing==2\n")
