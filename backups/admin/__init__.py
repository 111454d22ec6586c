"""The pages of backups and restore tests."""

from backups.admin.backups import BackupRunAdmin
from backups.admin.restore_tests import RestoreTestAdmin

__all__ = ["BackupRunAdmin", "RestoreTestAdmin"]
