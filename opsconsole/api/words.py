"""Values of answers that more may be added to: words of which some are known, and what the core or a task wrote.

For the API's description. Typed clients get the known words by name, such as `JobStatus`, and have to take others too.
"""

from collections.abc import Mapping
from typing import Any, Final

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

_SCHEMAS: Final = "#/components/schemas/"
JSON_VALUE: Final = {"$ref": f"{_SCHEMAS}JsonValue"}
_SCALAR: Final[dict[str, Any]] = {"type": ["string", "number", "boolean", "null"]}

# What every description has beside the shapes of answers and bodies. Words that have a name are added as they are used.
COMPONENTS: Final[dict[str, dict[str, Any]]] = {
    "JsonValue": {
        "description": "Any JSON value: what somebody else wrote, without what is private.",
        "anyOf": [
            _SCALAR,
            # What stands in an array is any value too. TypeScript takes no array for a part of its own type, so that is
            # said by what its members are; without `type`, it holds for texts, numbers and arrays as well.
            {"type": "array", "items": {"anyOf": [_SCALAR, {"additionalProperties": JSON_VALUE}]}},
            {"type": "object", "additionalProperties": JSON_VALUE},
        ],
    }
}


class KnownWord(serializers.CharField):
    """A text that is one of the known words, or another one.

    Args:
        name: what typed clients call the known words.
        known: the known words; not needed where the name was used before.
    """

    def __init__(self, name: str, known: tuple[str, ...], **options: Any) -> None:
        super().__init__(**options)
        schema = {"type": "string", "enum": list(known), "description": "The words that are known; more may come."}
        if COMPONENTS.setdefault(name, schema) != schema:
            raise ValueError(f"{name} stands for other words already.")
        self.name = name


class KnownWordExtension(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    """Describes a known word as one of those words or any text."""

    target_class = KnownWord

    def map_serializer_field(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        """Return the schema; drf-spectacular adds what it is for, and null where that is allowed."""
        return {"anyOf": [{"$ref": f"{_SCHEMAS}{self.target.name}"}, {"type": "string"}]}


@extend_schema_field(JSON_VALUE)
class AnyJson(serializers.JSONField):
    """Any JSON value, null too."""


@extend_schema_field(_SCALAR)
class Scalar(serializers.JSONField):
    """A text, a number, true, false or null."""


def with_components(schemas: Mapping[str, Any], *, open_shapes: frozenset[str]) -> dict[str, Any]:
    """Return a description's schemas with those that no shape stands for, by name.

    Args:
        schemas: of the shapes.
        open_shapes: the shapes that have further keys, with whatever values.
    """
    found = {**schemas, **COMPONENTS}
    for name in open_shapes & set(found):
        found[name]["additionalProperties"] = JSON_VALUE
    return dict(sorted(found.items()))
