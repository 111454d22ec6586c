"""What people can do with jobs. Admin, API, commands and beat call these functions; none of them touches the ledger.

An operation takes plain values, owns its transaction, publishes after the outermost commit, and writes to the audit
log what was done, or why it was refused.
"""

import time
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import transaction
from django.db.models.functions import Now

from jobs import bulk, cancelling, catalog, covering, foreign, handover, ledger, retry_rules, retrying, subjects
from jobs.cancelling import Revocation
from jobs.catalog import JobType
from jobs.dispatching import create_dispatches
from jobs.models import Run, RunJob
from jobs.receipts import (
    BulkCancelled,
    BulkRetried,
    Cancelled,
    Covered,
    LeftOut,
    Retried,
    SetFailed,
    Submitted,
    left_out_kept,
    left_out_words,
)
from opsconsole import failpoints
from opsconsole.audit import Actor, Entity, record
from opsconsole.errors import Conflict, OpsError, Refused

MAX_JOBS_PER_RUN: Final = 1_000
# Of a selection, since all of it happens while somebody waits.
MAX_JOBS_AT_ONCE: Final = 200
# How long whoever asked waits for a long run to be handed over; the sweeper does the rest.
HAND_OVER_SECONDS: Final = 1.0
REASON_NEEDED: Final = "Say why, as the reason: it becomes the job's error."


@dataclass(frozen=True, kw_only=True)
class JobRequest:
    """A job that a run asks for."""

    job_type: str
    payload: dict[str, Any]
    # The chosen conversation, if the run should record which job covers it.
    conversation_id: int | None = None


def submit_run(
    *,
    operation: str,
    title: str,
    requests: Sequence[JobRequest],
    actor: Actor,
    entity: Entity,
    reason: str = "",
    request: dict[str, Any] | None = None,
    left_out: Sequence[LeftOut] = (),
) -> Submitted:
    """Submit the jobs that one click asked for, as one run; work that is active already is joined, not doubled.

    Work that an active job outside this console does already is skipped.

    Args:
        operation: what was asked for, such as `backfill.trigger`; the audit log's action.
        title: what people read, such as “Backfill Alice”.
        requests: the jobs, at least one and at most MAX_JOBS_PER_RUN; of types that the catalog knows.
        actor: who asked, and through what.
        entity: what it is about, for the audit log.
        reason: what the person gave as the reason.
        request: what was asked for, for the audit log.
        left_out: what the caller has skipped already, and why.

    Returns:
        The run, its jobs, and what was skipped.

    Raises:
        Conflict: jobs outside this console do all of the work already; `job_id` in the details is the first of them.
            The caller records the refusal.
    """
    if not 0 < len(requests) <= MAX_JOBS_PER_RUN:
        raise ValueError(f"A run has 1 to {MAX_JOBS_PER_RUN} jobs, not {len(requests)}.")
    after_commit = handover.AfterCommit(within=HAND_OVER_SECONDS)
    with actor.acting(), transaction.atomic():
        run = Run(operation=operation, title=title[:200], requested_by=actor.name, via=actor.via)
        run.created_at = Now()
        works = [_work(wanted) for wanted in requests]
        by_key = covering.insert(works)
        found = {job.job_id: job for job in by_key.values()}
        joined = foreign.look_at([job.job_id for job in found.values() if job.joined])
        blocked = [_blocked(found.pop(job_id), why) for job_id, why in joined.blocking.items()]
        left_out = (*left_out, *blocked)
        if not found:
            raise _nothing_left(left_out, joined.blocking)
        new = {job.job_id: job.work for job in found.values() if not job.joined}
        job_ids = tuple(sorted(found))
        already_active = tuple(job_id for job_id in job_ids if found[job_id].joined)
        conversations = _covered(requests, [by_key[work.dedupe_key].job_id for work in works], found)
        run.left_out = left_out_kept(left_out) or None
        run.conversations = [one.as_json() for one in conversations] or None
        run.save(force_insert=True)
        dispatch_ids = create_dispatches(
            {job_id: work.payload for job_id, work in new.items()},
            types={job_id: _known(work.job_type) for job_id, work in new.items()},
            actor=actor,
        )
        RunJob.objects.bulk_create(RunJob(run=run, job_id=pk, joined=found[pk].joined) for pk in job_ids)
        record(
            actor=actor,
            action=operation,
            entity=entity,
            about=[("run", str(run.pk)), *(("job", job_id) for job_id in job_ids)],
            reason=reason,
            request=request,
            response={"run_id": str(run.pk), "jobs": list(job_ids), "already_active": list(already_active)}
            | ({"left_out": run.left_out} if left_out else {})
            | ({"conversations": run.conversations} if conversations else {}),
        )
        after_commit.hand_over(dispatch_ids)
        failpoints.reach("submit.before_commit")
    return Submitted(
        run_id=run.pk,
        job_ids=job_ids,
        already_active=already_active,
        stuck=joined.stuck,
        left_out=left_out,
        conversations=conversations,
        after_commit=after_commit,
    )


