"""What a run prints in the end."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from chaos.breaker import Damage
from chaos.checks.facts import ENDED, TOUCHED, Facts, Finding, Kind
from chaos.journal import MESSAGE, Asked
from chaos.settling import Settled

_MOST_SHOWN: Final = 5  # of what broke one invariant
_STATUSES: Final = ("done", "failed", "cancelled", "active")


@dataclass(frozen=True, slots=True)
class Verdict:
    """The numbers of the last line."""

    accepted: int
    lost: int
    doubled: int
    wrong: int

    @property
    def good(self) -> bool:
        """Whether all is as it must be."""
        return not (self.lost or self.doubled or self.wrong)

    def __str__(self) -> str:
        """The last line."""
        return f"accepted {self.accepted}, {self.lost} lost, {self.doubled} doubled"


def verdict(asked: Sequence[Asked], own_jobs: int, findings: Iterable[Finding]) -> Verdict:
    """Return the numbers of the last line.

    Args:
        asked: All requests.
        own_jobs: How many jobs came of own tasks that were sent without one: those count as accepted, too.
        findings: Of all checks.
    """
    broken: Counter[Kind] = Counter()
    for finding in findings:
        broken[finding.kind] += len(finding.broken)
    accepted = sum(one.accepted for one in asked if one.first.operation != MESSAGE)
    return Verdict(accepted + own_jobs, broken[Kind.LOST], broken[Kind.DOUBLED], broken[Kind.WRONG])


def lines(facts: Facts, damage: Damage, settled: Settled, findings: Sequence[Finding]) -> Iterator[str]:
    """Return what is printed, without the last line."""
    yield ""
    yield from _damage(damage)
    yield ""
    yield from _requests(facts.asked)
    sent = sum(one.accepted for one in facts.asked if one.first.operation == MESSAGE)
    yield f"  of {sent} messages that were sent, {own_jobs(facts)} became jobs; others were lost with Redis or a worker"
    yield ""
    yield from _jobs(facts, settled)
    yield ""
    yield from _findings(findings)


def own_jobs(facts: Facts) -> int:
    """Return how many jobs came of own tasks that were sent without one."""
    return facts.number("SELECT count(*) FROM jobs WHERE id > %(job)s AND job_type LIKE 'chaos.%%'")


def _damage(damage: Damage) -> Iterator[str]:
    by_target: dict[str, list[str]] = {}
    for (target, act), number in sorted(damage.faults.items()):
        by_target.setdefault(target, []).append(f"{act} {number}×")
    yield f"What was broken: {sum(damage.faults.values())} times ({damage.spared} found nothing to break)"
    for target, acts in by_target.items():
        yield f"  {target:<12} {', '.join(acts)}"
    ended = ", ".join(f"{name} {number}×" for name, number in sorted(damage.ended_by_itself.items()))
    yield f"  ended by themselves, and were started again: {ended or 'none'}"
    yield f"  left behind by killed parents to the end: {damage.left_behind}"


def _requests(asked: Sequence[Asked]) -> Iterator[str]:
    columns = ("asked", "accepted", "refused", "in doubt", "repeated")
    yield f"{'What was asked for':<34}" + "".join(f"{name:>10}" for name in columns)
    for operation in sorted({one.first.operation for one in asked}):
        mine = [one for one in asked if one.first.operation == operation]
        numbers = (
            len(mine),
            sum(one.accepted for one in mine),
            sum(one.refused for one in mine),
            sum(one.in_doubt for one in mine),
            sum(len(one.tries) > 1 for one in mine),
        )
        title = "own tasks, by a message" if operation == MESSAGE else operation
        yield f"  {title:<32}" + "".join(f"{number:>10}" for number in numbers)
    codes = Counter(
        str(one.tries[-1].answer.get("code") or one.tries[-1].status) for one in asked if one.refused and one.tries
    )
    yield f"  refused as {', '.join(f'{code} {number}×' for code, number in codes.most_common(8)) or 'nothing'}"


def _jobs(facts: Facts, settled: Settled) -> Iterator[str]:
    counted: dict[str, Counter[str]] = {}
    for job_type, status, number in facts.rows(
        f"SELECT job_type, CASE WHEN status::text IN {ENDED} THEN status::text ELSE 'active' END, count(*)"
        f" FROM jobs WHERE id IN {TOUCHED} GROUP BY 1, 2"
    ):
        counted.setdefault(job_type, Counter())[status] += number
    yield f"{'What became of the jobs':<34}" + "".join(f"{name:>10}" for name in _STATUSES)
    for job_type, statuses in sorted(counted.items()):
        yield f"  {job_type:<32}" + "".join(f"{statuses[name]:>10}" for name in _STATUSES)
    outcomes = facts.rows(
        "SELECT coalesce(outcome, 'open'), count(*) FROM jobs_dispatch WHERE id > %(dispatch)s"
        " GROUP BY 1 ORDER BY 2 DESC"
    )
    yield f"  attempts: {', '.join(f'{outcome} {number}' for outcome, number in outcomes)}"
    yield (
        f"  settled {settled.seconds:.0f} s after the last fault; stuck and set failed by the operator: "
        f"{settled.set_failed}, left as stuck: {len(settled.stuck)}"
    )


def _findings(findings: Sequence[Finding]) -> Iterator[str]:
    yield f"{'What must be true':<78}{'checked':>8}{'broken':>8}"
    for finding in findings:
        yield f"  {finding.invariant:<76}{finding.checked:>8}{len(finding.broken):>8}"
        yield from (f"      {finding.kind}: {line}" for line in finding.broken[:_MOST_SHOWN])
        if len(finding.broken) > _MOST_SHOWN:
            yield f"      … and {len(finding.broken) - _MOST_SHOWN} more"
