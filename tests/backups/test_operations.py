"""Asking for backups and restore tests: what becomes a job, what is joined, and what is refused."""

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from backups import operations
from backups.folder import BackupFolder
from backups.operations import trigger_backup, trigger_restore_test
from jobs.models import DONE, FAILED, QUEUED, RUNNING, Dispatch, Job, Run
from jobs.schedules import entry_tasks
from jobs.schedules.operations import run_now
from opsconsole.audit import AuditLog
from opsconsole.errors import Conflict, NotFound, OpsError, Refused
from tests.backups.cast import make_backup
from tests.cast import OPERATOR
from tests.schedules.cast import audited, make_schedule
from tests.worker.at_once import at_once

pytestmark = pytest.mark.django_db

DATABASE_JOB = "opsconsole.database_backup"
ATTACHMENTS_JOB = "opsconsole.attachments_snapshot"
TEST_JOB = "opsconsole.restore_test"


def job_types() -> set[str]:
    return set(Job.objects.values_list("job_type", flat=True))


def refused(error: type[OpsError], code: str, call: Callable[[], Any], *, action: str) -> OpsError:
    """Check that something is refused, that this is written down once, and that nothing else is."""
    before = (Job.objects.count(), Run.objects.count(), Dispatch.objects.count())
    written = AuditLog.objects.count()
    with pytest.raises(error) as caught:
        call()
    assert caught.value.code == code
    assert (Job.objects.count(), Run.objects.count(), Dispatch.objects.count()) == before
    assert AuditLog.objects.count() == written + 1
    entry = audited(action, result="error")[-1]
    assert (entry["response"], entry["error"]) == ({"code": code}, caught.value.message)
    return caught.value


def backup_refused(error: type[OpsError], code: str, **values: Any) -> OpsError:
    return refused(error, code, lambda: trigger_backup(actor=OPERATOR, **values), action="backup.trigger")


def retest_refused(error: type[OpsError], code: str, **values: Any) -> OpsError:
    return refused(error, code, lambda: trigger_restore_test(actor=OPERATOR, **values), action="restore_test.trigger")


# --- backups ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "types", "title"),
    [
        ("database", {DATABASE_JOB}, "Back up the database"),
        ("attachments", {ATTACHMENTS_JOB}, "Back up the attachments"),
        ("all", {DATABASE_JOB, ATTACHMENTS_JOB}, "Back up the database and the attachments"),
    ],
)
@pytest.mark.usefixtures("folder", "attachments")
def test_what_is_asked_for_becomes_a_job_each(kind: str, types: set[str], title: str) -> None:
    submitted = trigger_backup(kind=kind, actor=OPERATOR, reason="Before the update.")
    assert job_types() == types
    assert set(submitted.job_ids) == set(Job.objects.values_list("pk", flat=True))
    assert submitted.already_active == ()
    for job in Job.objects.all():
        assert (job.status, job.queue_name, job.payload_json) == (QUEUED, "opsconsole.maintenance", {})
    run = Run.objects.get()
    assert (run.title, run.operation, run.requested_by, run.via) == (title, "backup.trigger", "olivia", "api")
    (entry,) = audited("backup.trigger")
    assert (entry["request"]["kind"], entry["request"]["reason"]) == (kind, "Before the update.")
    assert AuditLog.objects.get().entity_type == "backup"


@pytest.mark.usefixtures("folder")
def test_all_is_what_is_set_up() -> None:
    trigger_backup(actor=OPERATOR)
    assert job_types() == {DATABASE_JOB}
    assert Run.objects.get().title == "Back up the database"


@pytest.mark.parametrize("kind", ["all", "database", "attachments"])
def test_without_a_folder_it_says_how_to_set_one(settings: Any, kind: str) -> None:
    settings.BACKUP_DIR = ""
    assert "OPS_BACKUP_DIR" in backup_refused(Conflict, "not_configured", kind=kind).message


