"""How error groups look in an answer or on a page; what was redacted when it was folded is redacted once more."""

from typing import Any

from rest_framework.request import Request

from jobs.error_groups import reading
from jobs.error_groups.reading import GroupDetails, GroupFilter
from jobs.queries import Row
from jobs.representation import jobs_as_json
from opsconsole.api import cursors
from opsconsole.redaction import redact_name, redact_text


def page_as_json(request: Request, group_filter: GroupFilter, *, limit: int, cursor: str) -> dict[str, Any]:
    """Return a page of groups with links; one query."""
    listed = f"errors:{group_filter.digest}"
    beyond, backwards = cursors.decode(cursor, listed=listed) if cursor else (None, False)
    page = reading.page(group_filter, limit=limit, beyond=beyond, backwards=backwards)
    return {
        "groups": [group_as_json(row) for row in page.rows],
        "total": page.total,
        **cursors.links(
            request,
            listed=listed,
            keys=[row["id"] for row in page.rows],
            has_next=backwards or page.more,
            has_previous=page.more if backwards else beyond is not None,
        ),
    }


def group_as_json(row: Row) -> dict[str, Any]:
    """Return a group as lists show it."""
    failed_now = row["failed_now"]
    return _group(row) | {
        "failed_now": min(failed_now, reading.MEMBERS_READ),
        "failed_now_is": "capped" if failed_now > reading.MEMBERS_READ else "exact",
    }


def details_as_json(details: GroupDetails) -> dict[str, Any]:
    """Return a group with its sample, whom its jobs concern, and the newest of those; at most four queries."""
    return _group(details.group) | {
        "failed_now": details.failed_now,
        "failed_now_is": "capped" if details.is_capped else "exact",
        "sample": redact_text(details.group["sample"]),
        "identities": [
            {"id": subject.id, "display_name": subject.display_name, "jobs": jobs}
            for subject, jobs in details.identities
        ],
        "jobs": jobs_as_json(details.jobs, error_length=reading.ERROR_LENGTH) if details.jobs else [],
    }


def _group(row: Row) -> dict[str, Any]:
    return {
        "fingerprint": row["fingerprint"],
        "job_type": redact_name(row["job_type"]),
        "message": redact_text(row["message"]),
        "first_seen": row["first_seen"],
        "last_seen": row["last_seen"],
        "failures": row["failures"],
        "failures_1h": row["failures_1h"],
        "failures_24h": row["failures_24h"],
        "failures_7d": row["failures_7d"],
    }
