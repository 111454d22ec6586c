"""What people can ask for an identity or its conversations; each becomes a run of jobs in the ledger."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog

from identities.choosing import (
    Chosen,
    active_identities,
    choose,
    entity_of,
    live_conversations,
    names_of,
    those_that_can,
)
from identities.models import Conversation, Identity
from identities.sync_schedules import with_own_schedule
from jobs import catalog
from jobs.operations import MAX_JOBS_PER_RUN, JobRequest, submit_run
from jobs.receipts import Submitted
from opsconsole.audit import Actor, Entity, record_refusal
from opsconsole.errors import OpsError, Refused
from opsconsole.row_ids import row_id

logger = structlog.get_logger(__name__)

MAX_ATTACHMENTS: Final = 1_000

BACKFILL: Final = "backfill.trigger"
SYNC: Final = "sync.trigger"
REDOWNLOAD: Final = "redownload_attachments.trigger"


def backfill_conversations(
    *, identity_ids: Sequence[int] | None = None, of_all: bool = False, actor: Actor, reason: str = ""
) -> Submitted:
    """Import the full history of identities: one job for each.

    Args:
        identity_ids: the identities, even if they can't sync; None for all active ones that can.
        of_all: the named identities were picked from all active ones, so report the others that can't sync as skipped.
        actor: who asks, and through what.
        reason: what the person gave as the reason.

    Returns:
        The run, its jobs, and what was skipped.

    Raises:
        NotFound: an identity doesn't exist or is inactive.
        Conflict: no active identity exists or can sync, or jobs outside this console do all of the work already
            (`job_id` is in the details).
    """
    work = _Work(action=BACKFILL, job_type=catalog.BACKFILL_CONVERSATIONS, verb="Backfill")
    return _trigger(work, identity_ids, lambda: choose(identity_ids, of_all=of_all), actor=actor, reason=reason)


def sync_identities(
    *, identity_ids: Sequence[int] | None = None, of_all: bool = False, actor: Actor, reason: str = ""
) -> Submitted:
    """Fetch what is new for identities: one job for each.

    Args:
        identity_ids: the identities, even if they can't sync; None for all active ones that can.
        of_all: the named identities were picked from all active ones, so report the others that can't sync as skipped.
        actor: who asks, and through what.
        reason: what the person gave as the reason.

    Returns:
        The run, its jobs, and what was skipped.

    Raises:
        NotFound: an identity doesn't exist or is inactive.
        Conflict: no active identity exists or can sync, or jobs outside this console do all of the work already
            (`job_id` is in the details).
    """
    return _trigger(_SYNC, identity_ids, lambda: choose(identity_ids, of_all=of_all), actor=actor, reason=reason)


def sync_on_schedule(
    *,
    provider_id: str | None = None,
    identity_id: int | None = None,
    default: bool = False,
    actor: Actor,
    reason: str = "",
) -> Submitted | None:
    """Sync the identities of a schedule: one identity, or all active ones, or all active ones of a provider.

    A general schedule skips identities that can't sync, and identities with their own schedule, even if that is off.

    Args:
        provider_id: only identities of this provider.
        identity_id: only this identity.
        default: only default identities.
        actor: who asks, and through what.
        reason: what the person gave as the reason.

    Returns:
        The run; None if no identity is left, because they are inactive, gone, or have their own schedule.

    Raises:
        Refused: the arguments have a type that can't name an identity or a provider.
        Conflict: as in `sync_identities`.
    """
    request = {"provider_id": provider_id, "identity_id": identity_id, "default": default}
    try:
        found = _scheduled(provider_id, identity_id, default=default)
    except OpsError as refusal:
        entity = Entity(type="identity")
        record_refusal(refusal, actor=actor, action=SYNC, entity=entity, reason=reason, request=request)
        raise
    if not found:
        logger.info("sync.nobody", **request)
        return None
    if identity_id is not None:
        return sync_identities(identity_ids=found, actor=actor, reason=reason)
    return _trigger(_SYNC, found, lambda: those_that_can(active_identities(found)), actor=actor, reason=reason)


def _scheduled(provider_id: Any, identity_id: Any, *, default: Any) -> list[int]:
    if provider_id is not None and not isinstance(provider_id, str):
        raise Refused("A sync schedule's provider_id must be a text.", code="invalid_arguments")
    active = Identity.objects.filter(is_active=True)
    if identity_id is not None:
        if (wanted := row_id(identity_id)) is None:
            raise Refused("A sync schedule's identity_id must be the id of an identity.", code="invalid_arguments")
        return list(active.filter(pk=wanted).values_list("pk", flat=True))
    if provider_id is not None:
        active = active.filter(provider_id=provider_id)
    if default:
        active = active.filter(is_default=True)
    own = with_own_schedule()
    return [pk for pk in active.order_by("pk").values_list("pk", flat=True) if pk not in own][:MAX_JOBS_PER_RUN]


def backfill_messages(*, conversation_ids: Sequence[int], actor: Actor, reason: str = "") -> Submitted:
    """Import the messages of conversations: one job for each, or one for each identity if the task fetches all of it.

    Args:
        conversation_ids: 1 to MAX_CONVERSATIONS conversations.
        actor: who asks, and through what.
        reason: what the person gave as the reason.

    Returns:
        The run, its jobs, and what was skipped.

    Raises:
        NotFound: one of them does not exist, was deleted, or its identity is gone or inactive.
        Refused: none or too many are named.
        Conflict: jobs outside this console do all of the work already (`job_id` is in the details).
    """
    request: dict[str, Any] = {"conversation_ids": list(conversation_ids)}
    try:
        conversations = live_conversations(conversation_ids)
    except OpsError as refusal:
        record_refusal(
            refusal, actor=actor, action=BACKFILL, entity=Entity(type="conversation"), reason=reason, request=request
        )
        raise
    first = conversations[0]
    return _submit(
        operation=BACKFILL,
        title=f"Backfill messages of {_people(len(conversations), first)}",
        requests=[
            JobRequest(
                job_type=catalog.BACKFILL_MESSAGES,
                payload={
                    "provider_id": conversation.provider_id,
                    "conversation_id": conversation.pk,
                    "identity_id": conversation.identity_id,
                },
                conversation_id=conversation.pk,
            )
            for conversation in conversations
        ],
        actor=actor,
        entity=Entity(
            type="conversation",
            id=first.pk if len(conversations) == 1 else None,
            provider_id=first.provider_id if len({c.provider_id for c in conversations}) == 1 else None,
            identity_id=first.identity_id if len({c.identity_id for c in conversations}) == 1 else None,
        ),
        reason=reason,
        request=request,
    )


def redownload_attachments(
    *, conversation_id: int | None = None, limit: int = 100, actor: Actor, reason: str = ""
) -> Submitted:
    """Fetch missing attachments again, of one conversation or of all.

    Args:
        conversation_id: the conversation; None for all.
        limit: the maximum number of attachments, 1 to MAX_ATTACHMENTS.
        actor: who asks, and through what.
        reason: what the person gave as the reason.

    Returns:
        The run and its job.

    Raises:
        NotFound: the conversation does not exist, was deleted, or its identity is gone or inactive.
        Refused: the limit is out of its range.
        Conflict: a job outside this console does the same work already (`job_id` is in the details).
    """
    request: dict[str, Any] = {"conversation_id": conversation_id, "limit": limit}
    conversation = None
    try:
        if not 1 <= limit <= MAX_ATTACHMENTS:
            raise Refused(f"The limit must be from 1 to {MAX_ATTACHMENTS}, not {limit}.", code="invalid_limit")
        if conversation_id is not None:
            (conversation,) = live_conversations([conversation_id])
    except OpsError as refusal:
        record_refusal(
            refusal, actor=actor, action=REDOWNLOAD, entity=Entity(type="conversation"), reason=reason, request=request
        )
        raise
    payload: dict[str, Any] = {"limit": limit}
    entity = Entity(type="conversation")
    if conversation is not None:
        payload["conversation_id"] = conversation.pk
        entity = Entity(
            type="conversation",
            id=conversation.pk,
            provider_id=conversation.provider_id,
            identity_id=conversation.identity_id,
        )
    return _submit(
        operation=REDOWNLOAD,
        title="Fetch missing attachments again"
        + (f" with {conversation.counterpart_account.external_username}" if conversation else ""),
        requests=[JobRequest(job_type=catalog.REDOWNLOAD_ATTACHMENTS, payload=payload)],
        actor=actor,
        entity=entity,
        reason=reason,
        request=request,
    )


@dataclass(frozen=True, kw_only=True)
class _Work:
    """A kind of work for identities: the audit log's action, the jobs' type, and the first word of the run's title."""

    action: str
    job_type: str
    verb: str


