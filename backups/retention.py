"""Which backups' files go: those that are both too many and too old. What was proven to restore is never among them."""

from datetime import datetime, timedelta
from typing import Final

import structlog
from django.conf import settings
from django.db.models.functions import Now
from django.utils import timezone

from backups.folder import BackupFolder, BadStorageKey
from backups.models import PASSED, RUNNING, SUCCEEDED, BackupRun, RestoreTest

logger = structlog.get_logger(__name__)

# At one time; the next backup goes on.
BATCH_SIZE: Final = 100


def removable(kind: str, *, now: datetime | None = None) -> list[BackupRun]:
    """Return the backups of a kind whose files may go: newest first, at most BATCH_SIZE; three queries.

    Kept are the newest OPS_BACKUP_KEEP ones, those younger than OPS_BACKUP_KEEP_DAYS, the last one that passed a
    restore test, the last good one, and what is being tested.
    """
    kept = BackupRun.objects.defer("manifest_json").filter(kind=kind, status=SUCCEEDED, removed_at=None)
    kept = kept.exclude(storage_key=None).order_by("-completed_at", "-pk")
    limit = (now or timezone.now()) - timedelta(days=settings.BACKUP_KEEP_DAYS)
    beyond = kept.filter(completed_at__lt=limit).exclude(pk__in=list(kept.values_list("pk", flat=True)[: _count()]))
    spared = {verified(kind), *RestoreTest.objects.filter(status=RUNNING).values_list("backup_run_id", flat=True)}
    return list(beyond.exclude(pk__in=[pk for pk in spared if pk is not None])[:BATCH_SIZE])


def verified(kind: str) -> int | None:
    """Return the newest backup of a kind that passed a restore test and whose file is kept; one query."""
    tests = RestoreTest.objects.filter(
        status=PASSED, backup_run__kind=kind, backup_run__status=SUCCEEDED, backup_run__removed_at=None
    )
    return tests.order_by("-backup_run__completed_at", "-pk").values_list("backup_run_id", flat=True).first()


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
