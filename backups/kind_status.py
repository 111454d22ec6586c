"""What is known of one kind of backup, and the facts of it by which its health is judged; no query."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings

from backups import operations, recent
from backups.backup_schedules import Coverage
from backups.details import Kept, file_of, made_in_core
from backups.ends import is_end
from backups.folder import LEAST_FREE_BYTES, ROOM, BackupFolder
from backups.health import KindFacts
from backups.models import FAILED, PASSED, RUNNING, SUCCEEDED, BackupRun, RestoreTest

# No calendar goes back for ever.
_MOST_DAYS: Final = 36_500.0


@dataclass(frozen=True, kw_only=True)
class Size:
    """One point of the trend: a backup that succeeded, how large it is, and how long it took."""

    id: int
    completed_at: datetime
    size_bytes: int | None
    seconds: float


@dataclass(frozen=True, kw_only=True)
class KindStatus:
    """What is known of one kind of backup.

    Attributes:
        kind: database or attachments.
        problem: why it can't be made here, in a sentence, or empty.
        in_core: the core makes it.
        running: the one that is being made.
        last: the last one that ended, however it did.
        last_good: the last one that succeeded and whose file was not removed.
        file: whether that one's file is there; None where the console can't know.
        verified_id: the newest backup that passed a restore test and whose file is kept.
        running_test: the restore test that is under way.
        last_test: the last one that ended, however it did.
        last_passed_test: the last one that passed.
        coverage: its schedules; None where they can't be read.
        trend: the last ones that succeeded, oldest first, at most 30.
    """

    kind: str
    problem: str
    in_core: bool
    running: BackupRun | None
    last: BackupRun | None
    last_good: BackupRun | None
    file: Kept | None
    verified_id: int | None
    running_test: RestoreTest | None
    last_test: RestoreTest | None
    last_passed_test: RestoreTest | None
    coverage: Coverage | None
    trend: tuple[Size, ...]

    @property
    def configured(self) -> bool:
        """Whether it can be made here."""
        return not self.problem

    @property
    def next_at(self) -> datetime | None:
        """When beat is expected to start the next one; a schedule of what can't be made here makes none."""
        return self.coverage.expected_at(configured=self.configured) if self.coverage else None


def status_of_kind(
    kind: str,
    runs: Sequence[BackupRun],
    tests: Sequence[RestoreTest],
    *,
    coverage: Coverage | None,
    folder: BackupFolder | None,
) -> KindStatus:
    """Return what is known of one kind.

    Args:
        kind: database or attachments.
        runs: its backups, as `recent` reads them.
        tests: the restore tests of its backups, likewise.
        coverage: its schedules; None where they can't be read.
        folder: where files are kept; None where there is none.
    """
    ended = [run for run in runs if run.status != RUNNING]
    good = [run for run in ended if run.status == SUCCEEDED]
    last_good = next((run for run in good if not run.is_removed), None)
    ended_tests = [test for test in tests if test.status != RUNNING and is_end(test.completed_at)]
    verified = _verified(tests)
    return KindStatus(
        kind=kind,
        problem=operations.why_not(kind),
        in_core=made_in_core(kind),
        running=next((run for run in runs if run.status == RUNNING), None),
        last=ended[0] if ended else None,
        last_good=last_good,
        file=file_of(last_good, folder) if last_good else None,
        verified_id=verified.pk if verified else None,
        running_test=next((test for test in tests if test.status == RUNNING), None),
        last_test=ended_tests[0] if ended_tests else None,
        last_passed_test=next((test for test in ended_tests if test.status == PASSED), None),
        coverage=coverage,
        trend=tuple(_size(run) for run in reversed(good[: recent.TREND])),
    )


def facts_of_kind(
    status: KindStatus, runs: Sequence[BackupRun], tests: Sequence[RestoreTest], *, now: datetime
) -> KindFacts:
    """Return the facts by which its health is judged.

    Args:
        status: what is known of it.
        runs: its backups, from which that was made.
        tests: the restore tests of its backups, likewise.
        now: the moment, UTC.
    """
    good = [run for run in runs if run.status == SUCCEEDED]
    last, last_good, last_test, coverage = status.last, status.last_good, status.last_test, status.coverage
    verified = _verified(tests)
    shown = coverage.shown if coverage else None
    size = last_good.size_bytes if last_good else None
    return KindFacts(
        kind=status.kind,
        in_core=status.in_core,
        succeeded=bool(good),
        last_good_at=last_good.completed_at if last_good else None,
        file=status.file,
        running=status.running is not None,
        last_failed=last is not None and last.status == FAILED,
        last_error=recent.shown_error(last) if last else "",
        size_bytes=size,
        earlier_sizes=_earlier_sizes(good, last_good),
        needed_bytes=max(LEAST_FREE_BYTES, int((size or 0) * ROOM)),
        test_status=last_test.status if last_test else None,
        test_error=recent.shown_error(last_test) if last_test else "",
        tested_id=last_test.backup_run_id if last_test else None,
        test_running=status.running_test is not None,
        passed_at=status.last_passed_test.completed_at if status.last_passed_test else None,
        verified_at=verified.completed_at if verified else None,
        verified_is_spared=verified is not None and _is_spared(verified, good, now=now),
        scheduled=coverage.scheduled if coverage else None,
        schedule_problem=shown.problem if shown else "",
        missed_at=coverage.missed_at if coverage else None,
    )


def _earlier_sizes(good: Sequence[BackupRun], last: BackupRun | None) -> tuple[int, ...]:
    if last is None:
        return ()
    return tuple(run.size_bytes for run in good[good.index(last) + 1 :] if run.size_bytes is not None)


def _verified(tests: Sequence[RestoreTest]) -> BackupRun | None:
    """Return the newest backup that passed a restore test and whose file is kept."""
    found = [
        (run.completed_at, run.pk, run)
        for test in tests
        if test.status == PASSED
        and (run := test.backup_run).status == SUCCEEDED
        and not run.is_removed
        and is_end(run.completed_at)
    ]
    return max(found)[-1] if found else None


def _is_spared(verified: BackupRun, good: Sequence[BackupRun], *, now: datetime) -> bool:
    """Say whether retention would remove a backup, had it not passed a restore test."""
    kept = [run.pk for run in good if not run.is_removed and _written_here(run)]
    if verified.completed_at is None or not _written_here(verified):
        return False
    limit = now - timedelta(days=min(settings.BACKUP_KEEP_DAYS, _MOST_DAYS))
    return verified.completed_at < limit and verified.pk not in kept[: max(1, settings.BACKUP_KEEP)]


def _written_here(run: BackupRun) -> bool:
    # The console's own files have the number of their row at the end; retention leaves all others alone.
    return f"-{run.pk}." in (run.storage_key or "")


def _size(run: BackupRun) -> Size:
    assert run.completed_at is not None
    began = run.started_at or run.completed_at
    seconds = max(0.0, (run.completed_at - began).total_seconds())
    return Size(id=run.pk, completed_at=run.completed_at, size_bytes=run.size_bytes, seconds=round(seconds, 1))
