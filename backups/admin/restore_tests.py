"""The list of restore tests, and the page of each with its checks."""

from collections.abc import Iterable, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from backups import recent
from backups.admin import cells, restore_test_page
from backups.admin.cells import Shown
from backups.admin.filter_form import RestoreTestFilterForm
from backups.admin.looks import name_of
from backups.admin.starting import is_configured
from backups.details import details_of
from backups.models import BackupRun, RestoreTest
from opsconsole import formatting
from opsconsole.admin.base import View
from opsconsole.admin.lists import Cursor, EmptyList, ListAdmin, ListPage, list_page
from opsconsole.errors import NotFound
from opsconsole.filter_forms import FilterForm
from opsconsole.row_ids import row_id
from opsconsole.schema import enums

_BACKUP: Final = "admin:backups_backuprun_change"
_TEST: Final = "admin:backups_backuprun_test"


@admin.register(RestoreTest)
class RestoreTestAdmin(ListAdmin[RestoreTest]):
    """Restore tests, newest first."""

    list_display = ("state", "what", "of_backup", "started", "duration", "checks", "why")
    list_display_links = ("what",)
    operation_permissions = {"test": "backups.start_restoretest"}
    filter_form_class = RestoreTestFilterForm
    list_tabs_template = "backups/_tests_live.html"
    empty_list = EmptyList(
        icon="verified",
        title="No restore tests yet",
        text="A backup counts once it has been restored; none was tried yet.",
    )

    def extra_views(self) -> Sequence[tuple[str, View, str]]:
        """The parts that keep themselves up to date."""
        return (
            ("live/", self.live_view, "live"),
            ("<path:object_id>/live/", self.live_page_view, "live_page"),
        )

    # --- the list -------------------------------------------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> QuerySet[RestoreTest]:
        """Read their backups along, without manifests."""
        joined = recent.restore_tests().select_related("backup_run")
        return joined.defer("error", "backup_run__manifest_json", "backup_run__error")

    def fetch(self, request: HttpRequest, form: FilterForm, cursor: Cursor | None) -> ListPage[RestoreTest]:
        """Return a page of restore tests, newest first, each with who asked for it; two queries."""
        assert isinstance(form, RestoreTestFilterForm)
        backwards = cursor is not None and cursor.backwards
        conditions = form.conditions()
        found = self.get_queryset(request).filter(**conditions).order_by("pk" if backwards else "-pk")
        if not enums.accepts("restore_tests", "status", conditions.get("status", "passed")):
            found = found.none()
        if cursor is not None:
            found = found.filter(**{"pk__gt" if backwards else "pk__lt": cursor.key})
        page = list_page(list(found[: self.list_per_page + 1]), cursor=cursor, limit=self.list_per_page)
        for shown in _shown(page.rows):
            vars(shown.row)["shown"] = shown
        vars(request)["listed"] = [row.pk for row in page.rows]
        vars(request)["from_newest"] = cursor is None and not conditions
        return page

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show the list, and what can be started."""
        links = []
        if self.has_view_permission(request) and self._may_test(request):
            links.append({"title": "Test restore…", "icon": "verified", "url": reverse(_TEST)})
        response = super().changelist_view(request, (extra_context or {}) | {"header_links": links})
        context = getattr(response, "context_data", None)
        if context is not None and "cl" in context:
            listed: list[int] = vars(request).get("listed", [])
            pairs = [("id", pk) for pk in listed]
            if vars(request).get("from_newest"):
                pairs.append(("newest", max(listed, default=0)))
            context["live_url"] = self.url("live", query=urlencode(pairs))
        return response

    def live_view(self, request: HttpRequest) -> HttpResponse:
        """Return the cells of the rows that the page shows, to be put in place."""
        self.demand(request)
        ids = [pk for value in request.GET.getlist("id")[: self.list_per_page] if (pk := row_id(value))]
        found = self.get_queryset(request).filter(pk__in=ids).order_by("-pk") if ids else []
        fresh = [
            cells.live(cells.OF_TESTS, name, shown, again=True)
            for shown in _shown(list(found))
            for name in cells.OF_TESTS
        ]
        context = {"cells": fresh, "live_url": self.url("live", query=request.GET.urlencode())}
        response = self.fragment(request, "backups/_tests_live.html", context)
        newest = request.GET.get("newest", "")
        if newest.isdigit() and str(self._newest()) != newest:
            # A row that the page doesn't have.
            response["HX-Refresh"] = "true"
        return response

    def _newest(self) -> int:
        return RestoreTest.objects.order_by("-pk").values_list("pk", flat=True).first() or 0

    def _may_test(self, request: HttpRequest) -> bool:
        return self.may(request, "test") and request.user.has_perm("backups.view_backuprun") and is_configured()

    @admin.display(description="Verdict")
    def state(self, obj: RestoreTest) -> SafeString:
        """How it ended, or how far it is."""
        return cells.live(cells.OF_TESTS, "state", vars(obj)["shown"])

    @admin.display(description="Test")
    def what(self, obj: RestoreTest) -> str:
        """Its number."""
        return f"Restore test #{obj.pk}"

    @admin.display(description="Backup")
    def of_backup(self, obj: RestoreTest) -> SafeString:
        """Which backup was restored."""
        return backup_link(obj.backup_run)

    @admin.display(description="Started")
    def started(self, obj: RestoreTest) -> SafeString:
        """When it started."""
        return formatting.ago(obj.started_at)

    @admin.display(description="Duration")
    def duration(self, obj: RestoreTest) -> SafeString:
        """How long it took."""
        return cells.live(cells.OF_TESTS, "duration", vars(obj)["shown"])

    @admin.display(description="Checks")
    def checks(self, obj: RestoreTest) -> SafeString:
        """How many of its checks passed."""
        return cells.live(cells.OF_TESTS, "checks", vars(obj)["shown"])

    @admin.display(description="Trigger")
    def why(self, obj: RestoreTest) -> SafeString:
        """By hand or by the schedule, and who asked."""
        return cells.trigger(vars(obj)["shown"])

    # --- the page -------------------------------------------------------------------------------------------------

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show one restore test: its verdict, and its checks one by one."""
        self.demand(request)
        test = self._test(request, object_id)
        if test is None:
            return self.missing(request, NotFound(f"There is no restore test {object_id[:50]}."))
        context = restore_test_page.context(test) | self._links(request, test)
        if self._may_test(request):
            context["test_url"] = reverse(_TEST)
        return self.page(request, "backups/restore_test.html", context, title=f"Restore test #{test.pk}", shown=test)

    def live_page_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Return the part of a restore test's page that moves; once it has ended, the page is loaded again."""
        self.demand(request)
        test = self._test(request, object_id)
        if test is None:
            return self.missing(request, NotFound(f"There is no restore test {object_id[:50]}."))
        context = restore_test_page.live(test) | self._links(request, test)
        response = self.fragment(request, "backups/_live.html", context)
        if request.GET.get("was") != context["stage"]:
            response["HX-Refresh"] = "true"
        return response

    def _test(self, request: HttpRequest, object_id: str) -> RestoreTest | None:
        pk = row_id(object_id)
        return next(iter(recent.with_errors(self.get_queryset(request).filter(pk=pk))), None) if pk else None

    def _links(self, request: HttpRequest, test: RestoreTest) -> dict[str, Any]:
        return {
            "live_url": self.url("live_page", test.pk),
            "may_see_jobs": request.user.has_perm("jobs.view_job"),
            "may_see_backups": request.user.has_perm("backups.view_backuprun"),
        }


def backup_link(run: BackupRun) -> SafeString:
    """Return a link to the page of a backup."""
    url = reverse(_BACKUP, args=[run.pk])
    return format_html('<a class="oc-link" href="{}">{}</a>', url, name_of(run.kind, run.pk))


def _shown(tests: Iterable[RestoreTest]) -> list[Shown]:
    """Return restore tests with who asked for them; one query."""
    tests = list(tests)
    details = details_of(tests)
    return [Shown(row=test, asked=details.asked_for(test)) for test in tests]
