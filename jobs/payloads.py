"""Reads payloads of jobs. SQL cuts a payload that is too long down to the ids in it."""

from typing import Final

from django.db.models.expressions import RawSQL

from opsconsole import cut_json
from opsconsole.cut_json import IN_LISTS

KEPT: Final = ("conversation_id", "message_id", "identity_id")
_COLUMN: Final = "jobs.payload_json"


def cut(*, limit: int = IN_LISTS) -> str:
    """Return the SQL expression for a job's payload, cut if it is longer than `limit` bytes; see `cut_json.parse`."""
    return cut_json.cut(_COLUMN, keys=KEPT, limit=limit)


def text_of(key: str) -> str:
    """Return the SQL expression for the text of a key of a job's payload; see `cut_json.text_of`."""
    return cut_json.text_of(_COLUMN, key)


def expression() -> RawSQL:
    """Return the same expression for annotating a queryset of jobs."""
    return cut_json.expression(_COLUMN, keys=KEPT)
