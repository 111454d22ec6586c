"""Request bodies: JSON objects of a bounded size, and nothing else."""

import json
import re
from typing import Any, Final

import orjson
from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from opsconsole.errors import Refused, TooLarge

MAX_DEPTH: Final = 32
_NUL: Final = re.compile("\x00")


class BoundedJSONParser(BaseParser):
    """Parses a JSON object. An empty body is `{}`; what PostgreSQL could not store (NUL) is refused here."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> dict[str, Any]:
        """Return the body's object.

        Raises:
            TooLarge: it has more bytes than `DATA_UPLOAD_MAX_MEMORY_SIZE`.
            ParseError: it is not JSON by RFC 8259.
            Refused: it is not an object, holds a NUL character, or is nested too deeply.
        """
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0
        body = stream.read(limit + 1)
        if len(body) > limit:
            raise TooLarge(f"The body is larger than {limit:,} bytes.")
        if not body.strip():
            return {}
        try:
            value = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise ParseError(f"The body is not valid JSON: {error}.") from error
        if not isinstance(value, dict):
            raise Refused("The body must be a JSON object, such as {}.", code="not_an_object")
        _check(value, depth=0)
        # orjson checks strictly; Python's own parser keeps whole numbers of any size.
        exact: dict[str, Any] = json.loads(body)
        return exact


def _check(value: Any, *, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise Refused(f"The body is nested more than {MAX_DEPTH} levels deep.", code="too_deep")
    if isinstance(value, str):
        if _NUL.search(value):
            raise Refused("The body holds a NUL character, which can't be stored.", code="nul_character")
    elif isinstance(value, dict):
        for key, item in value.items():
            _check(key, depth=depth + 1)
            _check(item, depth=depth + 1)
    elif isinstance(value, list):
        for item in value:
            _check(item, depth=depth + 1)
