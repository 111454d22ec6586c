"""Changing many jobs: each by itself, in a transaction of its own; what is refused doesn't keep the others."""

import uuid
from collections.abc import Callable, Iterable
from typing import Any

from django.db import transaction

from jobs import cancelling
from jobs.cancelling import Revocation
from jobs.models import ACTIVE_STATUSES, RUNNING, Run, RunJob
from jobs.receipts import BulkCancelled, Cancelled, SetFailed
from opsconsole.audit import Actor, Entity, record, record_refusal
from opsconsole.errors import Conflict, NotFound, OpsError


def cancel_each(job_ids: Iterable[int], *, actor: Actor, terminate: bool, reason: str) -> BulkCancelled:
    """Cancel jobs; with `terminate`, those that run in the core's worker are terminated too."""
    plain, terminated = Revocation(), Revocation(terminate=True)

    def cancel(job_id: int) -> Cancelled:
        # What doesn't run in the core's worker is simply cancelled.
        chosen = terminated if terminate else plain
        return cancelling.cancel(job_id, chosen, otherwise=plain, actor=actor, reason=reason)

    result = BulkCancelled(verb="cancelled", revocations=(plain, terminated))
    for job_id, cancelled in _each(job_ids, cancel, result, actor):
        (result.cancelling if cancelled.status == RUNNING else result.done).append(job_id)
        if cancelled.warning:
            result.warnings.add(cancelled.warning)
    for revocation in (plain, terminated):
        transaction.on_commit(revocation.send)
    return result


def fail_each(job_ids: Iterable[int], *, actor: Actor, reason: str) -> BulkCancelled:
    """Set stuck jobs failed."""
    revocation = Revocation()
    result = BulkCancelled(verb="set failed", revocations=(revocation,))

    def fail(job_id: int) -> SetFailed:
        return cancelling.set_failed(job_id, revocation, actor=actor, reason=reason)

    result.done.extend(job_id for job_id, _ in _each(job_ids, fail, result, actor))
    transaction.on_commit(revocation.send)
    return result


def _each(
    job_ids: Iterable[int], change: Callable[[int], Any], result: BulkCancelled, actor: Actor
) -> list[tuple[int, Any]]:
    changed = []
    with actor.acting():
        for job_id in sorted(set(job_ids)):
            try:
                changed.append((job_id, change(job_id)))
            except OpsError as refusal:
                result.refused[job_id] = refusal.message
    return changed


def own_active_jobs(run_id: uuid.UUID, action: str, *, actor: Actor, reason: str) -> list[int]:
    """Return the jobs of a run that have not ended, without those that were active before it asked for them.

    Raises:
        NotFound: no such run.
        Conflict: there are none; audited as a refusal of `action`.
    """
    members = RunJob.objects.filter(run_id=run_id)
    if not Run.objects.filter(pk=run_id).exists():
        raise NotFound("There is no run with this id.", code="run_not_found")
    job_ids = list(members.filter(joined=False, job__status__in=ACTIVE_STATUSES).values_list("job_id", flat=True))
    if not job_ids:
        joined = members.filter(joined=True, job__status__in=ACTIVE_STATUSES).exists()
        refusal = Conflict(
            "The jobs of this run that have not ended were active before it asked for them; change them one by one."
            if joined
            else "All jobs of this run have ended.",
            code="run_not_active",
        )
        entity, request = Entity(type="run"), {"run_id": str(run_id)}
        record_refusal(refusal, actor=actor, action=action, entity=entity, reason=reason, request=request)
        raise refusal
    return job_ids


def record_run(run_id: uuid.UUID, action: str, result: BulkCancelled, *, actor: Actor, reason: str) -> None:
    """Write to the audit log what came of changing a run's jobs; each of them has a row of its own as well."""
    record(
        actor=actor,
        action=action,
        entity=Entity(type="run"),
        about=[("run", str(run_id))],
        reason=reason,
        request={"run_id": str(run_id)},
        response={"done": result.done, "cancelling": result.cancelling, "refused": sorted(result.refused)},
    )
