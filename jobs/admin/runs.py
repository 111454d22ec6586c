"""The pages of runs: what somebody asked for at one click, and how far it has come."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString

from jobs import run_queries
from jobs.admin.looks import handing_over, of_run, of_status, title_of
from jobs.models import ACTIVE_STATUSES, FAILED, QUEUED, RETRYING, RUNNING, Run
from jobs.queries import Row
from jobs.run_queries import PENDING
from jobs.run_representation import members_as_json, summary
from opsconsole import formatting
from opsconsole.admin.base import View
from opsconsole.admin.lists import Cursor, EmptyList, ListAdmin, ListPage
from opsconsole.errors import NotFound, Refused
from opsconsole.filter_forms import FilterForm

JOBS_SHOWN = 100
# What needs attention, and what moves, comes first.
_ORDER = {FAILED: 0, RUNNING: 1, RETRYING: 2, QUEUED: 3}
_NOT_SUMS = {"status", "errors", "error", "skipped_because"}


@admin.register(Run)
class RunAdmin(ListAdmin[Run]):
    """Runs, newest first."""

    list_display = ("state", "name", "jobs_count", "progress", "who", "created")
    list_display_links = ("name",)
    list_per_page = 25
    empty_list = EmptyList(
        icon="play_circle",
        title="No runs yet",
        text="Every backfill that somebody starts becomes a run with a page of its own.",
    )

    def extra_views(self) -> Sequence[tuple[str, View, str]]:
        """The part of a run's page that moves."""
        return (("<path:object_id>/live/", self.live_view, "live"),)

    def fetch(self, request: HttpRequest, form: FilterForm, cursor: Cursor | None) -> ListPage[Run]:
        """Return a page of runs with the states of their jobs; three queries at most."""
        beyond = None
        if cursor is not None:
            beyond = Run.objects.filter(pk=uuid.UUID(int=cursor.key)).first()
            if beyond is None:
                raise Refused("The cursor is broken; start again without one.", code="bad_cursor")
        backwards = cursor is not None and cursor.backwards
        runs, more = run_queries.page(limit=self.list_per_page, beyond=beyond, backwards=backwards)
        members = run_queries.members([run.pk for run in runs])
        for run in runs:
            vars(run)["shown"] = summary(run, members[run.pk])
        return ListPage(
            rows=runs,
            next_key=runs[-1].pk.int if runs and (backwards or more) else None,
            previous_key=runs[0].pk.int if runs and (more if backwards else cursor is not None) else None,
        )

    @admin.display(description="State")
    def state(self, obj: Run) -> SafeString:
        """Under way, or how it ended."""
        shown = vars(obj)["shown"]
        return formatting.badge(of_run(shown["status"], shown["by_status"]))

    @admin.display(description="Run")
    def name(self, obj: Run) -> str:
        """What was asked for."""
        return obj.title

    @admin.display(description="Jobs")
    def jobs_count(self, obj: Run) -> str:
        """How many jobs it has, by status."""
        return jobs_words(vars(obj)["shown"]["by_status"])

    @admin.display(description="Progress")
    def progress(self, obj: Run) -> SafeString:
        """How far it has come."""
        shown = vars(obj)["shown"]
        if shown["progress"] is None and shown["status"] != PENDING:
            return SafeString(formatting.NOTHING)
        return formatting.bar(shown["progress"], ended=shown["status"] != PENDING)

    @admin.display(description="Asked for by")
    def who(self, obj: Run) -> str:
        """Who asked, and through what."""
        return f"{obj.requested_by} {formatting.through(obj.via)}"

    @admin.display(description="When")
    def created(self, obj: Run) -> SafeString:
        """When it was asked for."""
        return formatting.ago(obj.created_at)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show one run."""
        self.demand(request)
        try:
            run = run_queries.find(object_id)
        except NotFound as error:
            return self.missing(request, error)
        context = run_context(run) | {"live_url": self.url("live", run.pk)}
        return self.page(request, "jobs/run.html", context, title=run.title, shown=run)

    def live_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The part of a run's page that moves; it asks for itself again until all of its jobs have ended."""
        self.demand(request)
        try:
            run = run_queries.find(object_id)
        except NotFound as error:
            return HttpResponse(error.message, status=404, content_type="text/plain")
        return self.fragment(request, "jobs/_run.html", run_context(run) | {"live_url": self.url("live", run.pk)})