def retry_job(job_id: int, *, actor: Actor, confirm: bool = False, reason: str = "") -> Retried:
    """Queue a failed job again: attempts start from 0, its error is cleared, a new dispatch is made and published.

    Args:
        job_id: the ledger row.
        actor: who asks, and through what.
        confirm: run it although nobody knows whether it took effect before (at-most-once types).
        reason: what the person gave as the reason.

    Raises:
        NotFound: no such job.
        Refused: it is done or cancelled, or nobody knows how to run its type.
        Conflict: it is active; an identical job is; its message was deleted or went out; its outcome is unknown and
            `confirm` is not given; its identity is gone or inactive; or somebody else was quicker.
        Unavailable: its type can only be run if a live worker knows it, and the workers can't be asked.
    """
    with actor.acting():
        return retrying.retry(
            job_id, actor=actor, confirm=confirm, reason=reason, ask_workers=True, within=HAND_OVER_SECONDS
        )


def retry_jobs(job_ids: Sequence[int], *, actor: Actor, reason: str = "") -> BulkRetried:
    """Retry several failed jobs, each by itself; what needs a confirmation is refused.

    Args:
        job_ids: at most MAX_JOBS_AT_ONCE.
        actor: who asks, and through what.
        reason: what the person gave as the reason.

    Raises:
        Conflict: more jobs than that.
    """
    _check_number(job_ids)
    result = BulkRetried()
    deadline = time.monotonic() + HAND_OVER_SECONDS
    for job_id in sorted(set(job_ids)):
        # Once the time is over, or the broker is down, the sweeper hands over the rest.
        within = 0 if result.broker_down else max(0.0, deadline - time.monotonic())
        try:
            with actor.acting():
                retried = retrying.retry(
                    job_id, actor=actor, confirm=False, reason=reason, ask_workers=False, within=within
                )
        except OpsError as refusal:
            result.refused[job_id] = refusal.message
        else:
            result.done.append(job_id)
            result.broker_down |= retried.broker_down
    return result


def cancel_job(job_id: int, *, actor: Actor, terminate: bool = False, reason: str = "") -> Cancelled:
    """Cancel a job that has not ended.

    One that waits is cancelled at once, and so is one that runs in the core's worker, whose work may go on. An own task
    is asked to end; its job stays running until it has.

    Args:
        job_id: the ledger row.
        actor: who asks, and through what.
        terminate: also have the process killed that runs the core's task. It can hit another task, so that takes a
            permission of its own, which whoever calls this checks.
        reason: what the person gave as the reason.

    Raises:
        NotFound: no such job.
        Conflict: it has ended, is being cancelled already, or its type can't be cancelled.
        Refused: there is nothing to terminate.
    """
    revocation = Revocation(terminate=terminate)
    with actor.acting():
        cancelled = cancelling.cancel(job_id, revocation, actor=actor, reason=reason)
    transaction.on_commit(revocation.send)
    return cancelled


def cancel_jobs(job_ids: Sequence[int], *, actor: Actor, terminate: bool = False, reason: str = "") -> BulkCancelled:
    """Cancel several jobs, each by itself.

    Args:
        job_ids: at most MAX_JOBS_AT_ONCE.
        actor: who asks, and through what.
        terminate: as for one; jobs that don't run in the core's worker are then cancelled without.
        reason: what the person gave as the reason.

    Raises:
        Conflict: more jobs than that.
    """
    _check_number(job_ids)
    return bulk.cancel_each(job_ids, actor=actor, terminate=terminate, reason=reason)


