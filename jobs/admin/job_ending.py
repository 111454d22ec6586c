"""Cancelling jobs and setting them failed from the list and from a job's page."""

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from jobs import operations, queries, subjects
from jobs.admin import questions
from jobs.admin.columns import kept_filters
from jobs.admin.ending import EndsJobs
from jobs.admin.looks import of_job, title_of
from jobs.admin.questions import Question
from jobs.models import Job
from jobs.queries import Row
from jobs.receipts import BulkCancelled
from opsconsole.admin.base import View, actor_of, tell_done
from opsconsole.admin.lists import chosen_ids
from opsconsole.errors import NotFound
from opsconsole.row_ids import row_id


class JobEnding(EndsJobs):
    """The actions, buttons and pages that end one job or several."""

    def ending_views(self) -> Sequence[tuple[str, View, str]]:
        """Return the addresses where it is asked and done."""
        return (
            ("cancel/", self.cancel_many_view, "cancel_many"),
            ("fail/", self.fail_many_view, "fail_many"),
            ("<path:object_id>/cancel/", self.cancel_view, "cancel"),
            ("<path:object_id>/fail/", self.fail_view, "fail"),
        )

    @admin.action(description="Cancel selected…", permissions=["cancel"])
    def cancel_selected(self, request: HttpRequest, queryset: QuerySet[Job]) -> HttpResponse:
        """Go to the page that asks; nothing is cancelled yet."""
        return HttpResponseRedirect(self._question_of_many(request, "cancel_many"))

    @admin.action(description="Set selected failed…", permissions=["fail"])
    def fail_selected(self, request: HttpRequest, queryset: QuerySet[Job]) -> HttpResponse:
        """Go to the page that asks; nothing is changed yet."""
        return HttpResponseRedirect(self._question_of_many(request, "fail_many"))

    def cancel_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Say what cancelling a job will do; cancel it."""
        self.demand(request, "cancel")

        def ask(row: Row) -> Question:
            return questions.cancelling([row], may_terminate=self.may(request, "terminate"), alone=True)

        def act(job_id: int, terminate: bool, reason: str) -> None:
            done = operations.cancel_job(job_id, actor=actor_of(request), terminate=terminate, reason=reason)
            warn = done.is_cancelling or bool(done.warning or done.revocation.not_told)
            self._tell(request, job_id, done.message, warn=warn)

        return self._one(request, object_id, ask, act, title="Cancel job {}?")

    def fail_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Say why a job is stuck and what setting it failed will do; set it failed."""
        self.demand(request, "fail")

        def ask(row: Row) -> Question:
            return questions.failing([row], alone=True)

        def act(job_id: int, terminate: bool, reason: str) -> None:
            failed = operations.fail_job(job_id, actor=actor_of(request), reason=reason)
            self._tell(request, job_id, failed.message)

        return self._one(request, object_id, ask, act, title="Set job {} failed?")

    def cancel_many_view(self, request: HttpRequest) -> HttpResponse:
        """Say what cancelling the chosen jobs will do; cancel them."""
        self.demand(request, "cancel")
        ids = _chosen(request)
        question = questions.cancelling(_read(ids), may_terminate=self.may(request, "terminate"))

        def operate(terminate: bool, reason: str) -> BulkCancelled:
            return operations.cancel_jobs(ids, actor=actor_of(request), terminate=terminate, reason=reason)

        return self._many(request, question, operate, title="Cancel selected jobs?")

    def fail_many_view(self, request: HttpRequest) -> HttpResponse:
        """Say what setting the chosen jobs failed will do; set them failed."""
        self.demand(request, "fail")
        ids = _chosen(request)

        def operate(terminate: bool, reason: str) -> BulkCancelled:
            return operations.fail_jobs(ids, actor=actor_of(request), reason=reason)

        return self._many(request, questions.failing(_read(ids)), operate, title="Set selected jobs failed?")

    def _one(
        self,
        request: HttpRequest,
        object_id: str,
        ask: Callable[[Row], Question],
        act: Callable[[int, bool, str], None],
        *,
        title: str,
    ) -> HttpResponse:
        try:
            row = queries.get(queries.job_id_of(object_id))
        except NotFound as error:
            return self.missing(request, error)
        job_id = row["id"]
        from_list = request.GET.get("back") == "list"
        kept = kept_filters(request.GET.get("_changelist_filters", ""))
        back = self.list_url(request) if from_list else self.url("change", job_id, query=kept)
        return self.ask_or_act(
            request,
            ask(row),
            lambda terminate, reason: act(job_id, terminate, reason),
            title=title.format(job_id),
            about=_about(row) | {"name": f"Job {job_id}", "url": self.url("change", job_id)},
            back=back,
        )

    def _many(
        self,
        request: HttpRequest,
        question: Question,
        operate: Callable[[bool, str], BulkCancelled],
        *,
        title: str,
    ) -> HttpResponse:
        return self.ask_or_act(
            request,
            question,
            lambda terminate, reason: self.tell_ended(request, operate(terminate, reason)),
            title=title,
            about={"name": "The selected jobs"},
            back=self.list_url(request),
        )

    def _tell(self, request: HttpRequest, job_id: int, message: str, *, warn: bool = False) -> None:
        tell_done(request, message, url=self.url("change", job_id), link=f"Job {job_id}", warn=warn)

    def _question_of_many(self, request: HttpRequest, name: str) -> str:
        chosen: list[tuple[str, Any]] = [("job", job_id) for job_id in chosen_ids(request)]
        kept = request.GET.urlencode()
        return self.url(name, query=urlencode([*chosen, *([("_changelist_filters", kept)] if kept else [])]))


def _about(row: Row) -> dict[str, Any]:
    subject = subjects.registered().of({row["id"]: row["payload"]}).get(row["id"])
    return {
        "title": f"{title_of(row['job_type'])} #{row['id']}",
        "look": of_job(row),
        "identity": subject.display_name if subject else "",
    }


def _chosen(request: HttpRequest) -> list[int]:
    """Return the ids that an address names, or those that its form was about."""
    given = request.POST.getlist("job") if "shown" in request.POST else request.GET.getlist("job")
    return sorted({pk for value in given[: operations.MAX_JOBS_AT_ONCE] if (pk := row_id(value))})


def _read(job_ids: Sequence[int]) -> list[Row]:
    return queries.by_id(job_ids, error_length=0) if job_ids else []
