"""Which identities and conversations an operation may be about: those that exist and are not switched off."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from identities.ability import obstacles
from identities.models import Conversation, Identity
from jobs.receipts import LeftOut, left_out_words
from opsconsole.audit import Entity
from opsconsole.errors import Conflict, NotFound, Refused
from opsconsole.row_ids import row_id

MAX_CONVERSATIONS: Final = 100
# As many as a run has jobs.
MAX_IDENTITIES: Final = 1_000


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """The identities of an action.

    Attributes:
        identities: the identities to start jobs for, at least one.
        left_out: the identities that are skipped because they can't sync, and why.
    """

    identities: list[Identity]
    left_out: tuple[LeftOut, ...] = ()


def choose(identity_ids: Sequence[int] | None, *, of_all: bool = False) -> Chosen:
    """Return the named identities, even if they can't sync. If none are named, return all active ones that can sync.

    Args:
        identity_ids: the identities; None for all active ones.
        of_all: the named identities were picked from all active ones, so report the others that can't sync as skipped.

    Returns:
        The identities, and those that are skipped.

    Raises:
        NotFound: an identity doesn't exist or is inactive.
        Conflict: there is no active identity, none can sync, or there are more than MAX_IDENTITIES.
        Refused: the list is empty or too long.
    """
    if identity_ids is None:
        return those_that_can(active_identities(None))
    if not of_all:
        return Chosen(identities=active_identities(identity_ids))
    everyone = active_identities(None)
    left_out = tuple(one for one in _left_out(everyone) if one.identity_id not in identity_ids)
    if not identity_ids and len(left_out) == len(everyone):
        raise _nobody(left_out)
    return Chosen(identities=active_identities(identity_ids), left_out=left_out)


def those_that_can(identities: Sequence[Identity]) -> Chosen:
    """Return the identities that can sync, and the others as skipped; one query.

    Raises:
        Conflict: no identity can sync.
    """
    left_out = _left_out(identities)
    unable = {one.identity_id for one in left_out}
    able = [identity for identity in identities if identity.pk not in unable]
    if not able:
        raise _nobody(left_out)
    return Chosen(identities=able, left_out=left_out)


def _left_out(identities: Sequence[Identity]) -> tuple[LeftOut, ...]:
    found = obstacles([identity.pk for identity in identities])
    return tuple(LeftOut(identity_id=pk, code=why.code, reason=why.reason) for pk, why in sorted(found.items()))


def _nobody(left_out: Sequence[LeftOut]) -> Conflict:
    return Conflict(
        f"No active identity can sync. {left_out_words(left_out)}",
        code="no_identity_can_sync",
        left_out=[one.as_json() for one in left_out],
    )


def active_identities(identity_ids: Sequence[int] | None) -> list[Identity]:
    """Return the identities, all active ones when none are named.

    Raises:
        NotFound: one of them does not exist or is inactive.
        Conflict: there is no active identity at all, or there are more than MAX_IDENTITIES.
        Refused: the list is empty or too long.
    """
    if identity_ids is None:
        identities = list(Identity.objects.filter(is_active=True).order_by("pk"))
        if not identities:
            raise Conflict("There is no active identity; activate one first.", code="no_active_identity")
        if len(identities) > MAX_IDENTITIES:
            raise Conflict(
                f"There are {len(identities):,} active identities; at most {MAX_IDENTITIES:,} can be named at once.",
                code="too_many_identities",
            )
        return identities
    if not identity_ids:
        raise Refused("Name at least one identity.", code="nothing_chosen")
    wanted = sorted(set(identity_ids))
    if len(wanted) > MAX_IDENTITIES:
        raise Refused(f"Name at most {MAX_IDENTITIES:,} identities at once, not {len(wanted):,}.", code="too_many")
    found = Identity.objects.in_bulk([pk for pk in wanted if row_id(pk)])
    for pk in wanted:
        if pk not in found:
            raise NotFound(f"There is no identity {pk}.", code="identity_not_found")
        if not found[pk].is_active:
            raise NotFound(
                f"The identity {found[pk].display_name} is inactive; activate it first.", code="identity_inactive"
            )
    return [found[pk] for pk in wanted]


def live_conversations(conversation_ids: Sequence[int]) -> list[Conversation]:
    """Return the conversations, with their counterparts.

    Raises:
        NotFound: one of them does not exist, was deleted, or its identity is gone or inactive.
        Refused: none or too many are named.
    """
    wanted = sorted(set(conversation_ids))
    if not 0 < len(wanted) <= MAX_CONVERSATIONS:
        raise Refused(
            f"Name 1 to {MAX_CONVERSATIONS} conversations at once, not {len(wanted)}.", code="too_many_conversations"
        )
    live = Conversation.objects.filter(deleted_at=None).select_related("counterpart_account")
    found = live.in_bulk([pk for pk in wanted if row_id(pk)])
    owners = Identity.objects.in_bulk({conversation.identity_id for conversation in found.values()})
    for pk in wanted:
        conversation = found.get(pk)
        if conversation is None:
            raise NotFound(f"There is no conversation {pk}.", code="conversation_not_found")
        owner = owners.get(conversation.identity_id)
        if owner is None:
            raise NotFound(f"The identity of conversation {pk} does not exist any more.", code="identity_not_found")
        if not owner.is_active:
            raise NotFound(
                f"The identity {owner.display_name} of conversation {pk} is inactive; activate it first.",
                code="identity_inactive",
            )
    return [found[pk] for pk in wanted]


def entity_of(identities: Sequence[Identity]) -> Entity:
    """Return what the audit log calls one identity, or several."""
    if len(identities) == 1:
        only = identities[0]
        return Entity(type="identity", id=only.pk, provider_id=only.provider_id, identity_id=only.pk)
    return Entity(type="identity")


def names_of(identities: Sequence[Identity]) -> str:
    """Return the names of a few of them: “Alice, Bob, Carol and 4 more”."""
    names = ", ".join(identity.display_name for identity in identities[:3])
    return f"{names} and {len(identities) - 3} more" if len(identities) > 3 else names
