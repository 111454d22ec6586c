import stat
import subprocess
from pathlib import Path

import pytest

from devserver.data_folder import DataFolder
from devserver.errors import StartError


def test_one_at_a_time(tmp_path: Path) -> None:
    first, second = DataFolder(tmp_path / "data"), DataFolder(tmp_path / "data")
    first.lock()
    with pytest.raises(StartError, match=r"A console already runs on the data in .*/data \(process \d+\)\."):
        second.lock()
    first.unlock()
    second.lock()
    second.unlock()


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StartError, match="data folder can't be used"):
        DataFolder(tmp_path / "file" / "data").lock()


def test_secrets_are_made_once_and_kept_private(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    key, (password, is_new) = folder.secret_key(), folder.admin_password(None)
    assert len(key) >= 50
    assert is_new
    assert DataFolder(tmp_path).secret_key() == key
    assert DataFolder(tmp_path).admin_password(None) == (password, False)
    for file in (tmp_path / "secret-key", folder.admin_password_file):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_environment_is_written_for_a_shell(tmp_path: Path) -> None:
    DataFolder(tmp_path).keep_environment(
        {"OPS_X": "it's", "DATABASE_URL": "postgresql://a:b@c/d?e=f&g", "HOME": "/root"}
    )
    file = tmp_path / "environment"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    command = f'. {file}; echo "$OPS_X"; echo "$DATABASE_URL"'
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["it's", "postgresql://a:b@c/d?e=f&g"]
    assert "HOME" not in file.read_text()


def test_a_chosen_password_replaces_the_kept_one(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    folder.admin_password(None)
    assert folder.admin_password("chosen by hand") == ("chosen by hand", True)
    assert folder.admin_password(None) == ("chosen by hand", False)
    assert stat.S_IMODE(folder.admin_password_file.stat().st_mode) == 0o600
