"""Reading the rows of backups and restore tests; a manifest is never read where it isn't shown."""

from backups import origin
from backups.models import KINDS, SUCCEEDED, BackupRun


def run_of(pk: int) -> BackupRun | None:
    """Return a backup without its manifest, or None when there is none; one query."""
    return BackupRun.objects.defer("manifest_json").filter(pk=pk).first()


def is_kept(pk: int) -> bool:
    """Say whether a backup's row names a file that was not removed; one query."""
    return BackupRun.objects.filter(pk=pk, removed_at=None).exclude(storage_key=None).exists()


def newest_testable() -> list[BackupRun]:
    """Return the newest backup of each kind whose file the console has written and not removed; two queries."""
    found = []
    for kind in KINDS:
        kept = BackupRun.objects.defer("manifest_json").filter(kind=kind, status=SUCCEEDED, removed_at=None)
        newest = origin.written_here(kept.exclude(storage_key=None)).order_by("-completed_at", "-pk").first()
        if newest is not None:
            found.append(newest)
    return found


def last_size(kind: str) -> int | None:
    """Return the size in bytes of the last backup of a kind that succeeded, or None; one query."""
    sizes = BackupRun.objects.filter(kind=kind, status=SUCCEEDED).order_by("-completed_at", "-pk")
    return sizes.values_list("size_bytes", flat=True).first()
