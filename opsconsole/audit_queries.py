"""Reads of the audit log."""

import hashlib
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

import orjson
from django.db.models import QuerySet

from opsconsole.audit import MAX_ERROR_LENGTH, AuditLog, read
from opsconsole.far_times import FarText, texts
from opsconsole.redaction import redact, redact_start
from opsconsole.slow_filters import bounded

ACTORS: Final = ("user", "system", "agent")
RESULTS: Final = ("ok", "error")


@dataclass(frozen=True, kw_only=True)
class AuditFilter:
    """Which entries to show; what is None does not restrict. `after` is inclusive, `before` is not; both UTC."""

    action: str | None = None
    actor: str | None = None
    result: str | None = None
    identity_id: int | None = None
    after: datetime | None = None
    before: datetime | None = None

    @property
    def digest(self) -> str:
        """A short name of these values, by which a cursor knows the list that it belongs to."""
        return hashlib.blake2s(orjson.dumps(asdict(self)), digest_size=9).hexdigest()


def shown() -> QuerySet[AuditLog]:
    """Return the entries. Each has the text of its time if Python can't represent the time."""
    return AuditLog.objects.annotate(ts_text=FarText("ts"))


def page(
    audit_filter: AuditFilter, *, limit: int, beyond: int | None = None, backwards: bool = False
) -> tuple[list[AuditLog], bool]:
    """Return a page of entries, newest first, and whether there are more that way; one query.

    Args:
        audit_filter: which entries.
        limit: rows.
        beyond: start beyond this id.
        backwards: towards newer ones.
    """
    columns = {
        "action_type": audit_filter.action,
        "actor": audit_filter.actor,
        "result": audit_filter.result,
        "identity_id": audit_filter.identity_id,
        "ts__gte": audit_filter.after,
        "ts__lt": audit_filter.before,
        ("pk__gt" if backwards else "pk__lt"): beyond,
    }
    entries = shown().filter(**{name: value for name, value in columns.items() if value is not None})
    with bounded(audit_filter != AuditFilter()):
        found = read(entries.order_by("pk" if backwards else "-pk")[: limit + 1])
    more, found = len(found) > limit, found[:limit]
    return (found[::-1] if backwards else found), more


def as_json(row: AuditLog) -> dict[str, Any]:
    """Return an entry that `shown` selected and `read` read. Redact it again, because others write to the table."""
    request = redact(row.request_json)
    asked = request if isinstance(request, dict) else {}
    return {
        "id": row.pk,
        "at": row.ts,
        **texts(row, at="ts"),
        "actor": row.actor,
        "action": row.action_type,
        "by": asked.get("by"),
        "via": asked.get("via"),
        "reason": asked.get("reason"),
        "provider_id": row.provider_id,
        "identity_id": row.identity_id,
        "entity_type": row.entity_type,
        "entity_id": row.entity_id,
        "result": row.result,
        "error": redact_start(row.error_detail, MAX_ERROR_LENGTH) if row.error_detail else None,
        "request": request,
        "response": redact(row.response_json),
        **_cut(row, "request"),
        **_cut(row, "response"),
    }


def _cut(row: AuditLog, name: str) -> dict[str, Any]:
    """Return the flag and the size of a part of an entry that was cut; empty if the part is whole."""
    size = vars(row)[f"{name}_size"]
    return {} if size is None else {f"{name}_cut": True, f"{name}_size": size}
