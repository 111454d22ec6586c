"""How backups are doing: the last ones, the next ones, how large, whether they restore; five queries."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import structlog
from django.conf import settings
from django.db import DatabaseError, transaction
from django.utils import timezone

from backups import health, operations, recent
from backups.backup_schedules import RESTORE_TEST, Coverage, coverages
from backups.details import Asked, Details, Kept, details_of, file_of, made_in_core
from backups.folder import LEAST_FREE_BYTES, ROOM, BackupFolder
from backups.health import Facts, Health, KindFacts
from backups.models import FAILED, KINDS, PASSED, RUNNING, SUCCEEDED, BackupRun, RestoreTest
from jobs.schedules.queries import BeatState, Entry, beat_state, entries

logger = structlog.get_logger(__name__)

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
        """When beat is expected to start the next one."""
        return self.coverage.next_at if self.coverage else None


@dataclass(frozen=True, kw_only=True)
class Disk:
    """The disk that holds the backups folder, in bytes."""

    used_bytes: int
    total_bytes: int

    @property
    def free_bytes(self) -> int:
        """What is left."""
        return self.total_bytes - self.used_bytes


@dataclass(frozen=True, kw_only=True)
class BackupStatus:
    """How backups are doing.

    Attributes:
        kinds: the database, then the attachments, also those that can't be made here.
        test_coverage: the schedules of restore tests; None where they can't be read.
        folder_unreachable: a folder is set, and this process can't see it.
        disk: of the folder; None where there is none or it can't be seen.
        details: who asked for what is shown, how far it is, and whether it was tested.
        beat: whether beat does its work; None where its tables can't be read.
        health: how healthy backups are, and why.
        as_of: the moment.
    """

    kinds: tuple[KindStatus, ...]
    test_coverage: Coverage | None
    folder_unreachable: bool
    disk: Disk | None
    details: Details
    beat: BeatState | None
    health: Health
    as_of: datetime

    @property
    def configured(self) -> bool:
        """Whether anything can be backed up here."""
        return any(kind.configured for kind in self.kinds)

    @property
    def problem(self) -> str:
        """Why nothing can be, in a sentence, or empty."""
        return "" if self.configured else self.kinds[0].problem

    @property
    def last_test(self) -> RestoreTest | None:
        """The last restore test that ended, of whatever kind."""
        found = [(test.completed_at, test.pk, test) for kind in self.kinds if (test := kind.last_test)]
        return max(found)[-1] if found else None

    @property
    def next_backup_at(self) -> datetime | None:
        """When beat is expected to start the next backup of any kind."""
        return min((kind.next_at for kind in self.kinds if kind.next_at), default=None)

    @property
    def next_restore_test_at(self) -> datetime | None:
        """When beat is expected to start the next restore test."""
        return self.test_coverage.next_at if self.test_coverage else None

    def kind(self, name: str) -> KindStatus:
        """Return what is known of one kind."""
        return next(kind for kind in self.kinds if kind.kind == name)

    def asked_for(self, row: BackupRun | RestoreTest) -> Asked:
        """Return who asked for one of its backups or restore tests, and how far that is."""
        return self.details.asked_for(row)


def current(*, now: datetime | None = None) -> BackupStatus:
    """Return how backups are doing: five queries, one of them in a transaction of its own.

    Args:
        now: the moment as of which to judge; default now.
    """
    moment = now or timezone.now()
    runs, tests = recent.last_backups(), recent.last_restore_tests()
    found = _entries(moment)
    covered = coverages(found) if found is not None else {}
    folder = BackupFolder.configured()
    kinds = tuple(
        _kind_status(kind, runs[kind], tests[kind], coverage=covered.get(kind), folder=folder) for kind in KINDS
    )
    usage = folder.usage() if folder and _seen(folder) else None
    disk = Disk(used_bytes=usage[0], total_bytes=usage[1]) if usage else None
    beat = beat_state(found) if found is not None else None
    unreachable = folder is not None and disk is None
    facts = Facts(
        not_configured=kinds[0].problem,
        kinds=tuple(
            _facts(status, runs[status.kind], tests[status.kind], now=moment) for status in kinds if status.configured
        ),
        disk_used_bytes=disk.used_bytes if disk else None,
        disk_total_bytes=disk.total_bytes if disk else None,
        folder_unreachable=unreachable,
        beat_silent_since=beat.since if beat and beat.status == "silent" else None,
    )
    return BackupStatus(
        kinds=kinds,
        test_coverage=covered.get(RESTORE_TEST),
        folder_unreachable=unreachable,
        disk=disk,
        details=details_of(_shown(kinds)),
        beat=beat,
        health=health.assess(facts, now=moment),
        as_of=moment,
    )


def _kind_status(
    kind: str,
    runs: Sequence[BackupRun],
    tests: Sequence[RestoreTest],
    *,
    coverage: Coverage | None,
    folder: BackupFolder | None,
) -> KindStatus:
    ended = [run for run in runs if run.status != RUNNING]
    good = [run for run in ended if run.status == SUCCEEDED]
    last_good = next((run for run in good if run.removed_at is None), None)
    ended_tests = [test for test in tests if test.status != RUNNING and test.completed_at is not None]
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


def _facts(status: KindStatus, runs: Sequence[BackupRun], tests: Sequence[RestoreTest], *, now: datetime) -> KindFacts:
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
        and run.removed_at is None
        and run.completed_at is not None
    ]
    return max(found)[-1] if found else None


def _is_spared(verified: BackupRun, good: Sequence[BackupRun], *, now: datetime) -> bool:
    """Say whether retention would remove a backup, had it not passed a restore test."""
    kept = [run.pk for run in good if run.removed_at is None and _written_here(run)]
    if verified.completed_at is None or not _written_here(verified):
        return False
    limit = now - timedelta(days=min(settings.BACKUP_KEEP_DAYS, _MOST_DAYS))
    return verified.completed_at < limit and verified.pk not in kept[: max(1, settings.BACKUP_KEEP)]


def _written_here(run: BackupRun) -> bool:
    # The console's own files have the number of their row at the end; retention leaves all others alone.
    return f"-{run.pk}." in (run.storage_key or "")


def _size(run: BackupRun) -> Size:
    assert run.completed_at is not None
    seconds = max(0.0, (run.completed_at - run.started_at).total_seconds())
    return Size(id=run.pk, completed_at=run.completed_at, size_bytes=run.size_bytes, seconds=round(seconds, 1))


def _shown(kinds: Sequence[KindStatus]) -> list[BackupRun | RestoreTest]:
    return [
        row
        for kind in kinds
        for row in (
            kind.running,
            kind.last,
            kind.last_good,
            kind.running_test,
            kind.last_test,
            kind.last_passed_test,
        )
        if row is not None
    ]


def _entries(now: datetime) -> list[Entry] | None:
    """Return beat's periodic tasks, or None where its tables can't be read: the rest is known all the same."""
    try:
        with transaction.atomic():
            return entries(now=now)
    except DatabaseError:
        logger.exception("backups.schedules_unread")
        return None


def _seen(folder: BackupFolder) -> bool:
    try:
        return Path(folder.path).is_dir()
    except OSError:
        return False
