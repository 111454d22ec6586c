"""Model fields that read and write the existing tables in both variants of their schema.

The core's ORM may have made `jsonb` or `json` columns, and times with or without a time zone; the console works on
all of them, unchanged and without a setting.
"""

import json
import re
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from opsconsole.redaction import redact_name, redact_text

# What may be assigned to a field, and what is read from it: the type checker's plugin fills them in.
Set = TypeVar("Set")
Get = TypeVar("Get")

# A document with more levels is returned as text: how deeply Python can nest depends on its free stack.
MAX_LEVELS: Final = 500
TOO_DEEP: Final = "[nested too deeply]"
_TOKENS: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', re.DOTALL)


def parse_json(text: str | None) -> Any:
    """Return the value of a JSON document from the database, or None for NULL. Read all such documents with this.

    Like the core, this uses Python's own parser. So whole numbers of any size stay exact, and dedupe keys computed from
    the value equal the core's. A document that Python can't read, because it has thousands of digits or levels, is
    returned as text.
    """
    if text is None:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return text if text.count("[") + text.count("{") > MAX_LEVELS and _is_deeper(value, MAX_LEVELS) else value


def parse_outer_levels(text: str) -> Any:
    """Return the value of a JSON document like `parse_json`, but of a deep one its outer levels instead of the text.

    What is nested in more than MAX_LEVELS is replaced by a text that says so.
    """
    kept, start, level = [], 0, 0
    for token in _TOKENS.finditer(text):
        if token[0] in "[{":
            level += 1
            if level == MAX_LEVELS + 1:
                kept += [text[start : token.start()], json.dumps(TOO_DEEP)]
        elif token[0] in "]}":
            level -= 1
            if level == MAX_LEVELS:
                start = token.end()
    if level:
        # This is no JSON.
        return text
    return parse_json("".join([*kept, text[start:]]))


def _is_deeper(value: Any, levels: int) -> bool:
    """Return whether lists and objects are nested in more than this number of levels."""
    containers = [value] if isinstance(value, dict | list) else []
    while containers and levels:
        levels -= 1
        inner = (item for one in containers for item in (one.values() if isinstance(one, dict) else one))
        containers = [item for item in inner if isinstance(item, dict | list)]
    return bool(containers)


class AnyJSONField(models.JSONField):
    """A JSON value in a `jsonb` or a `json` column.

    Django is handed a `jsonb` value as text, but a `json` one already parsed; so it is always selected as text.
    Key look-ups in SQL are not to be used with it: they need `jsonb`, and a document with an escaped NUL can't be
    cast to that.
    """

    def select_format(self, compiler: Any, sql: str, params: Any) -> tuple[str, Any]:
        """Return the column's SQL, cast to text."""
        return f"({sql})::text", params

    def from_db_value(self, value: str | None, expression: Any, connection: BaseDatabaseWrapper) -> Any:
        """Return the parsed value, whichever of the two types the column has."""
        return parse_json(value)


class EnumCharField(models.CharField[Set, Get]):
    """A word from a short list, in a text column or in one of a native enum type.

    Many rows are then inserted as literals, which take the column's own type; in an array they would be texts.
    """

    def get_placeholder(self, value: Any, compiler: Any, connection: BaseDatabaseWrapper) -> str:
        """Return the placeholder of one value: that there is this method keeps Django from inserting by arrays."""
        return "%s"


class ShownCharField(models.CharField[Set, Get]):
    """A name that the core has given and the console only shows; what looks like a credential is redacted on reading.

    Never write back what was read, and never send it to anybody who needs it as it is.
    """

    def from_db_value(self, value: str | None, expression: Any, connection: BaseDatabaseWrapper) -> str | None:
        """Return the redacted name."""
        return None if value is None else redact_name(value)


class ShownTextField(models.TextField[Set, Get]):
    """An error or the like that is only shown; what looks like a credential in it is redacted on reading."""

    def from_db_value(self, value: str | None, expression: Any, connection: BaseDatabaseWrapper) -> str | None:
        """Return the redacted text."""
        return None if value is None else redact_text(value)


class UTCDateTimeField(models.DateTimeField[Any, datetime | None]):
    """A moment in UTC, in a column with or without a time zone (the core writes naive UTC).

    The value is None, even in a column without NULLs, if Python can't represent the moment (opsconsole/far_times.py).
    """

    def from_db_value(
        self, value: datetime | None, expression: Any, connection: BaseDatabaseWrapper
    ) -> datetime | None:
        """Return the moment as an aware datetime in UTC."""
        if value is not None and value.tzinfo is None:
            return value.replace(tzinfo=UTC)
        return value
