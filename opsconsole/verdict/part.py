"""The first part of the first page: the verdict in a line, and its reasons as links to where each is dealt with."""

from typing import Any, Final

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from opsconsole.formatting import Look, count
from opsconsole.verdict import Verdict, recent
from opsconsole.verdict.api import VIEW, visible_parts
from opsconsole.verdict.facts import Status
from opsconsole.verdict.representation import link_of

_LOOKS: Final[dict[Status, Look]] = {
    "critical": Look(word="Needs attention", icon="error", tone="bad"),
    "warning": Look(word="Look at it", icon="warning", tone="warn"),
    "unknown": Look(word="Not known", icon="help", tone="idle"),
    "ok": Look(word="All is well", icon="check_circle", tone="good"),
}


def verdict_view(request: HttpRequest) -> HttpResponse:
    """Return the part, for htmx to put in place; it says of itself what couldn't be read."""
    if not request.user.has_perm(VIEW):
        raise PermissionDenied
    verdict = recent.current(visible_parts(request.user))
    return TemplateResponse(request, "opsconsole/_verdict.html", _context(verdict)).render()


def _context(verdict: Verdict) -> dict[str, Any]:
    return {
        "look": _LOOKS[verdict.status],
        "words": _in_words(verdict),
        "reasons": [(_LOOKS[reason.severity], reason, link_of(reason)) for reason in verdict.reasons],
        "as_of": verdict.as_of,
    }


def _in_words(verdict: Verdict) -> str:
    if not verdict.reasons:
        return "Nothing is wrong."
    severities = [reason.severity for reason in verdict.reasons]
    urgent, others, unknown = (severities.count(severity) for severity in ("critical", "warning", "unknown"))
    parts = (
        f"{count(urgent, 'thing needs', 'things need')} attention" if urgent else "",
        f"{count(others, 'thing')} to look at" if others else "",
        f"{count(unknown, 'thing is', 'things are')} not known" if unknown else "",
    )
    return f"{', '.join(part for part in parts if part)}."
