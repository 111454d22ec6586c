"""What the lists show of each backup and each restore test in one cell; the cells keep themselves up to date."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from backups.admin import checked
from backups.admin.looks import of_file, of_state, trigger_word
from backups.details import Asked
from backups.models import RUNNING, SCHEDULED, SUCCEEDED
from backups.recent import Tested
from opsconsole import formatting

NOTHING: Final = format_html('<span class="oc-nothing">{}</span>', formatting.NOTHING)
TEST_PAGE: Final = "admin:backups_restoretest_change"


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A row, with what stands beside it.

    Attributes:
        row: the backup or the restore test.
        asked: who asked for it, and how far it is.
        file: kept, removed, missing, unreachable or elsewhere; empty where there never was one.
        test: its last restore test that ended, for a backup.
    """

    row: Any
    asked: Asked = field(default_factory=Asked)
    file: str = ""
    test: Tested | None = None


def state(shown: Shown) -> SafeString:
    """How it ended, or how far it is."""
    badge = formatting.badge(of_state(shown.row.status))
    progress = shown.asked.progress
    return format_html("{}{}", badge, formatting.bar(progress)) if progress else badge


def duration(shown: Shown) -> SafeString:
    """How long it took, or for how long it has been running."""
    row = shown.row
    if row.status == RUNNING and row.completed_at is None:
        return formatting.running_for(row.started_at)
    return took(row.started_at, row.completed_at)


def took(started: datetime | None, completed: datetime | None) -> SafeString:
    """How long something took that has ended."""
    if started is None or completed is None:
        return NOTHING
    milliseconds = int((completed - started).total_seconds() * 1_000)
    return format_html('<span class="oc-number">{}</span>', formatting.duration(max(0, milliseconds)))


def size(shown: Shown) -> SafeString:
    """How large the file is."""
    count = shown.row.size_bytes
    return NOTHING if count is None else format_html('<span class="oc-number">{}</span>', formatting.size(count))


def file(shown: Shown) -> SafeString:
    """Whether the file is still there."""
    if not shown.file:
        return NOTHING
    look = of_file(shown.file)
    if look.tone == "idle":
        return format_html('<span class="oc-subtle">{}</span>', look.word.lower())
    return formatting.badge(look)


def verified(shown: Shown) -> SafeString:
    """What its last restore test said."""
    if shown.test is None:
        return SafeString('<span class="oc-subtle">not tested</span>') if shown.row.status == SUCCEEDED else NOTHING
    return format_html(
        '<a href="{}">{}</a><span class="oc-subtle oc-line">{}</span>',
        reverse(TEST_PAGE, args=[shown.test.id]),
        formatting.badge(of_state(shown.test.status)),
        formatting.ago(shown.test.at),
    )


def checks(shown: Shown) -> SafeString:
    """How many of its checks passed."""
    words = checked.passed_words(shown.row.checks_json)
    return format_html('<span class="oc-number">{}</span>', words) if words else NOTHING


def trigger(shown: Shown) -> SafeString:
    """By hand or by the schedule, and who asked."""
    return format_html("<span>{}{}</span>", trigger_word(shown.row.trigger), who(shown.row, shown.asked, lines=True))


def who(row: Any, asked: Asked, *, lines: bool = False) -> SafeString:
    """Who asked for it through what, where the ledger knows; nobody for what the schedule has started."""
    if not asked.requested_by or row.trigger == SCHEDULED:
        return SafeString("")
    return format_html(
        ' <span class="oc-subtle{}">by {}{}</span>',
        " oc-line" if lines else "",
        asked.requested_by,
        # A further attempt is the sweeper's; who asked is still the one who asked first.
        f" {formatting.through(asked.via)}" if asked.via and asked.via != "sweeper" else "",
    )


Cells = Mapping[str, Callable[[Shown], SafeString]]

OF_BACKUPS: Final[Cells] = {"state": state, "duration": duration, "size": size, "file": file, "verified": verified}
OF_TESTS: Final[Cells] = {"state": state, "duration": duration, "checks": checks}


def live(cells: Cells, name: str, shown: Shown, *, again: bool = False) -> SafeString:
    """Return a cell that can be put in place anew.

    Args:
        cells: the cells of its list.
        name: one of them.
        shown: the row.
        again: to take the place of the one that the page has.
    """
    return format_html(
        '<div class="oc-cell" id="{}-{}-{}"{}>{}</div>',
        shown.row._meta.model_name,
        shown.row.pk,
        name,
        SafeString(' hx-swap-oob="true"') if again else "",
        cells[name](shown),
    )
