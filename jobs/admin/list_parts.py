"""What stands around the jobs list: the status tabs, and how many there are in all."""

from datetime import UTC
from typing import Any
from urllib.parse import urlencode

from jobs.admin.filter_form import JobFilterForm, word_of
from jobs.admin.looks import TABS, of_status
from jobs.counts import Counts
from jobs.filters import OTHER
from jobs.queries import JobPage


def status_tabs(form: JobFilterForm, known: Counts | None) -> list[dict[str, Any]]:
    """Return the status tabs.

    Args:
        form: the list's filters; they stay as they are.
        known: how many jobs there are of each status, or None while nobody has counted.
    """
    chosen = form.chosen_status()
    several = not chosen and "status" in form.data
    rest = form.pairs(without="status")
    tabs: list[dict[str, Any]] = [
        {"word": "All", "query": "?" + urlencode(rest), "active": not chosen and not several, "look": None}
    ]
    shown = [*TABS]
    if chosen == OTHER or (known is not None and known.other):
        shown.append(OTHER)
    tabs += [
        {
            "word": word_of(status),
            "query": "?" + urlencode([("status", status), *rest]),
            "active": chosen == status,
            "look": of_status(status),
            "count": known.of((status,)) if known is not None else None,
        }
        for status in shown
    ]
    tabs[0]["count"] = known.total if known is not None else None
    return tabs


def total_words(page: JobPage) -> str:
    """Return how many jobs a list has, and how exactly that is known."""
    if page.total_is == "capped":
        return f"{page.total:,}+ jobs"
    noun = "job" if page.total == 1 else "jobs"
    if page.total_is == "estimated" and page.as_of is not None:
        return f"about {page.total:,} {noun} · as of {page.as_of.astimezone(UTC):%H:%M:%S} UTC"
    return f"{page.total:,} {noun}"
