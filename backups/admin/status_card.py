"""What stands above the list of backups, and on the first page: how backups are doing, and what to do about it."""

from typing import Any, Final

import structlog
from django.conf import settings
from django.db import DatabaseError, transaction

from backups import status
from backups.admin import cells, checked, trend
from backups.admin.looks import kind_word, name_of, of_file, of_state, trigger_word
from backups.backup_schedules import Coverage
from backups.health import Health
from backups.models import BackupRun, RestoreTest
from backups.status import BackupStatus, KindStatus
from opsconsole.bar_chart import PLACES
from opsconsole.formatting import Look, size
from opsconsole.redaction import redact_name

logger = structlog.get_logger(__name__)

UNKNOWN: Final = "This part can't be shown at the moment; the rest of the page is not affected."
NOT_SET_UP: Final = "not set up here"

_LOOKS: Final = {
    "critical": Look(word="Needs attention", icon="error", tone="bad"),
    "warning": Look(word="Look at it", icon="warning", tone="warn"),
    "ok": Look(word="All good", icon="check_circle", tone="good"),
    "unknown": Look(word="Not known", icon="help", tone="idle"),
}
_ICONS: Final = {"critical": "error", "warning": "warning", "unknown": "info", "ok": "check_circle"}


def context() -> dict[str, Any]:
    """Return what the card above the list shows, or why it can't; as many queries as the status."""
    found = _current()
    if found is None:
        return {"part_problem": UNKNOWN}
    return _summed_up(found) | {
        "kinds": [_kind(found, kind) for kind in found.kinds if kind.configured or kind.last or kind.running],
        "not_made": [kind for kind in found.kinds if not kind.configured] if found.configured else [],
        "disk": _disk(found),
        # Whoever has opened the table keeps it open until there are other numbers.
        "numbers": "-".join(str(kind.trend[-1].id) for kind in found.kinds if kind.trend),
        "charts": [
            (kind_word(kind.kind), shown, [(point, trend.took(point)) for point in reversed(kind.trend[-PLACES:])])
            for kind in found.kinds
            if (shown := trend.charts(kind_word(kind.kind), kind.trend))
        ],
    }


def summary() -> dict[str, Any]:
    """Return what the first page shows of backups, or why it can't; as many queries as the status."""
    found = _current()
    if found is None:
        return {"part_problem": UNKNOWN}
    return _summed_up(found) | {
        "kinds": [
            _kind(found, kind) | {"chart": trend.size_chart(kind_word(kind.kind), kind.trend)}
            for kind in found.kinds
            if kind.configured or kind.last or kind.running
        ],
    }


def _current() -> BackupStatus | None:
    """Return how backups are doing, or None where that can't be read: what stands beside it is shown all the same."""
    try:
        with transaction.atomic():
            return status.current()
    except DatabaseError:
        logger.exception("backups.status_unread")
        return None


def _summed_up(found: BackupStatus) -> dict[str, Any]:
    test = found.last_test
    return {
        "configured": found.configured,
        "problem": found.problem,
        "health_look": _health_look(found.health),
        "reasons": [
            (_LOOKS[reason.status].tone, _ICONS[reason.status], reason)
            for reason in found.health.reasons
            # It is said by itself, with how to mend it.
            if found.configured or reason.code != "not_configured"
        ],
        "last_test": _test(found, test) if test else None,
        "running_tests": [_test(found, kind.running_test) for kind in found.kinds if kind.running_test],
        "next_backup_at": found.next_backup_at,
        "next_restore_test_at": found.next_restore_test_at,
        "tests_unscheduled": _unscheduled(found.test_coverage) if found.configured else NOT_SET_UP,
        "as_of": found.as_of,
    }


def _health_look(health: Health) -> Look:
    return _LOOKS[health.status]


def _kind(found: BackupStatus, kind: KindStatus) -> dict[str, Any]:
    return {
        "word": kind_word(kind.kind),
        "problem": kind.problem,
        "running": _backup(found, kind.running) if kind.running else None,
        "last": _backup(found, kind.last) if kind.last and kind.last != kind.last_good else None,
        "last_good": _backup(found, kind.last_good) if kind.last_good else None,
        "file_look": of_file(kind.file) if kind.file in {"missing", "unreachable"} else None,
        "verified": kind.last_good is not None and kind.verified_id == kind.last_good.pk,
        "next_at": kind.next_at,
        "unscheduled": _unscheduled(kind.coverage, in_core=kind.in_core) if kind.configured else NOT_SET_UP,
    }


def _unscheduled(coverage: Coverage | None, *, in_core: bool = False) -> str:
    """Return why no next one is expected, in a word or two."""
    if coverage is None:
        return "not known"
    words = {"off": "switched off", "paused": "paused", "broken": "the schedule can't run"}
    # The core's own beat may start it, whatever the console's does.
    if in_core and coverage.scheduled in {"missing", "off"}:
        return "by the core"
    return words.get(coverage.scheduled, "not scheduled")


def _backup(found: BackupStatus, run: BackupRun) -> dict[str, Any]:
    asked = found.asked_for(run)
    return {
        "run": run,
        "name": name_of(run.kind, run.pk),
        "look": of_state(run.status),
        "took": cells.took(run.started_at, run.completed_at),
        "trigger": trigger_word(run.trigger),
        "who": cells.who(run, asked),
        "progress": asked.progress,
        "checksum": redact_name(run.sha256 or "")[: checked.CHECKSUM_SHOWN],
    }


def _test(found: BackupStatus, test: RestoreTest) -> dict[str, Any]:
    asked = found.asked_for(test)
    return {
        "test": test,
        "look": of_state(test.status),
        "checks": checked.passed_words(test.checks_json),
        "took": cells.took(test.started_at, test.completed_at),
        "backup": name_of(test.backup_run.kind, test.backup_run_id),
        "trigger": trigger_word(test.trigger),
        "who": cells.who(test, asked),
        "progress": asked.progress,
    }


def _disk(found: BackupStatus) -> dict[str, Any] | None:
    if found.disk is None:
        return None
    used = found.disk.used_bytes * 100 // max(1, found.disk.total_bytes)
    return {
        "percent": used,
        "words": f"{size(found.disk.used_bytes)} of {size(found.disk.total_bytes)} in use ({used} %), "
        f"{size(found.disk.free_bytes)} free",
        "nearly_full": found.disk.used_bytes * 100 >= settings.BACKUP_DISK_FULL_PERCENT * found.disk.total_bytes,
    }
