"""Backups and restore tests as jobs, by a real worker that is killed, cancelled and started again."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from backups import locks
from backups.database import scratch
from backups.folder import BackupFolder
from backups.models import DATABASE, FAILED, MANUAL, PASSED, RUNNING, SUCCEEDED, BackupRun, RestoreTest
from backups.operations import trigger_backup, trigger_restore_test
from jobs import operations, sweeper
from jobs.models import CANCELLED, DONE, RETRYING, Dispatch, Job
from tests.backups.programs import fake_programs
from tests.cast import OPERATOR, make_job
from tests.processes import Child
from tests.worker.faults import let_run_out

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]

WaitUntil = Callable[..., Any]
QUEUE = "opsconsole.maintenance"
# Says something, and then nothing for ever.
HANGS = "echo half; exec sleep 1000"


@pytest.fixture
def worker(console_worker: Callable[..., Child], folder: BackupFolder, attachments: Path) -> Callable[..., Child]:
    """Start the worker of the maintenance queue: `worker(**environment)`."""
    environment = {"OPS_BACKUP_DIR": str(folder.path), "OPS_ATTACHMENTS_DIR": str(attachments)}
    return lambda **more: console_worker(queues=QUEUE, **{**environment, **more})


def status_of(job_id: int) -> str:
    return Job.objects.values_list("status", flat=True).get(pk=job_id)


def try_again() -> None:
    """Do what a sweeper does with a worker that is gone and with a retry that is due."""
    let_run_out("lease_until", "next_attempt_at")
    sweeper.expire_leases()
    let_run_out("next_attempt_at")
    sweeper.redispatch_due()
    sweeper.publish_due()


def test_a_backup_of_all_and_its_restore_tests_go_from_a_click_to_done(
    worker: Callable[..., Child], attachments: Path, wait_until: WaitUntil
) -> None:
    (attachments / "picture.png").write_bytes(b"\x89PNG" * 1_000)
    worker()
    backup = trigger_backup(actor=OPERATOR)
    wait_until(lambda: all(status_of(job_id) == DONE for job_id in backup.job_ids))
    test = trigger_restore_test(actor=OPERATOR)
    wait_until(lambda: all(status_of(job_id) == DONE for job_id in test.job_ids))

    # Where kinds are an enum, the database sorts them in another order.
    runs = sorted(BackupRun.objects.all(), key=lambda run: run.kind)
    assert [(run.kind, run.status, run.trigger) for run in runs] == [
        ("attachments", SUCCEEDED, MANUAL),
        ("database", SUCCEEDED, MANUAL),
    ]
    assert {test.status for test in RestoreTest.objects.all()} == {PASSED}
    assert RestoreTest.objects.count() == 2
    results = {dispatch.job_id: dispatch.result for dispatch in Dispatch.objects.filter(job_id__in=backup.job_ids)}
    assert {result["backup_run_id"] for result in results.values() if result} == {run.pk for run in runs}


def test_a_worker_that_is_killed_in_a_dump_leaves_its_lock_free_and_the_ledger_tries_again(
    worker: Callable[..., Child], folder: BackupFolder, tmp_path: Path, wait_until: WaitUntil
) -> None:
    hanging = worker(OPS_PG_BIN_DIR=fake_programs(tmp_path / "bin", HANGS))
    (job_id,) = trigger_backup(kind=DATABASE, actor=OPERATOR).job_ids
    wait_until(lambda: list(folder.path.glob("database/*.part")))
    os.kill(hanging.pid, signal.SIGKILL)
    hanging.kill()
    wait_until(lambda: lock_is_free(DATABASE))
    worker()
    try_again()
    wait_until(lambda: status_of(job_id) == DONE)

    assert BackupRun.objects.get(status=SUCCEEDED).job_id == job_id
    assert list(folder.path.glob("database/*.part")) == []


def test_a_restore_test_whose_worker_is_killed_leaves_a_database_that_the_next_one_or_the_sweeper_drops(
    worker: Callable[..., Child], folder: BackupFolder, tmp_path: Path, wait_until: WaitUntil
) -> None:
    make_job("ingest.sync_delta")
    first = worker()
    (job_id,) = trigger_backup(kind=DATABASE, actor=OPERATOR).job_ids
    wait_until(lambda: status_of(job_id) == DONE)
    first.kill()
    hanging = worker(OPS_PG_BIN_DIR=fake_programs(tmp_path / "bin", HANGS))
    (job_id,) = trigger_restore_test(actor=OPERATOR).job_ids
    wait_until(scratch.leftovers)
    os.kill(hanging.pid, signal.SIGKILL)
    hanging.kill()
    wait_until(lambda: lock_is_free(locks.RESTORE_TEST))
    worker()
    try_again()
    wait_until(lambda: status_of(job_id) == DONE)

    assert RestoreTest.objects.get(status=PASSED).job_id == job_id


def test_a_backup_that_finds_another_one_running_is_made_at_its_next_attempt(
    worker: Callable[..., Child], wait_until: WaitUntil
) -> None:
    worker()
    with locks.held(DATABASE):
        (job_id,) = trigger_backup(kind=DATABASE, actor=OPERATOR).job_ids
        wait_until(lambda: status_of(job_id) == RETRYING)
        assert "is running; try again once it has ended" in str(Job.objects.get(pk=job_id).last_error)
        assert not BackupRun.objects.exists()
    try_again()
    wait_until(lambda: status_of(job_id) == DONE)


def test_a_running_backup_that_is_cancelled_ends_within_a_heartbeat_and_leaves_no_file(
    worker: Callable[..., Child], folder: BackupFolder, tmp_path: Path, wait_until: WaitUntil
) -> None:
    worker(OPS_PG_BIN_DIR=fake_programs(tmp_path / "bin", HANGS))
    (job_id,) = trigger_backup(kind=DATABASE, actor=OPERATOR).job_ids
    wait_until(lambda: BackupRun.objects.filter(status=RUNNING).exists())
    operations.cancel_job(job_id, actor=OPERATOR)
    wait_until(lambda: status_of(job_id) == CANCELLED)

    run = BackupRun.objects.get()
    assert run.status == FAILED
    assert "cancelled" in str(run.error)
    assert [path for path in folder.path.rglob("*") if path.is_file()] == []


def lock_is_free(kind: str) -> bool:
    with transaction.atomic():
        return locks.is_free(kind)
