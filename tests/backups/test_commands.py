"""The commands that make backups and test restores in their own process."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection

from backups import foreground, locks
from backups.attachments import snapshot as snapshots
from backups.checks import Check
from backups.database import restore
from backups.errors import BackupFailed
from backups.folder import BackupFolder, Part
from backups.foreground import STOPPED, Stopped, Watch
from backups.models import DATABASE, FAILED, PASSED, SUCCEEDED, BackupRun, RestoreTest
from backups.reporting import Reporter
from opsconsole.audit import AuditLog
from tests.backups.cast import make_backup
from tests.waiting import PATIENCE

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def dumps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dump of a few bytes."""

    def dump(part: Part, reporter: Reporter, *, expected_bytes: int | None) -> dict[str, Any]:
        part.write(b"whole")
        reporter.progress(5, 5, "bytes")
        return {"format": 1, "tables": {"jobs": {"rows": 1_200}, "messages": {"rows": 34}}}

    monkeypatch.setattr("backups.database.dump.write_dump", dump)


def run(*argv: str) -> str:
    out = StringIO()
    call_command(*argv, stdout=out)
    return out.getvalue()


def audited() -> list[tuple[str, str, str | None]]:
    return list(AuditLog.objects.order_by("pk").values_list("action_type", "result", "error_detail"))


def test_a_backup_is_made_without_a_job(dumps: None, folder: BackupFolder) -> None:
    said = run("database_backup", "--reason", "before the upgrade")
    made = BackupRun.objects.get()
    assert (made.kind, made.status, made.job_id, made.trigger) == (DATABASE, SUCCEEDED, None, "manual")
    assert said.startswith(f"Backup {made.pk}: 5 B in ")
    assert said.endswith(f" s, 2 tables, 1,234 rows, SHA-256 {made.sha256}\n")
    entry = AuditLog.objects.get()
    assert (entry.action_type, entry.entity_type, entry.result) == ("backup.trigger", "backup", "ok")
    request, response = entry.request_json or {}, entry.response_json or {}
    assert (request["kind"], request["via"], request["reason"]) == ("database", "command", "before the upgrade")
    assert response["backup_run_id"] == made.pk


