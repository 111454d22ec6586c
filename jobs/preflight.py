"""What stands in the way of a retry, or what it will run into, before anybody asks for it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.utils import timezone

from jobs import catalog, foreign, ledger, retry_rules
from jobs.models import WorkerReport
from jobs.retry_rules import Candidate
from jobs.subjects import Subject
from opsconsole.errors import Conflict, OpsError

CONFIRMATION: Final = "confirmation_required"
DISCONNECTED: Final = "identity_disconnected"


@dataclass(frozen=True, kw_only=True)
class Failed:
    """A failed job, as it was read. If `payload_is_cut`, the payload has only its ids."""

    job_id: int
    job_type: str
    queue: str
    payload: Any
    last_error: str | None
    payload_is_cut: bool = False


@dataclass(frozen=True, kw_only=True)
class Preflight:
    """What there is to say of one failed job before it is retried.

    Attributes:
        refusal: why it would be refused; with the code CONFIRMATION, unless that is given.
        disconnected: why its provider would let it in no more, if it would not.
        unattended: that no worker listens on its queue, if none does.
    """

    refusal: OpsError | None = None
    disconnected: str = ""
    unattended: str = ""

    @property
    def is_possible(self) -> bool:
        """Whether it can be retried, if need be after a confirmation."""
        return self.refusal is None or self.needs_confirmation

    @property
    def needs_confirmation(self) -> bool:
        """Whether it can be retried only after a confirmation."""
        return self.refusal is not None and self.refusal.code == CONFIRMATION

    @property
    def warnings(self) -> tuple[str, ...]:
        """What it will run into, a sentence each."""
        return tuple(warning for warning in (self.disconnected, self.unattended) if warning)

    @property
    def left_out(self) -> OpsError | None:
        """Why it isn't retried among many: nobody looks at it by itself, and it would fail again for sure."""
        if self.refusal is None and self.disconnected:
            return Conflict(self.disconnected, code=DISCONNECTED)
        return self.refusal


@dataclass(frozen=True, kw_only=True)
class Workers:
    """What the workers listen on and what they know.

    Attributes:
        queues: the queues that are listened on.
        tasks: the tasks that are registered.
    """

    queues: frozenset[str]
    tasks: frozenset[str]


def preflights(
    failed: Sequence[Failed], concerns: Mapping[int, Subject], *, among_many: bool = False
) -> dict[int, Preflight]:
    """Return what prevents the retry of failed jobs, by id; four queries at most, however many jobs.

    Args:
        failed: the jobs.
        concerns: whom each of them concerns, by its id, where that exists.
        among_many: they would be retried together, where a type that the catalog lacks is refused.
    """
    if not failed:
        return {}
    workers = live_workers()
    found: dict[int, Preflight] = {}
    candidates = []
    for one in failed:
        job_type = catalog.find(one.job_type)
        if job_type is None and one.job_type in workers.tasks and not among_many:
            job_type = catalog.unlisted(one.job_type, one.queue)
        if job_type is not None:
            candidates.append(
                Candidate(
                    job_id=one.job_id,
                    queue=one.queue,
                    job_type=job_type,
                    payload=one.payload,
                    last_error=one.last_error,
                )
            )
        elif one.job_type in workers.tasks:
            found[one.job_id] = Preflight(refusal=retry_rules.unlisted_among_many())
        else:
            found[one.job_id] = Preflight(refusal=retry_rules.unknown_type(one.job_type))
    refused = {**retry_rules.refusals(candidates, concerns)}
    # Look for identical jobs only where no other reason forbids the retry. A payload that was cut can't be compared:
    # an identical job then shows only at the retry.
    cut = {one.job_id for one in failed if one.payload_is_cut}
    open_ones = [
        one for one in candidates if refused.get(one.job_id, _NEEDED).code == CONFIRMATION and one.job_id not in cut
    ]
    refused |= _identical(open_ones)
    for candidate in candidates:
        found[candidate.job_id] = Preflight(
            refusal=refused.get(candidate.job_id),
            disconnected=_disconnected(candidate, concerns.get(candidate.job_id)),
            unattended=_unattended(candidate.job_type.queue, workers),
        )
    return found


_NEEDED: Final = Conflict("", code=CONFIRMATION)


def live_workers() -> Workers:
    """Return what the workers said of themselves; one query. One that is silent of late counts for its tasks only."""
    since = timezone.now() - timedelta(seconds=settings.WORKER_SILENT_SECONDS)
    reports = list(WorkerReport.objects.values_list("queues", "tasks", "seen_at"))
    return Workers(
        queues=frozenset(_names(queues for queues, _, seen_at in reports if seen_at > since)),
        tasks=frozenset(_names(tasks for _, tasks, _ in reports)),
    )


def _names(lists: Iterable[Any]) -> Iterable[str]:
    return (str(name) for names in lists for name in names)


def _identical(candidates: Sequence[Candidate]) -> dict[int, OpsError]:
    keys = {one.job_id: ledger.dedupe_key(one.queue, one.job_type.name, one.payload) for one in candidates}
    holders = ledger.active_holders(list(keys.values())) if keys else {}
    blocking = foreign.look_at(holders.values()).blocking
    return {
        job_id: blocking.get(holders[key]) or retry_rules.identical(holders[key])
        for job_id, key in keys.items()
        if key in holders
    }


def _disconnected(candidate: Candidate, subject: Subject | None) -> str:
    # Only what runs in the core goes to a provider.
    return subject.disconnected if subject is not None and candidate.job_type.in_core else ""


def _unattended(queue: str, workers: Workers) -> str:
    if queue in workers.queues:
        return ""
    return f"No worker is known to listen on the queue {queue[:64]} at the moment, so it will wait until one does."
