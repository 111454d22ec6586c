"""The API's endpoints for jobs and runs."""

from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from jobs import api_shapes, catalog, operations, queries, run_queries, run_representation
from jobs.api_changes import CancelInput, FailInput, check_terminate, job_changed, run_changed
from jobs.api_filters import JobFilterQuery, RunListQuery
from jobs.api_matching import MatchingActions
from jobs.filters import OTHER, from_validated
from jobs.models import STATUSES
from jobs.representation import attempt_as_json, jobs_as_json
from opsconsole.api import cursors
from opsconsole.api.actor import actor_of
from opsconsole.api.bounds import shorten
from opsconsole.api.fields import Input, ListQuery, ReasonField
from opsconsole.api.schema import UUID
from opsconsole.api.viewsets import OpsViewSet

ORDERINGS = ("-created_at", "created_at", "-id", "id")
MAX_OFFSET = 10_000_000


class JobListQuery(JobFilterQuery, ListQuery):
    """The query parameters of the jobs list."""

    offset = serializers.IntegerField(
        min_value=0,
        max_value=MAX_OFFSET,
        default=0,
        error_messages=dict.fromkeys(
            ("invalid", "min_value", "max_value", "max_string_length"),
            f"This must be a whole number from 0 to {MAX_OFFSET}; a cursor goes further.",
        ),
    )
    ordering = serializers.ChoiceField(
        choices=ORDERINGS,
        default="-created_at",
        error_messages={"invalid_choice": f"“{{input}}” is not an ordering; allowed are {', '.join(ORDERINGS)}."},
    )


class RetryInput(Input):
    """What a retry takes."""

    confirm = serializers.BooleanField(
        required=False, default=False, error_messages={"invalid": "This must be true or false."}
    )
    reason = ReasonField()


class JobViewSet(MatchingActions, OpsViewSet):
    """Jobs of the ledger: what runs, waits, retries, failed and why."""

    tag = "Jobs"
    id_words = "The job's id."
    conditional = frozenset({"list", "retrieve", "counts"})
    answers: ClassVar[dict[str, Any]] = {
        "list": api_shapes.JobPage,
        "retrieve": api_shapes.JobDetails,
        "counts": api_shapes.JobCounts,
        "retry": api_shapes.JobRetried,
        "cancel": api_shapes.JobEnded,
        "fail": api_shapes.JobEnded,
        "retry_matching": {200: api_shapes.MatchingPreview, 202: api_shapes.Accepted},
        "cancel_matching": {200: api_shapes.MatchingPreview, 202: api_shapes.Accepted},
    }
    queries: ClassVar[dict[str, Any]] = {"list": JobListQuery, "counts": JobFilterQuery}
    permissions: ClassVar[dict[str, str]] = {
        "list": "jobs.view_job",
        "retrieve": "jobs.view_job",
        "counts": "jobs.view_job",
        "retry": "jobs.retry_job",
        "cancel": "jobs.cancel_job",
        "fail": "jobs.fail_job",
        "retry_matching": "jobs.retry_job",
        "cancel_matching": "jobs.cancel_job",
    }
    serializer_class = RetryInput

    def list(self, request: Request) -> Response:
        """Jobs, newest first, by filter; paged by cursor or by offset."""
        query = JobListQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        data = query.validated_data
        job_filter = from_validated(data)
        listed = f"jobs:{data['ordering'].replace('created_at', 'id')}:{job_filter.digest}"
        position = None
        if data["cursor"]:
            job_id, backwards = cursors.decode(data["cursor"], listed=listed)
            position = queries.Position(job_id=job_id, backwards=backwards)
        page = queries.page(
            job_filter,
            limit=data["limit"],
            ascending=not data["ordering"].startswith("-"),
            position=position,
            offset=0 if position else data["offset"],
        )

        return Response(
            {
                "jobs": jobs_as_json(page.rows),
                "total": page.total,
                "total_is": page.total_is,
                "as_of": page.as_of,
                **cursors.links(
                    request,
                    listed=listed,
                    keys=[row["id"] for row in page.rows],
                    has_next=page.has_next,
                    has_previous=page.has_previous,
                ),
            }
        )

    def retrieve(self, request: Request, pk: str) -> Response:
        """One job, with its attempts, its whole error, and what was done about it."""
        row = queries.get(queries.job_id_of(pk))
        attempts = [attempt_as_json(attempt) for attempt in queries.attempts(row["id"])]
        shorten(attempts, "traceback", "error", "publish_error")
        (job,) = jobs_as_json([row], error_length=queries.DETAIL_ERROR_LENGTH)
        newest = attempts[0] if attempts else {}
        return Response(
            job
            | {
                "type_title": catalog.titles().get(job["job_type"], job["job_type"]),
                "type_facts": catalog.facts(job["job_type"]),
                "attempts_history": attempts,
                "traceback": next((attempt["traceback"] for attempt in attempts if attempt["traceback"]), None),
                "result": newest.get("result"),
                "error_is_cut": (row["error_length"] or 0) > queries.DETAIL_ERROR_LENGTH,
            }
        )

    @action(detail=False, methods=["get"])
    def counts(self, request: Request) -> Response:
        """How many jobs there are of each status, by the list's filters."""
        query = JobFilterQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        counted = queries.count_by_status(from_validated(query.validated_data).without_status())
        answer: dict[str, Any] = {name: counted.by_status.get(name, 0) for name in STATUSES}
        if counted.other:
            answer[OTHER] = counted.other
        return Response(answer | {"total": counted.total, "as_of": counted.as_of})

    @action(detail=True, methods=["post"])
    def retry(self, request: Request, pk: str) -> Response:
        """Queue a failed job again."""
        given = RetryInput(data=request.data)
        given.is_valid(raise_exception=True)
        return self.once(
            request,
            lambda: operations.retry_job(
                queries.job_id_of(pk),
                actor=actor_of(request),
                confirm=given.validated_data["confirm"],
                reason=given.validated_data["reason"],
            ),
            job_changed,
        )

    @action(detail=True, methods=["post"], serializer_class=CancelInput)
    def cancel(self, request: Request, pk: str) -> Response:
        """Cancel a job that has not ended; a task of the console's own is asked to end.

        To `terminate` takes the permission `jobs.terminate_job` too.
        """
        given = CancelInput(data=request.data)
        given.is_valid(raise_exception=True)
        check_terminate(request, given.validated_data)
        return self.once(
            request,
            lambda: operations.cancel_job(queries.job_id_of(pk), actor=actor_of(request), **given.validated_data),
            lambda cancelled: job_changed(cancelled, warning=cancelled.warning or None),
        )

    @action(detail=True, methods=["post"], serializer_class=FailInput)
    def fail(self, request: Request, pk: str) -> Response:
        """Set a stuck job failed, so that it can be retried."""
        given = FailInput(data=request.data)
        given.is_valid(raise_exception=True)
        return self.once(
            request,
            lambda: operations.fail_job(queries.job_id_of(pk), actor=actor_of(request), **given.validated_data),
            lambda failed: job_changed(failed, warning=None),
        )


