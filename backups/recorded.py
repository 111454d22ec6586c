"""What the core's own backup tasks say that they have done, in the same tables as the console's own.

Nothing is taken for granted: what isn't said, or makes no sense, stays empty, and what nobody has said to be good
isn't. Paths are kept only relative to the backups folder, or as the bare name of the file.
"""

import math
import posixpath
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath
from typing import Any, Final

import structlog
from django.conf import settings

from backups import origin, runs
from backups.models import (
    ATTACHMENTS,
    COULD_NOT_VERIFY,
    DATABASE,
    FAILED,
    PASSED,
    SUCCEEDED,
    BackupRun,
    RestoreTest,
)
from jobs import catalog
from jobs.ended import EndedAttempt
from jobs.models import Outcome
from jobs.outcomes import failed_checks, how_it_ended
from opsconsole.redaction import REDACTED, redact, redact_name, redact_text
from opsconsole.row_ids import MAX_ID

logger = structlog.get_logger(__name__)

CORE: Final = "core"
MAX_CHECKS: Final = 200
MAX_TEXT: Final = 500
MAX_CHECK_ERROR: Final = 1_000
# How far back a restore test's file is looked for among the recorded backups.
LOOKED_THROUGH: Final = 200
# No backup takes longer; a core that says so has a clock that is off.
LONGEST: Final = timedelta(days=1)

_BACKUPS: Final = {
    catalog.CORE_DATABASE_BACKUP: DATABASE,
    catalog.DATABASE_BACKUP: DATABASE,
    catalog.CORE_ATTACHMENTS_SNAPSHOT: ATTACHMENTS,
    catalog.ATTACHMENTS_SNAPSHOT: ATTACHMENTS,
}
_TESTS: Final = (catalog.CORE_RESTORE_TEST, catalog.RESTORE_TEST)

_GOOD_OUTCOMES: Final = (Outcome.DONE, Outcome.PARTIAL)
# They did not try, or were told to stop: nothing is known of a backup, neither good nor bad.
_NO_OUTCOMES: Final = (Outcome.SKIPPED, Outcome.CANCELLED, Outcome.SUPERSEDED)
_GOOD_WORDS: Final = {"success", "succeeded", "successful", "completed", "complete", "done", "ok", "passed"}

_SHA256: Final = re.compile(r"(?:sha256:)?(?P<digits>[0-9a-f]{64})")
_MAX_INT: Final = 2**31 - 1
_MAX_KEY: Final = 512
_MAX_NAME: Final = 255
_TOO_MUCH_SAID: Final = "Its task said more than is kept, so nobody can look at what it has checked."


def note_ended(attempts: Sequence[EndedAttempt]) -> None:
    """Keep what those attempts at jobs of the ledger have made that ran in the core; a receiver of jobs.ended."""
    for attempt in attempts:
        if attempt.job_type in _BACKUPS and _ran_in_core(attempt):
            _note_backup(attempt, _BACKUPS[attempt.job_type])
        elif attempt.job_type in _TESTS and _ran_in_core(attempt):
            _note_test(attempt)


def _ran_in_core(attempt: EndedAttempt) -> bool:
    """Say whether it ran in the core: the console's own tasks write their rows themselves."""
    job_type = catalog.find(attempt.job_type)
    return job_type is not None and job_type.in_core and job_type.task == attempt.task


# --- backups ------------------------------------------------------------------------------------------------------


def _note_backup(attempt: EndedAttempt, kind: str) -> None:
    outcome, error, ended_at = how_it_ended(attempt)
    if outcome in _NO_OUTCOMES:
        return
    result = attempt.result if isinstance(attempt.result, dict) else {}
    status, error = _backup_status(outcome, error, result)
    values: dict[str, Any] = {"status": status, "completed_at": ended_at, "error": error and runs.bounded(error)}
    if status == SUCCEEDED:
        file = _file_name(result.get("file_path"))
        values |= {
            "storage_key": _storage_key(result.get("file_path")),
            "size_bytes": _number(result.get("file_size"), MAX_ID),
            "sha256": _sha256(result.get("checksum")),
            "manifest_json": {"reported_by": CORE} | ({"file": file} if file else {}),
        }
    _keep(BackupRun, attempt, {"kind": kind}, values, _begun_at(attempt, ended_at, result))


