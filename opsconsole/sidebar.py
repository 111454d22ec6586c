"""The counts beside the sidebar's links: what the verdict has to say of each, and how many jobs have failed.

They come after the page and keep themselves up to date.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from jobs import counts
from jobs.models import FAILED
from opsconsole.formatting import Tone, count
from opsconsole.verdict import Reason, recent
from opsconsole.verdict.api import VIEW, visible_parts
from opsconsole.verdict.rules import BACKUPS, IDENTITIES, JOBS, MACHINERY, SCHEDULES

# What a link is called in the page, by the page that reasons lead to.
_PLACES: Final[Mapping[str, str]] = {
    IDENTITIES: "identities",
    BACKUPS: "backups",
    MACHINERY: "machinery",
    SCHEDULES: "schedules",
}


@dataclass(frozen=True, kw_only=True)
class NavCount:
    """The count beside one link.

    Attributes:
        place: which link it is, as `opsconsole.look` names it.
        number: how many; 0: nothing is shown.
        words: of what, for those who hear the page.
        tone: how bad that is.
    """

    place: str
    number: int
    words: str
    tone: Tone


def view(request: HttpRequest) -> HttpResponse:
    """Return the counts, for htmx to put beside the links."""
    if not request.user.is_authenticated:
        raise PermissionDenied
    found = _counts(request.user) if request.user.has_perm(VIEW) else ()
    return TemplateResponse(request, "opsconsole/_sidebar.html", {"counts": found}).render()


def _counts(user: Any) -> Sequence[NavCount]:
    verdict = recent.of_late(visible_parts(user))
    reasons = [reason for reason in verdict.reasons if reason.severity != "unknown"]
    by_place: dict[str, list[Reason]] = {place: [] for place in _PLACES.values()}
    for reason in reasons:
        if place := _PLACES.get(reason.page):
            by_place[place].append(reason)
    return (
        NavCount(place="home", number=len(reasons), words=_what(len(reasons)), tone=_tone(reasons)),
        _failed([reason for reason in reasons if reason.page == JOBS]),
        *(
            NavCount(place=place, number=number, words=_what(number), tone=_tone(found))
            for place, found in by_place.items()
            for number in [sum(reason.number for reason in found)]
        ),
    )


def _failed(reasons: Sequence[Reason]) -> NavCount:
    """Return how many jobs have failed; in colour only where the verdict has something to say of jobs."""
    number = counts.current().of((FAILED,))
    return NavCount(place="jobs", number=number, words="failed", tone=_tone(reasons) if reasons else "idle")


def _what(number: int) -> str:
    return count(number, "thing to look at", "things to look at").partition(" ")[2]


def _tone(reasons: Sequence[Reason]) -> Tone:
    return "bad" if any(reason.severity == "critical" for reason in reasons) else "warn"
