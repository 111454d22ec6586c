"""The pages of identities, and the form that starts a backfill."""

from collections.abc import Sequence
from functools import partial
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from identities import operations, queries
from identities.admin.starting import active_jobs, ids_in, start
from identities.models import Identity
from identities.queries import CredentialState
from identities.representation import identities_as_json
from jobs import recent
from jobs.admin.looks import of_job
from jobs.filters import JobFilter
from jobs.glance import glances
from jobs.models import RUNNING
from opsconsole import formatting, names
from opsconsole.admin.base import View, actor_of, reason_in
from opsconsole.admin.lists import Cursor, EmptyList, ListAdmin, ListPage, chosen_ids
from opsconsole.errors import NotFound
from opsconsole.filter_forms import FilterForm
from opsconsole.formatting import Look
from opsconsole.links import page_of
from opsconsole.redaction import redact_name

RECENT_JOBS = 10
ACTIVE = Look(word="Active", icon="check_circle", tone="good")
INACTIVE = Look(word="Inactive", icon="pause_circle", tone="idle")
CONNECTED = Look(word="Connected", icon="key", tone="good")
MISSING = Look(word="Missing", icon="key_off", tone="bad")


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


@admin.register(Identity)
class IdentityAdmin(ListAdmin[Identity]):
    """The accounts that the owner acts as."""

    list_display = ("name", "provider_name", "state", "credential", "conversations", "active_job", "buttons")
    list_display_links = None
    actions = ("backfill_selected",)
    operation_permissions = {"backfill": "identities.backfill_identity"}
    empty_list = EmptyList(
        icon="group", title="No identities", text="The core has none yet; they appear here when it connects an account."
    )

    def extra_views(self) -> Sequence[tuple[str, View, str]]:
        """The form that starts a backfill."""
        return (("backfill/", self.backfill_view, "backfill"),)

    def has_backfill_permission(self, request: HttpRequest) -> bool:
        """Say whether the caller may start backfills."""
        return self.may(request, "backfill")

    def fetch(self, request: HttpRequest, form: FilterForm, cursor: Cursor | None) -> ListPage[Identity]:
        """Return all identities with their credentials, conversations and active jobs; five queries."""
        rows = queries.identities()
        active = active_jobs([row.pk for row in rows])
        may_backfill = self.may(request, "backfill")
        for row, shown in zip(rows, identities_as_json(rows), strict=True):
            vars(row)["shown"] = shown | {
                "active": next(iter(active.get(row.pk, ())), None),
                "waiting": max(len(active.get(row.pk, [])) - 1, 0),
                "may_backfill": may_backfill and row.is_active,
            }
        return ListPage(rows=rows)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show the list, with what can be started for all of them."""
        links = []
        if self.has_view_permission(request) and self.may(request, "backfill"):
            url = self.url("backfill", query="all=1")
            links = [{"title": "Backfill all active", "icon": "cloud_download", "url": url}]
        return super().changelist_view(request, (extra_context or {}) | {"header_links": links})

    @admin.display(description="Identity")
    def name(self, obj: Identity) -> SafeString:
        """What it is called, and its name at the provider."""
        default = SafeString(' <span class="oc-tag">default</span>') if obj.is_default else SafeString("")
        return format_html(
            '<span class="oc-job"><span><a class="oc-strong" href="{}">{}</a>{}</span>'
            '<span class="oc-subtle">{}</span></span>',
            self.url("change", obj.pk),
            obj.display_name,
            default,
            obj.external_username,
        )

    @admin.display(description="Provider")
    def provider_name(self, obj: Identity) -> str:
        """The provider."""
        return str(vars(obj)["shown"]["provider"])

    @admin.display(description="State")
    def state(self, obj: Identity) -> SafeString:
        """Whether the core uses it."""
        return formatting.badge(ACTIVE if obj.is_active else INACTIVE)

    @admin.display(description="Credential")
    def credential(self, obj: Identity) -> SafeString:
        """Whether there is one, never what it is."""
        found = vars(obj)["shown"]["credential"]
        return formatting.badge(CONNECTED if found["status"] == "present" else MISSING)

    @admin.display(description="Conversations")
    def conversations(self, obj: Identity) -> SafeString:
        """How many there are, as a link to them."""
        return format_html(
            '<a class="oc-link oc-number" href="{}">{}</a>',
            f"{_conversations_url()}?identity_id={obj.pk}",
            formatting.number(vars(obj)["shown"]["conversations_count"]),
        )

    @admin.display(description="Active job")
    def active_job(self, obj: Identity) -> SafeString:
        """What runs for it now, and how many wait."""
        shown = vars(obj)["shown"]
        job = shown["active"]
        if job is None:
            return format_html('<span class="oc-nothing">{}</span>', formatting.NOTHING)
        waiting = (
            format_html(' <span class="oc-subtle">+{} waiting</span>', shown["waiting"]) if shown["waiting"] else ""
        )
        moves = job["status"] == RUNNING and job["progress"]
        inner = formatting.bar(job["progress"]) if moves else formatting.badge(of_job(job))
        return format_html(
            '<a class="oc-link oc-job" href="{}"><span>{}{}</span>{}</a>',
            page_of("job", job["id"]) or "#",
            job["title"],
            waiting,
            inner,
        )

    @admin.display(description="")
    def buttons(self, obj: Identity) -> SafeString:
        """What can be started for it."""
        if not vars(obj)["shown"]["may_backfill"]:
            return SafeString("")
        return format_html(
            '<a class="oc-button oc-small" href="{}" aria-label="Backfill {}…">'
            '<span class="material-symbols-outlined" aria-hidden="true">cloud_download</span>Backfill…</a>',
            self.url("backfill", query=urlencode({"identity": obj.pk})),
            obj.display_name,
        )

    def action_checkbox(self, obj: Identity) -> SafeString:
        """Offer only active ones to be ticked."""
        return super().action_checkbox(obj) if vars(obj)["shown"]["may_backfill"] else SafeString("")

    @admin.action(description="Backfill selected…", permissions=["backfill"])
    def backfill_selected(self, request: HttpRequest, queryset: QuerySet[Identity]) -> HttpResponse:
        """Go to the form; nothing is started yet."""
        query = urlencode([("identity", pk) for pk in chosen_ids(request)])
        return HttpResponseRedirect(self.url("backfill", query=query))

    def backfill_view(self, request: HttpRequest) -> HttpResponse:
        """Say what a backfill will do and what is running already; start it."""
        self.demand(request, "backfill")
        if request.method == "POST":
            chosen = ids_in(request.POST.getlist("identity"))
            back = self.url("backfill", query=urlencode([("identity", pk) for pk in chosen]))
            operation = partial(
                operations.backfill_conversations,
                identity_ids=chosen,
                actor=actor_of(request),
                reason=reason_in(request),
            )
            return start(request, operation, back=back, home=self.url("changelist"))
        found = queries.identities()
        chosen = ids_in(request.GET.getlist("identity"))
        everybody = "all" in request.GET
        ids = [identity.pk for identity in found]
        credentials = queries.credential_states(ids)
        active = active_jobs(ids)
        rows = [
            {
                "identity": identity,
                "chosen": identity.is_active and (everybody or identity.pk in chosen),
                "credential_missing": credentials[identity.pk].status == "missing",
                "active": [job | {"look": of_job(job)} for job in active.get(identity.pk, [])],
            }
            for identity in found
        ]
        rows.sort(key=lambda row: (not row["chosen"], not row["identity"].is_active))  # type: ignore[attr-defined]
        context = {
            "rows": rows,
            "chosen_count": sum(bool(row["chosen"]) for row in rows),
            "back_url": self.url("changelist"),
        }
        return self.page(request, "identities/backfill.html", context, title="Backfill identities")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show one identity: its credentials (never a secret), what runs, and its last jobs."""
        self.demand(request)
        try:
            identity = queries.identity(queries.identity_id_of(object_id))
        except NotFound:
            return self.missing(request, NotFound(f"There is no identity {object_id[:50]}."))
        may_see_jobs = request.user.has_perm("jobs.view_job")
        newest = recent.newest(JobFilter(identity_id=identity.pk), limit=RECENT_JOBS) if may_see_jobs else []
        jobs = [job | {"look": of_job(job)} for job in glances(newest)]
        credentials = queries.credential_states([identity.pk])[identity.pk]
        context = {
            "identity": identity,
            "state": ACTIVE if identity.is_active else INACTIVE,
            "credentials": credentials,
            "credential_look": CONNECTED if credentials.status == "present" else MISSING,
            "credential_types": _types(credentials),
            "conversations_count": queries.conversation_counts([identity.pk]).get(identity.pk, 0),
            "conversations_url": f"{_conversations_url()}?identity_id={identity.pk}"
            if request.user.has_perm("identities.view_conversation")
            else "",
            "jobs": jobs,
            "may_see_jobs": may_see_jobs,
            "looked_through": recent.LOOKED_THROUGH,
            "backfill_url": self.url("backfill", query=urlencode({"identity": identity.pk}))
            if identity.is_active and self.may(request, "backfill")
            else "",
        }
        return self.page(request, "identities/identity.html", context, title=identity.display_name, shown=identity)


def _types(credentials: CredentialState) -> SafeString:
    return format_html_join(" ", '<span class="oc-tag">{}</span>', ((name,) for name in credentials.types))


def _conversations_url() -> str:
    return reverse("admin:identities_conversation_changelist")
