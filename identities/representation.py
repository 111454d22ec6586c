"""How identities look in an answer."""

from collections.abc import Sequence
from typing import Any

from identities import queries
from identities.models import Identity
from opsconsole.redaction import redact_name


def identities_as_json(found: Sequence[Identity]) -> list[dict[str, Any]]:
    """Return identities with their credentials' state and number of conversations; two queries."""
    ids = [identity.pk for identity in found]
    credentials = queries.credential_states(ids)
    counts = queries.conversation_counts(ids)
    return [
        {
            "id": identity.pk,
            "identity_id": identity.pk,
            "display_name": identity.display_name,
            "external_username": identity.external_username,
            "provider_id": redact_name(identity.provider_id),
            "provider": identity.provider.display_name,
            "is_default": identity.is_default,
            "is_active": identity.is_active,
            "created_at": identity.created_at,
            "conversations_count": counts.get(identity.pk, 0),
            "credential": {
                "status": credentials[identity.pk].status,
                "types": credentials[identity.pk].types,
                "connected_at": credentials[identity.pk].connected_at,
                "rotated_at": credentials[identity.pk].rotated_at,
            },
        }
        for identity in found
    ]
