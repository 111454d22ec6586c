"""Cancelling one job, and setting a stuck one failed: what the operations have in common for one and for many."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from django.db import connection, transaction
from django.db.models.functions import Now

from jobs import cancel_rules, catalog, gateway, ledger
from jobs.cancel_rules import Consequence
from jobs.dispatching import closing
from jobs.models import ACTIVE_STATUSES, CANCELLED, FAILED, RUNNING, Dispatch, Job, Outcome
from jobs.receipts import NOT_REVOKED, REVOCATION_IN_DOUBT, Cancelled, SetFailed
from jobs.retry_rules import AMBIGUOUS, audited_entity
from jobs.stuck import stuck_condition
from opsconsole.audit import Actor, record, record_refusal
from opsconsole.errors import Conflict, NotFound, OpsError, Refused
from opsconsole.row_ids import row_id

logger = structlog.get_logger(__name__)

CANCEL: Final = "job.cancel"
FAIL: Final = "job.fail"


@dataclass(kw_only=True)
class Revocation:
    """The tasks to revoke once the cancellation is committed.

    Attributes:
        terminate: also kill the processes that run the tasks.
        task_ids: the Celery ids of the tasks.
        not_told: why the workers weren't told, or may not have been; empty if they were.
    """

    terminate: bool = False
    task_ids: list[str] = field(default_factory=list)
    not_told: str = ""

    def send(self) -> None:
        """Tell the workers, once for all; advisory, so that it fails is no failure of what was decided."""
        try:
            gateway.revoke(self.task_ids, terminate=self.terminate)
        except gateway.BrokerUnreachable:
            self.not_told = NOT_REVOKED
        except Exception:
            # The cancellation is committed, so even a bug in the console must not turn the answer into an error.
            logger.exception("revocation.in_doubt", tasks=self.task_ids)
            self.not_told = REVOCATION_IN_DOUBT


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What was asked for by whom, for the audit log."""

    action: str
    actor: Actor
    reason: str
    request: dict[str, Any]


def cancel(
    job_id: int, revocation: Revocation, *, otherwise: Revocation | None = None, actor: Actor, reason: str
) -> Cancelled:
    """Cancel one job in a transaction of its own, audited, also when it is refused.

    Args:
        job_id: the ledger row.
        revocation: what its task id is added to.
        otherwise: what it is added to where there is nothing to terminate, instead of refusing that.
        actor: who asks, and through what.
        reason: what the person gave as the reason.

    Raises:
        NotFound: there is no such job.
        Conflict: it has ended, is being cancelled already, or its type can't be cancelled.
        Refused: its task was to be terminated, and it is none of the core's that runs.
    """
    asked = Asked(
        action=CANCEL, actor=actor, reason=reason, request={"job_id": job_id, "terminate": revocation.terminate}
    )
    cancelled: Cancelled = _audited(job_id, asked, lambda job: _cancel(job, revocation, otherwise, asked))
    return cancelled


def set_failed(job_id: int, revocation: Revocation, *, actor: Actor, reason: str) -> SetFailed:
    """Set one stuck job failed in a transaction of its own, audited, also when it is refused.

    Raises:
        NotFound: there is no such job.
        Conflict: it is not stuck.
    """
    asked = Asked(action=FAIL, actor=actor, reason=reason, request={"job_id": job_id})
    failed: SetFailed = _audited(job_id, asked, lambda job: _fail(job, revocation, asked))
    return failed


def _audited(job_id: int, asked: Asked, decide: Callable[[Job], Any]) -> Any:
    seen = Job.objects.filter(pk=job_id).first() if row_id(job_id) else None
    if seen is None:
        raise NotFound(f"There is no job {job_id}.", code="job_not_found")
    try:
        with transaction.atomic():
            # Locked, so that what is checked is what is changed; the job first, then its attempt.
            job = Job.objects.select_for_update().filter(pk=job_id).first()
            if job is None:
                raise NotFound(f"There is no job {job_id}.", code="job_not_found")
            return decide(job)
    except OpsError as refusal:
        record_refusal(
            refusal,
            actor=asked.actor,
            action=asked.action,
            entity=audited_entity(seen),
            reason=asked.reason,
            request=asked.request,
        )
        raise


