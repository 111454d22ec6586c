"""Queueing a failed job again: what the operations have in common for one and for many."""

from typing import Any

from django.db import IntegrityError, transaction

from jobs import catalog, foreign, gateway, handover, ledger, pulse, retry_rules, subjects
from jobs.catalog import JobType
from jobs.dispatching import create_next_dispatch
from jobs.models import FAILED, QUEUED, Job
from jobs.receipts import Retried
from opsconsole.audit import Actor, record, record_refusal
from opsconsole.errors import Conflict, NotFound, OpsError
from opsconsole.row_ids import row_id


def retry(job_id: int, *, actor: Actor, confirm: bool, reason: str, ask_workers: bool, within: float) -> Retried:
    """Queue one failed job again in a transaction of its own, audited, also when it is refused.

    Args:
        job_id: the ledger row.
        actor: who asks, and through what.
        confirm: run it although nobody knows whether it took effect before.
        reason: what the person gave as the reason.
        ask_workers: of a type that the catalog lacks, ask the live workers whether they know it.
        within: seconds after which handing it over is left to the sweeper.

    Raises:
        NotFound: no such job.
        Refused: it is done or cancelled, or nobody knows how to run its type.
        Conflict: the state of things does not allow it, or somebody else was quicker.
        Unavailable: the workers can't be asked.
    """
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
    return Retried(job_id=job_id, after_commit=after_commit)


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
        job_id=job.pk, queue=job.queue_name, job_type=job_type, payload=job.payload_json, last_error=job.last_error
    )
    concerns = subjects.registered().of({job.pk: job.payload_json})
    if refusal := retry_rules.refusals([candidate], concerns, confirm=confirm).get(job.pk):
        raise refusal


def _requeue(job_id: int, key: str) -> None:
    holder = ledger.active_holder(key)
    if holder is not None and holder != job_id:
        raise foreign.in_the_way(holder)
    try:
        with transaction.atomic():
            won = ledger.transition(job_id, allowed=(FAILED,), to=QUEUED, attempts=0, last_error=None, dedupe_key=key)
    except IntegrityError as error:
        # The unique key has decided a race against a job that was submitted meanwhile.
        raise foreign.in_the_way(ledger.active_holder(key)) from error
    if won is None:
        raise Conflict("This job is no longer failed; someone else may have retried it.", code="not_failed")


def _unlisted_type(job: Job, *, ask_workers: bool) -> JobType:
    job_type = catalog.unlisted(job.job_type, job.queue_name)
    if not ask_workers:
        # Of many at once such a job is refused in any case: it would have to be confirmed by itself.
        raise retry_rules.unlisted_among_many()
    # A worker that is too busy to answer now may have answered the sweeper before.
    if job.job_type not in gateway.registered_tasks() and not pulse.has_registered(job.job_type):
        raise retry_rules.unknown_type(job.job_type)
    return job_type
