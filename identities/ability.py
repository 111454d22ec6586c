"""Which identities can't work: whatever is started for them fails for sure, so what is started for all leaves them out.

Whoever is asked for by name is started all the same: an operator may know better.
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
    """Why an identity can't work: a name for programs, and sentences for people."""

    code: str
    reason: str


def obstacles(identity_ids: Collection[int]) -> dict[int, Obstacle]:
    """Return why identities can't work, by id, for those that can't; one query.

    An identity can't work while its provider is switched off. Nor can it without a credential of its own or of its
    provider's application, unless it has synced before.
    """
    own = ProviderCredential.objects.filter(identity_id=OuterRef("pk"))
    of_provider = ProviderCredential.objects.filter(identity=None, provider_id=OuterRef("provider_id"))
    # Until its messages have been counted, that it has conversations says that it has synced.
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
    """Return identities with whether the provider of each is switched off, as `provider_off`."""
    return identities.annotate(provider_off=Exists(Provider.objects.filter(pk=OuterRef("provider_id"), enabled=False)))


def provider_off(name: str, provider_id: str) -> str:
    """Return what is said of an identity whose provider is switched off."""
    return f"{name} can't sync: its provider {redact_name(provider_id)} is switched off."