def _backup_status(outcome: str, error: str | None, result: Mapping[str, Any]) -> tuple[str, str | None]:
    if outcome not in _GOOD_OUTCOMES:
        return FAILED, error or "Its task failed without a reason."
    if problem := _not_said(result):
        return FAILED, problem
    return SUCCEEDED, error


def _not_said(result: Mapping[str, Any]) -> str:
    """Return why a task that ended without an error has not said that it succeeded, or an empty text if it has."""
    if _is_too_long(result):
        return ""
    status = result.get("status")
    if isinstance(status, str) and status.strip().lower() in _GOOD_WORDS:
        return ""
    said = f"the status {redact_name(str(status))[:100]!r}" if status is not None else "no status"
    return f"Its task ended without an error, but did not say that it succeeded: it returned {said}."


def _is_too_long(result: Mapping[str, Any]) -> bool:
    # It was judged by all that it said, before it was found too long to keep.
    return set(result) == {"note"}


# --- restore tests ------------------------------------------------------------------------------------------------


def _note_test(attempt: EndedAttempt) -> None:
    outcome, error, ended_at = how_it_ended(attempt)
    if outcome in _NO_OUTCOMES:
        return
    result = attempt.result if isinstance(attempt.result, dict) else {}
    file = _file_name(result.get("backup_file"))
    run = _run_of(file, ended_at)
    other = None
    if run is None and file:
        other = f"It tested {file}, which is none of the backups that are known here."
        run = _run_of("", ended_at)
    if run is None:
        logger.warning("restore_test.of_no_backup", job=attempt.job_id, dispatch=attempt.dispatch_id)
        return
    status, error = _verdict(outcome, error, result)
    if other and status == PASSED:
        # Not of this backup.
        status, error = COULD_NOT_VERIFY, other
    values = {
        "backup_run_id": run.pk,
        "status": status,
        "completed_at": ended_at,
        "checks_json": _checks(result.get("integrity_checks")),
        "attachments_sampled": _number(result.get("attachments_sampled"), _MAX_INT) or 0,
        "attachments_verified": _number(result.get("attachments_verified"), _MAX_INT) or 0,
        "error": error and runs.bounded(error),
    }
    _keep(RestoreTest, attempt, {}, values, _begun_at(attempt, ended_at, result))


def _verdict(outcome: str, error: str | None, result: Mapping[str, Any]) -> tuple[str, str | None]:
    """Return what a restore test has shown: passed only where it says so and every one of its checks does."""
    checks = result.get("integrity_checks")
    if failed := failed_checks(result):
        return FAILED, error or f"{len(failed)} checks failed: {'; '.join(failed)}"
    if outcome not in _GOOD_OUTCOMES:
        said = str(result.get("status", "")).strip().lower()
        return FAILED if said in {
            "failed",
            "failure",
        } else COULD_NOT_VERIFY, error or "Its task failed without a reason."
    if _is_too_long(result):
        return COULD_NOT_VERIFY, _TOO_MUCH_SAID
    if problem := _not_said(result):
        return COULD_NOT_VERIFY, problem
    if not isinstance(checks, list) or not checks:
        return COULD_NOT_VERIFY, "Its task said that it succeeded, but not what it has checked."
    if outcome == Outcome.PARTIAL:
        return COULD_NOT_VERIFY, error
    return PASSED, None


def _run_of(file: str, before: datetime) -> BackupRun | None:
    """Return the newest backup of that file; without a file, the newest one of the database that the core made."""
    known = BackupRun.objects.filter(status=SUCCEEDED, completed_at__lte=before).order_by("-completed_at", "-pk")
    if not file:
        return origin.reported_by_core(known.filter(kind=DATABASE)).defer("manifest_json").first()
    named = known.exclude(storage_key=None).defer("manifest_json")
    for run in named.filter(storage_key__endswith=file)[:LOOKED_THROUGH]:
        if PurePosixPath(run.storage_key or "").name == file:
            return run
    # Those without a name in the folder: what the core told of them is short.
    for run in known.filter(storage_key=None)[:LOOKED_THROUGH]:
        if isinstance(run.manifest_json, dict) and run.manifest_json.get("file") == file:
            return run
    return None


def _checks(said: Any) -> list[dict[str, Any]] | None:
    """Return checks as the table keeps them; one that doesn't say that it passed did not."""
    if not isinstance(said, list):
        return None
    return [_check(number, check) for number, check in enumerate(said[:MAX_CHECKS], start=1)]


