"""The filters of the jobs list, as the API takes them."""

from typing import Any, get_args

from rest_framework import serializers

from jobs.filters import ALLOWED_STATUSES, FINGERPRINT, NO_FINGERPRINT
from opsconsole.api.fields import IdField, ListQuery, MomentField
from opsconsole.audit import Via
from opsconsole.row_ids import MAX_ID


class JobFilterQuery(serializers.Serializer[Any]):
    """The filters of the jobs list."""

    status = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=100,
        error_messages={"max_length": f"These are too many; allowed are {', '.join(ALLOWED_STATUSES)}."},
        help_text=f"One or several, repeated or with commas: {', '.join(ALLOWED_STATUSES)}.",
    )
    job_type = serializers.CharField(required=False, allow_blank=True, max_length=64)
    queue_name = serializers.CharField(required=False, allow_blank=True, max_length=64)
    identity_id = IdField(required=False, max_value=MAX_ID)
    q = serializers.CharField(
        required=False, allow_blank=True, max_length=200, help_text="A part of the type or of the error."
    )
    created_after = MomentField(required=False)
    created_before = MomentField(required=False)
    stuck = serializers.BooleanField(
        required=False, default=False, error_messages={"invalid": "This must be true or false."}
    )

    fingerprint = serializers.RegexField(
        FINGERPRINT,
        required=False,
        allow_blank=True,
        error_messages={"invalid": NO_FINGERPRINT},
        help_text="Of an error group.",
    )

    def to_internal_value(self, data: Any) -> Any:
        """Take a status that is repeated or has commas; an empty parameter is as good as none."""
        values = {name: value for name, value in data.items() if value != ""}
        if hasattr(data, "getlist"):
            values["status"] = ",".join(data.getlist("status"))
        return super().to_internal_value(values)

    def validate_status(self, value: str) -> list[str]:
        """Return the statuses, each of which must be one that exists."""
        statuses = list(dict.fromkeys(part.strip() for part in value.split(",") if part.strip()))
        for name in statuses:
            if name not in ALLOWED_STATUSES:
                raise serializers.ValidationError(
                    f"“{name[:50]}” is not a status; allowed are {', '.join(ALLOWED_STATUSES)}."
                )
        return statuses

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Name the statuses as the filter does."""
        attrs["statuses"] = tuple(attrs.pop("status", ()))
        return attrs


class RunListQuery(ListQuery):
    """The query parameters of the runs list; `jobs.run_filters` reads them."""

    operation = serializers.CharField(required=False)
    requested_by = serializers.CharField(required=False)
    via = serializers.ChoiceField(choices=get_args(Via), required=False)
    created_after = MomentField(required=False)
    created_before = MomentField(required=False)
