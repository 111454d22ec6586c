"""When a job may be retried, and what is said when it may not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from jobs import catalog, subjects
from jobs.catalog import JobType
from jobs.models import ACTIVE_STATUSES, CANCELLED, DONE, FAILED, Job
from jobs.subjects import SendState, Subject
from opsconsole.audit import Entity
from opsconsole.errors import Conflict, OpsError, Refused

AMBIGUOUS: Final = "AMBIGUOUS:"
IDENTICAL: Final = "identical_job_active"
NO_OBJECT: Final = "Its payload is no JSON object, so its task would get none of its arguments."
SEND_TYPES: Final = frozenset({catalog.SEND_MESSAGE, "send_manual"})


def check_status(status: str) -> None:
    """Raise Conflict or Refused unless the job has failed."""
    if status == FAILED:
        return
    if status in (DONE, CANCELLED):
        raise Refused(f"This job is {status}; only a failed job can be retried.", code="not_failed")
    if status in ACTIVE_STATUSES:
        raise Conflict(f"This job is {status} already; only a failed job can be retried.", code="already_active")
    raise Conflict(f"This job has the status {status}, which this console doesn't know.", code="unknown_status")


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A failed job that might be retried.

    Attributes:
        job_id: the ledger row.
        queue: its queue, as the row has it.
        job_type: what stands behind it.
        payload: its payload.
        last_error: its error, or at least the beginning.
    """

    job_id: int
    queue: str
    job_type: JobType
    payload: Any
    last_error: str | None


def refusals(
    candidates: Sequence[Candidate], concerns: Mapping[int, Subject], *, confirm: bool = False
) -> dict[int, OpsError]:
    """Return why failed jobs must not run again, or not without a confirmation; one query at most.

    Args:
        candidates: the jobs.
        concerns: whom each job concerns, by its id, where that exists.
        confirm: the operator has confirmed that they may take effect twice.

    Returns:
        What would be raised, by job id, for those jobs that are refused.
    """
    sends = {one.job_id: one.payload for one in candidates if one.job_type.name in SEND_TYPES}
    states = subjects.registered().send_states(sends) if sends else {}
    found = {
        one.job_id: _unavailable(one, concerns.get(one.job_id))
        or _at_most_once_refusal(one, states.get(one.job_id), confirm=confirm)
        for one in candidates
    }
    return {job_id: refusal for job_id, refusal in found.items() if refusal is not None}


def _unavailable(one: Candidate, subject: Subject | None) -> OpsError | None:
    if not isinstance(one.payload, dict):
        if one.job_type.payload_argument:
            return None
        return Refused(NO_OBJECT, code="invalid_payload")
    named = one.payload.get("identity_id")
    if named is None or (subject is not None and subject.is_active):
        return None
    if subject is None:
        return Conflict(f"Its identity {str(named)[:50]} does not exist any more.", code="identity_unavailable")
    return Conflict(f"Its identity {subject.display_name} is inactive; activate it first.", code="identity_unavailable")


def _at_most_once_refusal(one: Candidate, send_state: SendState | None, *, confirm: bool) -> OpsError | None:
    if not one.job_type.at_most_once:
        return None
    if send_state is not None:
        if not send_state.exists:
            return Conflict("Its message does not exist any more, so there is nothing to send.", code="message_gone")
        if send_state.deleted:
            return Conflict("Its message was deleted, so it must not be sent.", code="message_deleted")
        if send_state.visibility in {"visible", "deleted_by_author", "removed"}:
            return Conflict("Its message went out already.", code="message_sent")
        if send_state.visibility == "send_failed" and not (one.last_error or "").startswith(AMBIGUOUS):
            return None
        sentence = "Nobody knows whether its message went out; sending it again may send it twice."
    else:
        sentence = "A job of this type may take effect only once, and nobody knows how far it came."
    if confirm:
        return None
    return Conflict(f"{sentence} Confirm to run it all the same.", code="confirmation_required")


def identical(holder: int | None) -> Conflict:
    """Return what is said of a job while an identical one is active.

    Args:
        holder: that one, where it is known.
    """
    return Conflict(
        f"An identical job is active already: job {holder}." if holder else "An identical job was active just now.",
        code=IDENTICAL,
        job_id=holder,
    )


def unlisted_among_many() -> Conflict:
    """Return what is said of a type that the catalog lacks, among several jobs that are to be retried."""
    return Conflict(
        "A job of a type that the catalog lacks can only be retried by itself, after a confirmation.",
        code="confirmation_required",
    )


def unknown_type(job_type: str) -> Refused:
    """Return what is said of a type that neither the catalog nor any live worker knows."""
    return Refused(
        f"Unknown job type {job_type[:100]}. The catalog lacks it, and no worker has registered a task of that name. "
        f"Map its task and queue in OPS_JOB_TYPES.",
        code="unknown_job_type",
    )


def audited_entity(job: Job) -> Entity:
    """Return what the audit log says an operation on this job was about."""
    return entity_of(job.pk, job.payload_json)


def entity_of(job_id: int, payload: Any) -> Entity:
    """Return what the audit log says an operation on the job with this id and payload was about."""
    provider = payload.get("provider_id") if isinstance(payload, Mapping) else None
    return Entity(
        type="job",
        id=job_id,
        # Printable: neither NUL nor a lone surrogate, which a payload may hold but no text column takes.
        provider_id=provider if isinstance(provider, str) and len(provider) <= 32 and provider.isprintable() else None,
        identity_id=subjects.identity_id_of(payload),
    )