@pytest.mark.usefixtures("folder")
def test_attachments_without_a_folder_say_how_to_set_one(settings: Any) -> None:
    settings.ATTACHMENTS_DIR = ""
    refusal = backup_refused(Conflict, "not_configured", kind="attachments")
    assert "OPS_ATTACHMENTS_DIR" in refusal.message


@pytest.mark.parametrize("kind", ["", "everything", None, 1, ["database"], {"kind": "all"}, "\x00", "\ud800"])
@pytest.mark.usefixtures("folder")
def test_another_kind_is_refused_with_those_that_there_are(kind: Any) -> None:
    assert "database, attachments, all" in backup_refused(Refused, "invalid_kind", kind=kind).message


def test_what_is_mapped_to_the_core_needs_no_folder(settings: Any) -> None:
    settings.BACKUP_DIR = settings.ATTACHMENTS_DIR = ""
    task = {"task": "maintenance.mysql_dump_local", "queue": "maintenance", "in_core": True}
    settings.JOB_TYPES = {DATABASE_JOB: task}
    assert (operations.why_not("database"), bool(operations.why_not("attachments"))) == ("", True)
    trigger_backup(actor=OPERATOR)
    assert (Job.objects.get().job_type, Job.objects.get().queue_name) == (DATABASE_JOB, "maintenance")
    assert (Dispatch.objects.get().task, Dispatch.objects.get().in_core) == ("maintenance.mysql_dump_local", True)


@pytest.mark.parametrize("status", [QUEUED, RUNNING])
@pytest.mark.usefixtures("folder")
def test_one_that_is_under_way_is_named_and_not_doubled(status: str) -> None:
    (first,) = trigger_backup(kind="database", actor=OPERATOR).job_ids
    Job.objects.update(status=status)
    for kind in ("database", "all"):
        refusal = backup_refused(Conflict, "already_running", kind=kind)
        assert refusal.details == {"job_id": first}
        assert f"Back up the database: job {first} is doing that already." in refusal.message


@pytest.mark.usefixtures("folder", "attachments")
def test_all_starts_what_is_not_under_way_and_joins_the_rest() -> None:
    (first,) = trigger_backup(kind="database", actor=OPERATOR).job_ids
    submitted = trigger_backup(kind="all", actor=OPERATOR)
    assert submitted.already_active == (first,)
    assert len(submitted.job_ids) == 2
    assert Job.objects.count() == Dispatch.objects.count() == 2
    refusal = backup_refused(Conflict, "already_running", kind="all")
    assert refusal.details == {"job_id": first}


@pytest.mark.usefixtures("folder")
def test_once_it_has_ended_the_next_one_may_start() -> None:
    trigger_backup(actor=OPERATOR)
    Job.objects.update(status=DONE, dedupe_key=None)
    trigger_backup(actor=OPERATOR)
    assert Job.objects.count() == 2


@pytest.fixture
def crowd(transactional_db: None, folder: BackupFolder) -> None:
    """A backup that can be tested, for several at once."""
    make_backup()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("crowd")
@pytest.mark.parametrize("operation", [trigger_backup, trigger_restore_test])
def test_of_two_who_ask_at_once_one_starts_it_and_the_other_is_told_which_job_does_it(
    operation: Callable[..., Any],
) -> None:
    for _ in range(5):
        Job.objects.update(status=DONE, dedupe_key=None)
        runs, jobs = Run.objects.count(), Job.objects.count()
        found = at_once([lambda: operation(actor=OPERATOR)] * 2)
        (refusal,) = [each for each in found if isinstance(each, Conflict)]
        (submitted,) = [each for each in found if not isinstance(each, Exception)]
        assert (refusal.code, refusal.details) == ("already_running", {"job_id": submitted.job_ids[0]})
        assert (Run.objects.count(), Job.objects.count()) == (runs + 1, jobs + 1)