class RunViewSet(OpsViewSet):
    """Runs: what was asked for at one click, with its jobs and their progress."""

    tag = "Runs"
    id_schema = UUID
    id_words = "The run's id."
    conditional = frozenset({"list", "retrieve"})
    answers: ClassVar[dict[str, Any]] = {
        "list": api_shapes.RunPage,
        "retrieve": api_shapes.Run,
        "cancel": api_shapes.RunChanged,
        "fail": api_shapes.RunChanged,
    }
    queries: ClassVar[dict[str, Any]] = {"list": RunListQuery}
    permissions: ClassVar[dict[str, str]] = {
        "list": "jobs.view_run",
        "retrieve": "jobs.view_run",
        "cancel": "jobs.cancel_job",
        "fail": "jobs.fail_job",
    }

    def list(self, request: Request) -> Response:
        """Runs, newest first, by operation, requester, way in and time."""
        query = ListQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        return Response(run_representation.page_as_json(request, **query.validated_data))

    def retrieve(self, request: Request, pk: str) -> Response:
        """One run with its jobs."""
        return Response(run_representation.run_as_json(run_queries.find(pk)))

    @action(detail=True, methods=["post"], serializer_class=CancelInput)
    def cancel(self, request: Request, pk: str) -> Response:
        """Cancel the jobs of a run that have not ended.

        To `terminate` takes the permission `jobs.terminate_job` too.
        """
        given = CancelInput(data=request.data)
        given.is_valid(raise_exception=True)
        check_terminate(request, given.validated_data)
        return self.once(
            request,
            lambda: operations.cancel_run(run_queries.find(pk).pk, actor=actor_of(request), **given.validated_data),
            lambda result: run_changed(run_queries.find(pk), result),
        )

    @action(detail=True, methods=["post"], serializer_class=FailInput)
    def fail(self, request: Request, pk: str) -> Response:
        """Set the stuck jobs of a run failed."""
        given = FailInput(data=request.data)
        given.is_valid(raise_exception=True)
        return self.once(
            request,
            lambda: operations.fail_run(run_queries.find(pk).pk, actor=actor_of(request), **given.validated_data),
            lambda result: run_changed(run_queries.find(pk), result),
        )


class RunPollingViewSet(OpsViewSet):
    """How a started operation is getting on, by the id that its 202 gave. Mounted where each was started."""

    tag = "Runs"
    id_schema = UUID
    id_words = "The `job_id` that the 202 gave, or the id of a Celery task."
    conditional = frozenset({"retrieve"})
    answers: ClassVar[dict[str, Any]] = {"retrieve": api_shapes.Polling}
    permissions: ClassVar[dict[str, str]] = {"retrieve": "jobs.view_run"}

    def retrieve(self, request: Request, pk: str) -> Response:
        """The state of a run, or of a Celery task that the result back ends know."""
        return Response(run_representation.polling_as_json(pk))
