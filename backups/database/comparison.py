"""What was restored, held against what was backed up: pure, one check for each question."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from backups.checks import Check
from backups.database.contents import Contents

_NAMED: Final = 5


def compare(manifest: Mapping[str, Any], found: Contents, *, newest_within: timedelta) -> list[Check]:
    """Return the checks of a restored database.

    Args:
        manifest: as `backups.database.dump.write_dump` returned it.
        found: what the restored database holds.
        newest_within: how old the newest row may have been when the backup was made.
    """
    wanted: dict[str, dict[str, Any]] = manifest["tables"]
    return [
        _tables(wanted, manifest, found),
        _rows(wanted, found),
        _hashes(wanted, found),
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


def _rows(wanted: dict[str, dict[str, Any]], found: Contents) -> Check:
    differing = [
        f"{name}: {_rows_of(name, found):,} of {table['rows']:,}"
        for name, table in wanted.items()
        if _rows_of(name, found) != table["rows"]
    ]
    return Check(
        name="row_counts",
        passed=not differing,
        expected=sum(table["rows"] for table in wanted.values()),
        actual=sum(_rows_of(name, found) for name in wanted),
        error=_sentence([f"rows differ in {_names(differing)}"] if differing else []),
    )


def _hashes(wanted: dict[str, dict[str, Any]], found: Contents) -> Check:
    same = [name for name, table in wanted.items() if found.tables.get(name, {}).get("hash") == table["hash"]]
    differing = [name for name in wanted if name not in set(same)]
    return Check(
        name="content_hashes",
        passed=not differing,
        expected=f"{len(wanted)} tables as they were",
        actual=f"{len(same)} tables as they were",
        error=_sentence([f"rows are not what they were in {_names(differing)}"] if differing else []),
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


def _rows_of(name: str, found: Contents) -> int:
    return int(found.tables.get(name, {"rows": 0})["rows"])


def _names(names: list[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _sentence(problems: list[str]) -> str | None:
    if not problems:
        return None
    text = "; ".join(problems)
    return f"{text[0].upper()}{text[1:]}."
