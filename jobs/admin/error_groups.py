"""The pages of error groups: what fails, since when, how often, and which jobs it has left behind."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from jobs.admin.filter_form import job_types
from jobs.admin.looks import of_job, title_of
from jobs.error_group_representation import details_as_json, group_as_json
from jobs.error_groups import reading
from jobs.error_groups.reading import GroupFilter
from jobs.models import FAILED, ErrorGroup
from opsconsole import formatting
from opsconsole.admin.lists import Cursor, EmptyList, ListAdmin, ListPage, list_page
from opsconsole.errors import NotFound
from opsconsole.filter_forms import FilterForm, OpenChoiceField

_WINDOW_WORDS = {"1h": "In the last hour", "24h": "In the last 24 hours", "7d": "In the last 7 days"}
_UNSAID = "Failed without an error"


class ErrorGroupFilterForm(FilterForm):
    """The filters of the error groups; the same parameters as the API's."""

    words = {"job_type": "Type: {}"}

    job_type = OpenChoiceField(label="Type", max_length=64)
    window = forms.ChoiceField(
        label="When",
        choices=[("", "At any time"), *_WINDOW_WORDS.items()],
        error_messages={"invalid_choice": f"“%(value)s” is no window; allowed are {', '.join(_WINDOW_WORDS)}."},
    )
    ordering = forms.ChoiceField(
        label="Order",
        choices=[("", "Seen last first"), (reading.MOST, "Most failures first")],
        error_messages={"invalid_choice": f"“%(value)s” is not an ordering; allowed is {reading.MOST}."},
    )

    def __init__(self, data: Any = None) -> None:
        super().__init__(data)
        given = self.data.get("job_type", "") if self.data else ""
        choices = job_types()
        if given and given not in dict(choices):
            choices = [(given, given), *choices]
        self.fields["job_type"].choices = [("", "Any type"), *choices]  # type: ignore[attr-defined]

    def group_filter(self) -> GroupFilter:
        """Return the filter that the address asks for."""
        data = self.cleaned_data
        return GroupFilter(
            job_type=data["job_type"], window=data["window"], ordering=data["ordering"] or reading.NEWEST
        )


@admin.register(ErrorGroup)
class ErrorGroupAdmin(ListAdmin[ErrorGroup]):
    """Groups of equal failures; who may see jobs may see them."""

    list_display = ("error", "last_hour", "last_day", "last_week", "failed_now", "first", "last")
    list_display_links = None
    filter_form_class = ErrorGroupFilterForm
    page_words = ("Previous", "Next")
    empty_list = EmptyList(
        icon="check_circle",
        title="No failures",
        text="Nothing has failed in the last 90 days, as far as the sweeper has seen. What fails shows up here within "
        "a minute, the same errors together.",
    )

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Say whether the caller may see jobs."""
        return request.user.has_perm("jobs.view_job")

    def fetch(self, request: HttpRequest, form: FilterForm, cursor: Cursor | None) -> ListPage[ErrorGroup]:
        """Return a page of groups; one query."""
        assert isinstance(form, ErrorGroupFilterForm)
        page = reading.page(
            form.group_filter(),
            limit=self.list_per_page,
            beyond=cursor.key if cursor else None,
            backwards=cursor is not None and cursor.backwards,
        )
        groups = []
        for row in page.rows:
            group = ErrorGroup(pk=row["id"], fingerprint=row["fingerprint"])
            vars(group)["shown"] = group_as_json(row)
            groups.append(group)
        total = formatting.count(page.total, "group")
        return list_page(groups, cursor=cursor, limit=self.list_per_page, more=page.more, total=total)

    @admin.display(description="Error")
    def error(self, obj: ErrorGroup) -> SafeString:
        """What it says, and the type of the jobs."""
        shown = vars(obj)["shown"]
        line = formatting.first_line(shown["message"]) or _UNSAID
        return format_html(
            '<span class="oc-job"><a class="oc-strong oc-error-line" href="{}" title="{}">{}</a>'
            '<span class="oc-subtle">{}</span></span>',
            self.url("change", obj.fingerprint),
            line,
            line,
            title_of(shown["job_type"]),
        )

    @admin.display(description="1 h")
    def last_hour(self, obj: ErrorGroup) -> SafeString:
        """Failures of the last hour."""
        return _number(vars(obj)["shown"]["failures_1h"])

    @admin.display(description="24 h")
    def last_day(self, obj: ErrorGroup) -> SafeString:
        """Failures of the last 24 hours."""
        return _number(vars(obj)["shown"]["failures_24h"])

    @admin.display(description="7 d")
    def last_week(self, obj: ErrorGroup) -> SafeString:
        """Failures of the last 7 days."""
        return _number(vars(obj)["shown"]["failures_7d"])

    @admin.display(description="Failed now")
    def failed_now(self, obj: ErrorGroup) -> SafeString:
        """Jobs that are failed still."""
        shown = vars(obj)["shown"]
        return _number(shown["failed_now"], or_more=shown["failed_now_is"] == "capped")

    @admin.display(description="First seen")
    def first(self, obj: ErrorGroup) -> SafeString:
        """When the first of them failed."""
        return formatting.ago(vars(obj)["shown"]["first_seen"])

    @admin.display(description="Last seen")
    def last(self, obj: ErrorGroup) -> SafeString:
        """When the newest of them failed."""
        return formatting.ago(vars(obj)["shown"]["last_seen"])

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show one group; at most nine queries."""
        self.demand(request)
        try:
            group = details_as_json(reading.details(object_id))
        except NotFound as error:
            return self.missing(request, error)
        jobs = [
            {
                **job,
                "look": of_job(job),
                "title": title_of(job["job_type"]),
                "subject": job["identity"],
                "error": job["last_error"],
            }
            for job in group["jobs"]
        ]
        context = {
            "group": group,
            "line": formatting.first_line(group["message"]) or _UNSAID,
            "goes_on": group["sample"].strip() != group["message"],
            "jobs": jobs,
            "looked_at": reading.MEMBERS_READ,
            "title_of_type": title_of(group["job_type"]),
            "counts": [(words, group[f"failures_{window}"]) for window, words in _WINDOW_WORDS.items()],
            "type_url": f"{reverse('admin:jobs_job_changelist')}?status={FAILED}&job_type={group['job_type']}",
        }
        query = f"status={FAILED}&fingerprint={group['fingerprint']}"
        context["jobs_url"] = f"{reverse('admin:jobs_job_changelist')}?{query}"
        if group["failed_now"] and request.user.has_perm("jobs.retry_job"):
            context["retry_url"] = f"{reverse('admin:jobs_job_retry_matching')}?{query}"
        shown = ErrorGroup(fingerprint=group["fingerprint"], message=group["message"])
        return self.page(request, "jobs/error_group.html", context, title=str(context["line"]), shown=shown)


def _number(amount: int, *, or_more: bool = False) -> SafeString:
    if not amount:
        return format_html('<span class="oc-nothing">{}</span>', 0)
    return format_html('<span class="oc-number">{}{}</span>', formatting.number(amount), "+" if or_more else "")
