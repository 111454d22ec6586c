"""How healthy an identity's syncing is, and what to do about it: pure rules over facts, without a query.

The states, worst first: action required, failing, late, pending (never synced), unknown, on track; and inactive, of
which nothing is expected. Every reason is a sentence that says what is wrong and what to do.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Literal

from django.conf import settings

from identities.sync_schedules import Scheduled
from opsconsole.formatting import count, first_line, relative, rough

Status = Literal["ok", "warning", "critical", "unknown"]

_WORST_FIRST: Final[tuple[Status, ...]] = ("critical", "warning", "unknown", "ok")
ERROR_LENGTH: Final = 160


class State(StrEnum):
    """What people call it."""

    ON_TRACK = "on_track"
    LATE = "late"
    FAILING = "failing"
    ACTION_REQUIRED = "action_required"
    PENDING = "pending"
    UNKNOWN = "unknown"
    INACTIVE = "inactive"


@dataclass(frozen=True, kw_only=True)
class Reason:
    """One thing that there is to say.

    Attributes:
        code: what a program goes by.
        what: what is wrong, in a sentence.
        todo: what to do about it, in another one; empty where there is nothing to do.
        status: how bad it is; `unknown` for what is no fault.
        state: the state that it alone makes.
    """

    code: str
    what: str
    status: Status
    state: State
    todo: str = ""

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
        return _RANK[self.state], -_WORST_FIRST.index(self.status)


@dataclass(frozen=True, kw_only=True)
class ActiveSync:
    """The job of an identity that runs, or waits to: since when, and whether it is a sync or another job."""

    since: datetime
    running: bool
    what: str = "sync"


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known of an identity; times are UTC, None is “not known” or “never”.

    Attributes:
        is_active: the core uses it.
        has_credential: there is one of its own.
        credential_at: when the newest one was connected or renewed.
        last_sync_at: the last sign of a sync that succeeded, the newest message included.
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


def assess(facts: Facts, *, now: datetime) -> Health:
    """Return how healthy an identity is, and why.

    Args:
        facts: what is known of it.
        now: the moment, UTC.
    """
    if not facts.is_active:
        inactive = Reason(
            code="inactive",
            what="The core doesn't use it, so nothing is synced.",
            todo="Activate it in the core to begin.",
            status="unknown",
            state=State.INACTIVE,
        )
        return Health(status="unknown", state=State.INACTIVE, reasons=(inactive,))
    reasons = tuple(
        reason
        for rules in (_credential, _attempts, _time, _active, _schedule, _beat, _evidence)
        for reason in rules(facts, now)
    )
    state = _state(reasons)
    statuses = {reason.status for reason in reasons}
    if state is State.ON_TRACK:
        statuses.add("ok")
        statuses.discard("unknown")
    return Health(status=_worst(statuses or {"unknown"}), state=state, reasons=_by_weight(reasons))


def overall(found: Sequence[Health]) -> Health:
    """Return the health of all active identities together: the worst one counts, and the reasons count them."""
    active = [health for health in found if health.state is not State.INACTIVE]
    if not active:
        reason = Reason(
            code="no_active_identity",
            what="There is no active identity, so nothing is synced.",
            status="unknown",
            state=State.UNKNOWN,
        )
        return Health(status="unknown", state=State.UNKNOWN, reasons=(reason,))
    worst = _worst({health.status for health in active})
    states = [health.state for health in active]
    reasons = [
        Reason(code=state.value, what=_counted(state, states.count(state)), status=status, state=state)
        for state, status in _OVERALL
        if state in states
    ]
    if noted := [health for health in active if health.state is State.ON_TRACK and health.status != "ok"]:
        what = _counted(State.ON_TRACK, len(noted))
        reasons.append(Reason(code="on_track_with_warnings", what=what, status="warning", state=State.ON_TRACK))
    return Health(status=worst, state=max(states, key=lambda each: _RANK[each]), reasons=tuple(reasons))


_RANK: Final = {
    State.INACTIVE: 0,
    State.ON_TRACK: 1,
    State.UNKNOWN: 2,
    State.PENDING: 3,
    State.LATE: 4,
    State.FAILING: 5,
    State.ACTION_REQUIRED: 6,
}
_OVERALL: Final[tuple[tuple[State, Status], ...]] = (
    (State.ACTION_REQUIRED, "critical"),
    (State.FAILING, "critical"),
    (State.LATE, "warning"),
    (State.PENDING, "unknown"),
    (State.UNKNOWN, "unknown"),
)


def _counted(state: State, number: int) -> str:
    who = count(number, "identity", "identities")
    be, has, needs = ("is", "has", "needs") if number == 1 else ("are", "have", "need")
    words = {
        State.ACTION_REQUIRED: f"{who} {needs} somebody to act",
        State.FAILING: f"{who} {be} failing",
        State.LATE: f"{who} {be} late",
        State.PENDING: f"{who} {has} never synced",
        State.UNKNOWN: f"{who} {be} not known to be on track",
        State.ON_TRACK: f"{who} {be} on track, with something to look at",
    }
    return f"{words[state]}."


def _credential(facts: Facts, now: datetime) -> Iterable[Reason]:
    connect = "Connect the account again in the core, then sync."
    if facts.rejection:
        said = first_line(facts.rejection, ERROR_LENGTH)
        when = f", {relative(facts.rejected_at, now)}" if facts.rejected_at else ""
        todo = connect
        if facts.credential_at and facts.rejected_at and facts.credential_at > facts.rejected_at:
            todo = "It has another one since then; sync now to see whether that is accepted."
        yield Reason(
            code="credential_rejected",
            what=f"The provider refuses its credential (“{said}”{when}).",
            todo=todo,
            status="critical",
            state=State.ACTION_REQUIRED,
        )
    elif not facts.has_credential:
        synced = facts.last_sync_at is not None and not facts.failures and not _past(facts.late_at, now)
        if synced and facts.scheduled != "on":
            # Without a schedule nobody can tell whether the next one would.
            yield Reason(
                code="credential_missing",
                what="It has no credential of its own, though its last sync succeeded.",
                todo=connect.replace(" again", ""),
                status="warning",
                state=State.ON_TRACK,
            )
        elif synced:
            yield Reason(
                code="credential_missing",
                what="It has no credential of its own, though its syncs succeed.",
                status="unknown",
                state=State.ON_TRACK,
            )
        else:
            yield Reason(
                code="credential_missing",
                what="It has no credential, so its provider lets nothing in.",
                todo=connect.replace(" again", ""),
                status="critical",
                state=State.ACTION_REQUIRED,
            )


def _attempts(facts: Facts, now: datetime) -> Iterable[Reason]:
    said = first_line(facts.last_error, ERROR_LENGTH)
    quoted = f": “{said}”." if said else "."
    if facts.failures >= settings.SYNC_FAILING_AFTER_FAILURES:
        first = f", the first of them {relative(facts.failing_since, now)}" if facts.failing_since else ""
        yield Reason(
            code="failing",
            what=f"The last {count(facts.failures, 'attempt')} failed{first}{quoted}",
            todo="Mend what it names, then sync.",
            status="critical",
            state=State.FAILING,
        )
    elif facts.failures:
        yield Reason(
            code="last_attempt_failed",
            what=f"The last attempt failed{quoted}",
            todo="It is tried again; sync now if you can't wait.",
            status="warning",
            state=State.ON_TRACK if facts.last_sync_at else State.PENDING,
        )
    elif facts.partial_error:
        left_out = first_line(facts.partial_error, ERROR_LENGTH)
        yield Reason(
            code="partial",
            what=f"The last sync succeeded but left something out: “{left_out}”.",
            todo="What it brought is stored; the rest may come with the next one.",
            status="warning",
            state=State.ON_TRACK,
        )


def _time(facts: Facts, now: datetime) -> Iterable[Reason]:
    if facts.last_sync_at is None or not _past(facts.late_at, now):
        return
    expected = f", though one is expected {facts.schedule_words}" if facts.schedule_words else ""
    what = f"No sync has succeeded for {rough((now - facts.last_sync_at).total_seconds())}{expected}."
    if facts.active is not None:
        todo = f"A {facts.active.what} is {'running' if facts.active.running else 'waiting'} now."
    elif facts.beat_silent_since is not None:
        todo = "See to it that beat runs, or sync now."
    else:
        todo = "Sync now, and see what becomes of it."
    if _past(facts.failing_at, now):
        yield Reason(code="not_synced", what=what, todo=todo, status="critical", state=State.FAILING)
    else:
        yield Reason(code="late", what=what, todo=todo, status="warning", state=State.LATE)


def _active(facts: Facts, now: datetime) -> Iterable[Reason]:
    active = facts.active
    if active is None:
        return
    seconds = (now - active.since).total_seconds()
    if active.running and seconds > settings.SYNC_LONG_AFTER_SECONDS and active.what == "sync":
        yield Reason(
            code="running_long",
            what=f"A sync has been running for {rough(seconds)}.",
            todo="Open its job, and cancel it if it goes no further.",
            status="warning",
            state=State.ON_TRACK,
        )
    elif not active.running and seconds > settings.SYNC_GRACE_SECONDS:
        yield Reason(
            code="waiting_long",
            what=f"A {active.what} has been waiting for {rough(seconds)}.",
            todo="See to it that a worker runs and listens on its queue.",
            status="warning",
            state=State.ON_TRACK,
        )


def _schedule(facts: Facts, now: datetime) -> Iterable[Reason]:
    problem = facts.schedule_problem or "nothing says why."
    known = {
        "off": ("schedule_off", "Its schedule is switched off, so it is synced by hand only.", "Switch it on."),
        "paused": ("schedules_paused", "All schedules are paused, so it isn't synced.", "Resume them."),
        "broken": ("schedule_broken", f"Its schedule never runs: {_lower(problem)}", "Set another one."),
        "missing": ("schedule_missing", "No schedule syncs it, while others have one.", "Give it one."),
    }
    if facts.scheduled in known:
        code, what, todo = known[facts.scheduled]
        yield Reason(code=code, what=what, todo=todo, status="warning", state=State.UNKNOWN)
    elif facts.scheduled == "elsewhere":
        yield Reason(
            code="not_scheduled_here",
            what="No schedule here syncs it.",
            todo="The core's own beat may, of which nothing is known here; give it a schedule to have it watched.",
            status="unknown",
            state=State.UNKNOWN,
        )


def _beat(facts: Facts, now: datetime) -> Iterable[Reason]:
    if facts.scheduled != "on":
        return
    if facts.beat_silent_since is not None:
        yield Reason(
            code="beat_silent",
            what=f"Beat has started nothing since {facts.beat_silent_since:%H:%M} UTC "
            f"({relative(facts.beat_silent_since, now)}), though something was due.",
            todo="See to it that the beat process runs.",
            status="warning",
            state=State.ON_TRACK,
        )
    elif facts.missed_at is not None:
        yield Reason(
            code="run_missed",
            what=f"Beat has missed the sync that was due {relative(facts.missed_at, now)}, though it starts others.",
            todo="Sync now; if it happens again, look at beat's log.",
            status="warning",
            state=State.ON_TRACK,
        )


def _evidence(facts: Facts, now: datetime) -> Iterable[Reason]:
    if facts.last_sync_at is not None or facts.failures:
        return
    if facts.scheduled == "elsewhere":
        yield Reason(
            code="never_synced",
            what="Nothing shows that it has ever synced.",
            todo="Sync it now.",
            status="unknown",
            state=State.UNKNOWN,
        )
        return
    todo = "Sync it now."
    if facts.active is not None:
        todo = f"A {facts.active.what} is {'running' if facts.active.running else 'waiting'} now."
    elif facts.next_at is not None:
        todo = f"The first sync is expected {relative(facts.next_at, now)}."
    yield Reason(code="never_synced", what="It has never synced.", todo=todo, status="unknown", state=State.PENDING)


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]


def _state(reasons: Sequence[Reason]) -> State:
    return max((reason.state for reason in reasons), key=lambda state: _RANK[state], default=State.ON_TRACK)


def _by_weight(reasons: Sequence[Reason]) -> tuple[Reason, ...]:
    return tuple(sorted(reasons, key=lambda reason: (_WORST_FIRST.index(reason.status), -_RANK[reason.state])))


def _worst(statuses: Iterable[Status]) -> Status:
    return min(statuses, key=_WORST_FIRST.index)


def _past(moment: datetime | None, now: datetime) -> bool:
    return moment is not None and now > moment
