"""The API's endpoints for error groups."""

from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from jobs.api_error_shapes import ErrorGroupDetails, ErrorGroupPage
from jobs.error_group_representation import details_as_json, page_as_json
from jobs.error_groups import reading
from jobs.error_groups.reading import GroupFilter
from opsconsole.api.fields import ListQuery
from opsconsole.api.schema import FINGERPRINT
from opsconsole.api.viewsets import OpsViewSet


class ErrorGroupQuery(ListQuery):
    """The query parameters of the error groups."""

    job_type = serializers.CharField(max_length=64, default="")
    window = serializers.ChoiceField(
        choices=list(reading.WINDOWS),
        default="",
        error_messages={"invalid_choice": f"“{{input}}” is no window; allowed are {', '.join(reading.WINDOWS)}."},
    )
    ordering = serializers.ChoiceField(
        choices=reading.ORDERINGS,
        default=reading.NEWEST,
        error_messages={
            "invalid_choice": f"“{{input}}” is not an ordering; allowed are {', '.join(reading.ORDERINGS)}."
        },
    )


class ErrorGroupViewSet(OpsViewSet):
    """Groups of equal failures: what fails, since when, how often, and whom it concerns."""

    tag = "Errors"
    id_schema = FINGERPRINT
    id_words = "The group's fingerprint."
    answers: ClassVar[dict[str, Any]] = {
        "list": ErrorGroupPage,
        "retrieve": ErrorGroupDetails,
    }
    queries: ClassVar[dict[str, Any]] = {"list": ErrorGroupQuery}
    permissions: ClassVar[dict[str, str]] = {"list": "jobs.view_job", "retrieve": "jobs.view_job"}

    def list(self, request: Request) -> Response:
        """Groups, those seen last or those with the most failures first, by type and window."""
        query = ErrorGroupQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        data: dict[str, Any] = dict(query.validated_data)
        limit, cursor = data.pop("limit"), data.pop("cursor")
        return Response(page_as_json(request, GroupFilter(**data), limit=limit, cursor=cursor))

    def retrieve(self, request: Request, pk: str) -> Response:
        """One group: a sample of its error, whom it concerns, and its newest jobs that are failed now."""
        return Response(details_as_json(reading.details(pk)))
