"""The kernel's models, where Django looks for them."""

from opsconsole.audit import AuditLog, AuditReference
from opsconsole.idempotency import IdempotencyKey

__all__ = ["AuditLog", "AuditReference", "IdempotencyKey"]
