"""What stands around the jobs list: the status tabs, and how many there are in all."""

from dataclasses import replace
from datetime import UTC
from typing import Any
from urllib.parse import urlencode

from jobs.admin.filter_form import JobFilterForm, word_of
from jobs.admin.looks import STUCK, TABS, of_status
from jobs.counts import Counts
from jobs.filters import OTHER, JobFilter
from jobs.queries import JobPage


def status_tabs(form: JobFilterForm, known: Counts | None) -> list[dict[str, Any]]:
    """Return the status tabs.

    Args:
        form: the list's filters; they stay as they are.
        known: how many jobs `tabs_filter` lets through of each status, or None while nobody has counted.
    """
    chosen = form.chosen_status()
    stuck = on_stuck_tab(form)
    elsewhere = stuck or (not chosen and "status" in form.data)
    rest = [pair for pair in form.pairs(without="status") if not (stuck and pair[0] == "stuck")]
    tabs: list[dict[str, Any]] = [
        {"word": "All", "query": "?" + urlencode(rest), "active": not chosen and not elsewhere, "look": None}
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
    # Right after what has failed. Nobody knows their number without looking at each of them.
    query = "?" + urlencode([("stuck", "true"), *(pair for pair in rest if pair[0] != "stuck")])
    tabs.insert(2, {"word": STUCK.word, "query": query, "active": stuck, "look": STUCK, "uncounted": True})
    return tabs


def on_stuck_tab(form: JobFilterForm) -> bool:
    """Say whether the list shows all stuck jobs, and not only those of one status."""
    return form.data.get("stuck") == "true" and not form.data.get("status")


def tabs_filter(form: JobFilterForm) -> JobFilter:
    """Return the filter that all status tabs share; the tab of the stuck jobs is one beside them."""
    shared = form.job_filter().without_status()
    return replace(shared, stuck=False) if on_stuck_tab(form) else shared


def total_words(page: JobPage) -> str:
    """Return how many jobs a list has, and how exactly that is known."""
    if page.total_is == "capped":
        return f"{page.total:,}+ jobs"
    noun = "job" if page.total == 1 else "jobs"
    if page.total_is == "estimated" and page.as_of is not None:
        return f"about {page.total:,} {noun} · as of {page.as_of.astimezone(UTC):%H:%M:%S} UTC"
    return f"{page.total:,} {noun}"
