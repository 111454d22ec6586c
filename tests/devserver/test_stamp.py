import os
from pathlib import Path

import pytest

from devserver.stamp import stamp


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "app" / "static").mkdir(parents=True)
    (tmp_path / "app" / "models.py").write_text("")
    (tmp_path / "tests").mkdir()
    (tmp_path / "requirements.txt").write_text("")
    return tmp_path


def test_the_stamp_stays_while_nothing_changes(project: Path) -> None:
    before = stamp(project, {"OPS_DEMO": "1", "PORT": "8000"})
    (project / "tests" / "test_new.py").write_text("")
    (project / ".data").mkdir()
    (project / ".data" / "log").write_text("")
    (project / "app" / "models.pyc").write_text("")
    assert stamp(project, {"OPS_DEMO": "1", "PORT": "8001"}) == before


def test_the_stamp_changes_with_code_requirements_and_settings(project: Path) -> None:
    seen = {stamp(project, {})}
    (project / "app" / "static" / "console.css").write_text("")
    seen.add(stamp(project, {}))
    os.utime(project / "app" / "models.py", ns=(0, 1))
    seen.add(stamp(project, {}))
    (project / "requirements.txt").write_text("Django==5.2\n")
    seen.add(stamp(project, {}))
    seen.add(stamp(project, {"OPS_DATABASE_SCHEMA": "other"}))
    assert len(seen) == 5