def _check(number: int, said: Any) -> dict[str, Any]:
    check = said if isinstance(said, dict) else {}
    name, passed, error = check.get("check_name"), check.get("passed") is True, check.get("error")
    if not passed and not error:
        error = "No reason was given."
    return {
        "check_name": redact_name(name[:MAX_TEXT]) if isinstance(name, str) and name.strip() else f"check {number}",
        "passed": passed,
        "expected": _value(check.get("expected")),
        "actual": _value(check.get("actual")),
        "error": redact_text(str(error))[:MAX_CHECK_ERROR] if error else None,
    }


def _value(said: Any) -> str | float | None:
    """Return what was expected or found, as a text or a number."""
    if said is None:
        return None
    if isinstance(said, int | float) and not isinstance(said, bool) and abs(said) <= MAX_ID:
        return said
    # NaN and the like, numbers with thousands of digits, lists: as texts.
    return redact_text(_text(redact(said)))[:MAX_TEXT]


def _text(value: Any) -> str:
    try:
        return str(value)
    except ValueError:
        return "a number that is too long to show"


# --- what both say ------------------------------------------------------------------------------------------------


def _keep(
    model: type[BackupRun] | type[RestoreTest],
    attempt: EndedAttempt,
    fixed: Mapping[str, Any],
    values: Mapping[str, Any],
    started_at: datetime,
) -> None:
    """Write an attempt's row, or bring it up to date where it has been told of before: there is one of each attempt."""
    # As it was told first: before its task returned, say, when nobody had said when it began.
    known = (started_at, attempt.started_at or attempt.ended_at)
    rows: Any = model.objects.filter(job_id=attempt.job_id, started_at__in=known, **fixed)
    if (pk := rows.order_by("pk").values_list("pk", flat=True).first()) is not None:
        model.objects.filter(pk=pk).update(**values)
        return
    trigger = runs.trigger_of(attempt.job_id)
    model.objects.create(job_id=attempt.job_id, trigger=trigger, started_at=started_at, **fixed, **values)


def _begun_at(attempt: EndedAttempt, ended_at: datetime, result: Mapping[str, Any]) -> datetime:
    """Return when an attempt began: as it was seen; else as its task says, where that can be."""
    if attempt.started_at is not None:
        return attempt.started_at
    said = _moment(result.get("started_at"))
    if said is None and (seconds := _seconds(result.get("duration_seconds"))) is not None:
        said = ended_at - timedelta(seconds=seconds)
    return said if said is not None and ended_at - LONGEST <= said <= ended_at else attempt.ended_at


def _moment(said: Any) -> datetime | None:
    """Return a moment that was written by ISO 8601; without a time zone it is in UTC."""
    if not isinstance(said, str) or len(said) > 64:
        return None
    try:
        moment = datetime.fromisoformat(said)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _seconds(said: Any) -> float | None:
    if not isinstance(said, int | float) or isinstance(said, bool):
        return None
    # Compared before it is made a float: a number may have thousands of digits.
    return float(said) if not _is_odd(said) and 0 <= said <= LONGEST.total_seconds() else None


def _is_odd(number: float) -> bool:
    return isinstance(number, float) and not math.isfinite(number)


def _number(said: Any, most: int) -> int | None:
    return said if isinstance(said, int) and not isinstance(said, bool) and 0 <= said <= most else None


def _sha256(said: Any) -> str | None:
    found = _SHA256.fullmatch(said.strip().lower()) if isinstance(said, str) else None
    return found["digits"] if found else None


def _file_name(said: Any) -> str:
    """Return the bare name of a file that a task names, or an empty text."""
    name = PurePosixPath(said.replace("\\", "/")).name if isinstance(said, str) else ""
    return "" if name in {"", ".", ".."} else redact_text(name)[:_MAX_NAME]


def _storage_key(said: Any) -> str | None:
    """Return a file's path relative to the backups folder, or None where it lies elsewhere or nobody knows."""
    if not isinstance(said, str) or not settings.BACKUP_DIR:
        return None
    if redact_text(said) != said or REDACTED in said:
        # What is left of a path is no path.
        return None
    path, folder = PurePosixPath(posixpath.normpath(said)), PurePosixPath(posixpath.normpath(settings.BACKUP_DIR))
    if path == folder or not path.is_relative_to(folder):
        return None
    key = str(path.relative_to(folder))
    return key if len(key) <= _MAX_KEY else None
