"""What the page of a restore test shows."""

from typing import Any

from django.utils.safestring import SafeString

from backups import recent
from backups.admin import cells, checked
from backups.admin.looks import name_of, of_state, trigger_word
from backups.admin.starting import why_not_tested
from backups.details import details_of
from backups.models import COULD_NOT_VERIFY, FAILED, PASSED, RUNNING, RestoreTest
from opsconsole import formatting

_VERDICTS = {
    PASSED: "The backup was restored, and what came out of it is what was backed up.",
    FAILED: "The backup is not what was backed up: don't rely on it. Back up again, test that one, and find out why.",
    COULD_NOT_VERIFY: "The test itself could not be done, so nothing is known of the backup. Mend the cause, then test "
    "again.",
}


def context(test: RestoreTest) -> dict[str, Any]:
    """Return all that the page of a restore test shows; one query."""
    rows, odd = checked.table(test.checks_json)
    run = test.backup_run
    return live(test) | {
        "checks": rows,
        "checks_words": checked.passed_words(test.checks_json),
        "odd": odd,
        "backup": run,
        "backup_name": name_of(run.kind, run.pk),
        "backup_look": of_state(run.status),
        "restore_time": _duration(checked.number_of(test.checks_json, "restore_seconds")),
        "backup_age": _age(test),
        "retest": not why_not_tested(run),
    }


def live(test: RestoreTest) -> dict[str, Any]:
    """Return what of the page moves while the test is under way; one query."""
    asked = details_of([test]).asked_for(test)
    return {
        "row": test,
        "look": of_state(test.status),
        "verdict": _VERDICTS.get(test.status, ""),
        "trigger": trigger_word(test.trigger),
        "who": cells.who(test, asked),
        "run_id": asked.run_id,
        "again": asked.again,
        "progress": asked.progress,
        "running": test.status == RUNNING,
        "took": cells.took(test.started_at, test.completed_at),
        "error": recent.shown_error(test),
        # As long as this stays the same, only the numbers move.
        "stage": test.status,
    }


def _age(test: RestoreTest) -> str | SafeString:
    """Return how old the backup was when it was tested: as the test has it, or as the rows say."""
    seconds = checked.number_of(test.checks_json, "backup_age_seconds")
    began, completed = test.started_at, test.backup_run.completed_at
    if seconds is None and began is not None and completed is not None:
        seconds = max(0.0, (began - completed).total_seconds())
    return _duration(seconds)


def _duration(seconds: float | None) -> str:
    return "" if seconds is None else formatting.duration(int(seconds * 1_000))
