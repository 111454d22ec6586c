"""What the row of a backup or a restore test doesn't say: who asked for it, how far it is, its file, its last test."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from backups import operations, recent
from backups.folder import BackupFolder, FileState
from backups.models import RUNNING, SUCCEEDED, BackupRun, RestoreTest
from backups.recent import Tested
from jobs import catalog, progress
from jobs.models import ACTIVE_STATUSES
from jobs.queries import Row

Kept = FileState | Literal["removed"]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Who asked for a backup or a restore test, and how far it is.

    Attributes:
        requested_by: the person; None where there is no job, or the ledger doesn't have it any more.
        via: through which door.
        run_id: the run that asked for it last.
        progress: while its job runs, as answers show it.
        again: it has ended, and its job is still to be tried again.
    """

    requested_by: str | None = None
    via: str | None = None
    run_id: Any = None
    progress: dict[str, Any] | None = None
    again: bool = False


@dataclass(frozen=True, kw_only=True)
class Details:
    """What is known of some backups and restore tests beside their rows."""

    jobs: Mapping[int, Asked] = field(default_factory=dict)
    tests: Mapping[int, Tested] = field(default_factory=dict)

    def asked_for(self, row: BackupRun | RestoreTest) -> Asked:
        """Return who asked for it, and how far it is."""
        found = self.jobs.get(row.job_id) if row.job_id is not None else None
        if found is None:
            return Asked()
        if row.status == RUNNING:
            return replace(found, again=False)
        # What its job reports is about another attempt.
        return replace(found, progress=None)

    def tested(self, run: BackupRun) -> Tested | None:
        """Return the last restore test of a backup that ended."""
        return self.tests.get(run.pk)


def details_of(rows: Iterable[BackupRun | RestoreTest]) -> Details:
    """Return what is known of backups and restore tests beside their rows; two queries at most."""
    known = list(rows)
    return Details(
        jobs={job_id: _asked(job) for job_id, job in recent.jobs_of(known).items()},
        tests=recent.tests_of({row.pk for row in known if isinstance(row, BackupRun) and row.status == SUCCEEDED}),
    )


def file_of(run: BackupRun, folder: BackupFolder | None) -> Kept | None:
    """Return what became of a backup's file; None where it never had one here, or it is the core's."""
    if run.is_removed:
        return "removed"
    if run.status != SUCCEEDED or not run.storage_key:
        return None
    state = _state(folder, run.storage_key)
    return None if state != "kept" and _is_the_cores(run) else state


def made_in_core(kind: str) -> bool:
    """Say whether the core makes this kind of backup."""
    name = operations.JOB_TYPES.get(kind)
    job_type = catalog.find(name) if name else None
    return job_type is not None and job_type.in_core


def _state(folder: BackupFolder | None, storage_key: str) -> FileState:
    try:
        return folder.state_of(storage_key) if folder else "unreachable"
    except OSError:
        # The folder itself can't be looked at: a part of its path is forbidden, say.
        return "unreachable"


def _is_the_cores(run: BackupRun) -> bool:
    """Say whether a backup's file lies where the core keeps its own, under a name that the core has given it."""
    key = run.storage_key or ""
    # A name that leads out of the folder is nobody's: a file that can't be there.
    if key.startswith("/") or ".." in key:
        return False
    return made_in_core(run.kind) or not key.startswith(f"{run.kind}/{run.kind}-")


def _asked(job: Row) -> Asked:
    return Asked(
        requested_by=job["requested_by"],
        via=job["via"],
        run_id=job["run_id"],
        progress=progress.as_json(job) if job["status"] in ACTIVE_STATUSES else None,
        again=job["status"] in ACTIVE_STATUSES,
    )
