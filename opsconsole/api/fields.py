"""Fields of input that several endpoints take, with sentences that say what is allowed."""

from typing import Any, ClassVar

from django.core.validators import ProhibitNullCharactersValidator
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from opsconsole.api import cursors
from opsconsole.row_ids import MAX_ID


class IdField(serializers.IntegerField):
    """The id of a row: a whole number of at least 1.

    One too large for any row is simply not found later; in a filter, with `max_value`, it is refused.
    """

    default_error_messages: ClassVar[dict[str, Any]] = {
        "invalid": "This must be a whole number.",
        "min_value": "This must be a whole number of at least 1.",
        "max_value": "This must be a whole number from 1 to {max_value}.",
        "max_string_length": f"This must be a whole number from 1 to {MAX_ID}.",
    }

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=1, **kwargs)

    def to_internal_value(self, data: Any) -> int:
        """Return the number; true, false and fractions are none."""
        if isinstance(data, bool | float) or "_" in str(data):
            self.fail("invalid")
        number = int(super().to_internal_value(data))
        return number if self.max_value else min(number, MAX_ID)


class MomentField(serializers.DateTimeField):
    """A moment in ISO 8601; without an offset it is UTC."""

    default_error_messages: ClassVar[dict[str, Any]] = {
        "invalid": "This must be a moment in ISO 8601, such as 2026-01-31T03:00:00Z.",
        "overflow": "This moment is out of range: its year must be 1 to 9999, in UTC.",
    }

    def to_internal_value(self, value: Any) -> Any:
        """Return the moment; a `+` that a query string turned into a space is taken as what was meant."""
        text = str(value).strip()
        return super().to_internal_value(text.replace(" ", "+") if "T" in text else text)


class ReasonField(serializers.CharField):
    """What a person gives as the reason; kept in the audit log.

    Args:
        needed: what is said when there is none; it may be left out when that is empty.
    """

    def __init__(self, *, needed: str = "", **kwargs: Any) -> None:
        optional: dict[str, Any] = {} if needed else {"required": False, "allow_blank": True, "default": ""}
        super().__init__(
            max_length=1_000,
            validators=[ProhibitNullCharactersValidator()],
            error_messages=dict.fromkeys(("required", "blank", "null"), needed) if needed else None,
            **optional,
            **kwargs,
        )


class Input(serializers.Serializer[Any]):
    """The body of a POST.

    A key that it doesn't know is refused: a misspelt one may ask for much more than was meant.
    """

    def to_internal_value(self, data: Any) -> Any:
        """Return the values.

        Raises:
            ValidationError: there are keys that it doesn't know; the sentence names those that it does.
        """
        known = ", ".join(self.fields)
        if unknown := [str(name) for name in data if name not in self.fields]:
            raise serializers.ValidationError(
                {name[:50]: [f"This is not a key of this operation; it takes {known}."] for name in unknown[:10]}
            )
        return super().to_internal_value(data)


@extend_schema_field({"type": "string", "maxLength": cursors.MAX_LENGTH})
class CursorField(serializers.CharField):
    """A cursor, as long as it likes: one that is too long is broken, as is any that was not made here."""


class ListQuery(serializers.Serializer[Any]):
    """The query parameters of every list: how many rows, and where to go on.

    An unknown one is ignored; an empty one is as good as none.
    """

    limit = serializers.IntegerField(
        min_value=1,
        max_value=200,
        default=50,
        error_messages={
            "invalid": "This must be a whole number from 1 to 200.",
            "min_value": "This must be a whole number from 1 to 200.",
            "max_value": "This must be a whole number from 1 to 200.",
            "max_string_length": "This must be a whole number from 1 to 200.",
        },
    )
    cursor = CursorField(default="")

    def to_internal_value(self, data: Any) -> Any:
        """Leave out what is empty."""
        return super().to_internal_value({name: value for name, value in data.items() if value != ""})
