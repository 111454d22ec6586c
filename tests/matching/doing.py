"""Asking for a change of all jobs that match, and having it done in this process."""

from typing import Any

from jobs.attempts import Claim
from jobs.filters import JobFilter
from jobs.ledger_task import Attempt
from jobs.matching import carrying_out
from jobs.matching.operations import cancel_matching, retry_matching
from jobs.matching.preview import preview
from jobs.models import Dispatch
from tests.cast import OPERATOR, make_credential, make_identity, make_job


def connected(name: str = "", **values: Any) -> Any:
    """Return an active identity with a credential."""
    identity = make_identity(name, **values)
    make_credential(identity)
    return identity


def failed_jobs(number: int, identity: Any = None) -> list[int]:
    """Insert failed jobs, each with work of its own, and return their ids."""
    whose = identity or connected()
    return [make_job(payload={"identity_id": whose.pk, "n": n}).pk for n in range(number)]


def ask_to_retry(job_filter: JobFilter | None = None, *, canary: int = 0) -> int:
    """Ask for a retry of what a preview shows; returns the job that does it."""
    wanted = job_filter or JobFilter()
    shown = preview("retry", wanted)
    seen: dict[str, Any] = {"up_to_id": shown.selection.up_to_id, "expected": shown.matched}
    submitted = retry_matching(wanted, **seen, reason="the provider is back", actor=OPERATOR, canary=canary)
    return submitted.job_ids[0]


def ask_to_cancel(job_filter: JobFilter | None = None) -> int:
    """Ask for a cancellation of what a preview shows; returns the job that does it."""
    wanted = job_filter or JobFilter()
    shown = preview("cancel", wanted)
    seen: dict[str, Any] = {"up_to_id": shown.selection.up_to_id, "expected": shown.matched}
    return cancel_matching(wanted, **seen, reason="no longer wanted", actor=OPERATOR).job_ids[0]


def attempt_at(job_id: int) -> Attempt:
    """Return an attempt at that job, as a worker that has claimed it has one."""
    dispatch = Dispatch.objects.filter(job_id=job_id).latest("pk")
    return Attempt(Claim(job_id=job_id, dispatch_id=dispatch.pk))


def carry_out(job_id: int) -> dict[str, Any]:
    """Do what that job does."""
    return carrying_out.carry_out(attempt_at(job_id))
