"""What the page of a backup shows."""

from typing import Any, Final

from backups import recent
from backups.admin import cells, checked, files, manifest
from backups.admin.looks import kind_word, of_file, of_state, trigger_word
from backups.details import details_of
from backups.folder import BackupFolder
from backups.models import ATTACHMENTS, RUNNING, BackupRun, RestoreTest
from opsconsole.redaction import redact_name

TESTS_SHOWN: Final = 20


def context(run: BackupRun) -> dict[str, Any]:
    """Return all that the page of a backup shows; four queries."""
    found = live(run)
    file = files.state_of(run, BackupFolder.configured())
    summary = manifest.summary(run.kind, run.manifest_json)
    return found | {
        "file_state": file,
        "file_look": of_file(file) if file else None,
        "file_name": files.name_of(run),
        "sha256": redact_name(run.sha256 or ""),
        "manifest": summary,
        "tests": [_test_row(test) for test in _tests_of(run)],
        # Only of a name that the console has made: it goes into commands.
        "by_hand": file == "kept" and files.is_plain(files.name_of(run)),
        "of_attachments": run.kind == ATTACHMENTS,
    }


def live(run: BackupRun) -> dict[str, Any]:
    """Return what of the page moves while the backup is being made; one query."""
    asked = details_of([run]).asked_for(run)
    return {
        "row": run,
        "kind": kind_word(run.kind),
        "look": of_state(run.status),
        "trigger": trigger_word(run.trigger),
        "who": cells.who(run, asked),
        "run_id": asked.run_id,
        "again": asked.again,
        "progress": asked.progress,
        "running": run.status == RUNNING,
        "took": cells.took(run.started_at, run.completed_at),
        "error": recent.shown_error(run),
        # As long as this stays the same, only the numbers move.
        "stage": run.status,
    }


def _tests_of(run: BackupRun) -> list[RestoreTest]:
    return recent.with_errors(recent.restore_tests().filter(backup_run=run).order_by("-pk")[:TESTS_SHOWN])


def _test_row(test: RestoreTest) -> dict[str, Any]:
    """Return what the page of a backup shows of one restore test."""
    return {
        "test": test,
        "look": of_state(test.status),
        "checks": checked.passed_words(test.checks_json),
        "took": cells.took(test.started_at, test.completed_at),
        "error": recent.shown_error(test),
    }
