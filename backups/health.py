"""How healthy backups are, and what to do about it: pure rules over facts, without a query.

Every reason is a sentence that says what is wrong and what to do. Age is reckoned from the backups themselves, so that
a beat or a worker that is dead shows.
"""

from datetime import datetime

from backups.health_facts import WORST_FIRST, Facts, Health, KindFacts, Reason, Status
from backups.health_rules import KIND_RULES, RULES

__all__ = ["Facts", "Health", "KindFacts", "Reason", "Status", "assess"]


def assess(facts: Facts, *, now: datetime) -> Health:
    """Return how healthy backups are, and why; the worst reason comes first, and counts.

    Args:
        facts: what is known of them.
        now: the moment, UTC.
    """
    reasons = [reason for rule in RULES for reason in rule(facts, now)]
    reasons += [reason for kind in facts.kinds for rule in KIND_RULES for reason in rule(kind, now)]
    reasons.sort(key=lambda reason: WORST_FIRST.index(reason.status))
    return Health(status=reasons[0].status if reasons else "ok", reasons=tuple(reasons))
