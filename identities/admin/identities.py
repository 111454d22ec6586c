"""The pages of identities: how each is doing, and the forms that start and schedule something."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Final
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from identities import operations, queries, status
from identities.admin import cells, identity_page, schedule_form
from identities.admin.choices import to_pick_from
from identities.admin.starting import ids_in, start
from identities.models import Identity
from identities.status import SyncOverview
from opsconsole.admin.base import View, actor_of, reason_in, tell, tell_done
from opsconsole.admin.lists import Cursor, EmptyList, ListAdmin, ListPage, chosen_ids
from opsconsole.errors import NotFound, OpsError, Refused
from opsconsole.filter_forms import FilterForm
from opsconsole.row_ids import row_id

# As many ids as fit into an address with room to spare: servers take some 4,000 characters.
_MAX_IN_ADDRESS: Final = 200
_SCHEDULES: Final = "admin:django_celery_beat_periodictask_changelist"


@admin.register(Identity)
class IdentityAdmin(ListAdmin[Identity]):
    """The accounts that the owner acts as."""

    list_display = ("name", "health", "synced", "next_sync", "messages", "active_job", "buttons")
    list_display_links = None
    actions = ("sync_selected", "backfill_selected")
    operation_permissions = {
        "sync": "identities.sync_identity",
        "backfill": "identities.backfill_identity",
        "schedule": "identities.schedule_identity",
    }
    list_tabs_template = "identities/_overall.html"
    empty_list = EmptyList(
        icon="group", title="No identities", text="The core has none yet; they appear here when it connects an account."
    )

    def extra_views(self) -> Sequence[tuple[str, View, str]]:
        """The forms that start something, and the parts that keep themselves up to date."""
        return (
            ("backfill/", self.backfill_view, "backfill"),
            ("sync/", self.sync_view, "sync"),
            ("live/", self.live_view, "live"),
            ("summary/", self.summary_view, "summary"),
            ("<path:object_id>/live/", self.live_page_view, "live_page"),
            ("<path:object_id>/schedule/", self.schedule_view, "schedule"),
        )

    def has_backfill_permission(self, request: HttpRequest) -> bool:
        """Say whether the caller may start backfills."""
        return self.may(request, "backfill")

    def has_sync_permission(self, request: HttpRequest) -> bool:
        """Say whether the caller may start syncs."""
        return self.may(request, "sync")

    def fetch(self, request: HttpRequest, form: FilterForm, cursor: Cursor | None) -> ListPage[Identity]:
        """Return all identities with their sync status; six queries."""
        overview = status.overview(include_inactive=True)
        may_sync, may_backfill = self.may(request, "sync"), self.may(request, "backfill")
        rows = []
        for one in overview.statuses:
            row = one.identity
            vars(row)["status"] = one
            vars(row)["may_sync"] = may_sync and row.is_active
            vars(row)["may_backfill"] = may_backfill and row.is_active
            rows.append(row)
        vars(request)["sync_overview"] = overview
        return ListPage(rows=rows)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show the list, with what can be started for all of them."""
        links = []
        if self.has_view_permission(request):
            if self.may(request, "sync"):
                links.append({"title": "Sync all…", "icon": "sync", "url": self.url("sync", query="all=1")})
            if self.may(request, "backfill"):
                url = self.url("backfill", query="all=1")
                links.append({"title": "Backfill all…", "icon": "cloud_download", "url": url})
        response = super().changelist_view(request, (extra_context or {}) | {"header_links": links})
        context = getattr(response, "context_data", None)
        overview: SyncOverview | None = vars(request).get("sync_overview")
        if context is not None and overview is not None:
            context |= identity_page.overall(overview) | self._links(request, live_url=self.url("live"))
        return response

    def live_view(self, request: HttpRequest) -> HttpResponse:
        """Return the cells of the list and what is said above it, to be put in place."""
        self.demand(request)
        overview = status.overview(include_inactive=True)
        found = [cells.live(name, one, again=True) for one in overview.statuses for name in cells.LIVE]
        context = identity_page.overall(overview) | {"cells": found, "again": True}
        context |= self._links(request, live_url=self.url("live"))
        return self.fragment(request, "identities/_overall.html", context)

    def summary_view(self, request: HttpRequest) -> HttpResponse:
        """Return the part of the first page that is about identities."""
        self.demand(request)
        context = identity_page.summary(status.overview())
        for name in ("sync", "backfill"):
            context[f"{name}_url"] = self.url(name) if self.may(request, name) else ""
        return self.fragment(request, "identities/_summary.html", context)

    @admin.display(description="Identity")
    def name(self, obj: Identity) -> SafeString:
        """What it is called, its provider, and its name there."""
        default = SafeString(' <span class="oc-tag">default</span>') if obj.is_default else SafeString("")
        return format_html(
            '<span class="oc-job"><span><a class="oc-strong oc-lines" href="{}" title="{}">{}</a>{}</span>'
            '<span class="oc-subtle oc-lines">{} · {}</span></span>',
            self.url("change", obj.pk),
            obj.display_name,
            obj.display_name,
            default,
            obj.provider.display_name,
            obj.external_username,
        )

    @admin.display(description="Health")
    def health(self, obj: Identity) -> SafeString:
        """How it is doing."""
        return cells.live("health", vars(obj)["status"])

    @admin.display(description="Last sync")
    def synced(self, obj: Identity) -> SafeString:
        """When it last synced."""
        return cells.live("synced", vars(obj)["status"])

    @admin.display(description="Next expected")
    def next_sync(self, obj: Identity) -> SafeString:
        """When it is expected to sync next."""
        return cells.live("next_sync", vars(obj)["status"])

    @admin.display(description="Messages")
    def messages(self, obj: Identity) -> SafeString:
        """How many there are."""
        return cells.live("messages", vars(obj)["status"])

    @admin.display(description="Active job")
    def active_job(self, obj: Identity) -> SafeString:
        """What runs for it now, and how many wait."""
        return cells.live("active_job", vars(obj)["status"])

    @admin.display(description="")
    def buttons(self, obj: Identity) -> SafeString:
        """What can be started for it."""
        # They belong to the list's own form, which brings the token along.
        sync = format_html(
            '<button type="submit" class="oc-button oc-small" formaction="{}" name="identity" value="{}" '
            'aria-label="Sync {}"><span class="material-symbols-outlined" aria-hidden="true">sync</span>Sync</button>',
            self.url("sync", query="stay=1"),
            obj.pk,
            obj.display_name,
        )
        backfill = format_html(
            '<a class="oc-button oc-small" href="{}" aria-label="Backfill {}…">'
            '<span class="material-symbols-outlined" aria-hidden="true">cloud_download</span>Backfill…</a>',
            self.url("backfill", query=urlencode({"identity": obj.pk})),
            obj.display_name,
        )
        return format_html(
            '<span class="oc-row-buttons">{}{}</span>',
            sync if vars(obj)["may_sync"] else "",
            backfill if vars(obj)["may_backfill"] else "",
        )

    def action_checkbox(self, obj: Identity) -> SafeString:
        """Offer only active ones to be ticked."""
        offered = vars(obj)["may_sync"] or vars(obj)["may_backfill"]
        return super().action_checkbox(obj) if offered else SafeString("")

    @admin.action(description="Sync selected", permissions=["sync"])
    def sync_selected(self, request: HttpRequest, queryset: QuerySet[Identity]) -> HttpResponse:
        """Fetch what is new for those that were ticked."""
        return self._sync(request, chosen_ids(request), back=request.get_full_path(), stay=True)

    @admin.action(description="Backfill selected…", permissions=["backfill"])
    def backfill_selected(self, request: HttpRequest, queryset: QuerySet[Identity]) -> HttpResponse:
        """Go to the form; nothing is started yet."""
        chosen = chosen_ids(request)
        if len(chosen) > _MAX_IN_ADDRESS:
            sentence = f"At most {_MAX_IN_ADDRESS} identities can be chosen here at once; “Backfill all…” takes all."
            tell(request, Refused(sentence))
            return HttpResponseRedirect(request.get_full_path())
        return HttpResponseRedirect(self.url("backfill", query=_named(chosen)))

    def sync_view(self, request: HttpRequest) -> HttpResponse:
        """Say what a sync will do and what is running already; start it."""
        self.demand(request, "sync")
        if request.method == "POST":
            chosen = ids_in(request.POST.getlist("identity"))
            stay = "stay" in request.GET
            back = self.url("changelist") if stay else self.url("sync", query=_asked(request, chosen))
            return self._sync(request, chosen, back=back, stay=stay)
        return self._form(request, "identities/sync.html", title="Sync identities")

    def backfill_view(self, request: HttpRequest) -> HttpResponse:
        """Say what a backfill will do and what is running already; start it."""
        self.demand(request, "backfill")
        if request.method == "POST":
            chosen = ids_in(request.POST.getlist("identity"))
            back = self.url("backfill", query=_asked(request, chosen))
            operation = partial(
                operations.backfill_conversations,
                identity_ids=chosen,
                of_all="all" in request.POST,
                actor=actor_of(request),
                reason=reason_in(request),
            )
            return start(request, operation, back=back, home=self.url("changelist"))
        return self._form(request, "identities/backfill.html", title="Backfill identities")

    def schedule_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Change an identity's own schedule; answers a POST from its page."""
        self.demand(request, "schedule")
        if (identity_id := row_id(object_id)) is None:
            return self.missing(request, NotFound(f"There is no identity {object_id[:50]}."))
        back = self.url("change", identity_id)
        if request.method != "POST":
            return HttpResponseRedirect(back)
        try:
            tell_done(request, schedule_form.asked_for(request, identity_id)())
        except OpsError as error:
            tell(request, error)
        return HttpResponseRedirect(back)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show one identity: how it is doing and why, its credentials (never a secret), and what has happened."""
        self.demand(request)
        try:
            overview = status.of_identity(queries.identity_id_of(object_id))
        except NotFound:
            return self.missing(request, NotFound(f"There is no identity {object_id[:50]}."))
        (found,) = overview.statuses
        identity = found.identity
        context = identity_page.context(
            found, overview, may_see_jobs=request.user.has_perm("jobs.view_job"), may=self._may(request, identity)
        )
        context |= self._links(request, live_url=self.url("live_page", identity.pk))
        context |= {
            "sync_url": self.url("sync"),
            "backfill_url": self.url("backfill", query=urlencode({"identity": identity.pk})),
            "schedule_url": self.url("schedule", identity.pk),
            "may_see_conversations": request.user.has_perm("identities.view_conversation"),
        }
        return self.page(request, "identities/identity.html", context, title=identity.display_name, shown=identity)

    def live_page_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Return the part of an identity's page that keeps itself up to date."""
        self.demand(request)
        try:
            overview = status.of_identity(queries.identity_id_of(object_id))
        except NotFound as error:
            return self.missing(request, error)
        (found,) = overview.statuses
        context = identity_page.context(
            found, overview, may_see_jobs=request.user.has_perm("jobs.view_job"), may=self._may(request, found.identity)
        )
        context |= self._links(request, live_url=self.url("live_page", found.identity.pk))
        return self.fragment(request, "identities/_identity_live.html", context)

    def _may(self, request: HttpRequest, identity: Identity) -> dict[str, bool]:
        return {name: identity.is_active and self.may(request, name) for name in self.operation_permissions}

    def _links(self, request: HttpRequest, *, live_url: str) -> dict[str, str]:
        """Return where a part that keeps itself up to date comes from, and where schedules are resumed."""
        may_see = request.user.has_perm("django_celery_beat.view_periodictask")
        return {"live_url": live_url, "schedules_url": reverse(_SCHEDULES) if may_see else ""}

    def _sync(self, request: HttpRequest, chosen: list[int], *, back: str, stay: bool) -> HttpResponse:
        operation = partial(
            operations.sync_identities,
            identity_ids=chosen,
            of_all="all" in request.POST,
            actor=actor_of(request),
            reason=reason_in(request),
        )
        return start(request, operation, back=back, home=self.url("changelist"), stay=stay)

    def _form(self, request: HttpRequest, template: str, *, title: str) -> HttpResponse:
        """Show the form that asks whom to start something for."""
        context = to_pick_from(request) | {"back_url": self.url("changelist")}
        return self.page(request, template, context, title=title)


def _asked(request: HttpRequest, identity_ids: Sequence[int]) -> str:
    """Return the query that shows a form again as it was submitted."""
    return "all=1" if "all" in request.POST else _named(identity_ids)


def _named(identity_ids: Sequence[int]) -> str:
    return urlencode([("identity", pk) for pk in identity_ids[:_MAX_IN_ADDRESS]])
