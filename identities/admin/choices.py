"""The identities that people choose from: in filters, and in the forms that start something."""

from typing import Any, Final

from django.http import HttpRequest

from identities import queries, status
from identities.ability import obstacles
from identities.admin.starting import ids_in
from identities.models import Identity
from identities.status import ActiveJobs
from jobs.admin.looks import of_job
from opsconsole import names
from opsconsole.redaction import redact_name

# So many of the jobs that run or wait are named beside each.
JOBS_SHOWN: Final = 2


def identity_choices() -> list[tuple[int, str]]:
    """Return the ids and names of the identities, by name; two of the same name are told apart by their provider."""
    rows = list(
        Identity.objects.order_by("display_name", "pk").values_list("pk", "display_name", "provider_id")[
            : queries.MAX_IDENTITIES
        ]
    )
    shown = [name for _, name, _ in rows]
    return [(pk, f"{name} ({redact_name(provider)})" if shown.count(name) > 1 else name) for pk, name, provider in rows]


names.register_identities(identity_choices)


def to_pick_from(request: HttpRequest) -> dict[str, Any]:
    """Return all identities with their active jobs. The identities in the address are ticked and come first.

    If the address names all identities, those that can't sync are not ticked.
    """
    found = queries.identities()
    chosen = ids_in(request.GET.getlist("identity"))
    everybody = "all" in request.GET
    ids = [identity.pk for identity in found]
    credentials = queries.credential_states(ids)
    unable = obstacles(ids)
    active = status.active_jobs(ids, of_each=JOBS_SHOWN)
    rows: list[dict[str, Any]] = [
        {
            "identity": identity,
            "chosen": identity.is_active and (identity.pk in chosen or (everybody and identity.pk not in unable)),
            "obstacle": unable.get(identity.pk),
            "credential_missing": credentials[identity.pk].status == "missing",
            "active": [job | {"look": of_job(job)} for job in active.get(identity.pk, ActiveJobs()).first],
        }
        for identity in found
    ]
    rows.sort(key=lambda row: (not row["chosen"], not row["identity"].is_active))
    return {"rows": rows, "chosen_count": sum(bool(row["chosen"]) for row in rows), "of_all": everybody}
