"""What has become of a backup's file, in words."""

import re
from typing import Final

from backups.details import file_of
from backups.folder import BackupFolder
from backups.models import SUCCEEDED, BackupRun
from opsconsole.redaction import redact_name

# Its moment and its number look like a token otherwise.
_PLAIN: Final = re.compile(r"[a-z]{1,16}-[0-9]{8}T[0-9]{6}Z(?:-[0-9]{1,19})?\.(?:dump|tar\.zst)")


def state_of(run: BackupRun, folder: BackupFolder | None) -> str:
    """Return kept, removed, missing, unreachable or elsewhere; empty for a backup that has never had a file.

    Args:
        run: the backup.
        folder: where files are kept; None where nothing is configured, so that none can be seen.
    """
    if run.status != SUCCEEDED or not run.storage_key:
        return ""
    return file_of(run, folder) or "elsewhere"


def name_of(run: BackupRun) -> str:
    """Return a file's name without the folders that it is in, redacted unless it can say nothing but what it is."""
    name = (run.storage_key or "").rpartition("/")[2]
    return name if is_plain(name) else redact_name(name)


def is_plain(name: str) -> bool:
    """Say whether a file is named as the console names them: a kind, a moment and a number."""
    return _PLAIN.fullmatch(name) is not None
