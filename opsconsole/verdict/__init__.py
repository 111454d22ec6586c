"""Whether anything is wrong with the whole, what, and what to do about it: pure rules over facts, without a query.

Every reason is a sentence that says what is wrong and what to do, and leads to the page where it is dealt with.
"""

from collections.abc import Mapping
from typing import Final

from opsconsole.verdict.facts import PARTS, WORST_FIRST, Facts, Part, Reason, Severity, Status, Verdict
from opsconsole.verdict.rules import RULES, unread

__all__ = ["PARTS", "Facts", "Part", "Reason", "Severity", "Status", "Verdict", "assess"]

_RANK: Final[Mapping[Status, int]] = {status: rank for rank, status in enumerate(WORST_FIRST)}


def assess(facts: Facts) -> Verdict:
    """Return what there is to say of the whole; the worst reason comes first, and counts.

    A part of which nothing can be told is `unknown`; by itself that doesn't make the whole so.

    Args:
        facts: what is known, and of which parts nothing is.
    """
    reasons = [*unread(facts)]
    for part in facts.asked:
        if part in RULES and part not in facts.unread:
            reasons += RULES[part](facts)
    reasons.sort(key=lambda reason: _RANK[reason.severity])
    return Verdict(
        status=reasons[0].severity if reasons else "ok",
        reasons=tuple(reasons),
        parts={part: _status_of(part, facts, reasons) for part in facts.asked},
        as_of=facts.as_of,
    )


def _status_of(part: Part, facts: Facts, reasons: list[Reason]) -> Status:
    # If the database or the broker doesn't answer, its status isn't unknown but critical.
    if part in facts.unread and part not in {"database", "broker"}:
        return "unknown"
    # They come with the worst one first.
    worst = next((reason.severity for reason in reasons if reason.part == part), None)
    if worst is not None:
        return worst
    unheard = part == "workers" and "broker" in facts.unread
    return "unknown" if unheard or (part == "beat" and facts.beat.status == "idle") else "ok"