def run_context(run: Run) -> dict[str, Any]:
    """Return what the page of a run shows; five queries at most."""
    rows = run_queries.members([run.pk])[run.pk]
    shown = summary(run, rows)
    by_id = {row["id"]: row for row in rows}
    ordered = sorted(rows, key=lambda row: (_ORDER.get(row["status"], 4), row["id"]))[:JOBS_SHOWN]
    jobs = members_as_json(ordered)
    for job in jobs:
        row = by_id[job["id"]]
        job["look"] = of_status(job["status"])
        job["title"] = title_of(job["job_type"])
        job["active"] = job["status"] in ACTIVE_STATUSES
        job["handing_over"] = handing_over(job, row["publish_error"]) if job["active"] else ""
        job["counts"] = counted(job["result"])
    result = run_queries.result(rows)
    ended = shown["status"] != PENDING
    return {
        "run": shown,
        "look": of_run(shown["status"], shown["by_status"]),
        "ended": ended,
        "jobs": jobs,
        "jobs_left_out": len(rows) - len(jobs),
        "jobs_words": jobs_words(shown["by_status"]),
        "counts": counted(result),
        "errors": (result or {}).get("errors", []),
        "skipped": (result or {}).get("skipped_because", []),
        "failure": (result or {}).get("error", ""),
        "ended_at": max((row["ended_at"] for row in rows if row["ended_at"]), default=None) if ended else None,
        "by_jobs": None if ended else by_jobs(shown["progress"], rows),
        "time_left": None if ended else time_left(shown["progress"], rows),
    }


def by_jobs(progress: dict[str, Any] | None, rows: Sequence[Row]) -> dict[str, Any] | None:
    """Return the progress of a run of several jobs by how many have ended, where what they bring has no known total."""
    if len(rows) < 2 or (progress and "total" in progress):
        return None
    ended = sum(row["status"] not in ACTIVE_STATUSES for row in rows)
    return {"current": ended, "total": len(rows), "percent": 100 * ended // len(rows), "unit": "jobs ended"}


def jobs_words(by_status: dict[str, int]) -> str:
    """Return how many jobs there are by status: “12 jobs: 10 done, 2 failed”."""
    total = sum(by_status.values())
    parts = [f"{amount:,} {of_status(status).word.lower()}" for status, amount in sorted(by_status.items())]
    if len(parts) == 1:
        return f"{formatting.count(total, 'job')}, {of_status(next(iter(by_status))).word.lower()}"
    return f"{formatting.count(total, 'job')}: {', '.join(parts)}" if parts else "no jobs"


def counted(result: Any) -> list[tuple[str, int]]:
    """Return the numbers of a result with their names in words."""
    if not isinstance(result, dict):
        return []
    return [
        (key.replace("_", " "), value)
        for key, value in result.items()
        if key not in _NOT_SUMS and isinstance(value, int) and not isinstance(value, bool)
    ]


def time_left(progress: dict[str, Any] | None, rows: Sequence[Row]) -> str | None:
    """Return how long a run will still take, where its total and its start are known and enough of it is done."""
    started = min((row["started_at"] or row["published_at"] for row in rows if row["published_at"]), default=None)
    percent = (progress or {}).get("percent") or 0
    if started is None or percent < 3 or percent >= 100:
        return None
    elapsed = (timezone.now() - _aware(started)).total_seconds()
    return formatting.duration(int(elapsed * (100 - percent) / percent) * 1_000)


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
