"""The form on an identity's page that changes its own sync schedule."""

from collections.abc import Callable
from functools import partial

from django.http import HttpRequest

from identities.schedule_operations import MAX_MINUTES, MIN_MINUTES, clear_schedule, set_schedule
from opsconsole.admin.base import actor_of, reason_in
from opsconsole.errors import Refused


def asked_for(request: HttpRequest, identity_id: int) -> Callable[[], str]:
    """Return the operation that a submitted form asks for; it returns what happened, in a sentence.

    Raises:
        Refused: the interval is none.
    """
    actor, reason = actor_of(request), reason_in(request)
    wanted = request.POST.get("change", "")
    if wanted == "general":
        return partial(clear_schedule, identity_id=identity_id, actor=actor, reason=reason)
    change = partial(set_schedule, identity_id=identity_id, actor=actor, reason=reason)
    if wanted in {"on", "off"}:
        return partial(change, enabled=wanted == "on")
    given = request.POST.get("every_minutes", "").strip()
    minutes = int(given) if given.isascii() and given.isdigit() and len(given) < 10 else 0
    if not MIN_MINUTES <= minutes <= MAX_MINUTES:
        raise Refused(
            f"The interval must be a whole number of minutes from {MIN_MINUTES} to {MAX_MINUTES:,} (a week).",
            code="invalid_interval",
        )
    return partial(change, every_minutes=minutes, enabled=True)