# --- restore tests ------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("folder")
def test_a_backup_is_tested_by_its_id() -> None:
    old, _ = make_backup(), make_backup()
    trigger_restore_test(backup_run_id=old.pk, actor=OPERATOR, reason="To see.")
    assert (Job.objects.get().job_type, Job.objects.get().payload_json) == (TEST_JOB, {"backup_run_id": old.pk})
    assert Run.objects.get().title == f"Test the restore of database backup {old.pk}"
    entry = AuditLog.objects.get()
    assert (entry.action_type, entry.entity_type, entry.entity_id) == ("restore_test.trigger", "backup", old.pk)


@pytest.mark.usefixtures("folder")
def test_an_id_that_is_a_text_means_the_same_job() -> None:
    run = make_backup()
    trigger_restore_test(backup_run_id=str(run.pk), actor=OPERATOR)
    assert Job.objects.get().payload_json == {"backup_run_id": run.pk}
    retest_refused(Conflict, "already_running", backup_run_id=run.pk)


@pytest.mark.usefixtures("folder")
def test_without_an_id_the_newest_one_of_each_kind_is_tested() -> None:
    make_backup(age=timedelta(days=2))
    database, files = make_backup(age=timedelta(days=1)), make_backup("attachments", age=timedelta(days=3))
    make_backup(status="failed")
    make_backup(storage_key=None)
    make_backup("attachments", removed_at=database.completed_at)
    trigger_restore_test(actor=OPERATOR)
    assert {job.payload_json["backup_run_id"] for job in Job.objects.all()} == {database.pk, files.pk}
    title = f"Test the restore of database backup {database.pk} and attachments backup {files.pk}"
    assert Run.objects.get().title == title


@pytest.mark.usefixtures("folder")
def test_what_is_being_tested_is_joined_by_a_test_of_all() -> None:
    database, _ = make_backup(), make_backup("attachments")
    (first,) = trigger_restore_test(backup_run_id=database.pk, actor=OPERATOR).job_ids
    submitted = trigger_restore_test(actor=OPERATOR)
    assert (submitted.already_active, len(submitted.job_ids)) == ((first,), 2)
    refusal = retest_refused(Conflict, "already_running")
    assert refusal.details == {"job_id": first}


@pytest.mark.usefixtures("folder")
def test_all_files_is_told_to_the_task() -> None:
    run = make_backup("attachments")
    trigger_restore_test(backup_run_id=run.pk, all_files=True, actor=OPERATOR)
    assert Job.objects.get().payload_json == {"backup_run_id": run.pk, "all_files": True}