def _cancel(job: Job, revocation: Revocation, otherwise: Revocation | None, asked: Asked) -> Cancelled:
    attempt = _open_attempt(job)
    candidate = _candidate(job, attempt)
    if refusal := cancel_rules.refusal(candidate):
        raise refusal
    if revocation.terminate and not candidate.is_terminable:
        if otherwise is None:
            raise Refused(
                "Only the task of a job that runs in the core's worker can be terminated; cancel it without.",
                code="nothing_to_terminate",
            )
        revocation = otherwise
    cancelling = candidate.consequence is Consequence.ASKED_TO_END
    if cancelling:
        _open_attempts(job).update(cancel_requested_at=Now())
    else:
        ledger.transition(job.pk, allowed=(job.status,), to=CANCELLED, dedupe_key=None)
        _end_attempts(job, attempt, revocation, Outcome.CANCELLED, cancel_requested_at=Now())
    receipt = Cancelled(
        job_id=job.pk,
        status=RUNNING if cancelling else CANCELLED,
        warning=cancel_rules.warning(candidate.consequence, terminate=revocation.terminate),
        revocation=revocation,
    )
    response = {"status": receipt.status, "before": job.status, "cancelling": cancelling}
    _record(job, asked, response | {"terminated": revocation.terminate})
    return receipt


def _candidate(job: Job, attempt: Dispatch | None) -> cancel_rules.Candidate:
    if attempt is None:
        return cancel_rules.Candidate(status=job.status, job_type=job.job_type)
    return cancel_rules.Candidate(
        status=job.status,
        job_type=job.job_type,
        dispatched=True,
        in_core=attempt.in_core,
        published=attempt.published_at is not None,
        leased=attempt.lease_until is not None,
        cancel_requested=attempt.cancel_requested_at is not None,
    )


def _fail(job: Job, revocation: Revocation, asked: Asked) -> SetFailed:
    attempt = _open_attempt(job)
    if job.status not in ACTIVE_STATUSES:
        raise Conflict(f"This job is {job.status}; only a stuck job can be set failed.", code="not_stuck")
    if not _is_stuck(job):
        raise Conflict(
            f"This job is {job.status} and not stuck; only a stuck job can be set failed. Cancel it instead.",
            code="not_stuck",
        )
    error = f"Set failed by {asked.actor.name}: {asked.reason}"
    at_most_once = attempt.at_most_once if attempt is not None else _is_at_most_once(job)
    if at_most_once:
        error = f"{AMBIGUOUS} {error}"
    ledger.transition(job.pk, allowed=(job.status,), to=FAILED, last_error=error, dedupe_key=None)
    outcome = Outcome.UNKNOWN if at_most_once else Outcome.FAILED
    # What only waits in a long queue will run all the same, where the workers don't hear that they shall not.
    is_over = attempt is not None and attempt.unknown_since is not None
    _end_attempts(job, attempt, revocation, outcome, frees_place=is_over, error=error)
    _record(job, asked, {"status": FAILED, "before": job.status})
    return SetFailed(job_id=job.pk)


def _record(job: Job, asked: Asked, response: dict[str, Any]) -> None:
    record(
        actor=asked.actor,
        action=asked.action,
        entity=audited_entity(job),
        reason=asked.reason,
        request=asked.request,
        response=response,
    )


def _end_attempts(
    job: Job,
    attempt: Dispatch | None,
    revocation: Revocation,
    outcome: Outcome,
    *,
    frees_place: bool = False,
    **values: Any,
) -> None:
    ended = closing(outcome, frees_place=frees_place, lease_until=None, check_at=None, unknown_since=None, **values)
    _open_attempts(job).update(**ended)
    # The next attempt of one that is being retried is not to be made any more.
    Dispatch.objects.filter(job_id=job.pk).exclude(next_attempt_at=None).update(next_attempt_at=None)
    if attempt is not None and attempt.published_at is not None:
        revocation.task_ids.append(str(attempt.task_id))


def _open_attempts(job: Job) -> Any:
    return Dispatch.objects.filter(job_id=job.pk, ended_at=None)


def _open_attempt(job: Job) -> Dispatch | None:
    found: Dispatch | None = _open_attempts(job).select_for_update().first()
    return found


def _is_stuck(job: Job) -> bool:
    condition, *params = stuck_condition()
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {condition} FROM jobs WHERE jobs.id = %s", [*params, job.pk])
        (stuck,) = cursor.fetchone()
    return bool(stuck)


def _is_at_most_once(job: Job) -> bool:
    known = catalog.find(job.job_type)
    return known is not None and known.at_most_once
