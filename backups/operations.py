"""What people can ask for: a backup of one kind or of all, and a restore test; each becomes a job of the ledger."""

from typing import Any, Final

from django.conf import settings
from django.db import transaction

from backups import queries
from backups.folder import BackupFolder
from backups.models import ATTACHMENTS, DATABASE, KINDS, SUCCEEDED, BackupRun
from jobs import catalog
from jobs.operations import JobRequest, submit_run
from jobs.receipts import Submitted
from opsconsole.audit import Actor, Entity, record_refusal
from opsconsole.errors import Conflict, NotFound, OpsError, Refused
from opsconsole.row_ids import row_id

BACKUP: Final = "backup.trigger"
TEST: Final = "restore_test.trigger"

ALL: Final = "all"
JOB_TYPES: Final = {DATABASE: catalog.DATABASE_BACKUP, ATTACHMENTS: catalog.ATTACHMENTS_SNAPSHOT}
TITLES: Final = {
    DATABASE: "Back up the database",
    ATTACHMENTS: "Back up the attachments",
    ALL: "Back up the database and the attachments",
}

NOT_CONFIGURED: Final = "No backups folder is set, so nothing can be backed up; set OPS_BACKUP_DIR."
NO_ATTACHMENTS: Final = "No attachments folder is set, so there are none to back up; set OPS_ATTACHMENTS_DIR."


def why_not(kind: str) -> str:
    """Return why a kind of backup can't be made here, in a sentence, or an empty text when it can be.

    Where the catalog maps it to a task of the core's, the console's folders don't matter.
    """
    job_type = catalog.find(JOB_TYPES[kind])
    if job_type is not None and job_type.in_core:
        return ""
    if BackupFolder.configured() is None:
        return NOT_CONFIGURED
    return NO_ATTACHMENTS if kind == ATTACHMENTS and not settings.ATTACHMENTS_DIR else ""


def why_no_test() -> str:
    """Return why no backup can be tested here, in a sentence, or an empty text when they can be."""
    job_type = catalog.find(catalog.RESTORE_TEST)
    in_core = job_type is not None and job_type.in_core
    return "" if in_core or BackupFolder.configured() is not None else NOT_CONFIGURED


def trigger_backup(*, kind: Any = ALL, actor: Actor, reason: str = "") -> Submitted:
    """Start a backup: one job of each kind that is asked for.

    Args:
        kind: database, attachments, or all: what of them is set up and isn't running.
        actor: who asks, and through what.
        reason: what the person gave as the reason.

    Raises:
        Refused: there is no such kind.
        Conflict: it is not set up; or all that was asked for is running already (`job_id` is in its details).
    """
    request = {"kind": kind}
    try:
        kinds = _kinds(kind)
        title = TITLES[kinds[0] if len(kinds) == 1 else ALL]
        with transaction.atomic():
            submitted = submit_run(
                operation=BACKUP,
                title=title,
                requests=[JobRequest(job_type=JOB_TYPES[wanted], payload={}) for wanted in kinds],
                actor=actor,
                entity=Entity(type="backup"),
                reason=reason,
                request=request,
            )
            # All of them joined what runs already: nothing is started, so no run is left behind.
            _check_new(submitted, title)
    except OpsError as refusal:
        record_refusal(
            refusal, actor=actor, action=BACKUP, entity=Entity(type="backup"), reason=reason, request=request
        )
        raise
    return submitted


def trigger_restore_test(
    *, backup_run_id: Any = None, all_files: bool = False, actor: Actor, reason: str = ""
) -> Submitted:
    """Start a restore test of a backup, or of the newest one of each kind: one job for each.

    Args:
        backup_run_id: the backup; None for the newest one of each kind that can be tested.
        all_files: compare all attachments of a snapshot and not just some.
        actor: who asks, and through what.
        reason: what the person gave as the reason.

    Raises:
        Refused: what is named can be no backup.
        NotFound: there is no such backup.
        Conflict: no backups folder is set; there is nothing to test: it did not succeed or its file was removed; or it
            is being tested already (`job_id` is in its details).
    """
    request = {"backup_run_id": backup_run_id, "all_files": all_files}
    entity = Entity(type="backup", id=row_id(backup_run_id))
    try:
        tests = _tests(backup_run_id, all_files=all_files)
        with transaction.atomic():
            submitted = submit_run(
                operation=TEST,
                title=f"Test the restore of {' and '.join(tests)}",
                requests=[JobRequest(job_type=catalog.RESTORE_TEST, payload=payload) for payload in tests.values()],
                actor=actor,
                entity=entity,
                reason=reason,
                request=request,
            )
            _check_new(submitted, "This restore test")
    except OpsError as refusal:
        record_refusal(refusal, actor=actor, action=TEST, entity=entity, reason=reason, request=request)
        raise
    return submitted


def _kinds(kind: str) -> list[str]:
    if kind not in (*KINDS, ALL):
        raise Refused(f"The kind must be one of {', '.join((*KINDS, ALL))}.", code="invalid_kind")
    if kind != ALL:
        if problem := why_not(kind):
            raise Conflict(problem, code="not_configured")
        return [kind]
    possible = [wanted for wanted in KINDS if not why_not(wanted)]
    if not possible:
        raise Conflict(NOT_CONFIGURED, code="not_configured")
    return possible


def _tests(backup_run_id: Any, *, all_files: bool) -> dict[str, dict[str, Any]]:
    """Return what is to be tested, for people, and the payload of its job."""
    job_type = catalog.find(catalog.RESTORE_TEST)
    in_core = job_type is not None and job_type.in_core
    if backup_run_id is not None:
        runs = [_testable(backup_run_id)]
    elif in_core:
        # Which one is its newest, the core knows.
        return {"the last backup": {}}
    else:
        runs = queries.newest_testable()
    if problem := why_no_test():
        raise Conflict(problem, code="not_configured")
    if not runs:
        raise Conflict("There is no backup to test yet; make one first.", code="no_backup")
    return {f"{run.kind} backup {run.pk}": _payload(run, all_files) for run in runs}


def _testable(backup_run_id: Any) -> BackupRun:
    if (wanted := row_id(backup_run_id)) is None:
        raise Refused("What is to be tested must be the id of a backup.", code="bad_arguments")
    run = queries.run_of(wanted)
    if run is None:
        raise NotFound(f"There is no backup {wanted}.", code="backup_not_found")
    if run.status != SUCCEEDED:
        raise Conflict(f"Backup {run.pk} did not succeed, so there is nothing to test.", code="not_testable")
    if run.is_removed:
        raise Conflict(f"The file of backup {run.pk} was removed, so there is nothing to test.", code="not_testable")
    if not run.storage_key:
        raise Conflict(f"Backup {run.pk} has no file in the backups folder to be tested.", code="not_testable")
    return run


def _payload(run: BackupRun, all_files: bool) -> dict[str, Any]:
    return {"backup_run_id": run.pk} | ({"all_files": True} if all_files else {})


def _check_new(submitted: Submitted, what: str) -> None:
    if len(submitted.already_active) == len(submitted.job_ids):
        job_id = submitted.job_ids[0]
        raise Conflict(f"{what}: job {job_id} is doing that already.", code="already_running", job_id=job_id)
