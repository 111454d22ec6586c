"""Payloads of jobs, as long as their place allows; what is cut is cut in SQL, to the ids that a payload names."""

from typing import Final

from django.db.models.expressions import RawSQL

from opsconsole import cut_json
from opsconsole.cut_json import IN_LISTS

KEPT: Final = ("conversation_id", "message_id", "identity_id")
_COLUMN: Final = "jobs.payload_json"


def cut(*, limit: int = IN_LISTS) -> str:
    """Return the SQL for the payload of a row of `jobs`; `cut_json.parse` reads it."""
    return cut_json.cut(_COLUMN, keys=KEPT, limit=limit)


def expression() -> RawSQL:
    """Return the same for a queryset of jobs to be annotated with."""
    return cut_json.expression(_COLUMN, keys=KEPT)
