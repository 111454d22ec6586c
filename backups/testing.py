"""Trying out a backup: its lock, its row, its checks, its verdict. Called by tasks and commands."""

import time
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils import timezone

from backups import locks, queries, runs
from backups.attachments import comparison
from backups.checks import Check, tally
from backups.database import restore
from backups.errors import BackupFailed, RestoreTestFailed
from backups.folder import BackupFolder
from backups.models import COULD_NOT_VERIFY, DATABASE, FAILED, PASSED, SUCCEEDED, BackupRun, RestoreTest
from backups.operations import NOT_CONFIGURED
from backups.reporting import Reporter
from opsconsole.errors import OpsError
from opsconsole.far_times import FarText
from opsconsole.row_ids import row_id


def run_restore_test(
    reporter: Reporter, *, backup_run_id: Any = None, all_files: bool = False, job_id: int | None
) -> dict[str, Any]:
    """Restore a backup, compare it with what was backed up, and write down the verdict.

    Args:
        reporter: is told how far it is.
        backup_run_id: the backup; None for the newest one, of the database if there is one.
        all_files: compare all attachments of a snapshot and not just some.
        job_id: the job that it is done for, if any.

    Returns:
        What the job keeps: the test's id, its verdict, and how many of its checks passed.

    Raises:
        Busy: another one is running.
        RestoreTestFailed: the backup is not what was backed up.
        BackupFailed: there is nothing to test, or the test can't be done as things are.
        BackupInterrupted: the test broke off; a second attempt may succeed.
    """
    run = _run_of(backup_run_id)
    with locks.held(locks.RESTORE_TEST):
        test = runs.begin_test(run, job_id=job_id)
        with runs.failures_recorded(test):
            return _Trial(test, run, reporter, all_files=all_files).result()


class _Trial:
    """One restore test."""

    def __init__(self, test: RestoreTest, run: BackupRun, reporter: Reporter, *, all_files: bool) -> None:
        self._test = test
        self._run = run
        self._reporter = reporter
        self._all_files = all_files
        self._checks: list[Check] = []
        self._sampled = self._verified = 0

    def result(self) -> dict[str, Any]:
        """Check it all, write down the verdict, and return what the job keeps."""
        problem: OpsError | None = None
        try:
            self._check()
        except RestoreTestFailed as error:
            problem = error
        except OpsError as error:
            # What was found before it broke off is kept.
            self._conclude(COULD_NOT_VERIFY, error.message)
            raise
        _passed, judged = tally(check.as_json() for check in self._checks)
        failed = [check for check in self._checks if check.passed is False]
        if problem is None and failed:
            problem = RestoreTestFailed(f"{len(failed)} of {judged} checks failed: {failed[0].error}")
        if problem is not None:
            self._conclude(FAILED, problem.message)
            raise problem
        if not any(check.passed for check in self._checks):
            raise BackupFailed("Nothing was checked.", code="nothing_checked")
        self._conclude(PASSED, None)
        return {
            "restore_test_id": self._test.pk,
            "backup_run_id": self._run.pk,
            "verdict": PASSED,
            "checks_passed": sum(check.passed is True for check in self._checks),
        }

    def _check(self) -> None:
        folder = BackupFolder.configured()
        if folder is None:
            raise BackupFailed(NOT_CONFIGURED, code="not_configured")
        manifest = self._run.manifest_json
        if isinstance(manifest, dict) and manifest.get("reported_by"):
            raise BackupFailed(
                f"The core has made backup {self._run.pk}, so the console doesn't know what must be in it, and can't "
                "test it.",
                code="not_testable",
            )
        began = time.monotonic()
        with restore.verified_archive(folder, self._run, self._reporter) as (archive, check):
            if archive is None and not queries.is_kept(self._run.pk):
                raise BackupFailed(f"The file of backup {self._run.pk} was removed meanwhile.", code="not_testable")
            self._checks.append(check)
            if archive is None or not check.passed:
                return
            if not isinstance(manifest, dict) or "format" not in manifest:
                raise BackupFailed(
                    "This backup has no manifest of the console's, so there is nothing to compare it with.",
                    code="no_manifest",
                )
            if self._run.kind == DATABASE:
                for found in restore.try_out(archive, manifest, self._test.pk, self._reporter):
                    self._checks.append(found)
            else:
                found_checks, self._sampled, self._verified = comparison.compare(
                    archive,
                    manifest,
                    sample=None if self._all_files else settings.ATTACHMENTS_SAMPLE,
                    seed=self._test.pk,
                    reporter=self._reporter,
                )
                self._checks += found_checks
                self._checks.append(
                    Check(name="restore_seconds", passed=None, actual=round(time.monotonic() - began, 1))
                )
        self._checks.append(Check(name="backup_age_seconds", passed=None, actual=_age(self._run.completed_at)))

    def _conclude(self, status: str, error: str | None) -> None:
        runs.conclude(
            self._test,
            status=status,
            checks=[check.as_json() for check in self._checks],
            error=error,
            attachments_sampled=self._sampled,
            attachments_verified=self._verified,
        )


def _run_of(backup_run_id: Any) -> BackupRun:
    if backup_run_id is None:
        newest = queries.newest_testable()
        if not newest:
            raise BackupFailed("There is no backup to test yet; make one first.", code="no_backup")
        wanted: int | None = newest[0].pk
    else:
        wanted = row_id(backup_run_id)
    runs = BackupRun.objects.annotate(removed_at_text=FarText("removed_at"))
    run = None if wanted is None else runs.filter(pk=wanted).first()
    if run is None:
        raise BackupFailed(f"There is no backup {backup_run_id}.", code="backup_not_found")
    if run.status != SUCCEEDED or run.is_removed or not run.storage_key:
        raise BackupFailed(f"Backup {run.pk} has no file that could be tested.", code="not_testable")
    return run


def _age(completed_at: datetime | None) -> int | None:
    return None if completed_at is None else max(0, int((timezone.now() - completed_at).total_seconds()))
