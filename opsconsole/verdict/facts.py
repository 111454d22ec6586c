"""What the verdict is about: facts of each part of the installation, and what is said of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal

from django.conf import settings

from jobs.pulse import Sweeper, Work, Worker

Part = Literal["database", "broker", "workers", "beat", "queue", "failures", "sync", "backup"]
Severity = Literal["critical", "warning", "unknown"]
Status = Literal["critical", "warning", "unknown", "ok"]
BeatStatus = Literal["running", "silent", "paused", "idle"]

PARTS: Final[tuple[Part, ...]] = ("database", "broker", "workers", "beat", "queue", "failures", "sync", "backup")
WORST_FIRST: Final[tuple[Status, ...]] = ("critical", "warning", "unknown", "ok")


@dataclass(frozen=True, kw_only=True)
class Reason:
    """One thing that there is to say.

    Attributes:
        code: what a program goes by.
        part: what it is about.
        what: what is wrong, in a sentence.
        todo: what to do about it, in another one.
        severity: how bad it is; `unknown` for what nobody can tell.
        page: the name of the address where it is dealt with; empty where the console has no page for it.
        query: what follows the address, such as a list's filter.
        since: since when it is so, where that is known.
        number: how many things it is about.
    """

    code: str
    part: Part
    what: str
    severity: Severity
    todo: str = ""
    page: str = ""
    query: str = ""
    since: datetime | None = None
    number: int = 1

    @property
    def message(self) -> str:
        """What is wrong and what to do."""
        return f"{self.what} {self.todo}".rstrip()


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the rules say: of the whole, why, and of each part that was asked for."""

    status: Status
    reasons: tuple[Reason, ...]
    parts: Mapping[Part, Status]
    as_of: datetime


@dataclass(frozen=True, kw_only=True)
class Beat:
    """What is known of beat.

    Attributes:
        status: as `jobs.schedules.queries.BeatState` has it.
        since: since when it is silent.
        missed: the names of the schedules that it should have started and didn't.
    """

    status: BeatStatus
    since: datetime | None = None
    missed: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Pause:
    """Somebody has paused all schedules: how many, since when, who, and the reason that was given, if any."""

    schedules: int
    since: datetime
    by: str
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What the health of syncs or of backups says: a code of its own, a sentence or two, how bad it is, of how many."""

    code: str
    what: str
    severity: Severity
    todo: str = ""
    number: int = 1


@dataclass(frozen=True, kw_only=True)
class Facts:
    """The known facts about the whole system. Times are UTC.

    Attributes:
        as_of: the moment.
        asked: the parts that are judged; the others are nobody's business here.
        unread: of which parts nothing is known, and why, in a sentence.
        database: problems of the database connection, if the database answers.
        broker: problems of the result back end and the cache, if the broker answers.
        sweepers: the sweeper processes that run or ran recently.
        workers: what workers last told of themselves.
        work: what waits, and what is stuck.
        failed: how many jobs have failed within the last hour.
        beat: whether beat does its work.
        pause: all schedules are paused.
        sync: what the health of syncs says.
        backup: what the health of backups says.
    """

    as_of: datetime
    asked: tuple[Part, ...] = PARTS
    unread: Mapping[Part, str] = field(default_factory=dict)
    database: tuple[Finding, ...] = ()
    broker: tuple[Finding, ...] = ()
    sweepers: tuple[Sweeper, ...] = ()
    workers: tuple[Worker, ...] = ()
    work: Work = field(default_factory=Work)
    failed: int = 0
    beat: Beat = field(default_factory=lambda: Beat(status="idle"))
    pause: Pause | None = None
    sync: tuple[Finding, ...] = ()
    backup: tuple[Finding, ...] = ()

    @property
    def online(self) -> tuple[Worker, ...]:
        """The workers that have answered of late."""
        return tuple(worker for worker in self.workers if worker.seen_at >= self._silent_since)

    @property
    def silent(self) -> tuple[Worker, ...]:
        """Those that haven't."""
        return tuple(worker for worker in self.workers if worker.seen_at < self._silent_since)

    @property
    def sweeper_seen_at(self) -> datetime | None:
        """When a sweeper was last alive; None if never."""
        return max((sweeper.alive_at for sweeper in self.sweepers), default=None)

    @property
    def sweeper_ticked_at(self) -> datetime | None:
        """When a sweeper last completed a tick; None if never."""
        return max((sweeper.ticked_at for sweeper in self.sweepers if sweeper.ticked_at), default=None)

    @property
    def alive_sweepers(self) -> tuple[Sweeper, ...]:
        """The sweepers that have recently reported that they are alive."""
        return tuple(sweeper for sweeper in self.sweepers if sweeper.alive_at >= self._sweeper_old)

    @property
    def behind_sweepers(self) -> tuple[Sweeper, ...]:
        """The sweepers that are alive but haven't completed a tick recently."""
        return tuple(sweeper for sweeper in self.alive_sweepers if sweeper.waits_since < self._sweeper_old)

    @property
    def _sweeper_old(self) -> datetime:
        return self.as_of - timedelta(seconds=settings.SWEEPER_SILENT_SECONDS)

    @property
    def _silent_since(self) -> datetime:
        return self.as_of - timedelta(seconds=settings.WORKER_SILENT_SECONDS)
