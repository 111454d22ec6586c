"""What retrying or cancelling all jobs that match a filter would do, before anybody asks for it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from jobs import catalog, foreign, queries, retry_rules
from jobs.filters import JobFilter
from jobs.matching import assessing
from jobs.matching.selection import MAX_MATCHED, RETRY, Selection, Verb, newest_id, selection
from jobs.preflight import live_workers
from jobs.queries import Row
from jobs.subjects import Subject
from opsconsole.errors import Refused

# So many of the oldest ones are looked at one by one; of the others it is known how many they are.
LOOKED_AT: Final = 10_000
CHUNK: Final = 1_000
SAMPLE: Final = 10
REASONS: Final = 20
IDENTITIES: Final = 20
# These refusals name a job each, so they are counted under a general sentence instead of one by one.
_IN_GENERAL: Final = {
    retry_rules.IDENTICAL: "An identical job is active already.",
    foreign.BLOCKED: "A job queued outside this console does the same work.",
}
# Of an error, what a line of the sample shows.
ERROR_LENGTH: Final = 200


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """Why some of the jobs would be left alone, and how many."""

    code: str
    reason: str
    jobs: int


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What would become of the jobs that match.

    Attributes:
        selection: which jobs.
        matched: how many they are; MAX_MATCHED + 1 stands for more.
        looked_at: how many of them, the oldest ones, all the rest is about.
        will: how many of those would be retried or cancelled.
        by_type: how many of those there are of each type, the most frequent first.
        by_identity: how many of those concern whom, the most frequent first; None for all the others.
        left_out: why the others would not be, the most frequent reason first.
        warnings: what those that would be will run into, a sentence each.
        sample: some of those that would be, as `queries` reads them.
        concerns: whom those concern, by job id.
    """

    selection: Selection
    matched: int
    looked_at: int
    will: int
    by_type: dict[str, int] = field(default_factory=dict)
    by_identity: list[tuple[Subject | None, int]] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    sample: list[Row] = field(default_factory=list)
    concerns: dict[int, Subject] = field(default_factory=dict)

    @property
    def is_whole(self) -> bool:
        """Whether all of them were looked at."""
        return self.matched == self.looked_at

    @property
    def at_most(self) -> int:
        """How many will be changed, with all those that were not looked at."""
        return self.will + self.matched - self.looked_at


def preview(verb: Verb, job_filter: JobFilter, *, up_to_id: int | None = None) -> Preview:
    """Return what would become of the jobs that match a filter now; some six queries for each thousand of them.

    Args:
        verb: what would be done.
        job_filter: which jobs.
        up_to_id: none with a higher id; None for all that there are now.

    Raises:
        Refused: the filter asks for jobs that this makes no sense for, takes too long, or lets too many through.
    """
    chosen = selection(verb, job_filter, up_to_id=newest_id() if up_to_id is None else up_to_id)
    matched = chosen.count()
    if matched > MAX_MATCHED:
        raise too_many()
    will: list[Row] = []
    types: Counter[str] = Counter()
    identities: Counter[int | None] = Counter()
    known: dict[int, Subject] = {}
    sampled: dict[int, Subject] = {}
    reasons: Counter[tuple[str, str]] = Counter()
    ids = chosen.ids()[:LOOKED_AT]
    number = 0
    for rows in _chunks(ids):
        concerns = assessing.concerns_of(rows)
        refusals = assessing.refusals(verb, rows, concerns)
        for row in rows:
            if refusal := refusals.get(row["id"]):
                sentence = _IN_GENERAL.get(refusal.code, refusal.message)
                reasons[refusal.code, sentence] += 1
                continue
            number += 1
            types[row["job_type"]] += 1
            subject = concerns.get(row["id"])
            identities[subject.id if subject else None] += 1
            if subject:
                known[subject.id] = subject
            if len(will) < SAMPLE:
                will.append(row)
                sampled |= {row["id"]: subject} if subject else {}
    return Preview(
        selection=chosen,
        matched=matched,
        looked_at=len(ids),
        will=number,
        by_type=dict(types.most_common()),
        by_identity=_named(identities, known),
        left_out=[LeftOut(code=code, reason=sentence, jobs=n) for (code, sentence), n in reasons.most_common(REASONS)],
        warnings=_warnings(verb, types),
        sample=will,
        concerns=sampled,
    )


def too_many() -> Refused:
    """Return what is said of more jobs than one click may change."""
    return Refused(
        f"More than {MAX_MATCHED:,} jobs match; narrow the filter down to that many at the most.", code="too_many"
    )


def _chunks(ids: Sequence[int]) -> Iterator[list[Row]]:
    for start in range(0, len(ids), CHUNK):
        rows = queries.by_id(ids[start : start + CHUNK], error_length=ERROR_LENGTH)
        rows.reverse()
        yield rows


def _named(identities: Counter[int | None], known: dict[int, Subject]) -> list[tuple[Subject | None, int]]:
    most = identities.most_common(IDENTITIES)
    named: list[tuple[Subject | None, int]] = [(known[pk], n) for pk, n in most if pk is not None]
    if rest := sum(identities.values()) - sum(n for _, n in named):
        named.append((None, rest))
    return named


def _warnings(verb: Verb, types: Counter[str]) -> list[str]:
    if verb != RETRY or not types:
        return []
    workers = live_workers()
    waiting: Counter[str] = Counter()
    for name, n in types.items():
        found = catalog.find(name)
        if found and found.queue not in workers.queues:
            waiting[found.queue] += n
    return [
        f"No worker is known to listen on the queue {queue} at the moment, so {n:,} of them will wait until one does."
        for queue, n in waiting.items()
    ]
