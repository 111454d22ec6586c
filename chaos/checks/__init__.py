"""What must be true in the end, whatever was broken: each check looks at all rows of the run and names what is not."""

from collections.abc import Callable, Iterator

from chaos.checks import core_tasks, effects, ledger, requests, transitions
from chaos.checks.facts import Facts, Finding

CHECKS: tuple[Callable[[Facts], Iterator[Finding]], ...] = (
    requests.check,
    ledger.check,
    transitions.check,
    effects.check,
    core_tasks.check,
)


def check_all(facts: Facts) -> list[Finding]:
    """Return what each check has found."""
    return [finding for check in CHECKS for finding in check(facts)]
