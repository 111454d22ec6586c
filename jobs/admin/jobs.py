"""The jobs list and what can be done from it."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect

from jobs import counts, made, operations, queries, receipts, stuck
from jobs.admin import home_part, job_page
from jobs.admin.columns import JobColumns, kept_filters
from jobs.admin.ending import PERMISSIONS
from jobs.admin.filter_form import JobFilterForm
from jobs.admin.job_ending import JobEnding
from jobs.admin.list_parts import status_tabs, tabs_filter, total_words
from jobs.admin.matching import MatchingPages
from jobs.admin.refusals import tell_refusals
from jobs.models import FAILED, Job
from jobs.queries import Position, Row
from jobs.representation import jobs_as_json
from opsconsole import formatting
from opsconsole.admin.base import View, actor_of, reason_in, tell, tell_done
from opsconsole.admin.lists import Cursor, EmptyList, ListAdmin, ListPage, chosen_ids, list_page
from opsconsole.errors import NotFound, OpsError
from opsconsole.filter_forms import FilterForm

ERROR_LENGTH = 1_000


@admin.register(Job)
class JobAdmin(JobColumns, JobEnding, MatchingPages, ListAdmin[Job]):
    """The ledger: what runs, waits and failed; retrying it, cancelling it, and setting it failed."""

    list_display = ("state", "job", "identity", "tries", "took", "created", "updated", "buttons")
    list_display_links = None
    actions = ("retry_selected", "cancel_selected", "fail_selected")
    operation_permissions = {"retry": "jobs.retry_job", **PERMISSIONS}
    filter_form_class = JobFilterForm
    list_tabs_template = "jobs/_tabs.html"
    empty_list = EmptyList(
        icon="list_alt",
        title="No jobs yet",
        text="Jobs appear as soon as anything is queued: start a backfill from an identity's page.",
    )

    def extra_views(self) -> Sequence[tuple[str, View, str]]:
        """Counts for the tabs, the part of a job's page that moves, and what can be done."""
        return (
            ("counts/", self.counts_view, "counts"),
            ("home/", self.home_view, "home"),
            *self.matching_views(),
            *self.ending_views(),
            ("<path:object_id>/live/", self.live_view, "live"),
            ("<path:object_id>/retry/", self.retry_view, "retry"),
        )

    def has_retry_permission(self, request: HttpRequest) -> bool:
        """Say whether the caller may retry jobs."""
        return self.may(request, "retry")

    # --- the list ---------------------------------------------------------------------------------------------

    def fetch(self, request: HttpRequest, form: FilterForm, cursor: Cursor | None) -> ListPage[Job]:
        """Return a page of jobs, newest first, redacted; at most eight queries."""
        assert isinstance(form, JobFilterForm)
        page = queries.page(
            form.job_filter(),
            limit=self.list_per_page,
            position=Position(job_id=cursor.key, backwards=cursor.backwards) if cursor else None,
            error_length=ERROR_LENGTH,
        )
        permitted = {name for name in ("retry", "cancel", "fail") if self.may(request, name)}
        back = request.GET.copy()
        rows = []
        for row, shown in zip(page.rows, jobs_as_json(page.rows, error_length=ERROR_LENGTH), strict=True):
            job = Job(pk=row["id"], job_type=row["job_type"])
            vars(job)["shown"] = shown | {
                "started_at": row["started_at"],
                "stuck_because": stuck.why(row),
                "may": {name for name in permitted if shown["can"][name]},
            }
            vars(job)["back"] = back.urlencode()
            rows.append(job)
        backwards = cursor is not None and cursor.backwards
        return list_page(
            rows,
            cursor=cursor,
            limit=self.list_per_page,
            more=page.has_previous if backwards else page.has_next,
            total=total_words(page),
        )

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show the list; the tabs' counts come from the snapshot, or after the list when it is filtered."""
        response = super().changelist_view(request, extra_context)
        context = getattr(response, "context_data", None) or {}
        if "cl" in context:
            form = context["cl"].state.form
            later = form.is_valid() and not tabs_filter(form).is_indexed
            known = None if later else counts.current()
            context["tabs"] = status_tabs(form, known)
            context["tabs_url"] = self.url("counts", query=form.query()) if later else ""
            context["title"] = "Jobs"
            context["header_links"] = self.matching_links(request, form)
        return response

    def counts_view(self, request: HttpRequest) -> HttpResponse:
        """The tabs with the counts of a filter, fetched after the list."""
        self.demand(request)
        form = JobFilterForm(request.GET)
        known, problem = None, ""
        if form.is_valid():
            try:
                known = queries.count_by_status(tabs_filter(form))
            except OpsError:
                problem = "Counting by status takes too long with this filter."
        context = {"tabs": status_tabs(form, known), "tabs_problem": problem}
        return self.fragment(request, "jobs/_tabs.html", context)

    def home_view(self, request: HttpRequest) -> HttpResponse:
        """The jobs' part of the first page."""
        self.demand(request)
        return self.fragment(request, "jobs/_home.html", home_part.context(may_retry=self.may(request, "retry")))

    # --- what can be done -------------------------------------------------------------------------------------

    @admin.action(description="Retry selected", permissions=["retry"])
    def retry_selected(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        """Retry the ticked jobs of one page, each by itself."""
        try:
            result = operations.retry_jobs(chosen_ids(request), actor=actor_of(request))
        except OpsError as error:
            tell(request, error)
            return
        if result.done:
            text = f"{formatting.count(len(result.done), 'job')} queued again."
            tell_done(request, f"{text} {receipts.NOT_HANDED_OVER}" if result.broker_down else text)
        tell_refusals(request, result.refused, verb="retried")

    def retry_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Retry one job; one whose outcome is unknown only after a page that says what that may do."""
        self.demand(request, "retry")
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        try:
            job_id = queries.job_id_of(object_id)
            confirmed = request.POST.get("confirm") == "yes"
            sentence, warnings = ("", []) if confirmed else job_page.needs_confirmation(job_id)
            if sentence:
                return self._ask(request, job_id, sentence, warnings)
            retried = operations.retry_job(
                job_id, actor=actor_of(request), confirm=confirmed, reason=reason_in(request)
            )
        except OpsError as error:
            tell(request, error, about=f"Job {object_id[:20]}")
        else:
            url = self.url("change", retried.job_id)
            text = " ".join([retried.message, *warnings])
            warn = retried.broker_down or bool(warnings)
            tell_done(request, text, url=url, link=f"Job {retried.job_id}", warn=warn)
        if request.GET.get("back") == "list" or not object_id.isdigit():
            return HttpResponseRedirect(self.list_url(request))
        return HttpResponseRedirect(self.url("change", object_id, query=_kept(request)))

    def _ask(self, request: HttpRequest, job_id: int, sentence: str, warnings: Sequence[str]) -> HttpResponse:
        context = {
            "job_id": job_id,
            "sentence": sentence,
            "warnings": warnings,
            "action": request.get_full_path(),
            "back_url": self.url("change", job_id),
        }
        return self.page(request, "jobs/confirm_retry.html", context, title=f"Retry job {job_id}?")

    # --- the page ---------------------------------------------------------------------------------------------

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show one job."""
        self.demand(request)
        try:
            row = queries.get(queries.job_id_of(object_id))
        except NotFound as error:
            return self.missing(request, error)
        context = job_page.context(row)
        context["may"] = {
            name: self.may(request, name) and context["job"]["can"][name] for name in ("retry", "cancel", "fail")
        }
        for name in context["may"]:
            context[f"{name}_url"] = self.url(name, row["id"], query=_kept(request))
        context |= self._live_extras(request, row)
        context["type_url"] = self.url("changelist", query=f"status={FAILED}&job_type={row['job_type']}")
        shown = Job(pk=row["id"], job_type=row["job_type"])
        return self.page(
            request, "jobs/job.html", context, title=f"{context['title_of_type']} #{row['id']}", shown=shown
        )

    def live_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The part of a job's page that moves; once the job has changed its state, the page is loaded again."""
        self.demand(request)
        try:
            row = queries.get(queries.job_id_of(object_id))
        except NotFound as error:
            return HttpResponse(error.message, status=404, content_type="text/plain")
        context = job_page.live_context(row) | self._live_extras(request, row)
        response = self.fragment(request, "jobs/_job_live.html", context)
        if request.GET.get("was") != context["stage"]:
            response["HX-Refresh"] = "true"
        return response

    def _live_extras(self, request: HttpRequest, row: Row) -> dict[str, Any]:
        """Return what of the part that moves depends on who looks."""
        found = made.made_by({row["id"]: row["job_type"]}).get(row["id"], [])
        return {
            "live_url": self.url("live", row["id"]),
            "made": [each for each in found if request.user.has_perm(each.permission)],
        }


def _kept(request: HttpRequest) -> str:
    return kept_filters(request.GET.get("_changelist_filters", ""))
