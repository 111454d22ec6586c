"""The verdict as the API answers with it, and the addresses of the pages that its reasons lead to."""

from typing import Any

from django.urls import NoReverseMatch, reverse

from opsconsole.verdict.facts import Reason, Verdict


def verdict_as_json(verdict: Verdict) -> dict[str, Any]:
    """Return the verdict as the API has it."""
    return {
        "status": verdict.status,
        "reasons": [
            {
                "code": reason.code,
                "part": reason.part,
                "severity": reason.severity,
                "message": reason.message,
                "link": link_of(reason),
                "since": reason.since,
            }
            for reason in verdict.reasons
        ],
        "parts": {part: {"status": status} for part, status in verdict.parts.items()},
        "as_of": verdict.as_of,
    }


def link_of(reason: Reason) -> str | None:
    """Return the address of the page where a reason is dealt with, or None where there is none."""
    if not reason.page:
        return None
    try:
        address = reverse(reason.page)
    except NoReverseMatch:
        return None
    return f"{address}?{reason.query}" if reason.query else address
