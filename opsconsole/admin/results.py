"""What the console's own workers returned, as django-celery-results keeps it; redacted, since tasks return anything."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from django_celery_results.models import GroupResult, TaskResult

from opsconsole.admin.lists import Cursor, EmptyList, ListAdmin, ListPage, list_page
from opsconsole.errors import NotFound
from opsconsole.fields import parse_json
from opsconsole.filter_forms import FilterForm
from opsconsole.formatting import NOTHING, Look, ago, badge
from opsconsole.redaction import redact, redact_name, redact_text
from opsconsole.row_ids import row_id

for _model in (TaskResult, GroupResult):
    admin.site.unregister(_model)

_STATES = ("PENDING", "STARTED", "PROGRESS", "RETRY", "SUCCESS", "FAILURE", "REVOKED")
_LOOKS = {
    "SUCCESS": Look(word="Success", icon="check_circle", tone="good"),
    "FAILURE": Look(word="Failure", icon="error", tone="bad"),
    "STARTED": Look(word="Started", icon="autorenew", tone="busy"),
    "PROGRESS": Look(word="Progress", icon="autorenew", tone="busy"),
    "RETRY": Look(word="Retry", icon="update", tone="warn"),
    "REVOKED": Look(word="Revoked", icon="block", tone="idle"),
}


class ResultFilterForm(FilterForm):
    """The filters of the task results."""

    words = {"status": "State: {}"}

    status = forms.ChoiceField(
        label="State",
        choices=[("", "Any state"), *((state, state.capitalize()) for state in _STATES)],
        error_messages={"invalid_choice": f"“%(value)s” is no state; allowed are {', '.join(_STATES)}."},
    )


@admin.register(TaskResult)
class TaskResultAdmin(ListAdmin[Any]):
    """Results of the console's own tasks."""

    list_display = ("state", "task", "worker_name", "done")
    list_display_links = ("task",)
    filter_form_class = ResultFilterForm
    empty_list = EmptyList(
        icon="receipt_long", title="No results yet", text="They appear when one of the console's own tasks has run."
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Leave out what the list doesn't show; a result can be large."""
        return super().get_queryset(request).defer("result", "traceback", "task_args", "task_kwargs", "meta")

    def fetch(self, request: HttpRequest, form: FilterForm, cursor: Cursor | None) -> ListPage[Any]:
        """Return a page of results, newest first; one query."""
        backwards = cursor is not None and cursor.backwards
        found = self.get_queryset(request).order_by("pk" if backwards else "-pk")
        if form.cleaned_data["status"]:
            found = found.filter(status=form.cleaned_data["status"])
        if cursor is not None:
            found = found.filter(**{"pk__gt" if backwards else "pk__lt": cursor.key})
        return list_page(list(found[: self.list_per_page + 1]), cursor=cursor, limit=self.list_per_page)

    @admin.display(description="State")
    def state(self, obj: Any) -> SafeString:
        """Celery's state, in a word."""
        return badge(_LOOKS.get(obj.status, Look(word=str(obj.status), icon="help", tone="idle")))

    @admin.display(description="Task")
    def task(self, obj: Any) -> str:
        """The task's name, or its id where Celery left no name."""
        return redact_name(obj.task_name or obj.task_id)

    @admin.display(description="Worker")
    def worker_name(self, obj: Any) -> str:
        """Where it ran."""
        return redact_name(obj.worker) if obj.worker else NOTHING

    @admin.display(description="Ended")
    def done(self, obj: Any) -> SafeString:
        """When it ended."""
        return ago(obj.date_done)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show one result."""
        self.demand(request)
        result = TaskResult.objects.filter(pk=object_id).first() if row_id(object_id) else None
        if result is None:
            return self.missing(request, NotFound(f"There is no result {object_id}."))
        context = {
            "result": result,
            "look": _LOOKS.get(result.status, Look(word=str(result.status), icon="help", tone="idle")),
            "arguments": [
                ("Positional arguments", _shown(result.task_args)),
                ("Keyword arguments", _shown(result.task_kwargs)),
                ("Returned", _shown(result.result)),
            ],
            "traceback": redact_text(result.traceback) if result.traceback else "",
        }
        title = redact_name(result.task_name or result.task_id)
        return self.page(request, "opsconsole/task_result.html", context, title=title, shown=result)


@admin.register(GroupResult)
class GroupResultAdmin(ListAdmin[Any]):
    """Results of groups of tasks: the console makes none, but an installation's own tasks may."""

    list_display = ("group", "done")
    list_display_links = ("group",)
    empty_list = EmptyList(
        icon="receipt_long",
        title="No group results",
        text="They appear when a task of this installation saves the results of a group; the console's own save none.",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Leave out what the list doesn't show; a result can be large."""
        return super().get_queryset(request).defer("result")

    @admin.display(description="Group")
    def group(self, obj: Any) -> str:
        """The group's id."""
        return redact_name(obj.group_id)

    @admin.display(description="Saved")
    def done(self, obj: Any) -> SafeString:
        """When it was saved."""
        return ago(obj.date_done)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show one group."""
        self.demand(request)
        result = GroupResult.objects.filter(pk=object_id).first() if row_id(object_id) else None
        if result is None:
            return self.missing(request, NotFound(f"There is no group result {object_id[:50]}."))
        context = {"group": redact_name(result.group_id), "result": result, "returned": _shown(result.result)}
        title = f"Group {redact_name(result.group_id)}"
        return self.page(request, "opsconsole/group_result.html", context, title=title, shown=result)


def _shown(text: str | None) -> Any:
    return redact(parse_json(text)) if text else None
