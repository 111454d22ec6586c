"""The pages of periodic tasks: what beat starts and when, whether it does, and what can be done about it."""

from collections.abc import Callable, Sequence
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils import timezone
from django_celery_beat import admin as beat
from django_celery_beat.models import PeriodicTask

from jobs.admin.schedule_columns import ScheduleColumns, look_of
from jobs.admin.schedule_form import PeriodicTaskForm
from jobs.schedules import operations, queries
from jobs.schedules.operations import Switched
from jobs.schedules.queries import Entry
from jobs.schedules.starting import title_of_entry, why_not
from opsconsole.admin.base import PagesAdmin, View, actor_of, reason_in, tell, tell_done
from opsconsole.admin.schedules import AuditedScheduleAdmin
from opsconsole.errors import NotFound, OpsError
from opsconsole.formatting import count
from opsconsole.links import page_of
from opsconsole.redaction import redact, redact_names

MAY_SWITCH = "django_celery_beat.change_periodictask"
NAMED = 50


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(ScheduleColumns, AuditedScheduleAdmin, PagesAdmin[Any], beat.PeriodicTaskAdmin):  # type: ignore[misc]
    """What beat starts, and when.

    Whoever may change a periodic task may run it, switch it, pause and resume. The form, by which any task could be
    started at any time, is for those who may also add one.
    """

    form = PeriodicTaskForm
    list_display = ("schedule", "starts", "when", "next_run", "last_run", "state", "buttons")
    list_display_links = None
    list_filter = ("enabled", "one_off")
    list_filter_sheet = True
    list_fullwidth = True
    list_per_page = 100
    ordering = ("name",)
    sortable_by = ()
    date_hierarchy = None
    change_list_template = "jobs/schedules.html"
    list_before_template = "jobs/_beat.html"
    # Beat's own form template brings an inline script, which the Content-Security-Policy forbids.
    change_form_template = None
    change_form_outer_before_template = "jobs/_schedule.html"
    show_facets = admin.ShowFacets.NEVER
    # Not beat's “Run selected tasks”: it publishes past the ledger, and anybody who may look could use it.
    actions = ("enable_tasks", "disable_tasks")
    operation_permissions = dict.fromkeys(("run", "switch"), MAY_SWITCH)

    def get_urls(self) -> list[URLPattern]:
        """Serve the pages that ask before something is done, beside Django's own."""

        def named(route: str, view: View, name: str) -> URLPattern:
            address = f"{self.opts.app_label}_{self.opts.model_name}_{name}"
            return path(route, self.admin_site.admin_view(view), name=address)

        return [
            named("pause/", self.pause_view, "pause"),
            named("resume/", self.resume_view, "resume"),
            named("<path:object_id>/run/", self.run_view, "run"),
            *super().get_urls(),
        ]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Say whether the caller may edit a task, which is as much as adding one."""
        return super().has_change_permission(request, obj) and self.has_add_permission(request)

    def has_switch_permission(self, request: HttpRequest) -> bool:
        """Say whether the caller may switch tasks on and off."""
        return self.may(request, "switch")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Read with each task whether it is paused."""
        found: QuerySet[Any] = super().get_queryset(request)
        return found.select_related("interval", "crontab", "solar", "clocked", "pause")

    def get_object(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Return the task; for those who may not change it, without what is private: they see it past the form."""
        found = super().get_object(request, *args, **kwargs)
        if found is not None and not self.has_change_permission(request, found):
            redact_names(found.__dict__, list(found.__dict__))
        return found

    # --- the list -------------------------------------------------------------------------------------------------

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Leave in each row what is expected of it, and what the caller may do with it."""
        changes = super().get_changelist_instance(request)
        now, may_run = timezone.now(), self.may(request, "run")
        for row in changes.result_list:
            entry = queries.entry_of(row, now=now)
            vars(row)["entry"] = entry
            vars(row)["may_run"] = may_run and not why_not(entry)
        return changes

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show the list, how beat is doing, and what can be done with all of them."""
        context: dict[str, Any] = {"title": "Periodic tasks"}
        if request.method == "GET" and self.has_view_permission(request):
            found = queries.entries()
            paused = [entry for entry in found if entry.paused and not entry.task.enabled]
            context |= {
                "beat_state": queries.beat_state(found),
                "paused": paused,
                "paused_words": f"{count(len(paused), 'schedule')} {'is' if len(paused) == 1 else 'are'} paused",
                "paused_since": min((entry.task.pause.paused_at for entry in paused), default=None),
                "paused_by": paused[0].task.pause.paused_by if paused else "",
                "resume_url": self.url("resume") if paused and self.may(request, "switch") else "",
                "header_links": self._header_links(request, found, bool(paused)),
            }
        response: HttpResponse = super().changelist_view(request, (extra_context or {}) | context)
        return response

    def _header_links(self, request: HttpRequest, found: Sequence[Entry], paused: bool) -> list[dict[str, str]]:
        links = []
        if self.may(request, "switch"):
            if paused:
                links.append({"title": "Resume all…", "icon": "play_arrow", "url": self.url("resume")})
            if any(entry.task.enabled for entry in found):
                links.append({"title": "Pause all…", "icon": "pause", "url": self.url("pause")})
        if self.has_add_permission(request):
            links.append({"title": "Add", "icon": "add", "url": self.url("add")})
        return links

    def get_actions(self, request: HttpRequest) -> Any:
        """Offer the switches only to those who may use them."""
        return super().get_actions(request) if self.may(request, "switch") else {}

    @admin.action(description="Switch selected on", permissions=["switch"])
    def enable_tasks(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Switch tasks on."""
        self._switch(request, queryset, enabled=True)

    @admin.action(description="Switch selected off", permissions=["switch"])
    def disable_tasks(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Switch tasks off."""
        self._switch(request, queryset, enabled=False)

    def _switch(self, request: HttpRequest, queryset: QuerySet[Any], *, enabled: bool) -> None:
        # One more than may be: the operation says so.
        ids = list(queryset.order_by("pk").values_list("pk", flat=True)[: operations.MAX_AT_ONCE + 1])
        try:
            switched = operations.set_enabled(ids, enabled=enabled, actor=actor_of(request))
        except OpsError as error:
            tell(request, error)
        else:
            tell_done(request, switched.message)

    # --- one task -------------------------------------------------------------------------------------------------

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """Show the form, and above it how the task is doing."""
        context: dict[str, Any] = {}
        try:
            entry = queries.get(queries.schedule_id_of(object_id))
        except NotFound:
            # A new one; or Django says that there is none.
            pass
        else:
            run_url = self.url("run", entry.id) if self.may(request, "run") and not why_not(entry) else ""
            context = {"entry": entry, "look": look_of(entry), "run_url": run_url}
        return super().changeform_view(request, object_id, form_url, (extra_context or {}) | context)

    def run_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Say what running a task now will do; run it."""
        self.demand(request, "run")
        try:
            entry = queries.get(queries.schedule_id_of(object_id))
        except NotFound as error:
            return self.missing(request, error)
        if request.method == "POST":
            return self._run(request, entry)
        context = {
            "entry": entry,
            "look": look_of(entry),
            "starts": title_of_entry(entry),
            "arguments": redact(dict(entry.arguments or {})),
            "refusal": why_not(entry),
            "back_url": self.url("changelist"),
        }
        return self.page(request, "jobs/confirm_schedule_run.html", context, title=f"Run “{entry.name}” now?")

    def _run(self, request: HttpRequest, entry: Entry) -> HttpResponse:
        back = self.url("changelist")
        try:
            submitted = operations.run_now(entry.id, actor=actor_of(request), reason=reason_in(request))
        except OpsError as error:
            tell(request, error, about=entry.name)
            return HttpResponseRedirect(back)
        tell_done(request, submitted.message, warn=submitted.needs_attention)
        run = page_of("run", submitted.run_id) if request.user.has_perm("jobs.view_run") else None
        return HttpResponseRedirect(run or back)

    # --- all of them ----------------------------------------------------------------------------------------------

    def pause_view(self, request: HttpRequest) -> HttpResponse:
        """Say which tasks pausing switches off; pause them."""
        self.demand(request, "switch")
        found = [entry for entry in queries.entries() if entry.task.enabled]
        return self._all(
            request,
            found,
            operations.pause_all,
            title="Pause all schedules?",
            verb=f"Pause {count(len(found), 'schedule')}",
            icon="pause",
            consequences=(
                "Beat starts nothing any more until somebody resumes, also no housekeeping.",
                "Jobs that are queued or running go on; what is started by hand is not held up.",
            ),
            nothing="No schedule is on, so there is nothing to pause.",
        )

    def resume_view(self, request: HttpRequest) -> HttpResponse:
        """Say which tasks resuming switches on; resume them."""
        self.demand(request, "switch")
        found = [entry for entry in queries.entries() if entry.paused and not entry.task.enabled]
        return self._all(
            request,
            found,
            operations.resume_all,
            title="Resume all schedules?",
            verb=f"Resume {count(len(found), 'schedule')}",
            icon="play_arrow",
            consequences=(
                "They count from now: what runs every 10 minutes runs in 10 minutes. What was missed is not made good.",
                "What was off before the pause stays off.",
            ),
            nothing="Nothing is paused, so there is nothing to resume.",
        )

    def _all(
        self,
        request: HttpRequest,
        found: Sequence[Entry],
        operate: Callable[..., Switched],
        *,
        title: str,
        verb: str,
        icon: str,
        consequences: Sequence[str],
        nothing: str,
    ) -> HttpResponse:
        if request.method == "POST":
            try:
                switched = operate(actor=actor_of(request), reason=reason_in(request))
            except OpsError as error:
                tell(request, error)
            else:
                tell_done(request, switched.message)
            return HttpResponseRedirect(self.url("changelist"))
        context = {
            "found": found[:NAMED],
            "more": max(len(found) - NAMED, 0),
            "verb": verb,
            "icon": icon,
            "consequences": consequences,
            "nothing": nothing,
            "back_url": self.url("changelist"),
        }
        return self.page(request, "jobs/confirm_schedules.html", context, title=title)
