"""Reads of identities and conversations. Never a message's text, never a secret: neither is mapped."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from identities.models import (
    Conversation,
    ConversationCount,
    CountingState,
    Identity,
    IdentityCounts,
    Message,
    ProviderCredential,
)
from opsconsole.errors import NotFound
from opsconsole.far_times import FarText, texts
from opsconsole.redaction import redact_name
from opsconsole.row_ids import row_id
from opsconsole.slow_filters import bounded

MAX_IDENTITIES: Final = 1_000

CredentialStatus = Literal["present", "missing"]


@dataclass(frozen=True, kw_only=True)
class CredentialState:
    """What is known of an identity's credentials: which types there are, since when, rotated when."""

    status: CredentialStatus
    types: tuple[str, ...] = ()
    connected_at: datetime | None = None
    rotated_at: datetime | None = None


def identities(*, include_inactive: bool = True) -> list[Identity]:
    """Return the identities by provider and name, bounded; one query."""
    found = _with_all().order_by("provider_id", "display_name", "pk")
    return list((found if include_inactive else found.filter(is_active=True))[:MAX_IDENTITIES])


def identity(identity_id: int) -> Identity:
    """Return one identity; one query.

    Raises:
        NotFound: there is none with this id.
    """
    found = _with_all().filter(pk=identity_id).first() if row_id(identity_id) else None
    if found is None:
        raise NotFound(f"There is no identity {identity_id}.", code="identity_not_found")
    return found


def _with_all() -> QuerySet[Identity]:
    """Identities with what belongs to each: provider, last sync, counts."""
    return Identity.objects.select_related("provider", "last_sync", "counts")


def identity_id_of(text: str) -> int:
    """Return the identity id that an address names.

    Raises:
        NotFound: it is no number that a row could have.
    """
    if (found := row_id(text)) is not None:
        return found
    raise NotFound(f"There is no identity {text[:50]}.", code="identity_not_found")


def credential_states(identity_ids: list[int]) -> dict[int, CredentialState]:
    """Return what is known of the credentials of identities; one query."""
    states = {pk: CredentialState(status="missing") for pk in identity_ids}
    rows = ProviderCredential.objects.filter(identity_id__in=identity_ids).order_by("credential_type")
    by_identity: dict[int, list[ProviderCredential]] = {}
    for row in rows:
        if row.identity_id is not None:
            by_identity.setdefault(row.identity_id, []).append(row)
    for pk, credentials in by_identity.items():
        states[pk] = CredentialState(
            status="present",
            types=tuple(row.credential_type for row in credentials),
            connected_at=min((row.created_at for row in credentials if row.created_at), default=None),
            rotated_at=max((row.rotated_at for row in credentials if row.rotated_at), default=None),
        )
    return states


def conversation_counts(identity_ids: list[int]) -> dict[int, int]:
    """Return how many conversations (not deleted) each identity has, as of the last minute; one query.

    Those of an identity that has not been added up yet are counted, by the index on the identity.
    """
    known = IdentityCounts.objects.filter(identity_id=OuterRef("pk")).values("conversations")
    counted = Conversation.objects.filter(identity_id=OuterRef("pk"), deleted_at=None).order_by().values("identity_id")
    rows = (
        Identity.objects.filter(pk__in=identity_ids)
        .order_by()
        .annotate(count=Coalesce(Subquery(known), Subquery(counted.annotate(count=Count("pk")).values("count")), 0))
        .values_list("pk", "count")
    )
    return dict(rows)


def conversations(*, identity_id: int | None = None, q: str = "") -> QuerySet[Conversation]:
    """Return conversations (not deleted) by identity and by a part of the counterpart's name, newest first."""
    found = Conversation.objects.filter(deleted_at=None).select_related("counterpart_account", "identity")
    found = found.annotate(**{f"{name}_text": FarText(name) for name in ("last_activity_at", "archived_at")})
    if identity_id is not None:
        found = found.filter(identity_id=identity_id)
    if q:
        found = found.filter(counterpart_account__external_username__icontains=q)
    return found.order_by("-pk")


def conversation_page(
    *, identity_id: int | None, q: str, limit: int, beyond: int | None, backwards: bool
) -> tuple[list[dict[str, Any]], bool]:
    """Return a page of conversations with their number of messages, and whether there are more that way; two queries.

    Args:
        identity_id: only those of this identity.
        q: a part of the counterpart's name.
        limit: rows.
        beyond: start beyond this id.
        backwards: towards newer ones.
    """
    found = conversations(identity_id=identity_id, q=q)
    if backwards:
        found = found.order_by("pk")
    if beyond is not None:
        found = found.filter(Q(pk__gt=beyond) if backwards else Q(pk__lt=beyond))
    with bounded(bool(q)):
        rows = list(found[: limit + 1])
    more = len(rows) > limit
    page = rows[:limit][::-1] if backwards else rows[:limit]
    counts = message_counts([row.pk for row in page])
    return [_conversation_row(row, counts.get(row.pk, 0)) for row in page], more


def message_counts(conversation_ids: list[int]) -> dict[int, int]:
    """Return how many messages (not deleted) each conversation has; one query.

    They were counted in the background (`identities.counting` says what that means). Those of a conversation that has
    none yet, and all until the first count is done, are counted by the index on the conversation.
    """
    first_count_done = CountingState.objects.exclude(counted_as_of=None)
    known = ConversationCount.objects.filter(Exists(first_count_done), conversation_id=OuterRef("pk"))
    counted = (
        Message.objects.filter(conversation_id=OuterRef("pk"), deleted_at=None).order_by().values("conversation_id")
    )
    rows = (
        Conversation.objects.filter(pk__in=conversation_ids)
        .order_by()
        .annotate(
            message_count=Coalesce(
                Subquery(known.values("messages")), Subquery(counted.annotate(count=Count("pk")).values("count")), 0
            )
        )
        .values_list("pk", "message_count")
    )
    return dict(rows)


def _conversation_row(row: Conversation, message_count: int) -> dict[str, Any]:
    return {
        "id": row.pk,
        "provider_id": redact_name(row.provider_id),
        "counterpart": row.counterpart_account.external_username,
        "identity": {"id": row.identity_id, "display_name": row.identity.display_name},
        "last_activity_at": row.last_activity_at,
        **texts(row, last_activity_at="last_activity_at"),
        "archived_at": row.archived_at,
        **texts(row, archived_at="archived_at"),
        "message_count": message_count,
    }
