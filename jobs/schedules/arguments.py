"""The arguments that a periodic task gives to what it starts: by name, or by position where the names are known."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from opsconsole.errors import Refused
from opsconsole.redaction import redact_name


def bind(parameters: Sequence[str], positional: Sequence[Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments by name.

    Args:
        parameters: the names that are taken, in the order in which they are taken by position.
        positional: the arguments that are given by position.
        arguments: those that are given by name.

    Raises:
        Refused: there are too many, one of a name that isn't taken, or one is given twice.
    """
    takes = f"it takes {', '.join(parameters)}" if parameters else "it takes none"
    if len(positional) > len(parameters):
        raise Refused(f"It is given {len(positional)} arguments by position, but {takes}.", code="bad_arguments")
    bound = dict(zip(parameters, positional, strict=False))
    for name, value in arguments.items():
        shown = redact_name(str(name))[:100]
        if name not in parameters:
            raise Refused(f"“{shown}” is not an argument of it; {takes}.", code="bad_arguments")
        if name in bound:
            raise Refused(f"Its argument “{shown}” is given twice, by position and by name.", code="bad_arguments")
        bound[name] = value
    check_storable(bound)
    return bound


def check_storable(value: Any) -> None:
    """Raise Refused where a value can't be kept as JSON by PostgreSQL."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        text.encode()
    except (ValueError, TypeError) as error:
        raise Refused(
            "Its arguments hold what can't be stored as JSON: NaN, Infinity, or half of a character.",
            code="bad_arguments",
        ) from error
    if "\\u0000" in text:
        raise Refused("Its arguments hold a NUL character, which can't be stored.", code="bad_arguments")
