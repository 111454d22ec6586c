"""How backups are doing: the last ones, the next ones, how large, whether they restore; five queries."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog
from django.db import DatabaseError, transaction
from django.utils import timezone

from backups import health, recent
from backups.backup_schedules import RESTORE_TEST, Coverage, coverages
from backups.details import Asked, Details, details_of
from backups.folder import BackupFolder
from backups.health import Facts, Health
from backups.kind_status import KindStatus, Size, facts_of_kind, status_of_kind
from backups.models import KINDS, BackupRun, RestoreTest
from jobs.schedules.queries import BeatState, Entry, beat_state, entries

__all__ = ["Asked", "BackupStatus", "Details", "Disk", "KindStatus", "Size", "current"]

logger = structlog.get_logger(__name__)


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
        return self.test_coverage.expected_at(configured=self.configured) if self.test_coverage else None

    def kind(self, name: str) -> KindStatus:
        """Return what is known of one kind."""
        return next(kind for kind in self.kinds if kind.kind == name)

    def asked_for(self, row: BackupRun | RestoreTest) -> Asked:
        """Return who asked for one of its backups or restore tests, and how far that is."""
        return self.details.asked_for(row)


def current(*, now: datetime | None = None, known_entries: list[Entry] | None = None) -> BackupStatus:
    """Return how backups are doing: five queries, one of them in a transaction of its own.

    Args:
        now: the moment as of which to judge; default now.
        known_entries: beat's periodic tasks, where they have been read a moment ago; that one query less then.
    """
    moment = now or timezone.now()
    runs, tests = recent.last_backups(), recent.last_restore_tests()
    found = _entries(moment) if known_entries is None else known_entries
    covered = coverages(found) if found is not None else {}
    folder = BackupFolder.configured()
    kinds = tuple(
        status_of_kind(kind, runs[kind], tests[kind], coverage=covered.get(kind), folder=folder) for kind in KINDS
    )
    usage = folder.usage() if folder and _seen(folder) else None
    disk = Disk(used_bytes=usage[0], total_bytes=usage[1]) if usage else None
    beat = beat_state(found) if found is not None else None
    unreachable = folder is not None and disk is None
    facts = Facts(
        not_configured=kinds[0].problem,
        kinds=tuple(
            facts_of_kind(status, runs[status.kind], tests[status.kind], now=moment)
            for status in kinds
            if status.configured
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
