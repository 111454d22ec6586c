"""The columns of the list of periodic tasks. Each shows what the list has left in the row: `entry` and `may_run`."""

from typing import TYPE_CHECKING, Any, Final

from django.contrib import admin
from django.utils.html import format_html
from django.utils.safestring import SafeString

from jobs.schedules.queries import Entry
from jobs.schedules.starting import title_of_entry
from opsconsole import formatting
from opsconsole.formatting import Look

if TYPE_CHECKING:
    from opsconsole.admin.base import PagesAdmin

    Base = PagesAdmin[Any]
else:
    Base = object

ON: Final = Look(word="On", icon="check_circle", tone="good")
OFF: Final = Look(word="Off", icon="block", tone="idle")
PAUSED: Final = Look(word="Paused", icon="pause_circle", tone="warn")
OVERDUE: Final = Look(word="Overdue", icon="report", tone="bad")
BROKEN: Final = Look(word="Broken", icon="error", tone="bad")


def look_of(entry: Entry) -> Look:
    """Return how a periodic task is shown."""
    if not entry.task.enabled:
        return PAUSED if entry.paused else OFF
    if entry.problem:
        return BROKEN
    return OVERDUE if entry.forecast.overdue else ON


class ScheduleColumns(Base):
    """What the list says about each periodic task."""

    @admin.display(description="Name")
    def schedule(self, obj: Any) -> SafeString:
        """What it is called, and what is wrong with it."""
        entry: Entry = vars(obj)["entry"]
        problem = format_html('<span class="oc-stuck-line">{}</span>', entry.problem) if entry.problem else ""
        return format_html(
            '<span class="oc-job"><a class="oc-strong" href="{}">{}</a>{}</span>',
            self.url("change", obj.pk),
            entry.name,
            problem,
        )

    @admin.display(description="Starts")
    def starts(self, obj: Any) -> str:
        """What it starts, for people."""
        return title_of_entry(vars(obj)["entry"])

    @admin.display(description="When")
    def when(self, obj: Any) -> str:
        """Its schedule in words."""
        entry: Entry = vars(obj)["entry"]
        return entry.words

    @admin.display(description="Next run")
    def next_run(self, obj: Any) -> SafeString:
        """When beat is expected to start it."""
        entry: Entry = vars(obj)["entry"]
        shown = formatting.ago(entry.forecast.next_at)
        return format_html('{} <span class="oc-subtle">expected</span>', shown) if entry.forecast.next_at else shown

    @admin.display(description="Last run")
    def last_run(self, obj: Any) -> SafeString:
        """When beat started it last."""
        return formatting.ago(obj.last_run_at)

    @admin.display(description="State")
    def state(self, obj: Any) -> SafeString:
        """On, off, paused, overdue or broken."""
        return formatting.badge(look_of(vars(obj)["entry"]))

    @admin.display(description="")
    def buttons(self, obj: Any) -> SafeString:
        """A link to the page that asks before it is run."""
        if not vars(obj)["may_run"]:
            return SafeString("")
        return format_html(
            '<a class="oc-button oc-small" href="{}" aria-label="Run now… {}">'
            '<span class="material-symbols-outlined" aria-hidden="true">play_arrow</span>Run now…</a>',
            self.url("run", obj.pk),
            vars(obj)["entry"].name,
        )
