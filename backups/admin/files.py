"""What has become of a backup's file, in words."""

from backups.folder import BackupFolder
from backups.models import SUCCEEDED, BackupRun
from backups.status import file_of, made_in_core


def state_of(run: BackupRun, folder: BackupFolder | None) -> str:
    """Return kept, removed, missing, unreachable or elsewhere; empty for a backup that has never had a file.

    Args:
        run: the backup.
        folder: where files are kept; None where nothing is configured, so that none can be seen.
    """
    if run.status != SUCCEEDED or not run.storage_key:
        return ""
    if run.removed_at is not None:
        return "removed"
    return file_of(run, folder) or ("elsewhere" if made_in_core(run.kind) else "unreachable")


def name_of(run: BackupRun) -> str:
    """Return a file's name without the folders that it is in."""
    return (run.storage_key or "").rpartition("/")[2]
