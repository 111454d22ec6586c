"""The first page: its five parts, which come after it, and what runs, what failed or was asked for last."""

from collections.abc import Callable
from typing import Any

import structlog
from django.db import DatabaseError
from django.http import HttpRequest
from django.urls import reverse

from jobs import recent, run_queries, subjects
from jobs.admin.looks import of_job, of_run
from jobs.admin.runs import jobs_words
from jobs.filters import JobFilter
from jobs.glance import glances
from jobs.models import FAILED, RUNNING
from jobs.queries import by_id
from jobs.run_representation import summary
from opsconsole.errors import OpsError

logger = structlog.get_logger(__name__)

SHOWN = 4


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add the parts that the caller may see; called by Unfold for the admin's first page."""
    may_see_jobs = request.user.has_perm("jobs.view_job")
    may_see_runs = request.user.has_perm("jobs.view_run")
    context["title"] = "Home"
    context["nothing_to_see"] = not context.get("app_list")
    if may_see_jobs:
        context["verdict_url"] = reverse("verdict")
    if request.user.has_perm("identities.view_identity"):
        # It comes after the page, and keeps itself up to date.
        context["identities_url"] = reverse("admin:identities_identity_summary")
    if request.user.has_perm("backups.view_backuprun"):
        context["backups_url"] = reverse("admin:backups_backuprun_summary")
    if may_see_jobs:
        context["jobs_url"] = reverse("admin:jobs_job_home")
        context["machinery_url"] = reverse("machinery-part")
        context["jobs"] = _part(_jobs)
    if may_see_runs:
        context["runs"] = _part(_runs)
    return context


def _part(read: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return what a part shows, or why it can't: one that fails doesn't take the page down."""
    try:
        return read()
    except OpsError as error:
        return {"problem": error.message}
    except DatabaseError:
        logger.exception("home.part_failed", part=read.__name__.strip("_"))
        return {"problem": "This part can't be shown at the moment; the rest of the page is not affected."}


def _jobs() -> dict[str, Any]:
    running = recent.newest_ids(JobFilter(statuses=(RUNNING,)), limit=SHOWN)
    failed = recent.newest_ids(JobFilter(statuses=(FAILED,)), limit=SHOWN)
    rows = by_id([*running, *failed], error_length=recent.ERROR_LENGTH) if running or failed else []
    concerns = subjects.registered().of({row["id"]: row["payload"] for row in rows})
    found = [job | {"look": of_job(job)} for job in glances(rows, concerns)]
    return {
        "running": [job for job in found if job["id"] in running],
        "failed": [job for job in found if job["id"] in failed],
    }


def _runs() -> dict[str, Any]:
    runs, _ = run_queries.page(limit=SHOWN)
    counted = run_queries.sums([run.pk for run in runs])
    shown = [summary(run, counted[run.pk]) for run in runs]
    return {
        "runs": [
            run
            | {
                "look": of_run(run["status"], run["by_status"], run["cancelling"]),
                "jobs_words": jobs_words(run["by_status"], run["cancelling"]),
            }
            for run in shown
        ]
    }
