"""Reads of the last backups and restore tests, for pages that show a few of them; never a manifest.

Errors are read up to a length, and every row only once: however many backups there are, each function takes one query.
"""

from collections.abc import Iterable
from typing import Any, Final

from django.conf import settings
from django.db.models import QuerySet
from django.db.models.functions import Left

from backups.models import COULD_NOT_VERIFY, FAILED, KINDS, PASSED, RUNNING, SUCCEEDED, BackupRun, RestoreTest
from jobs import queries as job_queries
from jobs.queries import Row
from opsconsole.redaction import CUT_MARGIN

# So many backups of each kind show how sizes and durations go.
TREND: Final = 30
ERROR_LENGTH: Final = 5_000
# Of those that run there is one of each kind, and those whose process has died, until that is noticed.
_RUNNING_SHOWN: Final = 10
_MOST_KEPT: Final = 500


def backups() -> QuerySet[BackupRun]:
    """Return backups without their manifests, their errors cut."""
    cut: QuerySet[BackupRun] = _with_error_cut(BackupRun.objects.defer("manifest_json", "error"))
    return cut


def restore_tests() -> QuerySet[RestoreTest]:
    """Return restore tests with their backups, these without manifests, and the errors of both cut or left out."""
    joined = RestoreTest.objects.select_related("backup_run")
    cut: QuerySet[RestoreTest] = _with_error_cut(
        joined.defer("error", "backup_run__manifest_json", "backup_run__error")
    )
    return cut


def last_backups() -> dict[str, list[BackupRun]]:
    """Return of each kind the last attempt, those that run, the last good ones, and those kept; one query.

    Newest first. Enough to say for each kind how the last attempts ended, how sizes go, and which backups retention
    keeps for their number.
    """
    parts = []
    for kind in KINDS:
        mine = backups().filter(kind=kind)
        good = mine.filter(status=SUCCEEDED, completed_at__isnull=False).order_by("-completed_at", "-pk")
        ended = mine.filter(status=FAILED, completed_at__isnull=False).order_by("-completed_at", "-pk")
        parts += [
            mine.filter(status=RUNNING).order_by("-pk")[:_RUNNING_SHOWN],
            ended[:1],
            good[:TREND],
            good.filter(removed_at=None)[: min(max(1, settings.BACKUP_KEEP), _MOST_KEPT)],
        ]
    found: dict[str, list[BackupRun]] = {kind: [] for kind in KINDS}
    for run in _distinct(_union(parts)):
        found[run.kind].append(run)
    for runs in found.values():
        runs.sort(key=_moment, reverse=True)
    return found


def last_restore_tests() -> dict[str, list[RestoreTest]]:
    """Return of each kind of backup the last restore tests: newest, running, passed, of the newest backup; one query.

    Newest first.
    """
    parts = []
    for kind in KINDS:
        mine = restore_tests().filter(backup_run__kind=kind)
        ended = mine.filter(completed_at__isnull=False).order_by("-completed_at", "-pk")
        passed = ended.filter(status=PASSED)
        parts += [
            mine.filter(status=RUNNING).order_by("-pk")[:_RUNNING_SHOWN],
            ended.filter(status__in=(PASSED, FAILED, COULD_NOT_VERIFY))[:1],
            passed[:1],
            # As retention has it.
            mine.filter(status=PASSED, backup_run__status=SUCCEEDED, backup_run__removed_at=None).order_by(
                "-backup_run__completed_at", "-pk"
            )[:1],
        ]
    found: dict[str, list[RestoreTest]] = {kind: [] for kind in KINDS}
    for test in _distinct(_union(parts)):
        found[test.backup_run.kind].append(test)
    for tests in found.values():
        tests.sort(key=_moment, reverse=True)
    return found


def jobs_of(rows: Iterable[BackupRun | RestoreTest]) -> dict[int, Row]:
    """Return the jobs of backups and restore tests by id, those that the ledger still has; one query, or none."""
    ids = sorted({row.job_id for row in rows if row.job_id is not None})
    return {row["id"]: row for row in job_queries.by_id(ids, error_length=0)} if ids else {}


def with_errors(rows: Iterable[Any]) -> list[Any]:
    """Return rows of the above with the cut error as their error, so that nobody reads the whole one by asking."""
    found = list(rows)
    for row in found:
        row.error = row.error_start
    return found


def _with_error_cut(rows: Any) -> Any:
    return rows.annotate(error_start=Left("error", ERROR_LENGTH + CUT_MARGIN))


def _union(parts: list[QuerySet[Any]]) -> QuerySet[Any]:
    return parts[0].union(*parts[1:], all=True)


def _distinct(rows: Iterable[Any]) -> list[Any]:
    return with_errors({row.pk: row for row in rows}.values())


def _moment(row: BackupRun | RestoreTest) -> tuple[Any, int]:
    return row.completed_at or row.started_at, row.pk
