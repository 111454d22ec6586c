"""How healthy an identity's syncing is, and what to do about it: pure rules over facts, without a query.

The states, worst first: action required, failing, late, pending (never synced), unknown, on track; and inactive, of
which nothing is expected. Every reason is a sentence that says what is wrong and what to do.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from identities.health_facts import RANK, WORST_FIRST, ActiveSync, Facts, Health, Reason, State, Status
from identities.health_rules import RULES
from opsconsole.formatting import count

__all__ = ["ActiveSync", "Facts", "Health", "Reason", "State", "Status", "assess", "overall"]

_OVERALL: Final[tuple[tuple[State, Status], ...]] = (
    (State.ACTION_REQUIRED, "critical"),
    (State.FAILING, "critical"),
    (State.LATE, "warning"),
    (State.PENDING, "unknown"),
    (State.UNKNOWN, "unknown"),
)


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
    reasons = tuple(reason for rule in RULES for reason in rule(facts, now))
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
        Reason(code=state.value, what=_counted(state, number), status=status, state=state, number=number)
        for state, status in _OVERALL
        if (number := states.count(state))
    ]
    if noted := [health for health in active if health.state is State.ON_TRACK and health.status != "ok"]:
        what = _counted(State.ON_TRACK, len(noted))
        reasons.append(
            Reason(code="on_track_with_warnings", what=what, status="warning", state=State.ON_TRACK, number=len(noted))
        )
    return Health(status=worst, state=max(states, key=lambda each: RANK[each]), reasons=tuple(reasons))


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


def _state(reasons: Sequence[Reason]) -> State:
    return max((reason.state for reason in reasons), key=lambda state: RANK[state], default=State.ON_TRACK)


def _by_weight(reasons: Sequence[Reason]) -> tuple[Reason, ...]:
    return tuple(sorted(reasons, key=lambda reason: (WORST_FIRST.index(reason.status), -RANK[reason.state])))


def _worst(statuses: Iterable[Status]) -> Status:
    return min(statuses, key=WORST_FIRST.index)
