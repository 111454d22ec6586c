"""Reads of the last backups and restore tests, for pages that show a few of them; never a manifest.

Errors are read up to a length, and every row only once: however many backups there are, each function takes one query.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from django.conf import settings
from django.db.models import QuerySet
from django.db.models.functions import Coalesce, Left

from backups.ends import has_ended
from backups.models import COULD_NOT_VERIFY, FAILED, KINDS, PASSED, RUNNING, SUCCEEDED, BackupRun, RestoreTest
from jobs import queries as job_queries
from jobs.queries import Row
from opsconsole.far_times import FarText
from opsconsole.redaction import CUT_MARGIN, redact_name, redact_start

# So many backups of each kind show how sizes and durations go.
TREND: Final = 30
ERROR_LENGTH: Final = 5_000
# Of those that run there is one of each kind, and those whose process has died, until that is noticed.
_RUNNING_SHOWN: Final = 10
_MOST_KEPT: Final = 500
_NEVER: Final = datetime.min.replace(tzinfo=UTC)
_LEFT_OUT_OF_TESTED: Final = ("backup_run__manifest_json", "backup_run__error")


@dataclass(frozen=True, kw_only=True)
class Tested:
    """The last restore test of a backup that ended, and how."""

    id: int
    status: str
    at: datetime | None


def backups() -> QuerySet[BackupRun]:
    """Return backups without their manifests, their errors cut."""
    found = BackupRun.objects.defer("manifest_json", "error")
    cut: QuerySet[BackupRun] = _as_shown(found, "started_at", "completed_at", "removed_at")
    return cut


def restore_tests() -> QuerySet[RestoreTest]:
    """Return restore tests, their errors cut."""
    cut: QuerySet[RestoreTest] = _as_shown(RestoreTest.objects.defer("error"), "started_at", "completed_at")
    return cut


def last_backups() -> dict[str, list[BackupRun]]:
    """Return of each kind the last attempt, those that run, the last good ones, and those kept; one query.

    Newest first. Enough to say for each kind how the last attempts ended, how sizes go, and which backups retention
    keeps for their number. Backups are left out whose time is far or in the future: their age is unknown.
    """
    parts = []
    for kind in KINDS:
        mine = backups().filter(kind=kind)
        dated = mine.filter(has_ended()).order_by("-completed_at", "-pk")
        good = dated.filter(status=SUCCEEDED)
        ended = dated.filter(status=FAILED)
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
        joined = restore_tests().select_related("backup_run").defer("error", *_LEFT_OUT_OF_TESTED)
        joined = joined.annotate(run_removed_at_text=FarText("backup_run__removed_at"))
        mine = joined.filter(backup_run__kind=kind)
        ended = mine.filter(has_ended()).order_by("-completed_at", "-pk")
        passed = ended.filter(status=PASSED)
        parts += [
            mine.filter(status=RUNNING).order_by("-pk")[:_RUNNING_SHOWN],
            ended.filter(status__in=(PASSED, FAILED, COULD_NOT_VERIFY))[:1],
            passed[:1],
            # As retention has it. By an expression, for which there is no index: PostgreSQL would otherwise read all
            # tests again for each backup, in its hope to meet one soon.
            mine.filter(status=PASSED, backup_run__status=SUCCEEDED, backup_run__removed_at=None)
            .filter(has_ended("backup_run__completed_at"))
            .order_by(Coalesce("backup_run__completed_at", "backup_run__started_at").desc(), "-pk")[:1],
        ]
    found: dict[str, list[RestoreTest]] = {kind: [] for kind in KINDS}
    for test in _distinct(_union(parts)):
        vars(test.backup_run)["removed_at_text"] = test.run_removed_at_text
        found[test.backup_run.kind].append(test)
    for tests in found.values():
        tests.sort(key=_moment, reverse=True)
    return found


def jobs_of(rows: Iterable[BackupRun | RestoreTest]) -> dict[int, Row]:
    """Return the jobs of backups and restore tests by id, those that the ledger still has; one query, or none."""
    ids = sorted({row.job_id for row in rows if row.job_id is not None})
    return {row["id"]: row for row in job_queries.by_id(ids, error_length=0)} if ids else {}


def tests_of(backup_ids: Collection[int]) -> dict[int, Tested]:
    """Return the last restore test of each of these backups that ended, by the backup's id; one query, or none."""
    ended = RestoreTest.objects.filter(has_ended(), backup_run_id__in=backup_ids)
    newest = ended.order_by("backup_run_id", "-completed_at", "-pk").distinct("backup_run_id")
    return {test.backup_run_id: _tested(test) for test in newest.only("backup_run_id", "status", "completed_at")}


def shown_error(row: BackupRun | RestoreTest) -> str:
    """Return the error of a row that was read here, as it may be shown."""
    return redact_start(row.error, ERROR_LENGTH) if row.error else ""


def with_errors(rows: Iterable[Any]) -> list[Any]:
    """Return rows of the above with the cut error as their error, so that nobody reads the whole one by asking."""
    found = list(rows)
    for row in found:
        row.error = row.error_start
    return found


def _as_shown(rows: Any, *times: str) -> Any:
    """Return rows with their errors cut, and with the text of each of these times that Python can't represent."""
    texts = {f"{name}_text": FarText(name) for name in times}
    return rows.annotate(error_start=Left("error", ERROR_LENGTH + CUT_MARGIN), **texts)


def _union(parts: list[QuerySet[Any]]) -> QuerySet[Any]:
    return parts[0].union(*parts[1:], all=True)


def _distinct(rows: Iterable[Any]) -> list[Any]:
    return with_errors({row.pk: row for row in rows}.values())


def _tested(test: RestoreTest) -> Tested:
    return Tested(id=test.pk, status=redact_name(test.status or ""), at=test.completed_at)


def _moment(row: BackupRun | RestoreTest) -> tuple[datetime, int]:
    return row.completed_at or row.started_at or _NEVER, row.pk
