"""Finds the identities that can't sync. Every job for them would fail, so actions for all identities skip them.

Actions for a named identity start anyway: the operator may know better.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from django.db.models import BooleanField, Exists, ExpressionWrapper, OuterRef, Q, QuerySet

from identities.models import Conversation, Identity, Provider, ProviderCredential
from opsconsole.redaction import redact_name

PROVIDER_OFF: Final = "provider_switched_off"
NO_CREDENTIAL: Final = "credential_missing"


@dataclass(frozen=True, kw_only=True)
class Obstacle:
    """Why an identity can't sync: a code for programs, and a reason in sentences for people."""

    code: str
    reason: str


def obstacles(identity_ids: Collection[int]) -> dict[int, Obstacle]:
    """Return why identities can't sync, by id, for those that can't; one query.

    An identity can't sync while its provider is switched off. An identity without a credential, its own or its
    provider's, can't sync either, unless it has synced before.
    """
    own = ProviderCredential.objects.filter(identity_id=OuterRef("pk"))
    of_provider = ProviderCredential.objects.filter(identity=None, provider_id=OuterRef("provider_id"))
    # Until an identity's messages have been counted, its conversations show that it has synced.
    conversations = Conversation.objects.filter(identity_id=OuterRef("pk"))
    has_synced = (
        Q(last_sync__success_at__isnull=False)
        | Q(counts__newest_message_at__isnull=False)
        | Q(counts__isnull=True) & Q(Exists(conversations))
    )
    rows = with_provider_off(Identity.objects.filter(pk__in=identity_ids)).annotate(
        can_sync=ExpressionWrapper(Q(Exists(own)) | Q(Exists(of_provider)) | has_synced, BooleanField())
    )
    found: dict[int, Obstacle] = {}
    for pk, name, provider_id, is_off, can_sync in rows.values_list(
        "pk", "display_name", "provider_id", "provider_off", "can_sync"
    ):
        if is_off:
            found[pk] = Obstacle(code=PROVIDER_OFF, reason=provider_off(name, provider_id))
        elif not can_sync:
            found[pk] = Obstacle(
                code=NO_CREDENTIAL, reason=f"{name} has no credential and has never synced. Connect the account first."
            )
    return found


def with_provider_off(identities: QuerySet[Identity]) -> QuerySet[Identity]:
    """Annotate identities with `provider_off`: whether the identity's provider is switched off."""
    return identities.annotate(provider_off=Exists(Provider.objects.filter(pk=OuterRef("provider_id"), enabled=False)))


def provider_off(name: str, provider_id: str) -> str:
    """Return why an identity can't sync if its provider is switched off.

    Args:
        name: the identity's display name.
        provider_id: the provider's id.

    Returns:
        The sentence.
    """
    return f"{name} can't sync: its provider {redact_name(provider_id)} is switched off."
