"""What the list of identities shows of each in one cell; the cells keep themselves up to date."""

from collections.abc import Callable
from typing import Final
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from identities.admin.looks import of_health
from identities.status import SyncStatus
from jobs.admin.looks import of_job
from jobs.models import RUNNING
from opsconsole import formatting
from opsconsole.links import page_of

_NOTHING: Final = format_html('<span class="oc-nothing">{}</span>', formatting.NOTHING)


def health(status: SyncStatus) -> SafeString:
    """How healthy it is, and the first reason."""
    badge = formatting.badge(of_health(status.health))
    reasons = status.health.reasons
    if not reasons:
        return badge
    more = format_html(' <span class="oc-subtle">+{} more</span>', len(reasons) - 1) if len(reasons) > 1 else ""
    return format_html('{}<span class="oc-reason">{}{}</span>', badge, reasons[0].what, more)


def last_sync(status: SyncStatus) -> SafeString:
    """When it last synced, from what that is known, and what runs against it since."""
    if status.last_sync_at is None:
        return SafeString('<span class="oc-subtle">never</span>')
    notes = []
    if status.last_sync_source == "message":
        notes.append("newest message")
    if status.last is not None and status.last.failures:
        notes.append(f"{formatting.count(status.last.failures, 'failure')} since")
    words = format_html_join("", '<span class="oc-subtle oc-line">{}</span>', ((note,) for note in notes))
    return format_html("<span>{}{}</span>", formatting.ago(status.last_sync_at), words)


def next_sync(status: SyncStatus) -> SafeString:
    """When the next sync is expected, and by what schedule."""
    shown = status.coverage.shown
    if not status.identity.is_active:
        return _NOTHING
    if status.coverage.scheduled == "elsewhere":
        return SafeString('<span class="oc-subtle">unknown</span>')
    when = formatting.ago(status.coverage.next_at) if status.coverage.next_at else "not expected"
    words = ""
    if shown is not None:
        off = {"off": " (off)", "paused": " (paused)"}.get(status.coverage.scheduled, "")
        words = format_html('<span class="oc-subtle oc-line">{}{}</span>', shown.words, off)
    return format_html("<span>{}{}</span>", when, words)


def messages(status: SyncStatus) -> SafeString:
    """How many messages there are, how many of them are new, and how many conversations, as a link to them."""
    url = f"{reverse('admin:identities_conversation_changelist')}?{urlencode({'identity_id': status.identity.pk})}"
    link = format_html(
        '<a class="oc-link oc-number" href="{}">{}</a>',
        url,
        formatting.count(status.conversations_count, "conversation"),
    )
    if status.counts is None:
        return format_html('<span class="oc-subtle">counting…</span><span class="oc-line">{}</span>', link)
    if status.counts.as_of is None:
        so_far = formatting.number(status.counts.messages)
        return format_html(
            '<span class="oc-subtle">{} so far, counting…</span><span class="oc-line">{}</span>', so_far, link
        )
    new = status.counts.new_messages_24h
    fresh = format_html(' <span class="oc-fresh" title="In the last 24 hours">+{}</span>', formatting.number(new))
    return format_html(
        '<span><span class="oc-number" title="As of {}">{}</span>{}<span class="oc-line">{}</span></span>',
        formatting.exact(status.counts.as_of),
        formatting.number(status.counts.messages),
        fresh if new else "",
        link,
    )


def active_job(status: SyncStatus) -> SafeString:
    """What runs for it now, and how many wait."""
    if not status.active.first:
        return _NOTHING
    job = status.active.first[0]
    others = status.active.count - 1
    waiting = format_html(' <span class="oc-subtle">+{} waiting</span>', formatting.number(others)) if others else ""
    moves = job["status"] == RUNNING and job["progress"]
    return format_html(
        '<a class="oc-link oc-job" href="{}"><span>{}{}</span>{}</a>',
        page_of("job", job["id"]) or "#",
        job["title"],
        waiting,
        formatting.bar(job["progress"]) if moves else formatting.badge(of_job(job)),
    )


LIVE: Final[dict[str, Callable[[SyncStatus], SafeString]]] = {
    "health": health,
    "synced": last_sync,
    "next_sync": next_sync,
    "messages": messages,
    "active_job": active_job,
}


def live(name: str, status: SyncStatus, *, again: bool = False) -> SafeString:
    """Return a cell that can be put in place anew.

    Args:
        name: one of LIVE.
        status: of the identity.
        again: to take the place of the one that the page has.
    """
    return format_html(
        '<div class="oc-cell" id="identity-{}-{}"{}>{}</div>',
        status.identity.pk,
        name,
        SafeString(' hx-swap-oob="true"') if again else "",
        LIVE[name](status),
    )
