"""Reads of the restore tests that backups have had."""

from collections.abc import Sequence
from typing import Final

from backups import recent
from backups.models import BackupRun, RestoreTest

TESTS_SHOWN: Final = 20


def newest_tests(runs: Sequence[BackupRun]) -> dict[int, RestoreTest]:
    """Return the newest restore test of each of some backups, by the backup's id, without its checks; one query."""
    if not runs:
        return {}
    found = (
        RestoreTest.objects.defer("checks_json", "error")
        .filter(backup_run__in=[run.pk for run in runs])
        .order_by("backup_run_id", "-pk")
        .distinct("backup_run_id")
    )
    return {test.backup_run_id: test for test in found}


def tests_of(run: BackupRun) -> list[RestoreTest]:
    """Return the newest restore tests of a backup, newest first; one query."""
    return recent.with_errors(recent.restore_tests().filter(backup_run=run).order_by("-pk")[:TESTS_SHOWN])
