"""What script/chaos refuses."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from devserver.data_folder import DataFolder
from tests.processes import PROJECT

OWN = {"DATABASE_URL": "", "CELERY_BROKER_URL": "", "CORE_RESULT_BACKEND": "", "OPS_CACHE_URL": ""}


def chaos(data_dir: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "chaos", "--seconds", "1"],
        env={**os.environ, **OWN, "OPS_DATA_DIR": str(data_dir), **environment},
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.processes
def test_it_breaks_nobodys_database_but_its_own(tmp_path: Path) -> None:
    for name in ("DATABASE_URL", "CELERY_BROKER_URL"):
        done = chaos(tmp_path / "data", **{name: os.environ[name]})
        assert done.returncode == 1
        assert done.stderr.startswith("This kills the PostgreSQL and the Redis under the console")
        assert not (tmp_path / "data").exists()


@pytest.mark.processes
def test_it_does_not_run_beside_a_console_on_the_same_data(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    folder.lock()
    try:
        done = chaos(tmp_path)
    finally:
        folder.unlock()
    assert done.returncode == 1
    assert f"A console already runs on the data in {tmp_path} (process {os.getpid()})." in done.stderr
    assert not list((tmp_path / "chaos").glob("*.log"))


def test_the_command_is_plain_and_executable() -> None:
    script = PROJECT / "script" / "chaos"
    assert os.access(script, os.X_OK)
    assert subprocess.run(["sh", "-n", script], check=False).returncode == 0
