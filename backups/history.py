"""Backups and restore tests in one list, newest first."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import QuerySet, Value

from backups import recent
from backups.details import Details, details_of
from backups.models import (
    COULD_NOT_VERIFY,
    FAILED,
    PASSED,
    RUNNING,
    SUCCEEDED,
    BackupRun,
    RestoreTest,
)

BACKUP: Final = "backup"
RESTORE_TEST: Final = "restore_test"
TYPES: Final = (BACKUP, RESTORE_TEST)
# Each table knows only its own, and one variant of them takes no others in a question.
BACKUP_STATUSES: Final = (RUNNING, SUCCEEDED, FAILED)
TEST_STATUSES: Final = (RUNNING, PASSED, FAILED, COULD_NOT_VERIFY)
STATUSES: Final = tuple(dict.fromkeys((*BACKUP_STATUSES, *TEST_STATUSES)))


@dataclass(frozen=True, kw_only=True)
class HistoryFilter:
    """Which rows to show; what is empty does not restrict."""

    types: Sequence[str] = ()
    kinds: Sequence[str] = ()
    statuses: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class HistoryPage:
    """One page.

    Attributes:
        rows: backups and restore tests, newest first.
        backups: the backups that the tests have restored, by id.
        details: what is known beside the rows.
        total: how many rows there are in all.
    """

    rows: tuple[BackupRun | RestoreTest, ...]
    backups: dict[int, BackupRun]
    details: Details
    total: int


def page(wanted: HistoryFilter, *, limit: int, offset: int = 0) -> HistoryPage:
    """Return one page of the rows that a filter lets through; six queries at most.

    Args:
        wanted: which rows.
        limit: rows a page.
        offset: skip that many.
    """
    listed = _listed(wanted)
    found = list(listed.order_by("-started_at", "what", "-id")[offset : offset + limit])
    test_ids = [pk for pk, _, what in found if what == RESTORE_TEST]
    tests = {test.pk: test for test in recent.with_errors(recent.restore_tests().filter(pk__in=test_ids))}
    run_ids = [pk for pk, _, what in found if what == BACKUP]
    tested_ids = [test.backup_run_id for test in tests.values()]
    runs = {run.pk: run for run in recent.with_errors(recent.backups().filter(pk__in={*run_ids, *tested_ids}))}
    rows: list[BackupRun | RestoreTest] = []
    for pk, _, what in found:
        row = tests.get(pk) if what == RESTORE_TEST else runs.get(pk)
        if row is not None:
            rows.append(row)
    return HistoryPage(rows=tuple(rows), backups=runs, details=details_of(rows), total=listed.count())


def _listed(wanted: HistoryFilter) -> QuerySet[Any, Any]:
    """Return what identifies the rows: id, when it began, and whether it is a backup or a restore test."""
    runs = BackupRun.objects.annotate(what=Value(BACKUP))
    tests = RestoreTest.objects.annotate(what=Value(RESTORE_TEST))
    if wanted.kinds:
        runs = runs.filter(kind__in=wanted.kinds)
        tests = tests.filter(backup_run__kind__in=wanted.kinds)
    if wanted.statuses:
        runs = runs.filter(status__in=[status for status in wanted.statuses if status in BACKUP_STATUSES])
        tests = tests.filter(status__in=[status for status in wanted.statuses if status in TEST_STATUSES])
    if wanted.types and BACKUP not in wanted.types:
        runs = runs.none()
    if wanted.types and RESTORE_TEST not in wanted.types:
        tests = tests.none()
    columns = ("id", "started_at", "what")
    return runs.values_list(*columns).union(tests.values_list(*columns), all=True)
