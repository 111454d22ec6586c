"""What the forms that start something share: the reason, the answer, and what is running already."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from jobs import catalog, recent
from jobs.glance import glances
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


def start(request: HttpRequest, operation: Callable[[], Submitted], *, back: str, home: str) -> HttpResponse:
    """Start something and go to its run; or say why not, and go back to the form.

    Args:
        request: who asks.
        operation: what starts it.
        back: the form's address, for another try.
        home: where to go for somebody who may not see runs.
    """
    try:
        submitted = operation()
    except OpsError as error:
        tell(request, error)
        return HttpResponseRedirect(back)
    run = page_of("run", submitted.run_id) if request.user.has_perm("jobs.view_run") else None
    if run:
        tell_done(request, submitted.message, warn=submitted.broker_down)
        return HttpResponseRedirect(run)
    tell_done(request, submitted.message, warn=submitted.broker_down)
    return HttpResponseRedirect(home)


def active_jobs(identity_ids: list[int]) -> Mapping[int, list[dict[str, Any]]]:
    """Return the ingest jobs of identities that run or wait, at a glance, the one that runs first; two queries."""
    job_type = catalog.find(catalog.BACKFILL_CONVERSATIONS)
    assert job_type is not None
    keys = {key: pk for pk in identity_ids if (key := job_type.serial_key(pk))}
    found = recent.active_by_serial_key(list(keys)) if keys else {}
    return {keys[key]: glances(rows) for key, rows in found.items()}
