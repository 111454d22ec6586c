"""The schedules of Celery beat in the console's look, as Unfold's manual says; the tasks are the jobs application's."""

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

from opsconsole.admin.base import actor_of
from opsconsole.admin.lists import CheckedListMixin
from opsconsole.audit import Entity, record
from opsconsole.redaction import redact_text

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


class AuditedScheduleAdmin(CheckedListMixin, ModelAdmin[Any]):
    """Writes to the audit log whatever somebody changes of beat's schedules."""

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save, and write down what was changed, from what to what."""
        super().save_model(request, obj, form, change)
        fields = list(form.changed_data)
        before = {name: _shown(form.fields.get(name), form.initial.get(name)) for name in fields}
        after = {name: _shown(None, form.cleaned_data.get(name)) for name in fields}
        self._record(
            request,
            obj,
            "changed" if change else "added",
            {"fields": fields, "from": before if change else {}, "to": after},
        )

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Delete, and write it down."""
        self._record(request, obj, "deleted")
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Delete several, and write down each."""
        for obj in queryset:
            self._record(request, obj, "deleted")
        super().delete_queryset(request, queryset)

    def _record(self, request: HttpRequest, obj: Any, change: str, more: dict[str, Any] | None = None) -> None:
        record(
            actor=actor_of(request),
            action="schedule.change",
            entity=Entity(type=self.opts.model_name or "", id=obj.pk),
            request={"schedule": str(obj), "change": change, **(more or {})},
        )


def _shown(field: Any, value: Any) -> Any:
    """Return a form's value as the audit log has it: what it refers to by its name."""
    if value is None or isinstance(value, bool | int | float | str):
        chosen = getattr(field, "queryset", None)
        return value if chosen is None or value in (None, "") else str(chosen.filter(pk=value).first())
    return str(value)


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
