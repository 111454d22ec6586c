"""How a backup or a restore test ends badly: with a sentence, and with or without a second attempt."""

from opsconsole.errors import OpsError, Unavailable


class BackupFailed(OpsError):
    """It can't be done as things are; trying again would not mend it."""

    default_code = "backup_failed"


class BackupInterrupted(Unavailable):
    """Something that it stands on broke off; the ledger tries again."""

    default_code = "backup_interrupted"


class RestoreTestFailed(OpsError):
    """The backup was tried out and is not what was backed up."""

    default_code = "restore_test_failed"