_SYNC: Final = _Work(action=SYNC, job_type=catalog.SYNC, verb="Sync")


def _trigger(
    work: _Work, identity_ids: Sequence[int] | None, chosen: Callable[[], Chosen], *, actor: Actor, reason: str
) -> Submitted:
    """Submit one job for each of the identities, as one run.

    Args:
        work: the kind of work.
        identity_ids: the identities that were asked for, for the audit log.
        chosen: returns the identities to start jobs for.
        actor: who asks, and through what.
        reason: what the person gave as the reason.
    """
    request: dict[str, Any] = {"identity_ids": list(identity_ids) if identity_ids is not None else None}
    only = identity_ids[0] if identity_ids and len(identity_ids) == 1 else None
    entity = Entity(type="identity", id=row_id(only))
    try:
        found = chosen()
    except OpsError as refusal:
        record_refusal(refusal, actor=actor, action=work.action, entity=entity, reason=reason, request=request)
        raise
    return _submit(
        operation=work.action,
        title=f"{work.verb} {names_of(found.identities)}",
        requests=[
            JobRequest(
                job_type=work.job_type, payload={"provider_id": identity.provider_id, "identity_id": identity.pk}
            )
            for identity in found.identities
        ],
        actor=actor,
        entity=entity_of(found.identities),
        reason=reason,
        request=request,
        left_out=found.left_out,
    )


def _submit(
    *, operation: str, actor: Actor, entity: Entity, reason: str, request: dict[str, Any], **more: Any
) -> Submitted:
    about: dict[str, Any] = {"actor": actor, "entity": entity, "reason": reason, "request": request}
    try:
        return submit_run(operation=operation, **about, **more)
    except OpsError as refusal:
        record_refusal(refusal, action=operation, **about)
        raise


def _people(count: int, first: Conversation) -> str:
    name = first.counterpart_account.external_username
    return name if count == 1 else f"{name} and {count - 1} more"