def test_a_snapshot_says_how_many_files_it_has(
    folder: BackupFolder, attachments: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(source: Path, part: Part, reporter: Reporter) -> dict[str, Any]:
        part.write(source.name.encode())
        return {"format": 1, "files": 1_000, "skipped_count": 2}

    monkeypatch.setattr(snapshots, "write_snapshot", write)
    said = run("attachments_snapshot")
    assert "11 B in" in said
    assert ", 1,000 files, 2 left out, SHA-256 " in said


def test_why_it_failed_is_said_and_written_down(settings: Any) -> None:
    settings.BACKUP_DIR = ""
    with pytest.raises(CommandError, match="set OPS_BACKUP_DIR") as failure:
        run("database_backup")
    assert failure.value.returncode == 1
    assert BackupRun.objects.get().status == FAILED
    assert audited() == [("backup.trigger", "error", str(failure.value))]


def test_while_another_runs_it_is_refused(folder: BackupFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(locks._SESSION, "lock_timeout", 50)
    with locks.held(DATABASE), pytest.raises(CommandError, match="Another database backup is running"):
        run("database_backup")
    assert not BackupRun.objects.exists()
    assert [result for _, result, _ in audited()] == ["error"]


def trying(monkeypatch: pytest.MonkeyPatch, *passed: bool) -> None:
    @contextmanager
    def verified_archive(*_: Any) -> Iterator[tuple[BinaryIO, Check]]:
        yield BytesIO(b"whole"), Check(name="archive_checksum", passed=True)

    def try_out(*_: Any) -> Iterator[Check]:
        for good in passed:
            yield Check(name="row_counts", passed=good, error=None if good else "one row is missing")

    monkeypatch.setattr(restore, "verified_archive", verified_archive)
    monkeypatch.setattr(restore, "try_out", try_out)


def test_a_restore_test_that_passed(folder: BackupFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    trying(monkeypatch, True)
    backup = make_backup()
    said = run("restore_test", str(backup.pk))
    test = RestoreTest.objects.get()
    assert (test.backup_run_id, test.status, test.job_id) == (backup.pk, PASSED, None)
    assert said == f"Restore test {test.pk} of backup {backup.pk}: passed, 2 checks\n"
    entry = AuditLog.objects.get()
    assert (entry.action_type, entry.entity_id, entry.result) == ("restore_test.trigger", backup.pk, "ok")


def test_without_a_number_the_newest_is_tested(folder: BackupFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    trying(monkeypatch, True)
    newest = make_backup()
    assert f"of backup {newest.pk}: passed" in run("restore_test")


def test_a_restore_test_that_failed_ends_with_an_error(folder: BackupFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    trying(monkeypatch, True, False)
    make_backup()
    with pytest.raises(CommandError, match=r"1 of \d checks failed: one row is missing"):
        run("restore_test")
    assert RestoreTest.objects.get().status == FAILED
    assert [result for _, result, _ in audited()] == ["error"]


def test_a_backup_that_there_is_not_is_an_error() -> None:
    with pytest.raises(CommandError, match="There is no backup 404"):
        run("restore_test", "404")


def test_all_files_are_compared_on_demand(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def tested(_watch: Watch, **values: Any) -> dict[str, Any]:
        asked.append(values)
        return {"restore_test_id": 1, "backup_run_id": 2, "verdict": PASSED, "checks_passed": 1}

    monkeypatch.setattr(foreground, "run_restore_test", tested)
    assert run("restore_test", "2", "--all-files") == "Restore test 1 of backup 2: passed, 1 check\n"
    assert asked == [{"backup_run_id": 2, "all_files": True, "job_id": None}]


def test_what_failed_is_said_even_where_it_cannot_be_written_down(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(**_: Any) -> int:
        raise OperationalError("the database is away")

    monkeypatch.setattr(foreground, "record", away)
    settings.BACKUP_DIR = ""
    with pytest.raises(CommandError, match="set OPS_BACKUP_DIR"):
        run("database_backup")


# --- watching -----------------------------------------------------------------------------------------------------


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_shown_on_a_terminal_and_cleared_at_the_end() -> None:
    terminal = Terminal()
    watch = Watch(terminal)
    with watch.attending():
        watch.progress(1_024, 2_048, "bytes")
        watch.progress(1_025, 2_048, "bytes")
        watch.progress(5, 5, "files")
        watch.progress(1, None, "tables")
    assert terminal.getvalue() == "\r\033[K1.0 KiB of 2.0 KiB (50%)\r\033[K5 of 5 files (100%)\r\033[K"


def test_where_there_is_no_terminal_no_progress_is_shown() -> None:
    output = StringIO()
    watch = Watch(output)
    with watch.attending():
        watch.progress(5, 5)
    assert output.getvalue() == ""


@pytest.mark.parametrize("name", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_what_was_started_and_then_the_work(name: signal.Signals) -> None:
    before = signal.getsignal(name)
    watch, called = Watch(StringIO()), []

    def fails() -> None:
        called.append("fails")
        raise OSError("gone already")

    watch.on_stop(fails)
    watch.on_stop(lambda: called.append("stopped"))
    with pytest.raises(Stopped), watch.attending():
        os.kill(os.getpid(), name)
        signal.pause()
    assert called == ["fails", "stopped"]
    watch.on_stop(lambda: called.append("late"))
    assert called[-1] == "late"
    with pytest.raises(Stopped):
        watch.progress(1)
    assert signal.getsignal(name) is before


def test_a_second_signal_does_not_disturb_the_cleaning_up() -> None:
    watch, cleaned = Watch(StringIO()), False
    with pytest.raises(Stopped), watch.attending():
        try:
            os.kill(os.getpid(), signal.SIGINT)
            signal.pause()
        finally:
            os.kill(os.getpid(), signal.SIGINT)
            cleaned = True
    assert cleaned


@pytest.mark.processes
@pytest.mark.parametrize("name", [signal.SIGINT, signal.SIGTERM])
def test_a_command_that_is_stopped_leaves_nothing_and_says_so(
    name: signal.Signals,
    folder: BackupFolder,
    attachments: Path,
    tmp_path: Path,
    start_child: Callable[..., Any],
    wait_until: Callable[..., Any],
) -> None:
    pid_file = tmp_path / "pid"
    command = start_child(
        "command",
        *("-m", "tests.backups.stuck_command", "attachments_snapshot"),
        OPS_BACKUP_DIR=str(folder.path),
        OPS_ATTACHMENTS_DIR=str(attachments),
        CHILD_PID=str(pid_file),
    )
    pid = int(wait_until(lambda: pid_file.exists() and pid_file.read_text("ascii")))
    connection.close()
    command.process.send_signal(name)
    assert command.process.wait(PATIENCE) == 1
    assert STOPPED in command.output
    assert "Traceback" not in command.output
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert BackupRun.objects.get().status == FAILED
    assert [path for path in folder.path.rglob("*") if path.is_file()] == []
    assert audited() == [("backup.trigger", "error", STOPPED)]


def test_errors_of_the_maker_are_the_commands(folder: BackupFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def dump(*_: Any, **__: Any) -> dict[str, Any]:
        raise BackupFailed("pg_dump is older than the server.")

    monkeypatch.setattr("backups.database.dump.write_dump", dump)
    with pytest.raises(CommandError, match=r"^pg_dump is older than the server\.$"):
        run("database_backup")