@pytest.mark.usefixtures("folder")
def test_without_a_backup_there_is_nothing_to_test() -> None:
    make_backup(status="failed")
    assert "make one first" in retest_refused(Conflict, "no_backup").message


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"status": "failed"}, "did not succeed"),
        ({"status": "running", "completed_at": None, "storage_key": None}, "did not succeed"),
        ({"removed_at": "2026-01-01T00:00:00Z"}, "was removed"),
        ({"storage_key": None}, "no file"),
        ({"storage_key": ""}, "no file"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_what_has_no_file_cannot_be_tested(values: dict[str, Any], words: str) -> None:
    run = make_backup(**values)
    assert words in retest_refused(Conflict, "not_testable", backup_run_id=run.pk).message


@pytest.mark.usefixtures("folder")
def test_an_unknown_backup_is_not_found() -> None:
    assert "999999" in retest_refused(NotFound, "backup_not_found", backup_run_id=999_999).message


@pytest.mark.parametrize("given", [0, -1, 1.5, True, "x", "", [1], {}, 10**30, "../../etc/passwd"])
@pytest.mark.usefixtures("folder")
def test_what_can_be_no_backup_is_refused(given: Any) -> None:
    retest_refused(Refused, "bad_arguments", backup_run_id=given)


def test_without_a_folder_nothing_can_be_tested(settings: Any) -> None:
    settings.BACKUP_DIR = ""
    run = make_backup()
    for given in (None, run.pk):
        assert "OPS_BACKUP_DIR" in retest_refused(Conflict, "not_configured", backup_run_id=given).message


def test_where_the_core_tests_restores_it_knows_which_backup_is_its_newest(settings: Any) -> None:
    settings.BACKUP_DIR = ""
    task = {"task": "maintenance.restore_test_local", "queue": "maintenance", "in_core": True, "arguments": []}
    settings.JOB_TYPES = {TEST_JOB: task}
    trigger_restore_test(actor=OPERATOR)
    assert Job.objects.get().payload_json == {}
    assert Dispatch.objects.get().task == "maintenance.restore_test_local"
    retest_refused(Conflict, "already_running")


# --- by a schedule ------------------------------------------------------------------------------------------------


def begin(task: str, *args: Any, **kwargs: Any) -> None:
    entry_tasks.begin(SimpleNamespace(task=task, periodic_task_name="Nightly"), args, kwargs)


@pytest.mark.parametrize(
    ("args", "kwargs", "types"),
    [
        ([], {}, {DATABASE_JOB, ATTACHMENTS_JOB}),
        ([], {"kind": "database"}, {DATABASE_JOB}),
        (["attachments"], {}, {ATTACHMENTS_JOB}),
    ],
)
@pytest.mark.usefixtures("folder", "attachments")
def test_beat_starts_backups(args: list[Any], kwargs: dict[str, Any], types: set[str]) -> None:
    begin("opsconsole.back_up", *args, **kwargs)
    assert job_types() == types
    assert Run.objects.get().via == "beat"
    assert set(Dispatch.objects.values_list("via", flat=True)) == {"beat"}


@pytest.mark.usefixtures("folder")
def test_beat_starts_restore_tests() -> None:
    run = make_backup()
    begin("opsconsole.test_restore")
    assert Job.objects.get().payload_json == {"backup_run_id": run.pk}


@pytest.mark.parametrize(
    ("task", "kwargs", "code"),
    [
        ("opsconsole.back_up", {"kind": "everything"}, "invalid_kind"),
        ("opsconsole.back_up", {"kind": {"a": [1]}}, "invalid_kind"),
        ("opsconsole.back_up", {"kinds": "all"}, "bad_arguments"),
        ("opsconsole.test_restore", {}, "no_backup"),
        ("opsconsole.test_restore", {"backup_run_id": 77}, "backup_not_found"),
        ("opsconsole.test_restore", {"backup_run_id": "x"}, "bad_arguments"),
        ("opsconsole.test_restore", {"all_files": True}, "bad_arguments"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_what_beat_may_not_start_is_written_down(task: str, kwargs: dict[str, Any], code: str) -> None:
    begin(task, **kwargs)
    (entry,) = AuditLog.objects.all()
    assert (entry.result, entry.response_json, entry.actor) == ("error", {"code": code}, "system")
    assert not Job.objects.exists()


@pytest.mark.usefixtures("folder")
def test_a_double_fired_schedule_starts_one_backup() -> None:
    begin("opsconsole.back_up")
    begin("opsconsole.back_up")
    assert Job.objects.count() == Run.objects.count() == 1
    assert len(audited("backup.trigger", result="error")) == 1


@pytest.mark.parametrize(
    ("task", "types"),
    [
        ("opsconsole.back_up", {DATABASE_JOB}),
        ("opsconsole.test_restore", {TEST_JOB}),
        ("opsconsole.database_backup", {DATABASE_JOB}),
    ],
)
@pytest.mark.usefixtures("folder")
def test_run_now_starts_it_in_the_persons_name(task: str, types: set[str]) -> None:
    make_backup()
    run_now(make_schedule(task).pk, actor=OPERATOR)
    assert job_types() == types
    assert Run.objects.get().requested_by == "olivia"


@pytest.mark.usefixtures("folder")
def test_a_job_that_failed_is_no_obstacle() -> None:
    trigger_backup(actor=OPERATOR)
    Job.objects.update(status=FAILED, dedupe_key=None)
    assert len(trigger_backup(actor=OPERATOR).job_ids) == 1
