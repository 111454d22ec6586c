"""Which backups and restore tests jobs have made, so that the pages of jobs and runs lead to them."""

from collections.abc import Iterable, Mapping
from typing import Final

from backups.backup_schedules import RESTORE_TEST, WORK
from backups.models import BackupRun, RestoreTest
from jobs.made import Made

# Each attempt of a job has made one; more attempts than these nobody reads.
_MOST: Final = 1_000


def backups_of(types: Mapping[int, str]) -> dict[int, list[Made]]:
    """Return the backups that some jobs have made, by job id; one query, or none.

    Args:
        types: the jobs' types, by job id.
    """
    job_ids = [job_id for job_id, name in types.items() if WORK.get(name, RESTORE_TEST) != RESTORE_TEST]
    if not job_ids:
        return {}
    rows = BackupRun.objects.filter(job_id__in=job_ids).order_by("-pk").values_list("job_id", "pk", "kind")[:_MOST]
    return _by_job(
        (job_id, Made(kind="backup", id=pk, name=f"{kind.capitalize()} #{pk}", permission="backups.view_backuprun"))
        for job_id, pk, kind in rows
    )


def tests_of(types: Mapping[int, str]) -> dict[int, list[Made]]:
    """Return the restore tests that some jobs have done, by job id; one query, or none.

    Args:
        types: the jobs' types, by job id.
    """
    job_ids = [job_id for job_id, name in types.items() if WORK.get(name) == RESTORE_TEST]
    if not job_ids:
        return {}
    rows = RestoreTest.objects.filter(job_id__in=job_ids).order_by("-pk").values_list("job_id", "pk")[:_MOST]
    return _by_job(
        (
            job_id,
            Made(kind="restore_test", id=pk, name=f"Restore test #{pk}", permission="backups.view_restoretest"),
        )
        for job_id, pk in rows
    )


def _by_job(found: Iterable[tuple[int | None, Made]]) -> dict[int, list[Made]]:
    by_job: dict[int, list[Made]] = {}
    for job_id, made in found:
        if job_id is not None:
            by_job.setdefault(job_id, []).append(made)
    return by_job
