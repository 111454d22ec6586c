"""That each guard still stands where `script/mutation-proofs` looks for it, and that its page is up to date."""

import ast
import shutil
from functools import cache
from pathlib import Path

import pytest

from tests.mutations import document
from tests.mutations.guard import ROOT, Edit, Guard, NotOnce
from tests.mutations.guards import GUARDS


@cache
def functions_of(file: str) -> set[str]:
    return {node.name for node in ast.walk(ast.parse((ROOT / file).read_text())) if isinstance(node, ast.FunctionDef)}


def test_guards_are_called_differently() -> None:
    assert len({guard.name for guard in GUARDS}) == len(GUARDS)


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
def test_a_guard_is_taken_out_of_the_code_and_leaves_code(guard: Guard, tmp_path: Path) -> None:
    for file in guard.files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, tmp_path / file)
    for edit in guard.edits:
        edit.apply(tmp_path)
        assert (tmp_path / edit.file).read_text() != (ROOT / edit.file).read_text()
        ast.parse((tmp_path / edit.file).read_text())


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
def test_a_guard_is_proven_by_tests_that_exist(guard: Guard) -> None:
    assert guard.tests
    for test in guard.tests:
        file, _, name = test.partition("::")
        assert name in functions_of(file), test


@pytest.mark.parametrize("text", ["", "a = 1\na = 1\n"], ids=["none", "two"])
def test_what_is_not_there_exactly_once_is_not_taken_out(tmp_path: Path, text: str) -> None:
    (tmp_path / "code.py").write_text(text)
    with pytest.raises(NotOnce, match=r"code\.py"):
        Edit("code.py", "a = 1", "a = 2").apply(tmp_path)
    assert (tmp_path / "code.py").read_text() == text


def test_the_page_of_the_guards_is_up_to_date() -> None:
    assert document.PATH.read_text() == document.text(), "write it with script/mutation-proofs --document"
