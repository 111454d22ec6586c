"""What the rules of health are about: facts of backups and restore tests, and what is said of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from backups.backup_schedules import Scheduled
from backups.models import DATABASE

Status = Literal["ok", "warning", "critical", "unknown"]

WORST_FIRST: Final[tuple[Status, ...]] = ("critical", "warning", "unknown", "ok")


@dataclass(frozen=True, kw_only=True)
class Reason:
    """One thing that there is to say.

    Attributes:
        code: what a program goes by.
        what: what is wrong, in a sentence or two.
        todo: what to do about it, in another one.
        status: how bad it is.
        kind: of the backups that it is about; empty where it is about all of them.
    """

    code: str
    what: str
    todo: str
    status: Status
    kind: str = ""

    @property
    def message(self) -> str:
        """What is wrong and what to do."""
        return f"{self.what} {self.todo}".rstrip()


@dataclass(frozen=True, kw_only=True)
class Health:
    """What the rules say."""

    status: Status
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, kw_only=True)
class KindFacts:
    """What is known of one kind of backup; times are UTC, None is “not known” or “never”.

    Attributes:
        kind: database or attachments.
        in_core: the core makes them, so the console knows neither their folder nor their schedule.
        succeeded: one has ever succeeded.
        last_good_at: when the last one was completed whose file was not removed.
        file: whether its file is there; None where the console can't know.
        running: one is being made.
        last_failed: the last attempt failed.
        last_error: what it said.
        size_bytes: how large the last good one is.
        earlier_sizes: of those that succeeded before it, the newest first, in bytes.
        needed_bytes: how much room the next one is given at the least.
        test_status: how the last restore test ended, None when there was none.
        test_error: what it said.
        tested_id: which backup it restored.
        test_running: one is under way.
        passed_at: when a restore test last passed.
        verified_at: when the last backup was completed that passed one and whose file is kept.
        verified_is_spared: that one is kept only because it passed: it is older than what retention keeps.
        scheduled: whether a schedule of the console's makes them; None where schedules can't be read.
        schedule_problem: why the schedule can't run.
        missed_at: when beat should have started one and didn't.
    """

    kind: str = DATABASE
    in_core: bool = False
    succeeded: bool = True
    last_good_at: datetime | None = None
    file: Literal["kept", "missing", "unreachable", "removed"] | None = "kept"
    running: bool = False
    last_failed: bool = False
    last_error: str = ""
    size_bytes: int | None = None
    earlier_sizes: Sequence[int] = ()
    needed_bytes: int = 0
    test_status: str | None = None
    test_error: str = ""
    tested_id: int | None = None
    test_running: bool = False
    passed_at: datetime | None = None
    verified_at: datetime | None = None
    verified_is_spared: bool = False
    scheduled: Scheduled | None = "on"
    schedule_problem: str = ""
    missed_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known of backups.

    Attributes:
        not_configured: why the database can't be backed up here, in a sentence, or empty.
        kinds: what is expected to be backed up; the database unless it can't be.
        disk_used_bytes, disk_total_bytes: of the folder's disk; None when the folder can't be seen or there is none.
        folder_unreachable: there is a folder, and this process can't see it.
        beat_silent_since: since when beat starts nothing at all.
    """

    not_configured: str = ""
    kinds: Sequence[KindFacts] = ()
    disk_used_bytes: int | None = None
    disk_total_bytes: int | None = None
    folder_unreachable: bool = False
    beat_silent_since: datetime | None = None
