"""The pages of conversations, and the forms that start something for them. Never a message's text: it isn't mapped."""

from collections.abc import Sequence
from functools import partial
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.html import format_html
from django.utils.safestring import SafeString

from identities import operations, queries
from identities.admin.starting import ids_in, start
from identities.choosing import MAX_CONVERSATIONS
from identities.models import Conversation
from identities.status import active_jobs
from jobs import catalog
from jobs.admin.looks import of_job
from opsconsole import formatting, names
from opsconsole.admin.base import View, actor_of, reason_in, tell
from opsconsole.admin.lists import Cursor, EmptyList, ListAdmin, ListPage, chosen_ids, list_page
from opsconsole.errors import NotFound, Refused
from opsconsole.filter_forms import FilterForm, IdField
from opsconsole.links import page_of

DEFAULT_ATTACHMENTS = 100


class ConversationFilterForm(FilterForm):
    """The filters of the conversations list."""

    words = {"identity_id": "Identity: {}"}
    in_bar = ("q", "identity_id")

    q = forms.CharField(
        label="Search",
        max_length=100,
        widget=forms.TextInput(attrs={"placeholder": "Search counterpart", "type": "search"}),
    )
    identity_id = IdField(label="Identity")

    def __init__(self, data: Any = None) -> None:
        super().__init__(data)
        attrs = {"class": "oc-input", "aria-label": "Identity", "data-submit": "change"}
        choices = [("", "Any identity"), *names.identities()]
        self.fields["identity_id"].widget = forms.Select(choices=choices, attrs=attrs)


