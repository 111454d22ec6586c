"""The list of backups, with how they are doing on top of it, and the page of each."""

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.html import format_html
from django.utils.safestring import SafeString

from backups import recent
from backups.admin import backup_page, cells, files, status_card
from backups.admin.cells import Shown
from backups.admin.filter_form import BackupFilterForm
from backups.admin.looks import name_of
from backups.admin.starting import MAX_TESTS, Starts, is_configured, why_not_tested
from backups.details import details_of
from backups.folder import BackupFolder
from backups.models import BackupRun
from opsconsole import formatting
from opsconsole.admin.base import View, tell
from opsconsole.admin.lists import Cursor, EmptyList, ListAdmin, ListPage, chosen_ids, list_page
from opsconsole.errors import NotFound, Refused
from opsconsole.filter_forms import FilterForm
from opsconsole.row_ids import row_id
from opsconsole.schema import enums


@admin.register(BackupRun)
class BackupRunAdmin(Starts, ListAdmin[BackupRun]):
    """Backups, newest first."""

    list_display = ("state", "what", "started", "duration", "size", "why", "file", "verified", "buttons")
    list_display_links = ("what",)
    actions = ("back_up_now", "test_selected")
    filter_form_class = BackupFilterForm
    list_tabs_template = "backups/_overall.html"
    empty_list = EmptyList(
        icon="backup", title="No backups yet", text="They appear as soon as the first one has started."
    )

    def extra_views(self) -> Sequence[tuple[str, View, str]]:
        """The forms that start something, and the parts that keep themselves up to date."""
        return (
            *self.starting_views(),
            ("live/", self.live_view, "live"),
            ("summary/", self.summary_view, "summary"),
            ("<path:object_id>/live/", self.live_page_view, "live_page"),
        )

    def has_back_up_permission(self, request: HttpRequest) -> bool:
        """Say whether the caller may start backups, and there is where to keep them."""
        return self.may(request, "back_up") and is_configured()

    def has_test_permission(self, request: HttpRequest) -> bool:
        """Say whether the caller may start restore tests, and there is where to find the backups."""
        return self.may(request, "test") and is_configured()

    # --- the list -------------------------------------------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> QuerySet[BackupRun]:
        """Leave out the manifests, and what is long of the errors."""
        return recent.backups()

    def fetch(self, request: HttpRequest, form: FilterForm, cursor: Cursor | None) -> ListPage[BackupRun]:
        """Return a page of backups, newest first, each with what stands beside it; three queries."""
        assert isinstance(form, BackupFilterForm)
        backwards = cursor is not None and cursor.backwards
        conditions = form.conditions()
        found = self.get_queryset(request).filter(**conditions).order_by("pk" if backwards else "-pk")
        if not all(enums.accepts("backup_runs", column, value) for column, value in conditions.items()):
            found = found.none()
        if cursor is not None:
            found = found.filter(**{"pk__gt" if backwards else "pk__lt": cursor.key})
        page = list_page(list(found[: self.list_per_page + 1]), cursor=cursor, limit=self.list_per_page)
        for shown in _shown(page.rows):
            vars(shown.row)["shown"] = shown
            vars(shown.row)["may_test"] = self._may_be_tested(request, shown.row, shown.file)
        # What is new appears by itself only where it would be seen.
        vars(request)["listed"] = [row.pk for row in page.rows]
        vars(request)["from_newest"] = cursor is None and not conditions
        return page

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show the list, how backups are doing, and what can be started."""
        if self._backs_up_now(request):
            return HttpResponseRedirect(self.url("back_up"))
        links = self.header_links(request) if self.has_view_permission(request) else []
        response = super().changelist_view(request, (extra_context or {}) | {"header_links": links})
        context = getattr(response, "context_data", None)
        if context is not None and "cl" in context:
            listed: list[int] = vars(request).get("listed", [])
            pairs = [("id", pk) for pk in listed]
            if vars(request).get("from_newest"):
                pairs.append(("newest", max(listed, default=0)))
            context |= self._card(request, live_url=self.url("live", query=urlencode(pairs)))
        return response

    def live_view(self, request: HttpRequest) -> HttpResponse:
        """Return the card and the cells of the rows that the page shows, to be put in place."""
        self.demand(request)
        ids = [pk for value in request.GET.getlist("id")[: self.list_per_page] if (pk := row_id(value))]
        found = self.get_queryset(request).filter(pk__in=ids).order_by("-pk") if ids else []
        fresh = [
            cells.live(cells.OF_BACKUPS, name, shown, again=True)
            for shown in _shown(list(found))
            for name in cells.OF_BACKUPS
        ]
        live_url = self.url("live", query=request.GET.urlencode())
        context = self._card(request, live_url=live_url) | {"cells": fresh}
        response = self.fragment(request, "backups/_overall.html", context)
        newest = request.GET.get("newest", "")
        if newest.isdigit() and str(self._newest()) != newest:
            # A row that the page doesn't have.
            response["HX-Refresh"] = "true"
        return response

    def summary_view(self, request: HttpRequest) -> HttpResponse:
        """Return the part of the first page that is about backups."""
        self.demand(request)
        context = status_card.summary() | {"header_links": self.header_links(request)}
        return self.fragment(request, "backups/_summary.html", context)

    def _newest(self) -> int:
        return BackupRun.objects.order_by("-pk").values_list("pk", flat=True).first() or 0

    def _card(self, request: HttpRequest, *, live_url: str) -> dict[str, Any]:
        return status_card.context() | {
            "live_url": live_url,
            "may_see_jobs": request.user.has_perm("jobs.view_job"),
            "may_see_tests": request.user.has_perm("backups.view_restoretest"),
        }

    @admin.display(description="State")
    def state(self, obj: BackupRun) -> SafeString:
        """How it ended, or how far it is."""
        return self._cell("state", obj)

    @admin.display(description="Backup")
    def what(self, obj: BackupRun) -> str:
        """What was backed up."""
        return name_of(obj.kind, obj.pk)

    @admin.display(description="Started")
    def started(self, obj: BackupRun) -> SafeString:
        """When it started."""
        return formatting.ago(obj.started_at)

    @admin.display(description="Duration")
    def duration(self, obj: BackupRun) -> SafeString:
        """How long it took."""
        return self._cell("duration", obj)

    @admin.display(description="Size")
    def size(self, obj: BackupRun) -> SafeString:
        """How large its file is."""
        return self._cell("size", obj)

    @admin.display(description="Trigger")
    def why(self, obj: BackupRun) -> SafeString:
        """By hand or by the schedule, and who asked."""
        return cells.trigger(vars(obj)["shown"])

    @admin.display(description="File")
    def file(self, obj: BackupRun) -> SafeString:
        """Whether the file is still there."""
        return self._cell("file", obj)

    @admin.display(description="Verified")
    def verified(self, obj: BackupRun) -> SafeString:
        """What its last restore test said."""
        return self._cell("verified", obj)

    @admin.display(description="")
    def buttons(self, obj: BackupRun) -> SafeString:
        """What can be done with it."""
        if not vars(obj)["may_test"]:
            return SafeString("")
        return format_html(
            '<span class="oc-row-buttons"><a class="oc-button oc-small" href="{}" aria-label="Test {}…">'
            '<span class="material-symbols-outlined" aria-hidden="true">verified</span>Test…</a></span>',
            self.url("test", query=urlencode({"backup": obj.pk})),
            name_of(obj.kind, obj.pk),
        )

    def _cell(self, name: str, obj: BackupRun) -> SafeString:
        return cells.live(cells.OF_BACKUPS, name, vars(obj)["shown"])

    # --- what can be done -----------------------------------------------------------------------------------------

    def _backs_up_now(self, request: HttpRequest) -> bool:
        """Say whether the action was chosen that is about no row: Django wants one to be ticked."""
        chosen = request.method == "POST" and request.POST.get("action") == "back_up_now"
        return chosen and self.has_view_permission(request) and "back_up_now" in self.get_actions(request)

    @admin.action(description="Back up now…", permissions=["back_up"])
    def back_up_now(self, request: HttpRequest, queryset: QuerySet[BackupRun]) -> HttpResponse:
        """Go to the form; nothing is started yet."""
        return HttpResponseRedirect(self.url("back_up"))

    @admin.action(description="Test selected…", permissions=["test"])
    def test_selected(self, request: HttpRequest, queryset: QuerySet[BackupRun]) -> HttpResponse:
        """Go to the form; nothing is started yet."""
        chosen = chosen_ids(request)
        if len(chosen) > MAX_TESTS:
            sentence = f"At most {MAX_TESTS} backups are tested at once; {len(chosen)} were chosen."
            tell(request, Refused(sentence, code="too_many"))
            return HttpResponseRedirect(request.get_full_path())
        return HttpResponseRedirect(self.url("test", query=urlencode([("backup", pk) for pk in chosen])))

    # --- the page -------------------------------------------------------------------------------------------------

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show one backup: what became of it, what it holds, its restore tests, and how it is restored by hand."""
        self.demand(request)
        run = self._run(object_id)
        if run is None:
            return self.missing(request, NotFound(f"There is no backup {object_id[:50]}."))
        context = backup_page.context(run)
        context |= self._live_links(request, run) | {
            "test_url": self.url("test") if self._may_be_tested(request, run, context["file_state"]) else "",
            "may_see_tests": request.user.has_perm("backups.view_restoretest"),
        }
        return self.page(request, "backups/backup.html", context, title=name_of(run.kind, run.pk), shown=run)

    def live_page_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Return the part of a backup's page that moves; once it has ended, the page is loaded again."""
        self.demand(request)
        run = self._run(object_id)
        if run is None:
            return self.missing(request, NotFound(f"There is no backup {object_id[:50]}."))
        context = backup_page.live(run) | self._live_links(request, run)
        response = self.fragment(request, "backups/_live.html", context)
        if request.GET.get("was") != context["stage"]:
            response["HX-Refresh"] = "true"
        return response

    def _run(self, object_id: str) -> BackupRun | None:
        pk = row_id(object_id)
        return next(iter(recent.with_errors(recent.backups().filter(pk=pk))), None) if pk else None

    def _may_be_tested(self, request: HttpRequest, run: BackupRun, file: str) -> bool:
        return self.has_test_permission(request) and not why_not_tested(run) and file != "missing"

    def _live_links(self, request: HttpRequest, run: BackupRun) -> dict[str, Any]:
        return {
            "live_url": self.url("live_page", run.pk),
            "may_see_jobs": request.user.has_perm("jobs.view_job"),
        }


def _shown(runs: Iterable[BackupRun]) -> list[Shown]:
    """Return backups with what stands beside them; two queries."""
    runs = list(runs)
    details, folder = details_of(runs), BackupFolder.configured()
    return [
        Shown(
            row=run,
            asked=details.asked_for(run),
            file=files.state_of(run, folder),
            test=details.tested(run),
        )
        for run in runs
    ]
