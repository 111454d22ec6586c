"""The API's endpoints for all jobs that match a filter: what retrying or cancelling them would do, and doing it."""

from typing import TYPE_CHECKING, Any, Final

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from jobs.api_changes import accepted
from jobs.api_filters import JobFilterQuery
from jobs.filters import from_validated
from jobs.matching import operations
from jobs.matching.operations import MAX_CANARY
from jobs.matching.preview import Preview, preview
from jobs.matching.selection import RETRY, Verb
from jobs.representation import jobs_as_json
from opsconsole.api.actor import actor_of
from opsconsole.api.fields import IdField, Input, ReasonField

if TYPE_CHECKING:
    from opsconsole.api.viewsets import OpsViewSet

    Base = OpsViewSet
else:
    Base = object

_TRUE_OR_FALSE: Final[dict[str, Any]] = {"invalid": "This must be true or false."}
_COUNT: Final[dict[str, Any]] = dict.fromkeys(
    ("invalid", "min_value", "max_value", "max_string_length"),
    "This must be the number of jobs that matched when you looked, as the dry run gives it.",
)
_CANARY: Final[dict[str, Any]] = dict.fromkeys(
    ("invalid", "min_value", "max_value", "max_string_length"),
    f"This must be a whole number from 1 to {MAX_CANARY}: how many jobs go first.",
)


@extend_schema_field(JobFilterQuery)
class FilterField(serializers.DictField):
    """The filters of the jobs list as an object; a key that it doesn't know is refused."""

    default_error_messages = {"not_a_dict": "This must be an object with the filters of the jobs list; {{}} for none."}

    def to_internal_value(self, data: Any) -> Any:
        """Return the filter."""
        values = super().to_internal_value(data)
        query = JobFilterQuery()
        if unknown := [str(name) for name in values if name not in query.fields]:
            known = ", ".join(query.fields)
            raise serializers.ValidationError(f"“{unknown[0][:50]}” is not a filter; it takes {known}.")
        if isinstance(values.get("status"), list):
            values["status"] = ",".join(str(status) for status in values["status"])
        query = JobFilterQuery(data=values)
        query.is_valid(raise_exception=True)
        return from_validated(query.validated_data)


class MatchingInput(Input):
    """What cancelling all jobs that match takes: first a dry run, then what that has answered, and a reason."""

    filter = FilterField(
        error_messages={"required": "Say which jobs, by the filters of the jobs list; {{}} for all of them."}
    )
    dry_run = serializers.BooleanField(required=False, default=False, error_messages=_TRUE_OR_FALSE)
    up_to_id = IdField(required=False)
    expected = serializers.IntegerField(required=False, min_value=0, max_value=10_000_000, error_messages=_COUNT)
    reason = ReasonField()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Have all that is needed to change anything."""
        if attrs["dry_run"]:
            return attrs
        missing = {
            name: [f"This is needed, from a dry run: the same request with “dry_run”: true answers with {what}."]
            for name, what in (("up_to_id", "it"), ("expected", "it as “matched”"))
            if name not in attrs
        }
        if not attrs["reason"].strip():
            missing["reason"] = [operations.REASON_NEEDED]
        if missing:
            raise serializers.ValidationError(missing)
        return attrs


class RetryMatchingInput(MatchingInput):
    """What retrying all jobs that match takes."""

    canary = serializers.IntegerField(
        required=False, allow_null=True, default=None, min_value=1, max_value=MAX_CANARY, error_messages=_CANARY
    )


class MatchingActions(Base):
    """What can be done to all jobs that match a filter."""

    @action(detail=False, methods=["post"], url_path="retry", serializer_class=RetryMatchingInput)
    def retry_matching(self, request: Request) -> Response:
        """Retry all failed jobs of a filter; `{"dry_run": true}` only says what that would do."""
        given = RetryMatchingInput(data=request.data)
        given.is_valid(raise_exception=True)
        data = given.validated_data
        if data["dry_run"]:
            return Response(preview_as_json(_preview("retry", data)))
        return self.once(
            request,
            lambda: operations.retry_matching(**_seen(data), canary=data["canary"] or 0, actor=actor_of(request)),
            accepted,
        )

    @action(detail=False, methods=["post"], url_path="cancel", serializer_class=MatchingInput)
    def cancel_matching(self, request: Request) -> Response:
        """Cancel all jobs of a filter that have not ended; `{"dry_run": true}` only says what that would do."""
        given = MatchingInput(data=request.data)
        given.is_valid(raise_exception=True)
        data = given.validated_data
        if data["dry_run"]:
            return Response(preview_as_json(_preview("cancel", data)))
        return self.once(request, lambda: operations.cancel_matching(**_seen(data), actor=actor_of(request)), accepted)


def preview_as_json(shown: Preview) -> dict[str, Any]:
    """Return what a dry run answers."""
    verb = "retry" if shown.selection.verb == RETRY else "cancel"
    return {
        "matched": shown.matched,
        "up_to_id": shown.selection.up_to_id,
        # All the rest is about the oldest of them, where there are very many.
        "looked_at": shown.looked_at,
        f"will_{verb}": shown.will,
        "by_type": shown.by_type,
        "by_identity": [
            {"id": subject.id, "display_name": subject.display_name, "n": n} if subject else {"id": None, "n": n}
            for subject, n in shown.by_identity
        ],
        "left_out": [{"code": one.code, "reason": one.reason, "n": one.jobs} for one in shown.left_out],
        "warnings": shown.warnings,
        "sample": jobs_as_json(shown.sample),
    }


def _preview(verb: Verb, data: dict[str, Any]) -> Preview:
    return preview(verb, data["filter"], up_to_id=data.get("up_to_id"))


def _seen(data: dict[str, Any]) -> dict[str, Any]:
    return {
        "job_filter": data["filter"],
        "up_to_id": data["up_to_id"],
        "expected": data["expected"],
        "reason": data["reason"],
    }
