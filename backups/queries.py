"""Reading the rows of backups and restore tests; a manifest is never read where it isn't shown."""

from django.db.models import QuerySet

from backups import origin
from backups.ends import has_ended
from backups.models import KINDS, SUCCEEDED, BackupRun
from opsconsole.far_times import FarText


def run_of(pk: int) -> BackupRun | None:
    """Return a backup without its manifest, or None when there is none; one query."""
    found = BackupRun.objects.defer("manifest_json").annotate(removed_at_text=FarText("removed_at"))
    return found.filter(pk=pk).first()


def is_kept(pk: int) -> bool:
    """Say whether a backup's row names a file that was not removed; one query."""
    return BackupRun.objects.filter(pk=pk, removed_at=None).exclude(storage_key=None).exists()


def newest_testable() -> list[BackupRun]:
    """Return the newest backup of each kind whose file the console has written and not removed; two queries."""
    found = []
    for kind in KINDS:
        kept = _newest_good(kind).defer("manifest_json").filter(removed_at=None).exclude(storage_key=None)
        newest = origin.written_here(kept).first()
        if newest is not None:
            found.append(newest)
    return found


def last_size(kind: str) -> int | None:
    """Return the size in bytes of the last backup of a kind that succeeded, or None; one query."""
    return _newest_good(kind).values_list("size_bytes", flat=True).first()


def _newest_good(kind: str) -> QuerySet[BackupRun]:
    """Return the backups of a kind that succeeded, newest first, except those whose time is far or ahead."""
    good = BackupRun.objects.filter(has_ended(), kind=kind, status=SUCCEEDED)
    return good.order_by("-completed_at", "-pk")
