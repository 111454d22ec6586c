"""The recorder of statements against the core's tables, and the comparison of what it recorded."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.processes import PROJECT
from tests.statements.comparing import one_sided
from tests.statements.recorder import FOLDER, shape
from tests.variants import PLACES

STARTUP = PROJECT / "tests" / "statements" / "startup"


@pytest.mark.parametrize(
    ("statement", "other"),
    [
        ("SELECT id FROM jobs WHERE id = %s", "SELECT id\n  FROM jobs WHERE id = %(id)s"),
        ("SELECT id FROM jobs WHERE id IN (%s)", "SELECT id FROM jobs WHERE id IN (%s, %s, %s)"),
        ("SELECT id FROM jobs WHERE status = 'failed' LIMIT 5", "SELECT id FROM jobs WHERE status = 'it''s' LIMIT 50"),
        ("INSERT INTO jobs (a) VALUES (%s), (%s)", "INSERT INTO jobs (a) VALUES (%s)"),
        ("INSERT INTO jobs VALUES (%s, %s::json, now())", "INSERT INTO jobs VALUES (%s, %s, now()), (%s, %s, now())"),
        ("SELECT 1 FROM jobs WHERE id = ANY(ARRAY[%s])", "SELECT 1 FROM jobs WHERE id = ANY(ARRAY[%s, %s])"),
    ],
)
def test_statements_that_differ_in_values_only_have_one_shape(statement: str, other: str) -> None:
    assert shape(statement) == shape(other)


def test_statements_with_other_conditions_have_other_shapes() -> None:
    assert shape("SELECT id FROM jobs WHERE id = %s") != shape("SELECT id FROM jobs WHERE id > %s")


def test_a_shape_on_one_variant_only_is_reported_with_its_origin(tmp_path: Path) -> None:
    folders = [tmp_path / "plain", tmp_path / "native"]
    for folder, own in zip(folders, ("DELETE FROM jobs", "SELECT 1 FROM jobs"), strict=True):
        folder.mkdir()
        (folder / "both.json").write_text(json.dumps(["SELECT id FROM jobs", "jobs/ledger.py:1", "tests/x.py::test_x"]))
        (folder / f"{own}.json").write_text(json.dumps([own, "jobs/own.py:7", folder.name]))
    assert one_sided(*folders, fewest=2) == [
        "Only on plain: DELETE FROM jobs\n  sent by jobs/own.py:7; first test: plain",
        "Only on native: SELECT 1 FROM jobs\n  sent by jobs/own.py:7; first test: native",
    ]


def test_a_recorder_that_records_next_to_nothing_is_reported(tmp_path: Path) -> None:
    folders = [tmp_path / "plain", tmp_path / "native"]
    for folder in folders:
        folder.mkdir()
    assert one_sided(*folders) == [f"Only 0 shapes were recorded on {folder.name}." for folder in folders]


@pytest.mark.django_db(transaction=True)
def test_statements_of_a_process_that_a_test_starts_are_recorded(
    start_child: Callable[..., Any], tmp_path: Path
) -> None:
    folder = tmp_path / "statements"
    folder.mkdir()
    child = start_child(
        "submit",
        "-m",
        "tests.worker.submit_job",
        "opsconsole.housekeeping",
        "{}",
        PYTHONPATH=str(STARTUP),
        **{FOLDER: str(folder)},
    )
    child.process.wait()
    found = [json.loads(file.read_text()) for file in folder.iterdir()]
    inserted = [(place, test) for text, place, test in found if text.startswith("INSERT INTO jobs ")]
    assert inserted
    place, test = inserted[0]
    assert place.startswith("jobs/ledger.py:")
    assert test.endswith("::test_statements_of_a_process_that_a_test_starts_are_recorded")


def test_every_entry_of_places_exists() -> None:
    for place in PLACES:
        path, _, test = place.partition("::")
        assert (PROJECT / path).exists(), place
        if test:
            assert f"def {test.partition('[')[0]}(" in (PROJECT / path).read_text(), place
