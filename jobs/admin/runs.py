"""The pages of runs: what somebody asked for at one click, and how far it has come."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString

from jobs import made, run_queries
from jobs.admin.ending import PERMISSIONS
from jobs.admin.looks import CANCELLING, handing_over, is_cancelling, of_job, of_run, of_status, title_of
from jobs.admin.matching_part import matching_part
from jobs.admin.run_ending import RunEnding
from jobs.admin.sums import counted
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


@admin.register(Run)
class RunAdmin(RunEnding, ListAdmin[Run]):
    """Runs, newest first; cancelling what one has not finished."""

    list_display = ("state", "name", "jobs_count", "progress", "who", "created")
    list_display_links = ("name",)
    list_per_page = 25
    operation_permissions = PERMISSIONS
    empty_list = EmptyList(
        icon="play_circle",
        title="No runs yet",
        text="Every sync, backfill or backup that somebody starts becomes a run with a page of its own.",
    )

    def extra_views(self) -> Sequence[tuple[str, View, str]]:
        """The part of a run's page that moves, and what can be done."""
        return (("<path:object_id>/live/", self.live_view, "live"), *self.ending_views())

    def fetch(self, request: HttpRequest, form: FilterForm, cursor: Cursor | None) -> ListPage[Run]:
        """Return a page of runs with the states of their jobs; three queries at most."""
        beyond = None
        if cursor is not None:
            beyond = Run.objects.filter(pk=uuid.UUID(int=cursor.key)).first()
            if beyond is None:
                raise Refused("The cursor is broken; start again without one.", code="bad_cursor")
        backwards = cursor is not None and cursor.backwards
        runs, more = run_queries.page(limit=self.list_per_page, beyond=beyond, backwards=backwards)
        counted = run_queries.sums([run.pk for run in runs])
        for run in runs:
            vars(run)["shown"] = summary(run, counted[run.pk])
        return ListPage(
            rows=runs,
            next_key=runs[-1].pk.int if runs and (backwards or more) else None,
            previous_key=runs[0].pk.int if runs and (more if backwards else cursor is not None) else None,
        )

    @admin.display(description="State")
    def state(self, obj: Run) -> SafeString:
        """Under way, or how it ended."""
        shown = vars(obj)["shown"]
        return formatting.badge(of_run(shown["status"], shown["by_status"], shown["cancelling"]))

    @admin.display(description="Run")
    def name(self, obj: Run) -> str:
        """What was asked for."""
        return obj.title

    @admin.display(description="Jobs")
    def jobs_count(self, obj: Run) -> str:
        """How many jobs it has, by status."""
        shown = vars(obj)["shown"]
        return jobs_words(shown["by_status"], shown["cancelling"])

    @admin.display(description="Progress")
    def progress(self, obj: Run) -> SafeString:
        """How far it has come."""
        shown = vars(obj)["shown"]
        if shown["progress"] is None and shown["status"] != PENDING:
            return SafeString(formatting.NOTHING)
        return formatting.bar(shown["progress"], ended=shown["status"] != PENDING)

    @admin.display(description="Requested by")
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
        return self.page(request, "jobs/run.html", self._context(request, run), title=run.title, shown=run)

    def live_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The part of a run's page that moves; it asks for itself again until all of its jobs have ended.

        Once something else can be done about it, the page is loaded again.
        """
        self.demand(request)
        try:
            run = run_queries.find(object_id)
        except NotFound as error:
            return HttpResponse(error.message, status=404, content_type="text/plain")
        context = self._context(request, run)
        response = self.fragment(request, "jobs/_run.html", context)
        if request.GET.get("was") != context["stage"]:
            response["HX-Refresh"] = "true"
        return response

    def _context(self, request: HttpRequest, run: Run) -> dict[str, Any]:
        rows = run_queries.members([run.pk], stuck=True)[run.pk]
        urls = self.ending_urls(request, run, rows)
        # As long as this stays the same, only the numbers move.
        stage = "-".join(name for name, url in urls.items() if url) or "-"
        context = run_context(run, rows) | urls | {"stage": stage, "live_url": self.url("live", run.pk)}
        found = made.made_by({job["id"]: job["job_type"] for job in context["jobs"]})
        context["may_see_conversations"] = request.user.has_perm("identities.view_conversation")
        for job in context["jobs"]:
            job["made"] = [each for each in found.get(job["id"], ()) if request.user.has_perm(each.permission)]
        return context


def run_context(run: Run, rows: Sequence[Row]) -> dict[str, Any]:
    """Return what the page of a run shows; five queries at most.

    Args:
        run: the run, as `run_queries.find` returns it.
        rows: its jobs, read with which are stuck.
    """
    shown = summary(run, list(rows))
    by_id = {row["id"]: row for row in rows}
    ordered = sorted(rows, key=lambda row: (_ORDER.get(row["status"], 4), row["id"]))[:JOBS_SHOWN]
    jobs = members_as_json(ordered)
    for job in jobs:
        row = by_id[job["id"]]
        job["look"] = of_job(job)
        job["title"] = title_of(job["job_type"])
        job["active"] = job["status"] in ACTIVE_STATUSES
        job["cancelling"] = is_cancelling(job)
        job["handing_over"] = handing_over(job, row["publish_error"]) if job["active"] else ""
        job["counts"] = counted(job["result"])
    result = run_queries.result(rows)
    many = matching_part(rows)
    ended = shown["status"] != PENDING
    return {
        "run": shown,
        "left_out": run.left_out,
        "covered": covered_by_job(run),
        "look": of_run(shown["status"], shown["by_status"], shown["cancelling"]),
        "ended": ended,
        "jobs": jobs,
        "jobs_left_out": len(rows) - len(jobs),
        "jobs_words": jobs_words(shown["by_status"], shown["cancelling"]),
        "counts": many["counts"] if many else counted(result),
        "many": many,
        "errors": (result or {}).get("errors", []),
        "skipped": (result or {}).get("skipped_because", []),
        "failure": (result or {}).get("error", ""),
        "ended_at": max((row["ended_at"] for row in rows if row["ended_at"]), default=None) if ended else None,
        "by_jobs": None if ended else by_jobs(shown["progress"], rows),
        "time_left": None if ended else time_left(shown["progress"], rows),
    }


def covered_by_job(run: Run) -> dict[int | None, list[int]]:
    """Return the chosen conversations by the id of the job that covers them; under None, those that no job covers."""
    found: dict[int | None, list[int]] = {}
    for each in run.conversations or []:
        found.setdefault(each["covered_by"], []).append(each["conversation_id"])
    return found


def by_jobs(progress: dict[str, Any] | None, rows: Sequence[Row]) -> dict[str, Any] | None:
    """Return the progress of a run of several jobs by how many have ended, where what they bring has no known total."""
    if len(rows) < 2 or (progress and "percent" in progress):
        return None
    ended = sum(row["status"] not in ACTIVE_STATUSES for row in rows)
    return {"current": ended, "total": len(rows), "percent": 100 * ended // len(rows), "unit": "jobs ended"}


def jobs_words(by_status: dict[str, int], cancelling: int = 0) -> str:
    """Return how many jobs there are by status: “12 jobs: 10 done, 2 failed”.

    Args:
        by_status: how many there are of each.
        cancelling: how many of those that run are being cancelled.
    """
    total = sum(by_status.values())
    shown = {of_status(status).word.lower(): amount for status, amount in sorted(by_status.items())}
    if cancelling:
        shown = {CANCELLING.word.lower(): cancelling} | shown
        shown[of_status(RUNNING).word.lower()] -= cancelling
    parts = [(word, amount) for word, amount in shown.items() if amount]
    if len(parts) == 1:
        return f"{formatting.count(total, 'job')}, {parts[0][0]}"
    words = ", ".join(f"{amount:,} {word}" for word, amount in parts)
    return f"{formatting.count(total, 'job')}: {words}" if parts else "no jobs"


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
