"""What a restored database is held against: each difference is seen by the check that is there for it."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import pytest

from backups.database.comparison import compare
from backups.database.contents import Contents

CONTENTS: dict[str, Any] = {
    "tables": {"public.jobs": {"rows": 3, "hash": "12"}, "public.messages": {"rows": 2, "hash": "-7"}},
    "views": ["public.newest"],
    "constraints": {"public.jobs.jobs_pkey": "p valid", "public.messages.fk": "f valid"},
    "sequences": {"public.jobs_id_seq": {"last": 3, "step": 1, "highest": 3}},
    "extensions": {"plpgsql": "1.0"},
    "large_objects": 2,
    "newest_row_at": "2026-01-31T11:59:00Z",
}
MANIFEST: dict[str, Any] = {**CONTENTS, "snapshot_at": "2026-01-31T12:00:00Z"}


def failed(change: Callable[[dict[str, Any]], object], *, manifest: dict[str, Any] | None = None) -> dict[str, str]:
    """Return the failed checks of a restored database that differs, with their errors."""
    found = asdict(Contents(**CONTENTS))
    change(found)
    checks = compare(manifest or MANIFEST, Contents(**found), newest_within=timedelta(hours=26))
    return {check.name: str(check.error) for check in checks if check.passed is False}


def test_what_is_the_same_passes_every_check() -> None:
    checks = compare(MANIFEST, Contents(**CONTENTS), newest_within=timedelta(hours=26))

    assert [check.passed for check in checks] == [True] * 6


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        (lambda c: c["tables"].pop("public.jobs"), {"tables_present", "row_counts", "content_hashes"}),
        (lambda c: c["tables"]["public.jobs"].update(rows=2, hash="5"), {"row_counts", "content_hashes"}),
        (lambda c: c["tables"]["public.jobs"].update(hash="5"), {"content_hashes"}),
        (lambda c: c["views"].clear(), {"tables_present"}),
        (lambda c: c["extensions"].clear(), {"tables_present"}),
        (lambda c: c.update(large_objects=1), {"tables_present"}),
        (lambda c: c["constraints"].pop("public.messages.fk"), {"constraints_valid"}),
        (lambda c: c["constraints"].update({"public.messages.fk": "f not valid"}), {"constraints_valid"}),
        (lambda c: c["sequences"].clear(), {"sequences"}),
        (lambda c: c["sequences"]["public.jobs_id_seq"].update(last=2), {"sequences"}),
        (lambda c: c["sequences"]["public.jobs_id_seq"].update(last=None, highest=None), {"sequences"}),
        (lambda c: c["sequences"]["public.jobs_id_seq"].update(highest=4), {"sequences"}),
        (lambda c: c.update(newest_row_at="2026-01-31T11:58:00Z"), {"newest_row"}),
    ],
)
def test_each_difference_is_seen(change: Callable[[dict[str, Any]], object], seen: set[str]) -> None:
    assert set(failed(change)) == seen


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c["tables"].update({"public.new": {"rows": 1, "hash": "1"}}),
        lambda c: c["constraints"].update({"public.jobs.more": "n valid"}),
        lambda c: c["sequences"]["public.jobs_id_seq"].update(last=9),
        lambda c: c["extensions"].update(amcheck="1.5", plpgsql="1.1"),
    ],
)
def test_what_a_newer_server_or_a_later_moment_adds_is_no_difference(
    change: Callable[[dict[str, Any]], object],
) -> None:
    assert failed(change) == {}


def test_a_sequence_that_was_behind_its_column_already_is_as_it_was() -> None:
    behind = {"public.jobs_id_seq": {"last": None, "highest": 3}}

    assert failed(lambda c: c.update(sequences=behind), manifest={**MANIFEST, "sequences": behind}) == {}


def test_a_newest_row_that_was_old_when_it_was_backed_up_asks_whether_it_is_the_right_database() -> None:
    old = {"newest_row_at": "2026-01-29T00:00:00Z"}

    assert "right database" in failed(lambda c: c.update(old), manifest={**MANIFEST, **old})["newest_row"]


def test_without_any_row_that_says_when_it_was_made_nobody_vouches_for_its_age() -> None:
    none = {"newest_row_at": None}
    checks = compare({**MANIFEST, **none}, Contents(**{**CONTENTS, **none}), newest_within=timedelta(hours=26))

    assert [check.passed for check in checks if check.name == "newest_row"] == [None]


def test_of_many_differing_tables_a_few_are_named_and_the_others_counted() -> None:
    tables = {f"public.t{number}": {"rows": 1, "hash": "1"} for number in range(40)}
    manifest = {**MANIFEST, "tables": tables}

    assert failed(lambda c: c.update(tables={}), manifest=manifest)["tables_present"].endswith("and 35 more.")


PARTITIONS: dict[str, Any] = {
    "public.by_color_0": {"rows": 2, "hash": "10", "root": "public.by_color"},
    "public.by_color_1": {"rows": 3, "hash": "-4", "root": "public.by_color"},
    "public.other": {"rows": 1, "hash": "7"},
}


def partitions(first: tuple[int, int], second: tuple[int, int], other: tuple[int, int] = (1, 7)) -> dict[str, Any]:
    return {
        name: {**PARTITIONS[name], "rows": rows, "hash": str(content)}
        for name, (rows, content) in zip(PARTITIONS, (first, second, other), strict=True)
    }


@pytest.mark.parametrize(
    ("tables", "seen"),
    [
        (partitions((2, 10), (3, -4)), set()),
        (partitions((3, -4), (2, 10)), set()),
        (partitions((5, 6), (0, 0)), set()),
        (partitions((0, 0), (5, 6)), set()),
        (partitions((1, 1), (4, 5)), set()),
        (partitions((4, -(2**70)), (1, 2**70 + 6)), set()),
        (partitions((2, 10), (3, -5)), {"content_hashes"}),
        (partitions((2, 10), (2, -4)), {"row_counts"}),
        (partitions((2, 10), (2, -5)), {"row_counts", "content_hashes"}),
        (partitions((2, 10), (3, -4), (1, 8)), {"content_hashes"}),
        # A row of one tree is not made up for by a row of another table.
        (partitions((2, 9), (3, -4), (1, 8)), {"content_hashes"}),
        (partitions((1, 10), (3, -4), (2, 7)), {"row_counts"}),
    ],
)
def test_partitions_are_compared_as_the_tree_that_they_are_of(tables: dict[str, Any], seen: set[str]) -> None:
    assert set(failed(lambda c: c.update(tables=tables), manifest={**MANIFEST, "tables": PARTITIONS})) == seen


def test_a_partition_that_is_missing_is_seen_although_its_tree_has_all_rows() -> None:
    tables = {"public.by_color_0": {"rows": 5, "hash": "6"}, "public.other": PARTITIONS["public.other"]}
    found = failed(lambda c: c.update(tables=tables), manifest={**MANIFEST, "tables": PARTITIONS})

    assert found == {"tables_present": "Missing: public.by_color_1."}


@pytest.mark.parametrize(
    ("then", "now"),
    [
        ("public.jobs", "public.jobs"),
        ("public.Jobs", "public.Jobs"),
        ("a.b.c", '"a.b".c'),
        ("a.b.c", 'a."b.c"'),
        ('a.quo"te', 'a."quo""te"'),
        ('a."', 'a.""""'),
        ("...", '"."."."'),
        ("..", '".".'),
        ('a"b.c"d', '"a""b"."c""d"'),
        ("ä.ö ü", "ä.ö ü"),
        ("a.'b'", "a.'b'"),
    ],
)
def test_backups_of_the_first_format_had_names_without_quotes(then: str, now: str) -> None:
    def contents(name: str) -> dict[str, Any]:
        return {
            "tables": {name: {"rows": 1, "hash": "1", "root": "a tree"}},
            "views": [name],
            "constraints": {name: "c valid"},
            "sequences": {name: {"last": 1, "step": 1, "highest": 1}},
        }

    manifest = {**MANIFEST, **contents(then), "format": 1}
    del manifest["tables"][then]["root"]
    assert failed(lambda c: c.update(contents(now)), manifest=manifest) == {}
