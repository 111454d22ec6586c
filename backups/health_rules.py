"""The rules of health: each looks at one side of the facts, and yields what there is to say of it."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from statistics import median
from typing import Final

from django.conf import settings

from backups.health_facts import Facts, KindFacts, Reason, Status
from backups.models import COULD_NOT_VERIFY, DATABASE, FAILED
from opsconsole.formatting import first_line, relative, rough, size

ERROR_LENGTH: Final = 160
# How many backups before the last one its size is compared with.
COMPARED: Final = 5


def existence(facts: KindFacts, now: datetime) -> Iterable[Reason]:
    """Say whether there is a backup, and its file."""
    kind = facts.kind
    back_up = "One is being made now." if facts.running else "Back up now."
    if not facts.succeeded:
        yield _reason(facts, "no_backup", f"There is no {kind} backup.", back_up, "critical")
    elif facts.last_good_at is None:
        what = f"The files of all {kind} backups have been removed."
        yield _reason(facts, "no_backup_kept", what, back_up, "critical")
    elif facts.file == "missing":
        what = f"The file of the last {kind} backup is gone."
        todo = f"{back_up} Then find out who or what has deleted it."
        yield _reason(facts, "file_missing", what, todo, "critical")


def age(facts: KindFacts, now: datetime) -> Iterable[Reason]:
    """Say whether the last backup is too old."""
    if facts.last_good_at is None or _is_recent(facts, now):
        return
    limit = rough(settings.BACKUP_MAX_AGE_HOURS * 3_600)
    what = f"The last {facts.kind} backup is older than {limit}: it was completed {relative(facts.last_good_at, now)}."
    if facts.running:
        todo = "One is being made now."
    else:
        todo = "Back up now, and see to it that its schedule and the worker run."
    yield _reason(facts, "too_old", what, todo, "critical")


def attempts(facts: KindFacts, now: datetime) -> Iterable[Reason]:
    """Say how the last attempt ended."""
    if not facts.last_failed:
        return
    what = f"The last {facts.kind} backup failed{_quoted(facts.last_error)}"
    if facts.running:
        todo = "Another one is being made now."
    else:
        todo = "Mend what it names, then back up again."
    status: Status = "warning" if _is_recent(facts, now) else "critical"
    yield _reason(facts, "last_failed", what, todo, status)


def sizes(facts: KindFacts, now: datetime) -> Iterable[Reason]:
    """Say whether the last backup is much smaller than those before it."""
    earlier = [each for each in facts.earlier_sizes if each > 0][:COMPARED]
    if facts.size_bytes is None or not earlier or facts.size_bytes * 2 > median(earlier):
        return
    what = (
        f"The last {facts.kind} backup has {size(facts.size_bytes)}, half of what those before it had "
        f"({size(int(median(earlier)))}) or less."
    )
    what_for = "the database" if facts.kind == DATABASE else "the attachments folder"
    todo = f"Look whether {what_for} has lost something; older backups that are kept still hold it."
    yield _reason(facts, "size_dropped", what, todo, "warning")


def tests(facts: KindFacts, now: datetime) -> Iterable[Reason]:
    """Say whether the backups are known to restore."""
    kind = facts.kind
    todo = "A restore test is running now." if facts.test_running else "Test the last one now."
    if facts.test_status == FAILED:
        what = f"The last restore test, of {kind} backup {facts.tested_id}, failed{_quoted(facts.test_error)}"
        mend = todo if facts.test_running else "Don't rely on this backup: make a new one and test that."
        yield _reason(facts, "test_failed", what, mend, "critical")
        return
    if facts.test_status == COULD_NOT_VERIFY:
        error = _quoted(facts.test_error)
        what = f"The last restore test, of {kind} backup {facts.tested_id}, could not be carried out{error}"
        mend = todo if facts.test_running else "Mend what it names, then test again."
        yield _reason(facts, "could_not_verify", what, mend, "warning")
    elif facts.test_status is None and facts.last_good_at is not None:
        # Without a backup there is nothing to test.
        what = f"No {kind} backup has ever been restored, so nobody knows whether they can be."
        yield _reason(facts, "never_tested", what, todo, "warning")
        return
    limit = timedelta(days=settings.RESTORE_TEST_MAX_AGE_DAYS)
    if facts.passed_at is not None and now - facts.passed_at > limit:
        what = (
            f"No {kind} backup has passed a restore test for more than {rough(limit.total_seconds())}: the last one "
            f"did {relative(facts.passed_at, now)}."
        )
        yield _reason(facts, "test_too_old", what, todo, "warning")


def retention(facts: KindFacts, now: datetime) -> Iterable[Reason]:
    """Say whether what was verified is kept only because it was."""
    if facts.verified_at is None or not facts.verified_is_spared:
        return
    what = (
        f"The last {facts.kind} backup that passed a restore test is {_age(facts.verified_at, now)} old and is kept "
        "only because no newer one has passed one."
    )
    todo = "A restore test is running now." if facts.test_running else "Test a newer one."
    yield _reason(facts, "verified_is_old", what, todo, "warning")


def schedule(facts: KindFacts, now: datetime) -> Iterable[Reason]:
    """Say whether a schedule makes backups; where the core makes them, its own beat may, of which nothing is known."""
    kind = facts.kind
    if facts.scheduled is None or (facts.in_core and facts.scheduled in {"missing", "off"}):
        return
    problem = facts.schedule_problem or "nothing says why."
    known = {
        "off": ("schedule_off", f"The schedule of the {kind} backup is switched off.", "Switch it on."),
        "paused": (
            "schedules_paused",
            f"All schedules are paused, so no {kind} backup is made.",
            "Resume them.",
        ),
        "broken": (
            "schedule_broken",
            f"The schedule of the {kind} backup never runs: {problem[:1].lower()}{problem[1:]}",
            "Correct it.",
        ),
        "missing": (
            "schedule_missing",
            f"No schedule makes {kind} backups.",
            "Add a periodic task that starts opsconsole.back_up.",
        ),
    }
    if facts.scheduled in known:
        code, what, todo = known[facts.scheduled]
        yield _reason(facts, code, what, todo, "warning")


def missed(facts: KindFacts, now: datetime) -> Iterable[Reason]:
    """Say whether beat has left out a backup, though it starts other things."""
    if facts.missed_at is None:
        return
    what = f"Beat has missed the {facts.kind} backup that was due {relative(facts.missed_at, now)}."
    yield _reason(facts, "run_missed", what, "Back up now; if it happens again, look at beat's log.", "warning")


def configuration(facts: Facts, now: datetime) -> Iterable[Reason]:
    """Say whether the database is backed up at all."""
    if facts.not_configured:
        yield Reason(code="not_configured", what=facts.not_configured, todo="", status="unknown")


def folder(facts: Facts, now: datetime) -> Iterable[Reason]:
    """Say whether the folder can be seen, and has room."""
    if facts.folder_unreachable:
        yield Reason(
            code="folder_unreachable",
            what="The backups folder can't be seen from here, so nobody can tell whether the files are there.",
            todo="See to it that the folder that OPS_BACKUP_DIR names exists and is mounted, here and at the worker.",
            status="warning",
        )
    used, total = facts.disk_used_bytes, facts.disk_total_bytes
    if used is None or not total:
        return
    free = total - used
    needed = max((kind.needed_bytes for kind in facts.kinds if not kind.in_core), default=0)
    if free < needed:
        yield Reason(
            code="no_room",
            what=f"The disk of the backups folder has {size(free)} left, and the next backup needs {size(needed)}.",
            todo="Make room, or keep fewer backups (OPS_BACKUP_KEEP, OPS_BACKUP_KEEP_DAYS).",
            status="critical",
        )
    elif used * 100 >= settings.BACKUP_DISK_FULL_PERCENT * total:
        yield Reason(
            code="disk_nearly_full",
            what=f"The disk of the backups folder is {used * 100 // total} % full, with {size(free)} left.",
            todo="Make room, or keep fewer backups (OPS_BACKUP_KEEP, OPS_BACKUP_KEEP_DAYS).",
            status="warning",
        )


def beat(facts: Facts, now: datetime) -> Iterable[Reason]:
    """Say whether beat starts anything, where it should start backups."""
    if facts.beat_silent_since is None or not any(kind.scheduled == "on" for kind in facts.kinds):
        return
    yield Reason(
        code="beat_silent",
        what=f"Beat has started nothing since {facts.beat_silent_since:%Y-%m-%d %H:%M} UTC "
        f"({relative(facts.beat_silent_since, now)}), though something was due.",
        todo="See to it that the beat process runs.",
        status="warning",
    )


def _reason(facts: KindFacts, code: str, what: str, todo: str, status: Status) -> Reason:
    return Reason(code=code, what=what, todo=todo, status=status, kind=facts.kind)


def _is_recent(facts: KindFacts, now: datetime) -> bool:
    limit = timedelta(hours=settings.BACKUP_MAX_AGE_HOURS)
    return facts.last_good_at is not None and now - facts.last_good_at <= limit


def _age(moment: datetime, now: datetime) -> str:
    return rough(max(0.0, (now - moment).total_seconds()))


def _quoted(error: str) -> str:
    said = first_line(error, ERROR_LENGTH).removesuffix(".")
    return f": “{said}”." if said else "."


KIND_RULES: Final = (existence, age, attempts, sizes, tests, retention, schedule, missed)
RULES: Final = (configuration, folder, beat)
