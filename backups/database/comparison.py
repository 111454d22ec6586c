"""What was restored, held against what was backed up: pure, one check for each question."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from backups.checks import Check
from backups.database.contents import Contents

_NAMED: Final = 5
_QUOTED: Final = re.compile(r'"((?:[^"]|"")*)"')


def compare(manifest: Mapping[str, Any], found: Contents, *, newest_within: timedelta) -> list[Check]:
    """Return the checks of a restored database.

    Args:
        manifest: as `backups.database.dump.write_dump` returned it.
        found: what the restored database holds.
        newest_within: how old the newest row may have been when the backup was made.
    """
    wanted: dict[str, dict[str, Any]] = manifest["tables"]
    if manifest.get("format") == 1:
        found = _without_quotes(found)
    # Compare a tree of partitions as one table: a restore may put a row elsewhere, for example if an enum is hashed.
    whole = {name: table.get("root", name) for name, table in wanted.items()}
    then, now = _wholes(wanted, whole), _wholes(found.tables, whole)
    return [
        _tables(wanted, manifest, found),
        _rows(then, now),
        _hashes(then, now),
        _constraints(manifest, found),
        _sequences(manifest, found),
        _newest(manifest, found, newest_within),
    ]


def _tables(wanted: dict[str, dict[str, Any]], manifest: Mapping[str, Any], found: Contents) -> Check:
    views = set(manifest["views"])
    missing = sorted(set(wanted) - set(found.tables)) + sorted(views - set(found.views))
    extensions = sorted(set(manifest["extensions"]) - set(found.extensions))
    lost = manifest["large_objects"] - found.large_objects
    problems = [
        *([f"missing: {_names(missing)}"] if missing else []),
        *([f"missing extensions: {_names(extensions)}"] if extensions else []),
        *([f"missing large objects: {lost:,} of {manifest['large_objects']:,}"] if lost > 0 else []),
    ]
    return Check(
        name="tables_present",
        passed=not problems,
        expected=len(wanted) + len(views),
        actual=len(wanted) + len(views) - len(missing),
        error=_sentence(problems),
    )


def _rows(then: Mapping[str, tuple[int, int]], now: Mapping[str, tuple[int, int]]) -> Check:
    differing = [f"{name}: {now[name][0]:,} of {rows:,}" for name, (rows, _) in then.items() if now[name][0] != rows]
    return Check(
        name="row_counts",
        passed=not differing,
        expected=sum(rows for rows, _ in then.values()),
        actual=sum(rows for rows, _ in now.values()),
        error=_sentence([f"rows differ in {_names(differing)}"] if differing else []),
    )


def _hashes(then: Mapping[str, tuple[int, int]], now: Mapping[str, tuple[int, int]]) -> Check:
    differing = [name for name, (_, content) in then.items() if now[name][1] != content]
    return Check(
        name="content_hashes",
        passed=not differing,
        expected=f"{len(then)} tables unchanged",
        actual=f"{len(then) - len(differing)} tables unchanged",
        error=_sentence([f"rows have changed in {_names(differing)}"] if differing else []),
    )


def _constraints(manifest: Mapping[str, Any], found: Contents) -> Check:
    wanted: dict[str, str] = manifest["constraints"]
    missing = sorted(set(wanted) - set(found.constraints))
    changed = [name for name, state in wanted.items() if found.constraints.get(name, state) != state]
    problems = [
        *([f"missing: {_names(missing)}"] if missing else []),
        *([f"not validated: {_names(changed)}"] if changed else []),
    ]
    return Check(
        name="constraints_valid",
        passed=not problems,
        expected=len(wanted),
        actual=len(wanted) - len(missing) - len(changed),
        error=_sentence(problems),
    )


def _sequences(manifest: Mapping[str, Any], found: Contents) -> Check:
    wanted: dict[str, dict[str, int | None]] = manifest["sequences"]
    problems = []
    for name, then in wanted.items():
        now = found.sequences.get(name)
        if now is None:
            problems.append(f"{name} is missing")
        elif _went_back(then, now):
            problems.append(f"{name} went back to {now['last']} from {then['last']}")
        elif (now["highest"] or 0) > (now["last"] or 0) and (then["highest"] or 0) <= (then["last"] or 0):
            problems.append(f"{name} is at {now['last']}, behind its column's {now['highest']}")
    return Check(
        name="sequences",
        passed=not problems,
        expected=len(wanted),
        actual=len(wanted) - len(problems),
        error=_sentence([_names(problems)] if problems else []),
    )


def _newest(manifest: Mapping[str, Any], found: Contents, within: timedelta) -> Check:
    then, now = manifest["newest_row_at"], found.newest_row_at
    if then is None:
        return Check(
            name="newest_row", passed=None, error="The database has no row that says when it was made.", actual=now
        )
    error = None
    if now != then:
        error = "The newest row is not the one that was backed up."
    elif datetime.fromisoformat(manifest["snapshot_at"]) - datetime.fromisoformat(then) > within:
        hours = round(within.total_seconds() / 3600)
        error = f"The newest row was older than {hours} h when it was backed up: is it the right database?"
    return Check(name="newest_row", passed=error is None, expected=then, actual=now, error=error)


def _went_back(then: Mapping[str, int | None], now: Mapping[str, int | None]) -> bool:
    """Say whether a sequence is behind where it was; it may be ahead, since it goes on while it is dumped."""
    if then["last"] is None or now["last"] is None:
        return then["last"] is not None
    return now["last"] > then["last"] if (then.get("step") or 1) < 0 else now["last"] < then["last"]


def _wholes(tables: Mapping[str, Mapping[str, Any]], whole: Mapping[str, str]) -> dict[str, tuple[int, int]]:
    """Return the row count and hash of each table. All partitions of a tree count as one table.

    Args:
        tables: each table's `rows` and `hash`, by name.
        whole: the root of each table's tree, or the table itself, by name. Tables that it lacks don't count.

    Returns:
        Row count and hash by the name of the root.
    """
    sums = dict.fromkeys(whole.values(), (0, 0))
    for name, root in whole.items():
        if (table := tables.get(name)) is not None:
            rows, content = sums[root]
            sums[root] = (rows + int(table["rows"]), content + int(table["hash"]))
    return sums


def _without_quotes(found: Contents) -> Contents:
    """Return contents with unquoted names, as in format 1 of the manifest."""

    def plain(names: Iterable[str]) -> dict[str, str]:
        return {name: _QUOTED.sub(lambda quoted: quoted[1].replace('""', '"'), name) for name in names}

    return replace(
        found,
        tables={new: found.tables[name] for name, new in plain(found.tables).items()},
        views=list(plain(found.views).values()),
        constraints={new: found.constraints[name] for name, new in plain(found.constraints).items()},
        sequences={new: found.sequences[name] for name, new in plain(found.sequences).items()},
    )


def _names(names: list[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _sentence(problems: list[str]) -> str | None:
    if not problems:
        return None
    text = "; ".join(problems)
    return f"{text[0].upper()}{text[1:]}."
