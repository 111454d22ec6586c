"""What the forms that start something share: the reason, the answer, and what is running already."""

from collections.abc import Callable
from typing import Protocol

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from jobs.receipts import Submitted
from opsconsole.admin.base import tell, tell_done
from opsconsole.errors import OpsError
from opsconsole.links import page_of
from opsconsole.row_ids import row_id

MAX_IDS = 1_000


class HasList(Protocol):
    """An admin with a list to go back to."""

    def list_url(self, request: HttpRequest) -> str:
        """Return the list's address."""


def ids_in(values: list[str]) -> list[int]:
    """Return the ids among what an address or a form names, each once; what can be no id is left out."""
    return list(dict.fromkeys(pk for value in values[:MAX_IDS] if (pk := row_id(value))))


def start(
    request: HttpRequest, operation: Callable[[], Submitted], *, back: str, home: str, stay: bool = False
) -> HttpResponse:
    """Start something and go to its run; or say why not, and go back to the form.

    Args:
        request: who asks.
        operation: what starts it.
        back: the form's address, for another try.
        home: where to go for somebody who may not see runs.
        stay: don't go to the run; show a link to it where the caller came from.
    """
    try:
        submitted = operation()
    except OpsError as error:
        tell(request, error)
        return HttpResponseRedirect(back)
    run = page_of("run", submitted.run_id) if request.user.has_perm("jobs.view_run") else None
    if run and stay:
        tell_done(request, submitted.message, url=run, link="Watch it", warn=submitted.needs_attention)
        return HttpResponseRedirect(back)
    tell_done(request, submitted.message, warn=submitted.needs_attention)
    return HttpResponseRedirect(run or home)
