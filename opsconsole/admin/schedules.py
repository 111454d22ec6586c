"""Celery beat's periodic tasks and their schedules in the console's look, as Unfold's manual says."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django_celery_beat import admin as beat
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from opsconsole.admin.base import actor_of
from opsconsole.audit import Entity, record
from opsconsole.redaction import REDACTED, redact_name, redact_names, redact_text

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin
else:
    from unfold.admin import ModelAdmin


def _redacted(task: PeriodicTask) -> str:
    return redact_text(_as_beat_says(task))


# Titles, messages and Django's own log call a row by its name.
_as_beat_says = PeriodicTask.__str__
PeriodicTask.__str__ = _redacted

for _model in (PeriodicTask, IntervalSchedule, CrontabSchedule, SolarSchedule, ClockedSchedule):
    admin.site.unregister(_model)


class AuditedScheduleAdmin(ModelAdmin[Any]):
    """Writes to the audit log whatever somebody changes of beat's schedules."""

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save, and write down what was changed."""
        super().save_model(request, obj, form, change)
        self._record(request, obj, "changed" if change else "added", fields=form.changed_data)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Delete, and write it down."""
        self._record(request, obj, "deleted")
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Delete several, and write down each."""
        for obj in queryset:
            self._record(request, obj, "deleted")
        super().delete_queryset(request, queryset)

    def _record(self, request: HttpRequest, obj: Any, change: str, *, fields: Sequence[str] = ()) -> None:
        record(
            actor=actor_of(request),
            action="schedule.change",
            entity=Entity(type=self.opts.model_name or "", id=obj.pk),
            request={"schedule": str(obj), "change": change, "fields": list(fields)},
        )


class TaskSelectWidget(UnfoldAdminSelectWidget, beat.TaskSelectWidget):  # type: ignore[misc]
    """Beat's choice of the tasks that are registered."""


class PeriodicTaskForm(beat.PeriodicTaskForm):  # type: ignore[misc]
    """Beat's form with Unfold's inputs, and without what is private: that is kept unless it is written anew."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._kept = {
            name: value
            for name in self.fields
            if isinstance(value := self.initial.get(name), str) and redact_text(value) != value
        }
        self.initial |= {name: redact_text(value) for name, value in self._kept.items()}
        # Someone who may only look is given no inputs at all.
        if "task" in self.fields:
            self.fields["task"].widget = UnfoldAdminTextInputWidget()
            self.fields["regtask"].widget = TaskSelectWidget()

    def clean(self) -> Any:
        """Put back what was not shown; a value that was changed must be whole."""
        data = super().clean()
        for name, kept in self._kept.items():
            given = data.get(name)
            if given == self.initial[name]:
                data[name] = kept
            elif isinstance(given, str) and REDACTED in given:
                self.add_error(name, f"Write out what is shown as {REDACTED}, or leave the whole field as it was.")
        return data


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(AuditedScheduleAdmin, beat.PeriodicTaskAdmin):  # type: ignore[misc]
    """What beat starts, and when."""

    form = PeriodicTaskForm
    list_display = ("shown_name", "enabled", "scheduler", "last_run_at", "one_off")
    list_filter = ("enabled", "one_off")
    date_hierarchy = None
    # Beat's own form template brings an inline script, which the Content-Security-Policy forbids.
    change_form_template = None
    show_facets = admin.ShowFacets.NEVER
    # Not beat's “Run selected tasks”: it publishes past the ledger, and anybody who may look could use it.
    actions = ("enable_tasks", "disable_tasks")

    @admin.display(description="Name", ordering="name")
    def shown_name(self, obj: PeriodicTask) -> str:
        """What it is called."""
        return redact_name(obj.name)

    def get_object(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Return the task; for those who may not change it, without what is private: they see it past the form."""
        found = super().get_object(request, *args, **kwargs)
        if found is not None and not self.has_change_permission(request, found):
            redact_names(vars(found), list(vars(found)))
        return found

    def get_actions(self, request: HttpRequest) -> Any:
        """Offer the switches only to those who may change a task."""
        return super().get_actions(request) if self.has_change_permission(request) else {}

    @admin.action(description="Enable selected tasks", permissions=["change"])
    def enable_tasks(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Switch tasks on, and write it down."""
        self._switched(request, queryset, "enabled")
        super().enable_tasks(request, queryset)

    @admin.action(description="Disable selected tasks", permissions=["change"])
    def disable_tasks(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Switch tasks off, and write it down."""
        self._switched(request, queryset, "disabled")
        super().disable_tasks(request, queryset)

    def _switched(self, request: HttpRequest, queryset: QuerySet[Any], change: str) -> None:
        for task in queryset:
            self._record(request, task, change)


@admin.register(IntervalSchedule)
class IntervalScheduleAdmin(AuditedScheduleAdmin):
    """Every so often."""


@admin.register(CrontabSchedule)
class CrontabScheduleAdmin(AuditedScheduleAdmin, beat.CrontabScheduleAdmin):  # type: ignore[misc]
    """At certain times."""

    inlines = ()


@admin.register(SolarSchedule)
class SolarScheduleAdmin(AuditedScheduleAdmin):
    """By the sun."""


@admin.register(ClockedSchedule)
class ClockedScheduleAdmin(AuditedScheduleAdmin, beat.ClockedScheduleAdmin):  # type: ignore[misc]
    """Once."""

    inlines = ()
