"""The kernel's models, where Django looks for them."""

from opsconsole.audit import AuditLog, AuditReference
from opsconsole.core_sessions import CoreSession, CoreUser, CoreUserLink
from opsconsole.idempotency import IdempotencyKey

__all__ = ["AuditLog", "AuditReference", "CoreSession", "CoreUser", "CoreUserLink", "IdempotencyKey"]