@admin.register(Conversation)
class ConversationAdmin(ListAdmin[Conversation]):
    """Threads of messages, by identity and counterpart."""

    list_display = ("counterpart", "owner", "messages_count", "activity", "buttons")
    list_display_links = None
    actions = ("backfill_selected",)
    operation_permissions = {"backfill": "identities.backfill_identity"}
    filter_form_class = ConversationFilterForm
    empty_list = EmptyList(
        icon="forum", title="No conversations", text="They appear when a sync or a backfill has brought the first ones."
    )

    def extra_views(self) -> Sequence[tuple[str, View, str]]:
        """The forms that start something."""
        return (
            ("backfill/", self.backfill_view, "backfill"),
            ("<path:object_id>/attachments/", self.attachments_view, "attachments"),
        )

    def has_backfill_permission(self, request: HttpRequest) -> bool:
        """Say whether the caller may start backfills."""
        return self.may(request, "backfill")

    def fetch(self, request: HttpRequest, form: FilterForm, cursor: Cursor | None) -> ListPage[Conversation]:
        """Return a page of conversations, newest first; two queries."""
        found, more = queries.conversation_page(
            identity_id=form.cleaned_data["identity_id"],
            q=form.cleaned_data["q"],
            limit=self.list_per_page,
            beyond=cursor.key if cursor else None,
            backwards=bool(cursor and cursor.backwards),
        )
        may_backfill = self.may(request, "backfill")
        rows = []
        for shown in found:
            row = Conversation(pk=shown["id"])
            vars(row)["shown"] = shown | {"may_backfill": may_backfill}
            rows.append(row)
        return list_page(rows, cursor=cursor, limit=self.list_per_page, more=more)

    @admin.display(description="Counterpart")
    def counterpart(self, obj: Conversation) -> SafeString:
        """Whom the identity talks to."""
        shown = vars(obj)["shown"]
        is_archived = shown["archived_at"] or shown.get("archived_at_text")
        archived = SafeString(' <span class="oc-tag">archived</span>') if is_archived else SafeString("")
        return format_html(
            '<span><a class="oc-strong" href="{}">{} <span class="oc-subtle">#{}</span></a>{}</span>',
            self.url("change", obj.pk),
            shown["counterpart"],
            obj.pk,
            archived,
        )

    @admin.display(description="Identity")
    def owner(self, obj: Conversation) -> SafeString:
        """Whose conversation it is."""
        identity = vars(obj)["shown"]["identity"]
        return format_html(
            '<a class="oc-link" href="{}">{}</a>', page_of("identity", identity["id"]) or "#", identity["display_name"]
        )

    @admin.display(description="Messages")
    def messages_count(self, obj: Conversation) -> SafeString:
        """How many messages it has."""
        return format_html('<span class="oc-number">{}</span>', formatting.number(vars(obj)["shown"]["message_count"]))

    @admin.display(description="Last activity")
    def activity(self, obj: Conversation) -> SafeString:
        """When something was said last."""
        shown = vars(obj)["shown"]
        return formatting.ago(shown["last_activity_at"], shown.get("last_activity_at_text"))

    @admin.display(description="")
    def buttons(self, obj: Conversation) -> SafeString:
        """What can be started for it."""
        shown = vars(obj)["shown"]
        if not shown["may_backfill"]:
            return SafeString("")
        return format_html(
            '<span class="oc-buttons"><a class="oc-button oc-small" href="{}" aria-label="Backfill messages with {}…">'
            '<span class="material-symbols-outlined" aria-hidden="true">cloud_download</span>Backfill…</a>'
            '<a class="oc-button oc-small" href="{}" aria-label="Fetch attachments with {} again…">'
            '<span class="material-symbols-outlined" aria-hidden="true">attach_file</span>Attachments…</a></span>',
            self.url("backfill", query=urlencode({"conversation": obj.pk})),
            shown["counterpart"],
            self.url("attachments", obj.pk),
            shown["counterpart"],
        )

    @admin.action(description="Backfill messages…", permissions=["backfill"])
    def backfill_selected(self, request: HttpRequest, queryset: QuerySet[Conversation]) -> HttpResponse:
        """Go to the form; nothing is started yet."""
        query = urlencode([("conversation", pk) for pk in chosen_ids(request)])
        return HttpResponseRedirect(self.url("backfill", query=query))

    def backfill_view(self, request: HttpRequest) -> HttpResponse:
        """Say what a backfill of messages will do and what is running already; start it."""
        self.demand(request, "backfill")
        given = request.POST if request.method == "POST" else request.GET
        chosen = ids_in(given.getlist("conversation"))
        back = self.url("backfill", query=urlencode([("conversation", pk) for pk in chosen]))
        if len(chosen) > MAX_CONVERSATIONS:
            tell(request, Refused(f"At most {MAX_CONVERSATIONS} conversations can be backfilled at once."))
            return HttpResponseRedirect(self.url("changelist"))
        if request.method == "POST":
            operation = partial(
                operations.backfill_messages,
                conversation_ids=chosen,
                actor=actor_of(request),
                reason=reason_in(request),
            )
            return start(request, operation, back=back, home=self.url("changelist"))
        rows = list(queries.conversations().filter(pk__in=chosen))
        job_type = catalog.find(catalog.BACKFILL_MESSAGES)
        active = active_jobs(sorted({row.identity_id for row in rows}))
        context = {
            "rows": rows,
            "gone": len(chosen) - len(rows),
            "inactive": sorted({row.identity.display_name for row in rows if not row.identity.is_active}),
            "active": [job | {"look": of_job(job)} for jobs in active.values() for job in jobs.first][:10],
            "covers_identity": job_type is not None and job_type.covers == catalog.IDENTITY,
            "back_url": self.url("changelist"),
        }
        return self.page(request, "identities/backfill_messages.html", context, title="Backfill messages")

    def attachments_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Say what fetching attachments again will do; start it."""
        self.demand(request, "backfill")
        ids = ids_in([object_id])
        found = queries.conversations().filter(pk__in=ids).first() if ids else None
        if found is None:
            return self.missing(request, NotFound(f"There is no conversation {object_id[:50]}."))
        if request.method == "POST":
            given = request.POST.get("limit", "")
            limit = int(given) if given.isascii() and given.isdigit() and len(given) < 10 else 0
            operation = partial(
                operations.redownload_attachments,
                conversation_id=found.pk,
                limit=limit,
                actor=actor_of(request),
                reason=reason_in(request),
            )
            return start(request, operation, back=request.path, home=self.url("changelist"))
        context = {
            "conversation": found,
            "limit": DEFAULT_ATTACHMENTS,
            "max_limit": operations.MAX_ATTACHMENTS,
            "back_url": self.url("change", found.pk),
        }
        return self.page(request, "identities/attachments.html", context, title="Fetch attachments again", shown=found)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show one conversation: who with whom, and how much; never what was said."""
        self.demand(request)
        ids = ids_in([object_id])
        found = queries.conversations().filter(pk__in=ids).first() if ids else None
        if found is None:
            return self.missing(request, NotFound(f"There is no conversation {object_id[:50]}."))
        may_backfill = self.may(request, "backfill") and found.identity.is_active
        context = {
            "conversation": found,
            "message_count": queries.message_counts([found.pk]).get(found.pk, 0),
            "backfill_url": self.url("backfill", query=urlencode({"conversation": found.pk})) if may_backfill else "",
            "attachments_url": self.url("attachments", found.pk) if may_backfill else "",
        }
        title = f"{found.counterpart_account.external_username} with {found.identity.display_name}"
        return self.page(request, "identities/conversation.html", context, title=title, shown=found)
