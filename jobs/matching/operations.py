"""Retrying and cancelling all jobs that match a filter, as a run of its own."""

from dataclasses import dataclass
from typing import Any, Final

from django.db import transaction

from jobs import catalog, operations
from jobs.filters import JobFilter
from jobs.matching.preview import too_many
from jobs.matching.selection import (
    CANCEL,
    MAX_MATCHED,
    PAST,
    RETRY,
    Selection,
    Verb,
    filter_as_json,
    selection,
)
from jobs.models import BulkChange
from jobs.operations import JobRequest
from jobs.receipts import Submitted
from opsconsole.audit import Actor, Entity, record_refusal
from opsconsole.errors import Conflict, OpsError, Refused
from opsconsole.formatting import count
from opsconsole.redaction import redact_text

MAX_CANARY: Final = 50
# By how much of what was seen the number may have moved since.
TOLERANCE: Final = 0.10
REASON_NEEDED: Final = "Say why, as the reason: it is kept in the audit log, with each of the jobs."
_TYPES: Final[dict[Verb, str]] = {RETRY: catalog.RETRY_MATCHING, CANCEL: catalog.CANCEL_MATCHING}


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What somebody has seen of the jobs that are meant: the filter, the newest id then, and how many they were."""

    job_filter: JobFilter
    up_to_id: int
    expected: int


def retry_matching(
    job_filter: JobFilter, *, up_to_id: int, expected: int, reason: str, actor: Actor, canary: int = 0
) -> Submitted:
    """Have all failed jobs that match a filter retried, by a job in the background; what needs a confirmation is not.

    Args:
        job_filter: which jobs.
        up_to_id: the newest job when somebody looked how many match; none with a higher id is retried.
        expected: how many they were then.
        reason: why; kept in the audit log.
        actor: who asks, and through what.
        canary: how many are retried first; the others only if these succeed. 0 for none.

    Raises:
        Refused: no reason is given, the filter asks for jobs that can't be retried, takes too long or matches too many.
        Conflict: nothing matches, or not about as many as were expected.
    """
    if not 0 <= canary <= MAX_CANARY:
        raise Refused(f"From 0 to {MAX_CANARY} jobs can be retried first, not {canary}.", code="bad_canary")
    seen = Seen(job_filter=job_filter, up_to_id=up_to_id, expected=expected)
    return _submit(RETRY, seen, reason=reason, actor=actor, canary=canary)


def cancel_matching(job_filter: JobFilter, *, up_to_id: int, expected: int, reason: str, actor: Actor) -> Submitted:
    """Have all jobs that match a filter and have not ended cancelled, by a job in the background.

    Args:
        job_filter: which jobs.
        up_to_id: the newest job when somebody looked how many match; none with a higher id is cancelled.
        expected: how many they were then.
        reason: why; kept in the audit log.
        actor: who asks, and through what.

    Raises:
        Refused: no reason is given, the filter asks for jobs that have ended, takes too long or matches too many.
        Conflict: nothing matches, or not about as many as were expected.
    """
    seen = Seen(job_filter=job_filter, up_to_id=up_to_id, expected=expected)
    return _submit(CANCEL, seen, reason=reason, actor=actor)


def _submit(verb: Verb, seen: Seen, *, reason: str, actor: Actor, canary: int = 0) -> Submitted:
    operation = f"job.{verb}_matching"
    request: dict[str, Any] = {"filter": filter_as_json(seen.job_filter), "up_to_id": seen.up_to_id}
    if canary:
        request["canary"] = canary
    try:
        if not reason.strip():
            raise Refused(REASON_NEEDED, code="reason_required")
        chosen = selection(verb, seen.job_filter, up_to_id=seen.up_to_id)
        matched = _checked(chosen, seen.expected)
        # A second click during the bulk action submits the same work, so it joins the first.
        payload = request | {"filter": filter_as_json(chosen.job_filter)}
        return _submit_checked(verb, seen, payload, matched=matched, reason=reason, actor=actor, canary=canary)
    except OpsError as refusal:
        about: dict[str, Any] = {"actor": actor, "action": operation, "entity": Entity(type="job"), "reason": reason}
        record_refusal(refusal, **about, request=request | {"expected": seen.expected})
        raise


def _submit_checked(
    verb: Verb, seen: Seen, payload: dict[str, Any], *, matched: int, reason: str, actor: Actor, canary: int
) -> Submitted:
    with transaction.atomic():
        submitted = operations.submit_run(
            operation=f"job.{verb}_matching",
            title=f"{verb.capitalize()} {count(matched, 'job')} that match{'es' if matched == 1 else ''} a filter",
            requests=[JobRequest(job_type=_TYPES[verb], payload=payload)],
            actor=actor,
            entity=Entity(type="job"),
            reason=reason,
            request=payload | {"expected": seen.expected},
        )
        (job_id,) = submitted.job_ids
        if not submitted.already_active:
            BulkChange.objects.create(
                job_id=job_id,
                verb=verb,
                filter=payload["filter"],
                up_to_id=seen.up_to_id,
                matched=matched,
                canary=canary,
                # It is shown: nobody knows what was pasted into it.
                reason=redact_text(reason),
                requested_by=actor.name,
                via=actor.via,
            )
    return submitted


def _checked(chosen: Selection, expected: int) -> int:
    matched = chosen.count()
    if matched > MAX_MATCHED:
        raise too_many()
    if abs(matched - expected) > expected * TOLERANCE:
        raise Conflict(
            f"{count(matched, 'job')} match{'es' if matched == 1 else ''} now, and not {expected:,} as you have seen; "
            f"look again at what would be {PAST[chosen.verb]}.",
            code="count_changed",
            matched=matched,
        )
    if not matched:
        raise Conflict(f"No job matches that could be {PAST[chosen.verb]}.", code="nothing_matches")
    return matched
