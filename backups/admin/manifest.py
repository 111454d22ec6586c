"""What a backup's manifest says, summed up for its page; one that is odd is shown as it is."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from backups.models import ATTACHMENTS
from opsconsole import formatting
from opsconsole.redaction import redact, redact_name

TABLES_SHOWN: Final = 50
LEFT_OUT_SHOWN: Final = 50

# What is said beside the tables, with what people call it.
_FACTS: Final = (
    ("server_version", "Server"),
    ("server", "Server"),
    ("pg_dump_version", "pg_dump"),
    ("encoding", "Encoding"),
    ("newest_row_at", "Newest row"),
)
_COUNTED: Final = (
    ("constraints", "Constraints"),
    ("sequences", "Sequences"),
    ("extensions", "Extensions"),
    ("views", "Views"),
)


def summary(kind: str, manifest: Any) -> dict[str, Any]:
    """Return what the page of a backup shows of its manifest.

    Args:
        kind: of the backup.
        manifest: as the table has it; None where there is none.
    """
    if not isinstance(manifest, Mapping):
        return {"odd": redact(manifest)} if manifest is not None else {}
    if kind == ATTACHMENTS:
        return _attachments(manifest)
    return _database(manifest)


def _database(manifest: Mapping[str, Any]) -> dict[str, Any]:
    found = manifest.get("tables")
    if not isinstance(found, Mapping) or not all(isinstance(name, str) for name in found):
        return {"odd": redact(dict(manifest))}
    rows = {name: _whole(value.get("rows") if isinstance(value, Mapping) else value) for name, value in found.items()}
    largest = sorted(rows, key=lambda name: (-(rows[name] if rows[name] is not None else -1), name))  # type: ignore[operator]
    return {
        "tables": [(redact_name(name), rows[name]) for name in largest[:TABLES_SHOWN]],
        "tables_count": len(rows),
        "tables_more": max(len(rows) - TABLES_SHOWN, 0),
        "rows_more": sum(rows[name] or 0 for name in largest[TABLES_SHOWN:]),
        "rows_count": sum(count or 0 for count in rows.values()),
        "facts": [
            *((label, redact_name(str(manifest[key]))) for key, label in _FACTS if _is_said(manifest.get(key))),
            *(
                (label, formatting.number(len(value)))
                for key, label in _COUNTED
                if isinstance(value := manifest.get(key), Mapping | list) and value
            ),
        ],
    }


def _attachments(manifest: Mapping[str, Any]) -> dict[str, Any]:
    files = _whole(manifest.get("files"))
    if files is None:
        return {"odd": redact(dict(manifest))}
    size = _whole(manifest.get("bytes"))
    skipped, changed = _left_out(manifest, "skipped"), _left_out(manifest, "changed")
    return {
        "facts": [
            ("Files", formatting.number(files)),
            *([("Their size", formatting.size(size))] if size is not None else []),
            ("Left out", formatting.number(skipped["count"])),
            ("Changed while read", formatting.number(changed["count"])),
        ],
        "left_out": [("Left out", skipped), ("Changed while they were read", changed)],
    }


def _left_out(manifest: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return which files were left out or changed, with the reasons, and how many for each reason."""
    listed = manifest.get(name)
    entries = [_entry(entry) for entry in listed] if isinstance(listed, list) else []
    count = _whole(manifest.get(f"{name}_count"))
    count = len(entries) if count is None else max(count, len(entries))
    return {
        "count": count,
        "reasons": _reasons(entries),
        "entries": [(redact_name(path), redact_name(reason)) for path, reason in entries[:LEFT_OUT_SHOWN]],
        "more": max(count - LEFT_OUT_SHOWN, 0) if entries else 0,
    }


def _entry(entry: Any) -> tuple[str, str]:
    if isinstance(entry, Mapping):
        return str(entry.get("path", "?")), str(entry.get("reason", ""))
    return str(entry), ""


def _reasons(entries: Sequence[tuple[str, str]]) -> list[tuple[str, int]]:
    counted = Counter(reason for _, reason in entries if reason)
    return [(redact_name(reason), number) for reason, number in counted.most_common(10)]


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _is_said(value: Any) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool) and value != ""
