"""The audit log: who did what, through what, why, and what came of it."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from opsconsole import audit_queries, cut_json, names
from opsconsole.admin.lists import Cursor, EmptyList, ListAdmin, ListPage, list_page
from opsconsole.audit import AuditLog, read
from opsconsole.audit_queries import ACTORS, RESULTS, AuditFilter
from opsconsole.errors import NotFound
from opsconsole.filter_forms import FilterForm, IdField, MomentField, OpenChoiceField
from opsconsole.formatting import NOTHING, Look, ago, badge, first_line, through
from opsconsole.links import page_of
from opsconsole.row_ids import row_id

ACTIONS = (
    "job.retry",
    "backfill.trigger",
    "sync.trigger",
    "redownload_attachments.trigger",
    "backup.trigger",
    "restore_test.trigger",
    "schedule.change",
)
LOOKS = {
    "ok": Look(word="Done", icon="check_circle", tone="good"),
    "error": Look(word="Refused", icon="error", tone="bad"),
}


class AuditFilterForm(FilterForm):
    """The filters of the audit log."""

    words = {
        "action": "Action: {}",
        "actor": "By a {}",
        "result": "{}",
        "identity_id": "Identity: {}",
        "after": "After {}",
        "before": "Before {}",
    }

    action = OpenChoiceField(label="Action")
    actor = forms.ChoiceField(
        label="Actor",
        choices=[("", "Anybody"), *((name, name) for name in ACTORS)],
        error_messages={"invalid_choice": f"“%(value)s” is no actor; allowed are {', '.join(ACTORS)}."},
    )
    result = forms.ChoiceField(
        label="Result",
        choices=[("", "Any result"), ("ok", "Done"), ("error", "Refused or failed")],
        error_messages={"invalid_choice": f"“%(value)s” is no result; allowed are {', '.join(RESULTS)}."},
    )
    identity_id = IdField(label="Identity")
    after = MomentField(label="After (UTC)")
    before = MomentField(label="Before (UTC)")

    def __init__(self, data: Any = None) -> None:
        super().__init__(data)
        given = self.data.get("action", "") if self.data else ""
        known = list(ACTIONS) if not given or given in ACTIONS else [given, *ACTIONS]
        self.fields["action"].choices = [("", "Any action"), *((name, name) for name in known)]  # type: ignore[attr-defined]
        self.identities = names.identities()
        self.fields["identity_id"].widget = forms.Select(
            choices=[("", "Any identity"), *self.identities], attrs={"class": "oc-input"}
        )

    def shown(self, name: str, value: Any) -> str:
        """Name the identity."""
        if name == "identity_id":
            return dict(self.identities).get(value, f"{value} (gone)")
        return super().shown(name, value)


@admin.register(AuditLog)
class AuditLogAdmin(ListAdmin[AuditLog]):
    """Who did what."""

    list_display = ("time", "action_name", "who", "about", "outcome", "note")
    list_display_links = ("action_name",)
    filter_form_class = AuditFilterForm
    empty_list = EmptyList(
        icon="history",
        title="Nothing was done yet",
        text="Whatever somebody does here, or is refused, is written down.",
    )

    def fetch(self, request: HttpRequest, form: FilterForm, cursor: Cursor | None) -> ListPage[AuditLog]:
        """Return a page of entries, newest first; one query."""
        values = {name: value for name, value in form.cleaned_data.items() if value not in ("", None)}
        rows, more = audit_queries.page(
            AuditFilter(**values),
            limit=self.list_per_page,
            beyond=cursor.key if cursor else None,
            backwards=bool(cursor and cursor.backwards),
        )
        for row in rows:
            vars(row)["shown"] = audit_queries.as_json(row)
        self._name(rows, dict(form.identities))  # type: ignore[attr-defined]
        return list_page(rows, cursor=cursor, limit=self.list_per_page, more=more)

    @staticmethod
    def _name(rows: list[AuditLog], identities: dict[int, str]) -> None:
        for row in rows:
            entry = vars(row)["shown"]
            entry["name"] = identities.get(row.entity_id or 0, "") if row.entity_type == "identity" else ""
            entry["identity_name"] = identities.get(row.identity_id or 0, "")

    @admin.display(description="Time")
    def time(self, obj: AuditLog) -> SafeString:
        """When."""
        return ago(obj.ts, vars(obj)["ts_text"])

    @admin.display(description="Action")
    def action_name(self, obj: AuditLog) -> str:
        """What was asked for."""
        return str(obj.action_type)

    @admin.display(description="Who")
    def who(self, obj: AuditLog) -> SafeString:
        """Who asked, and through what."""
        entry = vars(obj)["shown"]
        via = format_html(' <span class="oc-subtle">{}</span>', through(entry["via"]))
        return format_html("{}{}", entry["by"] or obj.actor, via)

    @admin.display(description="About")
    def about(self, obj: AuditLog) -> SafeString:
        """What it was about, as a link where it has a page."""
        entry = vars(obj)["shown"]
        return _about(obj, entry["name"])

    @admin.display(description="Result")
    def outcome(self, obj: AuditLog) -> SafeString:
        """Whether it was done."""
        return badge(LOOKS.get(obj.result, Look(word=obj.result, icon="help", tone="idle")))

    @admin.display(description="Reason or error")
    def note(self, obj: AuditLog) -> SafeString:
        """Why it was asked for, or why it was refused."""
        entry = vars(obj)["shown"]
        text = first_line(entry["error"] or str(entry["reason"] or ""))
        return format_html('<span class="oc-clip" title="{}">{}</span>', text, text or NOTHING)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show one entry."""
        self.demand(request)
        known = row_id(object_id) is not None
        found = read(audit_queries.shown().filter(pk=object_id), limit=cut_json.IN_DETAIL) if known else []
        row = next(iter(found), None)
        if row is None:
            return self.missing(request, NotFound(f"There is no audit entry {object_id}."))
        vars(row)["shown"] = entry = audit_queries.as_json(row)
        self._name([row], dict(names.identities()))
        context = {
            "entry": entry,
            "look": LOOKS.get(row.result, Look(word=row.result, icon="help", tone="idle")),
            "about": _about(row, entry["name"]),
        }
        return self.page(request, "opsconsole/audit_entry.html", context, title=row.action_type, shown=row)


def _about(row: AuditLog, name: str) -> SafeString:
    if not row.entity_type:
        return SafeString(NOTHING)
    label = name or (f"{row.entity_type} {row.entity_id}" if row.entity_id is not None else row.entity_type)
    url = page_of(row.entity_type, row.entity_id)
    return format_html('<a class="oc-link" href="{}">{}</a>', url, label) if url else format_html("{}", label)
