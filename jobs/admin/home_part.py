"""The jobs' part of the first page: how many there are of each status, how they end by the hour, and which errors."""

from typing import Any, Final

from django.urls import reverse
from django.utils import timezone

from jobs import counts, pulse, throughput
from jobs.admin.looks import TABS, of_status, title_of
from jobs.admin.throughput_chart import chart
from jobs.error_group_representation import group_as_json
from jobs.error_groups import reading
from jobs.error_groups.reading import GroupFilter
from jobs.filters import OTHER
from jobs.models import CANCELLED, DONE, QUEUED
from opsconsole import formatting

GROUPS_SHOWN: Final = 6
_UNSAID: Final = "Failed without an error"


def context(*, may_retry: bool) -> dict[str, Any]:
    """Return what the part shows; five queries at most.

    Args:
        may_retry: whether the caller may retry jobs.
    """
    known = counts.current()
    found = throughput.per_hour()
    groups = reading.page(GroupFilter(window="7d", ordering=reading.MOST), limit=GROUPS_SHOWN)
    statuses = [*TABS, *((OTHER,) if known.other else ())]
    jobs_url = reverse("admin:jobs_job_changelist")
    return {
        "tiles": [
            {
                "look": of_status(status),
                "count": known.of((status,)),
                "url": f"{jobs_url}?status={status}",
                "note": _oldest() if status == QUEUED and known.of((QUEUED,)) else "",
                "is_quiet": status in (DONE, CANCELLED),
            }
            for status in statuses
        ],
        "total": known.total,
        "as_of": known.as_of,
        "chart": chart(found),
        "throughput": found,
        "groups": [_group(row, may_retry=may_retry) for row in groups.rows],
        "more_groups": max(groups.total - len(groups.rows), 0),
        "jobs_url": jobs_url,
        "errors_url": reverse("admin:jobs_errorgroup_changelist"),
    }


def _oldest() -> str:
    """Return for how long the oldest job has been waiting that is due."""
    waiting = pulse.work_of_late().waiting
    if not waiting:
        return "none is due"
    oldest_at = min(one.oldest_at for one in waiting)
    return f"oldest waits {formatting.rough((timezone.now() - oldest_at).total_seconds())}"


def _group(row: dict[str, Any], *, may_retry: bool) -> dict[str, Any]:
    shown = group_as_json(row)
    query = f"status=failed&fingerprint={shown['fingerprint']}"
    return shown | {
        "title": title_of(shown["job_type"]),
        "line": formatting.first_line(shown["message"]) or _UNSAID,
        "url": reverse("admin:jobs_errorgroup_change", args=[shown["fingerprint"]]),
        "jobs_url": f"{reverse('admin:jobs_job_changelist')}?{query}",
        "retry_url": f"{reverse('admin:jobs_job_retry_matching')}?{query}" if may_retry and shown["failed_now"] else "",
    }
