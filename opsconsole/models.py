"""The kernel's models, where Django looks for them."""

from opsconsole.audit import AuditLog, AuditReference

__all__ = ["AuditLog", "AuditReference"]
