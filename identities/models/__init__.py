"""The core's identities with what it has fetched for them, and what the console keeps beside them."""

from identities.models.core import Conversation, ExternalAccount, Identity, Message, Provider, ProviderCredential
from identities.models.counts import ConversationCount, CountingState, IdentityCounts, MessageArrivals
from identities.models.syncs import LastSync, SyncAttempt

__all__ = [
    "Conversation",
    "ConversationCount",
    "CountingState",
    "ExternalAccount",
    "Identity",
    "IdentityCounts",
    "LastSync",
    "Message",
    "MessageArrivals",
    "Provider",
    "ProviderCredential",
    "SyncAttempt",
]
