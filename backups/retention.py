"""Which backups' files go: those that are both too many and too old. What was proven to restore is never among them."""

from datetime import datetime, timedelta
from typing import Final

import structlog
from django.conf import settings
from django.db.models.functions import Now
from django.utils import timezone

from backups import origin
from backups.ends import has_ended
from backups.folder import BackupFolder, BadStorageKey
from backups.models import PASSED, RUNNING, SUCCEEDED, BackupRun, RestoreTest

logger = structlog.get_logger(__name__)

# At one time; the next backup goes on.
BATCH_SIZE: Final = 100
# Longer than anybody keeps anything; no calendar goes back for ever.
MOST_DAYS: Final = 36_500.0


def removable(kind: str, *, now: datetime | None = None) -> list[BackupRun]:
    """Return the backups of a kind whose files may go: oldest first, at most BATCH_SIZE; four queries.

    Kept are the newest OPS_BACKUP_KEEP ones, those younger than OPS_BACKUP_KEEP_DAYS, the last one that passed a
    restore test, the last good one, what is being tested, and whatever the console has not written itself.
    """
    # A backup may be new if its time is far or in the future, so its file stays.
    kept = BackupRun.objects.filter(has_ended(), kind=kind, status=SUCCEEDED, removed_at=None)
    kept = origin.written_here(kept)
    newest = list(kept.order_by("-completed_at", "-pk").values_list("pk", flat=True)[: _count()])
    spared = {*newest, *RestoreTest.objects.filter(status=RUNNING).values_list("backup_run_id", flat=True)}
    if (last_verified := verified(kind)) is not None:
        spared.add(last_verified)
    beyond = kept.filter(completed_at__lt=(now or timezone.now()) - _age()).exclude(pk__in=spared)
    return list(beyond.defer("manifest_json").order_by("completed_at", "pk")[:BATCH_SIZE])


def verified(kind: str) -> int | None:
    """Return the newest backup of a kind that passed a restore test and whose file is kept; one query."""
    tests = RestoreTest.objects.filter(
        has_ended("backup_run__completed_at"),
        status=PASSED,
        backup_run__kind=kind,
        backup_run__status=SUCCEEDED,
        backup_run__removed_at=None,
    )
    newest = tests.order_by("-backup_run__completed_at", "-pk")
    return newest.values_list("backup_run_id", flat=True).first()


def apply(folder: BackupFolder, kind: str) -> int:
    """Delete the files that may go, and say so in their rows; returns how many. Called under the kind's lock."""
    removed = 0
    for run in removable(kind):
        try:
            folder.remove(run.storage_key or "")
        except BadStorageKey:
            # Somebody has edited the row: nothing that it names is ours to delete.
            logger.warning("retention.bad_storage_key", backup=run.pk)
            continue
        except OSError as error:
            logger.warning("retention.not_removed", backup=run.pk, error=error.strerror)
            continue
        removed += BackupRun.objects.filter(pk=run.pk, removed_at=None).update(removed_at=Now())
    return removed


def _count() -> int:
    # The last good one stays, whatever the setting says.
    return max(1, int(settings.BACKUP_KEEP))


def _age() -> timedelta:
    return timedelta(days=min(max(0.0, float(settings.BACKUP_KEEP_DAYS)), MOST_DAYS))
