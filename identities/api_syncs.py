"""The API's endpoints for identities and their syncs: how each is doing, and what can be done about it."""

from typing import Any, ClassVar, Final

from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from identities import api_shapes, operations, queries, schedule_operations, status
from identities.representation import overview_as_json, status_as_json
from identities.schedule_operations import MAX_MINUTES, MIN_MINUTES
from jobs.api import RunPollingViewSet
from jobs.api_changes import accepted
from jobs.api_shapes import Accepted
from opsconsole.api.actor import actor_of
from opsconsole.api.fields import IdField, Input, ReasonField
from opsconsole.api.viewsets import OpsViewSet

_TRUE_OR_FALSE: Final[dict[str, Any]] = {"invalid": "This must be true or false."}


class ReasonInput(Input):
    """What an operation on the thing that the address names takes."""

    reason = ReasonField()


class SyncInput(Input):
    """What a sync takes; without an identity it is all active ones."""

    identity_id = IdField(required=False, allow_null=True, default=None)
    reason = ReasonField()


class SyncQuery(serializers.Serializer[Any]):
    """The query parameters of a sync."""

    identity_id = IdField(required=False)

    def to_internal_value(self, data: Any) -> Any:
        """Take an empty parameter for none."""
        return super().to_internal_value({name: value for name, value in data.items() if value != ""})


class StatusQuery(serializers.Serializer[Any]):
    """The query parameters of the sync status."""

    include_inactive = serializers.BooleanField(required=False, default=False, error_messages=_TRUE_OR_FALSE)


class MinutesField(serializers.IntegerField):
    """A number of minutes; a fraction or true is none."""

    def __init__(self, **kwargs: Any) -> None:
        sentence = f"This must be a whole number of minutes from {MIN_MINUTES} to {MAX_MINUTES:,} (a week)."
        super().__init__(
            min_value=MIN_MINUTES,
            max_value=MAX_MINUTES,
            error_messages=dict.fromkeys(("invalid", "min_value", "max_value", "max_string_length"), sentence),
            **kwargs,
        )

    def to_internal_value(self, data: Any) -> int:
        """Return the number."""
        if isinstance(data, bool | float) or "_" in str(data):
            self.fail("invalid")
        return int(super().to_internal_value(data))


