"""What the rules of health are about: facts of an identity, and what is said of them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Literal

from identities.sync_schedules import Scheduled

Status = Literal["ok", "warning", "critical", "unknown"]

WORST_FIRST: Final[tuple[Status, ...]] = ("critical", "warning", "unknown", "ok")


class State(StrEnum):
    """What people call it."""

    ON_TRACK = "on_track"
    LATE = "late"
    FAILING = "failing"
    ACTION_REQUIRED = "action_required"
    PENDING = "pending"
    UNKNOWN = "unknown"
    INACTIVE = "inactive"


RANK: Final = {
    State.INACTIVE: 0,
    State.ON_TRACK: 1,
    State.UNKNOWN: 2,
    State.PENDING: 3,
    State.LATE: 4,
    State.FAILING: 5,
    State.ACTION_REQUIRED: 6,
}


@dataclass(frozen=True, kw_only=True)
class Reason:
    """One thing that there is to say.

    Attributes:
        code: what a program goes by.
        what: what is wrong, in a sentence.
        todo: what to do about it, in another one; empty where there is nothing to do.
        status: how bad it is; `unknown` for what is no fault.
        state: the state that it alone makes.
        number: of how many identities it holds.
    """

    code: str
    what: str
    status: Status
    state: State
    todo: str = ""
    number: int = 1

    @property
    def message(self) -> str:
        """What is wrong and what to do."""
        return f"{self.what} {self.todo}".rstrip()


@dataclass(frozen=True, kw_only=True)
class Health:
    """What the rules say."""

    status: Status
    state: State
    reasons: tuple[Reason, ...] = ()

    @property
    def weight(self) -> tuple[int, int]:
        """What to sort by: the higher, the more it asks for somebody to act."""
        return RANK[self.state], -WORST_FIRST.index(self.status)


@dataclass(frozen=True, kw_only=True)
class ActiveSync:
    """An identity's job that runs or waits: since when, if that is known, and whether it is a sync or another job."""

    since: datetime | None
    running: bool
    what: str = "sync"


@dataclass(frozen=True, kw_only=True)
class Facts:
    """The known facts about an identity. Times are UTC. None means “not known” or “never”.

    Attributes:
        is_active: the core uses it.
        has_credential: there is one of its own.
        credential_at: when the newest one was connected or renewed.
        last_sync_at: the last sign of a sync that succeeded, the newest message included.
        succeeded_at: when a sync last succeeded, from a sync's own result; None if only messages show a sync.
        last_error: what the newest failed attempt since then said.
        partial_error: what the last success left out.
        failures: how many attempts have failed since the last success.
        failing_since: when the first of them ended.
        rejection: the newest error since the last success by which the provider refuses the credential.
        rejected_at: when it came.
        scheduled: whether a schedule of the console's syncs it.
        schedule_words: when, such as “every 10 minutes”.
        schedule_problem: why the schedule can't run.
        next_at: when the next sync is expected.
        late_at: from then on it is late, by the schedule.
        failing_at: from then on it is failing.
        missed_at: when beat should have started its sync and didn't.
        beat_silent_since: since when beat starts nothing at all.
        active: what runs or waits.
    """

    is_active: bool = True
    has_credential: bool = True
    credential_at: datetime | None = None
    last_sync_at: datetime | None = None
    succeeded_at: datetime | None = None
    last_error: str = ""
    partial_error: str = ""
    failures: int = 0
    failing_since: datetime | None = None
    rejection: str = ""
    rejected_at: datetime | None = None
    scheduled: Scheduled = "on"
    schedule_words: str = ""
    schedule_problem: str = ""
    next_at: datetime | None = None
    late_at: datetime | None = None
    failing_at: datetime | None = None
    missed_at: datetime | None = None
    beat_silent_since: datetime | None = None
    active: ActiveSync | None = None
