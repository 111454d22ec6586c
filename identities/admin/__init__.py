"""The pages of identities and conversations."""

from identities.admin.conversations import ConversationAdmin
from identities.admin.identities import IdentityAdmin

__all__ = ["ConversationAdmin", "IdentityAdmin"]