class IdentityScheduleInput(Input):
    """What an identity's own schedule takes: an interval, on or off, or both."""

    every_minutes = MinutesField(required=False)
    enabled = serializers.BooleanField(required=False, error_messages=_TRUE_OR_FALSE)
    reason = ReasonField()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Take at least one of the two."""
        if not {"every_minutes", "enabled"} & set(attrs):
            raise serializers.ValidationError("Give every_minutes, enabled, or both.")
        return attrs


class SyncViewSet(RunPollingViewSet):
    """Syncs: fetching what is new for identities."""

    tag = "Backfill and sync"
    answers: ClassVar[dict[str, Any]] = {**RunPollingViewSet.answers, "create": {202: Accepted}}
    queries: ClassVar[dict[str, Any]] = {"create": SyncQuery}
    permissions: ClassVar[dict[str, str]] = {
        "retrieve": "jobs.view_run",
        "create": "identities.sync_identity",
    }
    serializer_class = SyncInput

    def create(self, request: Request) -> Response:
        """Sync one identity, or all active ones."""
        query = SyncQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        given = SyncInput(data=request.data)
        given.is_valid(raise_exception=True)
        in_body, in_address = given.validated_data["identity_id"], query.validated_data.get("identity_id")
        if in_body is not None and in_address is not None and in_body != in_address:
            raise serializers.ValidationError(
                {"identity_id": ["The address names one identity and the body another; name one of them."]}
            )
        identity_id = in_address if in_body is None else in_body
        return self.once(
            request,
            lambda: operations.sync_identities(
                identity_ids=None if identity_id is None else [identity_id],
                actor=actor_of(request),
                reason=given.validated_data["reason"],
            ),
            accepted,
        )


class SyncStatusViewSet(OpsViewSet):
    """How the syncs of all identities are doing."""

    tag = "Identities"
    answers: ClassVar[dict[str, Any]] = {"status": api_shapes.SyncOverview}
    queries: ClassVar[dict[str, Any]] = {"status": StatusQuery}
    permissions: ClassVar[dict[str, str]] = {"status": "identities.view_identity"}
    conditional = frozenset({"status"})
    moving = frozenset({"as_of"})

    @action(detail=False, methods=["get"])
    def status(self, request: Request) -> Response:
        """Last sync, next sync, counts and health of each identity, and of all together."""
        query = StatusQuery(data={name: value for name, value in request.query_params.items() if value != ""})
        query.is_valid(raise_exception=True)
        return Response(overview_as_json(status.overview(include_inactive=query.validated_data["include_inactive"])))


class IdentityViewSet(OpsViewSet):
    """Identities: the accounts that the core acts as."""

    tag = "Identities"
    id_words = "The identity's id."
    answers: ClassVar[dict[str, Any]] = {
        "list": api_shapes.SyncOverview,
        "retrieve": api_shapes.SyncStatus,
        "sync": {202: Accepted},
        "backfill": {202: Accepted},
        **dict.fromkeys(("schedule", "clear_schedule"), api_shapes.SyncStatusChanged),
    }
    permissions: ClassVar[dict[str, str]] = {
        "list": "identities.view_identity",
        "retrieve": "identities.view_identity",
        "sync": "identities.sync_identity",
        "backfill": "identities.backfill_identity",
        "schedule": "identities.schedule_identity",
        "clear_schedule": "identities.schedule_identity",
    }
    serializer_class = ReasonInput

    def list(self, request: Request) -> Response:
        """All identities, also inactive ones."""
        return Response(overview_as_json(status.overview(include_inactive=True)))

    def retrieve(self, request: Request, pk: str) -> Response:
        """One identity."""
        return Response(_shown(queries.identity_id_of(pk)))

    @action(detail=True, methods=["post"])
    def sync(self, request: Request, pk: str) -> Response:
        """Fetch what is new for this identity."""
        given = ReasonInput(data=request.data)
        given.is_valid(raise_exception=True)
        return self.once(
            request,
            lambda: operations.sync_identities(
                identity_ids=[queries.identity_id_of(pk)],
                actor=actor_of(request),
                reason=given.validated_data["reason"],
            ),
            accepted,
        )

    @action(detail=True, methods=["post"])
    def backfill(self, request: Request, pk: str) -> Response:
        """Import the full history of this identity."""
        given = ReasonInput(data=request.data)
        given.is_valid(raise_exception=True)
        return self.once(
            request,
            lambda: operations.backfill_conversations(
                identity_ids=[queries.identity_id_of(pk)],
                actor=actor_of(request),
                reason=given.validated_data["reason"],
            ),
            accepted,
        )

    @action(detail=True, methods=["put"], serializer_class=IdentityScheduleInput)
    def schedule(self, request: Request, pk: str) -> Response:
        """Make or change this identity's own sync schedule."""
        given = IdentityScheduleInput(data=request.data)
        given.is_valid(raise_exception=True)
        identity_id = queries.identity_id_of(pk)
        message = schedule_operations.set_schedule(
            identity_id=identity_id, actor=actor_of(request), **given.validated_data
        )
        return Response({"message": message, **_shown(identity_id)})

    @schedule.mapping.delete
    def clear_schedule(self, request: Request, pk: str) -> Response:
        """Have this identity follow the general schedule again."""
        identity_id = queries.identity_id_of(pk)
        message = schedule_operations.clear_schedule(identity_id=identity_id, actor=actor_of(request))
        return Response({"message": message, **_shown(identity_id)})


def _shown(identity_id: int) -> dict[str, Any]:
    (found,) = status.of_identity(identity_id).statuses
    return status_as_json(found)
