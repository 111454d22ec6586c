"""What pages are told about the counting."""

from dataclasses import dataclass
from datetime import datetime

from identities.counting.position import STATE_ID
from identities.models import CountingState


@dataclass(frozen=True, kw_only=True)
class CountsState:
    """How far the counting of messages has come.

    Attributes:
        as_of: every message that was committed by then is counted; None until the first count is done.
        recounted_at: when the last whole recount ended, which found what was deleted before it began.
        first_count_done: until it is, the numbers in `IdentityCounts` are too low.
        percent: how far the first count has come; None when it is done, or nobody has begun.
    """

    as_of: datetime | None = None
    recounted_at: datetime | None = None
    first_count_done: bool = False
    percent: int | None = None


def state() -> CountsState:
    """Return how far the counting has come; one query."""
    found = CountingState.objects.filter(pk=STATE_ID).first()
    if found is None:
        return CountsState()
    if found.counted_as_of is None:
        return CountsState(percent=found.counted_id * 100 // max(found.horizon_id or 0, 1))
    return CountsState(as_of=found.counted_as_of, recounted_at=found.recounted_at, first_count_done=True)