def cancel_run(run_id: uuid.UUID, *, actor: Actor, terminate: bool = False, reason: str = "") -> BulkCancelled:
    """Cancel the jobs of a run that have not ended; those that were active before it asked for them go on.

    Args:
        run_id: the run.
        actor: who asks, and through what.
        terminate: as for several jobs.
        reason: what the person gave as the reason.

    Raises:
        NotFound: no such run.
        Conflict: none of its own jobs is active any more.
    """
    job_ids = bulk.own_active_jobs(run_id, "run.cancel", actor=actor, reason=reason)
    result = bulk.cancel_each(job_ids, actor=actor, terminate=terminate, reason=reason)
    bulk.record_run(run_id, "run.cancel", result, actor=actor, reason=reason)
    return result


def fail_job(job_id: int, *, actor: Actor, reason: str) -> SetFailed:
    """Set a stuck job failed, so that it can be retried.

    Args:
        job_id: the ledger row.
        actor: who asks, and through what.
        reason: why; it becomes the job's error.

    Raises:
        NotFound: no such job.
        Conflict: it is not stuck.
        Refused: no reason is given.
    """
    _check_reason(reason)
    revocation = Revocation()
    with actor.acting():
        failed = cancelling.set_failed(job_id, revocation, actor=actor, reason=reason)
    transaction.on_commit(revocation.send)
    return failed


def fail_jobs(job_ids: Sequence[int], *, actor: Actor, reason: str) -> BulkCancelled:
    """Set several stuck jobs failed, each by itself.

    Args:
        job_ids: at most MAX_JOBS_AT_ONCE.
        actor: who asks, and through what.
        reason: why; it becomes their error.

    Raises:
        Conflict: more jobs than that.
        Refused: no reason is given.
    """
    _check_reason(reason)
    _check_number(job_ids)
    return bulk.fail_each(job_ids, actor=actor, reason=reason)


def fail_run(run_id: uuid.UUID, *, actor: Actor, reason: str) -> BulkCancelled:
    """Set the stuck jobs of a run failed.

    Args:
        run_id: the run.
        actor: who asks, and through what.
        reason: why; it becomes their error.

    Raises:
        NotFound: no such run.
        Conflict: none of its own jobs is active any more.
        Refused: no reason is given.
    """
    _check_reason(reason)
    job_ids = bulk.own_active_jobs(run_id, "run.fail", actor=actor, reason=reason)
    result = bulk.fail_each(job_ids, actor=actor, reason=reason)
    bulk.record_run(run_id, "run.fail", result, actor=actor, reason=reason)
    return result


def _check_number(job_ids: Sequence[int]) -> None:
    if len(job_ids) > MAX_JOBS_AT_ONCE:
        raise Conflict(f"At most {MAX_JOBS_AT_ONCE} jobs can be changed at once, not {len(job_ids)}.", code="too_many")


def _check_reason(reason: str) -> None:
    if not reason.strip():
        raise Refused(REASON_NEEDED, code="reason_required")


def _work(wanted: JobRequest) -> ledger.Work:
    job_type = _known(wanted.job_type)
    return ledger.Work(
        job_type=job_type.name, queue=job_type.queue, payload=wanted.payload, max_attempts=job_type.max_attempts
    )


def _blocked(job: ledger.Inserted, why: Conflict) -> LeftOut:
    identity_id = subjects.identity_id_of(job.work.payload)
    return LeftOut(identity_id=identity_id, code=why.code, reason=why.message, job_id=job.job_id)


def _nothing_left(left_out: Sequence[LeftOut], blocking: Mapping[int, Conflict]) -> Conflict:
    """Return the refusal if jobs outside this console do all of the requested work."""
    first = next(iter(blocking.values()))
    if len(left_out) == 1:
        return first
    return Conflict(
        f"Nothing was started. {left_out_words(left_out)}",
        code=first.code,
        **first.details,
        left_out=[one.as_json() for one in left_out],
    )


def _covered(requests: Sequence[JobRequest], job_ids: Sequence[int], found: Collection[int]) -> tuple[Covered, ...]:
    """Return the chosen conversations, each with the job that covers it, or None if it was skipped.

    Args:
        requests: what was asked for.
        job_ids: the job for each request, in the same order.
        found: the jobs of the run; a job outside them covers nothing.
    """
    return tuple(
        Covered(conversation_id=wanted.conversation_id, covered_by=job_id if job_id in found else None)
        for wanted, job_id in zip(requests, job_ids, strict=True)
        if wanted.conversation_id is not None
    )


def _known(name: str) -> JobType:
    job_type = catalog.find(name)
    if job_type is None:
        raise retry_rules.unknown_type(name)
    return job_type
