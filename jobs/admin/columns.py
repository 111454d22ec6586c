"""The columns of the jobs list. Each shows what `fetch` has left in the row: `shown`, redacted, and `back`."""

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.contrib import admin
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from jobs.admin.looks import of_job, title_of
from jobs.models import RUNNING, Job
from opsconsole import formatting
from opsconsole.links import page_of

if TYPE_CHECKING:
    from opsconsole.admin.lists import ListAdmin

    Base = ListAdmin[Job]
else:
    Base = object


class JobColumns(Base):
    """What the jobs list says about each job."""

    @admin.display(description="Status")
    def state(self, obj: Job) -> SafeString:
        """The status, and whether it is stuck."""
        shown = vars(obj)["shown"]
        stuck = format_html(
            ' <span class="oc-stuck" title="{}">stuck</span>' if shown["stuck"] else "", shown["stuck_reason"]
        )
        return format_html("{}{}", formatting.badge(of_job(shown)), stuck)

    @admin.display(description="Job")
    def job(self, obj: Job) -> SafeString:
        """What it is, the first line of its error, and why it is stuck."""
        shown = vars(obj)["shown"]
        line = formatting.first_line(shown["last_error"])
        error = format_html('<span class="oc-error-line" title="{}">{}</span>', line, line) if line else SafeString("")
        if shown["stuck_because"]:
            error += format_html('<span class="oc-stuck-line">{}</span>', shown["stuck_because"])
        return format_html(
            '<span class="oc-job"><a class="oc-strong" href="{}">{} <span class="oc-subtle">#{}</span></a>{}</span>',
            self.url("change", obj.pk, query=kept_filters(vars(obj)["back"])),
            title_of(obj.job_type),
            obj.pk,
            error,
        )

    @admin.display(description="Identity")
    def identity(self, obj: Job) -> SafeString:
        """Whom it concerns."""
        found = vars(obj)["shown"]["identity"]
        if found is None:
            return format_html('<span class="oc-nothing">{}</span>', formatting.NOTHING)
        return format_html(
            '<a class="oc-link" href="{}">{}</a>', page_of("identity", found["id"]) or "#", found["display_name"]
        )

    @admin.display(description="Attempts")
    def tries(self, obj: Job) -> SafeString:
        """How often it was tried, of how often it may be."""
        shown = vars(obj)["shown"]
        return format_html('<span class="oc-number">{}/{}</span>', shown["attempts"], shown["max_attempts"])

    @admin.display(description="Duration")
    def took(self, obj: Job) -> SafeString:
        """How long its newest attempt ran, or how far it has come."""
        shown = vars(obj)["shown"]
        if shown["status"] == RUNNING:
            return formatting.bar(shown["progress"]) if shown["progress"] else self._running(shown)
        if shown["waits_for"]:
            return format_html('<span class="oc-subtle">waits for #{}</span>', shown["waits_for"])
        kind = "oc-nothing" if shown["duration_ms"] is None else "oc-number"
        return format_html('<span class="{}">{}</span>', kind, formatting.duration(shown["duration_ms"]))

    @staticmethod
    def _running(shown: dict[str, Any]) -> SafeString:
        return formatting.running_for(shown["started_at"] or shown["updated_at"])

    @admin.display(description="Created")
    def created(self, obj: Job) -> SafeString:
        """When it was queued first."""
        shown = vars(obj)["shown"]
        return formatting.ago(shown["created_at"], shown.get("created_at_text"))

    @admin.display(description="Updated")
    def updated(self, obj: Job) -> SafeString:
        """When it changed last."""
        shown = vars(obj)["shown"]
        return formatting.ago(shown["updated_at"], shown.get("updated_at_text"))

    @admin.display(description="")
    def buttons(self, obj: Job) -> SafeString:
        """What can be done with this row: a button posts the list's own form, a link leads to a page that asks."""
        may, query = vars(obj)["shown"]["may"], "back=list&" + kept_filters(vars(obj)["back"])
        retry = format_html(
            '<button type="submit" class="oc-button oc-small" formaction="{}" aria-label="Retry job {}">'
            '<span class="material-symbols-outlined" aria-hidden="true">replay</span>Retry{}</button>',
            self.url("retry", obj.pk, query=query),
            obj.pk,
            "…" if vars(obj)["shown"]["can"].get("confirm") else "",
        )
        link = (
            '<a class="oc-button oc-small" href="{}" aria-label="{} job {}">'
            '<span class="material-symbols-outlined" aria-hidden="true">{}</span>{}…</a>'
        )
        cancel = format_html(link, self.url("cancel", obj.pk, query=query), "Cancel", obj.pk, "block", "Cancel")
        fail = format_html(link, self.url("fail", obj.pk, query=query), "Set failed:", obj.pk, "error", "Set failed")
        shown = [(button,) for name, button in (("retry", retry), ("fail", fail), ("cancel", cancel)) if name in may]
        if not shown:
            return SafeString("")
        return format_html('<span class="oc-row-buttons">{}</span>', format_html_join("", "{}", shown))

    def action_checkbox(self, obj: Job) -> SafeString:
        """Offer only that to be ticked which one of the actions can be done to."""
        shown = vars(obj)["shown"]
        # What needs a confirmation is retried by itself.
        may = shown["may"] - ({"retry"} if shown["can"].get("confirm") else set())
        return super().action_checkbox(obj) if may else SafeString("")


def kept_filters(query: str) -> str:
    """Return the query by which an address remembers the list's filters."""
    return urlencode({"_changelist_filters": query}) if query else ""
