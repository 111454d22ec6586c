"""Cancelling the jobs of a run, and setting its stuck ones failed, from its page."""

from collections.abc import Callable, Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse

from jobs import operations, run_queries
from jobs.admin import questions
from jobs.admin.ending import EndsJobs
from jobs.admin.looks import of_run
from jobs.admin.questions import Question
from jobs.models import ACTIVE_STATUSES, Run
from jobs.queries import Row
from jobs.receipts import BulkCancelled
from jobs.run_representation import summary
from opsconsole.admin.base import View, actor_of
from opsconsole.errors import NotFound


class RunEnding(EndsJobs):
    """The buttons and pages that end what a run has not finished."""

    def ending_views(self) -> Sequence[tuple[str, View, str]]:
        """Return the addresses where it is asked and done."""
        return (
            ("<path:object_id>/cancel/", self.cancel_view, "cancel"),
            ("<path:object_id>/fail/", self.fail_view, "fail"),
        )

    def ending_urls(self, request: HttpRequest, run: Run, rows: Sequence[Row]) -> dict[str, str]:
        """Return the addresses of what the caller may do to a run's jobs; empty where there is nothing to be done."""
        rows = own_active(rows)
        can_cancel = self.may(request, "cancel") and questions.cancelling(rows, may_terminate=False).job_ids
        can_fail = self.may(request, "fail") and questions.failing(rows).job_ids
        return {
            "cancel_url": self.url("cancel", run.pk) if can_cancel else "",
            "fail_url": self.url("fail", run.pk) if can_fail else "",
        }

    def cancel_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Say what cancelling a run will do; cancel its jobs."""
        self.demand(request, "cancel")

        def ask(rows: Sequence[Row]) -> Question:
            return questions.cancelling(rows, may_terminate=self.may(request, "terminate"))

        def operate(run: Run, terminate: bool, reason: str) -> BulkCancelled:
            return operations.cancel_run(run.pk, actor=actor_of(request), terminate=terminate, reason=reason)

        return self._of_run(request, object_id, ask, operate, title="Cancel run “{}”?")

    def fail_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Say which jobs of a run are stuck and why; set them failed."""
        self.demand(request, "fail")

        def operate(run: Run, terminate: bool, reason: str) -> BulkCancelled:
            return operations.fail_run(run.pk, actor=actor_of(request), reason=reason)

        return self._of_run(request, object_id, questions.failing, operate, title="Set stuck jobs of “{}” failed?")

    def _of_run(
        self,
        request: HttpRequest,
        object_id: str,
        ask: Callable[[Sequence[Row]], Question],
        operate: Callable[[Run, bool, str], BulkCancelled],
        *,
        title: str,
    ) -> HttpResponse:
        try:
            run = run_queries.find(object_id)
        except NotFound as error:
            return self.missing(request, error)
        rows = run_queries.members([run.pk], stuck=True)[run.pk]

        shown = summary(run, rows)

        def act(terminate: bool, reason: str) -> None:
            self.tell_ended(request, operate(run, terminate, reason))

        return self.ask_or_act(
            request,
            ask(own_active(rows)),
            act,
            title=title.format(run.title),
            about={
                "name": run.title,
                "title": run.title,
                "look": of_run(shown["status"], shown["by_status"], shown["cancelling"]),
                "url": self.url("change", run.pk),
            },
            back=self.url("change", run.pk),
        )


def own_active(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the jobs of a run that have not ended, without those that were active before it asked for them."""
    return [row for row in rows if row["status"] in ACTIVE_STATUSES and not row["joined"]]
