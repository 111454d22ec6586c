"""What people can do with jobs. Admin, API, commands and beat call these functions; none of them touches the ledger.

An operation takes plain values, owns its transaction, publishes after the outermost commit, and writes to the audit
log what was done, or why it was refused.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from jobs import catalog, gateway, handover, ledger, retry_rules, subjects
from jobs.catalog import JobType
from jobs.dispatching import create_dispatches, create_next_dispatch
from jobs.models import FAILED, QUEUED, Job, Run, RunJob
from jobs.receipts import BulkRetried, Retried, Submitted
from opsconsole.audit import Actor, Entity, record, record_refusal
from opsconsole.errors import Conflict, NotFound, OpsError
from opsconsole.row_ids import row_id

MAX_JOBS_PER_RUN: Final = 1_000
MAX_JOBS_PER_RETRY: Final = 200
# How long whoever asked waits for a long run to be handed over; the sweeper does the rest.
HAND_OVER_SECONDS: Final = 1.0


@dataclass(frozen=True, kw_only=True)
class JobRequest:
    """A job that a run asks for."""

    job_type: str
    payload: dict[str, Any]


def submit_run(
    *,
    operation: str,
    title: str,
    requests: Sequence[JobRequest],
    actor: Actor,
    entity: Entity,
    reason: str = "",
    request: dict[str, Any] | None = None,
) -> Submitted:
    """Submit the jobs that one click asked for, as one run; work that is active already is joined, not doubled.

    Args:
        operation: what was asked for, such as `backfill.trigger`; the audit log's action.
        title: what people read, such as “Backfill Alice”.
        requests: the jobs, at least one and at most MAX_JOBS_PER_RUN; of types that the catalog knows.
        actor: who asked, and through what.
        entity: what it is about, for the audit log.
        reason: what the person gave as the reason.
        request: what was asked for, for the audit log.
    """
    if not 0 < len(requests) <= MAX_JOBS_PER_RUN:
        raise ValueError(f"A run has 1 to {MAX_JOBS_PER_RUN} jobs, not {len(requests)}.")
    after_commit = handover.AfterCommit(within=HAND_OVER_SECONDS)
    with transaction.atomic():
        run = Run(operation=operation, title=title[:200], requested_by=actor.name, via=actor.via)
        run.created_at = Now()
        run.save(force_insert=True)
        found = ledger.insert(_work(wanted) for wanted in requests)
        new = {job.job_id: job.work for job in found if not job.joined}
        job_ids = tuple(sorted(job.job_id for job in found))
        already_active = tuple(sorted(job.job_id for job in found if job.joined))
        dispatch_ids = create_dispatches(
            {job_id: work.payload for job_id, work in new.items()},
            types={job_id: _known(work.job_type) for job_id, work in new.items()},
            actor=actor,
        )
        RunJob.objects.bulk_create(RunJob(run=run, job_id=job.job_id, joined=job.joined) for job in found)
        record(
            actor=actor,
            action=operation,
            entity=entity,
            about=[("run", str(run.pk)), *(("job", job_id) for job_id in job_ids)],
            reason=reason,
            request=request,
            response={"run_id": str(run.pk), "jobs": list(job_ids), "already_active": list(already_active)},
        )
        after_commit.hand_over(dispatch_ids)
    return Submitted(
        run_id=run.pk,
        job_ids=job_ids,
        already_active=already_active,
        broker_down=after_commit.result.broker_down,
        handed_over=after_commit.result.published,
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
    return _audited_retry(
        job_id, actor=actor, confirm=confirm, reason=reason, ask_workers=True, within=HAND_OVER_SECONDS
    )


def retry_jobs(job_ids: Sequence[int], *, actor: Actor, reason: str = "") -> BulkRetried:
    """Retry several failed jobs, each by itself; what needs a confirmation is refused.

    Args:
        job_ids: at most MAX_JOBS_PER_RETRY, since all of it happens while somebody waits.
        actor: who asks, and through what.
        reason: what the person gave as the reason.

    Raises:
        Conflict: more jobs than that.
    """
    if len(job_ids) > MAX_JOBS_PER_RETRY:
        raise Conflict(
            f"At most {MAX_JOBS_PER_RETRY} jobs can be retried at once, not {len(job_ids)}.", code="too_many"
        )
    result = BulkRetried()
    deadline = time.monotonic() + HAND_OVER_SECONDS
    for job_id in sorted(set(job_ids)):
        # Once the time is over, or the broker is down, the sweeper hands over the rest.
        within = 0 if result.broker_down else max(0.0, deadline - time.monotonic())
        try:
            retried = _audited_retry(
                job_id, actor=actor, confirm=False, reason=reason, ask_workers=False, within=within
            )
        except OpsError as refusal:
            result.refused[job_id] = refusal.message
        else:
            result.done.append(job_id)
            result.broker_down |= retried.broker_down
    return result


def _audited_retry(
    job_id: int, *, actor: Actor, confirm: bool, reason: str, ask_workers: bool, within: float
) -> Retried:
    job = Job.objects.filter(pk=job_id).first() if row_id(job_id) else None
    if job is None:
        raise NotFound(f"There is no job {job_id}.", code="job_not_found")
    request = {"job_id": job_id, "confirm": confirm}
    entity = retry_rules.audited_entity(job)
    after_commit = handover.AfterCommit(within=within)
    try:
        retry_rules.check_status(job.status)
        # Asked before the transaction: the workers take a second to answer.
        job_type = catalog.find(job.job_type) or _unlisted_type(job, ask_workers=ask_workers)
        _retry(job_id, job_type, after_commit, actor=actor, confirm=confirm, reason=reason, request=request)
    except OpsError as refusal:
        record_refusal(refusal, actor=actor, action="job.retry", entity=entity, reason=reason, request=request)
        raise
    return Retried(job_id=job_id, broker_down=after_commit.result.broker_down)


def _retry(
    job_id: int,
    job_type: JobType,
    after_commit: handover.AfterCommit,
    *,
    actor: Actor,
    confirm: bool,
    reason: str,
    request: dict[str, Any],
) -> None:
    with transaction.atomic():
        # Locked, so that what is checked is what is retried.
        job = Job.objects.select_for_update().filter(pk=job_id).first()
        if job is None:
            raise NotFound(f"There is no job {job_id}.", code="job_not_found")
        retry_rules.check_status(job.status)
        _check_conditions(job, job_type, confirm=confirm)
        key = ledger.dedupe_key(job.queue_name, job.job_type, job.payload_json)
        _requeue(job_id, key)
        dispatch_id = create_next_dispatch(job_id=job_id, payload=job.payload_json, job_type=job_type, actor=actor)
        record(
            actor=actor,
            action="job.retry",
            entity=retry_rules.audited_entity(job),
            reason=reason,
            request=request,
            response={"status": QUEUED},
        )
        after_commit.hand_over([dispatch_id])


def _check_conditions(job: Job, job_type: JobType, *, confirm: bool) -> None:
    candidate = retry_rules.Candidate(
        job_id=job.pk, job_type=job_type, payload=job.payload_json, last_error=job.last_error
    )
    concerns = subjects.registered().of({job.pk: job.payload_json})
    if refusal := retry_rules.refusals([candidate], concerns, confirm=confirm).get(job.pk):
        raise refusal


def _requeue(job_id: int, key: str) -> None:
    holder = ledger.active_holder(key)
    if holder is not None and holder != job_id:
        raise _identical(holder)
    try:
        with transaction.atomic():
            won = ledger.transition(job_id, allowed=(FAILED,), to=QUEUED, attempts=0, last_error=None, dedupe_key=key)
    except IntegrityError as error:
        # The unique key has decided a race against a job that was submitted meanwhile.
        raise _identical(ledger.active_holder(key)) from error
    if won is None:
        raise Conflict("This job is no longer failed; someone else may have retried it.", code="not_failed")


def _identical(holder: int | None) -> Conflict:
    return Conflict(
        f"An identical job is active already: job {holder}." if holder else "An identical job was active just now.",
        code="identical_job_active",
        job_id=holder,
    )


def _unlisted_type(job: Job, *, ask_workers: bool) -> JobType:
    job_type = catalog.unlisted(job.job_type, job.queue_name)
    if not ask_workers:
        # Of many at once such a job is refused in any case: it would have to be confirmed by itself.
        raise Conflict(
            "A job of a type that the catalog lacks can only be retried by itself, after a confirmation.",
            code="confirmation_required",
        )
    if job.job_type not in gateway.registered_tasks():
        raise retry_rules.unknown_type(job.job_type)
    return job_type


def _work(wanted: JobRequest) -> ledger.Work:
    job_type = _known(wanted.job_type)
    return ledger.Work(
        job_type=job_type.name, queue=job_type.queue, payload=wanted.payload, max_attempts=job_type.max_attempts
    )


def _known(name: str) -> JobType:
    job_type = catalog.find(name)
    if job_type is None:
        raise retry_rules.unknown_type(name)
    return job_type
