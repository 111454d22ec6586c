"""The rules of health, as a table: facts on the left, what an operator reads on the right."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from backups.health import Facts, Health, KindFacts, assess

NOW = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)
MIB = 1024 * 1024


def ago(hours: float) -> datetime:
    return NOW - timedelta(hours=hours)


def healthy(**changes: Any) -> KindFacts:
    """A database that was backed up five hours ago, and tested two days ago."""
    facts: dict[str, Any] = {
        "last_good_at": ago(5),
        "size_bytes": 100 * MIB,
        "earlier_sizes": (99 * MIB, 98 * MIB),
        "needed_bytes": 150 * MIB,
        "test_status": "passed",
        "tested_id": 7,
        "passed_at": ago(48),
        "verified_at": ago(60),
    }
    return KindFacts(**{**facts, **changes})


def found(*kinds: KindFacts, **changes: Any) -> Health:
    return assess(Facts(**{"kinds": kinds, **changes}), now=NOW)


NEVER = {"succeeded": False, "last_good_at": None, "file": None, "size_bytes": None, "test_status": None}
NEVER |= {"passed_at": None, "verified_at": None, "tested_id": None}
FAILED = {"last_failed": True, "last_error": "pg_dump: error: no space\nmore"}


@pytest.mark.parametrize(
    ("facts", "status", "codes"),
    [
        (healthy(), "ok", []),
        # whether there is one
        (healthy(**NEVER), "critical", ["no_backup"]),
        (healthy(**NEVER, running=True), "critical", ["no_backup"]),
        (healthy(**NEVER, **FAILED), "critical", ["no_backup", "last_failed"]),
        (healthy(last_good_at=None, file=None, verified_at=None), "critical", ["no_backup_kept"]),
        (healthy(file="missing"), "critical", ["file_missing"]),
        (healthy(file="unreachable"), "ok", []),
        (healthy(file=None), "ok", []),
        # how old it is
        (healthy(last_good_at=ago(26)), "ok", []),
        (healthy(last_good_at=ago(26.1)), "critical", ["too_old"]),
        (healthy(last_good_at=ago(-1)), "ok", []),
        (healthy(last_good_at=ago(30), file="missing"), "critical", ["file_missing", "too_old"]),
        # how the last attempt ended
        (healthy(**FAILED), "warning", ["last_failed"]),
        (healthy(**FAILED, last_good_at=ago(27)), "critical", ["too_old", "last_failed"]),
        # how large it is
        (healthy(size_bytes=50 * MIB, earlier_sizes=(100 * MIB,)), "warning", ["size_dropped"]),
        (healthy(size_bytes=50 * MIB + 1, earlier_sizes=(100 * MIB,)), "ok", []),
        (healthy(size_bytes=0), "warning", ["size_dropped"]),
        (healthy(size_bytes=40 * MIB, earlier_sizes=()), "ok", []),
        (healthy(size_bytes=None), "ok", []),
        (healthy(size_bytes=40, earlier_sizes=(0, 0)), "ok", []),
        # Of the five before it: what lies further back doesn't count, and one that was odd doesn't decide.
        (healthy(size_bytes=40, earlier_sizes=(60, 60, 60, 60, 60, 900, 900, 900)), "ok", []),
        (healthy(size_bytes=40, earlier_sizes=(10, 90, 90, 90, 10)), "warning", ["size_dropped"]),
        # whether it restores
        (healthy(test_status=None, passed_at=None, verified_at=None), "warning", ["never_tested"]),
        (healthy(test_status="failed"), "critical", ["test_failed"]),
        (healthy(test_status="failed", passed_at=ago(24 * 9)), "critical", ["test_failed"]),
        (healthy(test_status="could_not_verify"), "warning", ["could_not_verify"]),
        (
            healthy(test_status="could_not_verify", passed_at=ago(24 * 9)),
            "warning",
            ["could_not_verify", "test_too_old"],
        ),
        (healthy(passed_at=ago(24 * 8)), "ok", []),
        (healthy(passed_at=ago(24 * 8.1)), "warning", ["test_too_old"]),
        (healthy(verified_at=ago(24 * 20), verified_is_spared=True), "warning", ["verified_is_old"]),
        # its schedule
        (healthy(scheduled="off"), "warning", ["schedule_off"]),
        (healthy(scheduled="paused"), "warning", ["schedules_paused"]),
        (healthy(scheduled="broken", schedule_problem="It has expired."), "warning", ["schedule_broken"]),
        (healthy(scheduled="missing"), "warning", ["schedule_missing"]),
        (healthy(scheduled=None), "ok", []),
        (healthy(missed_at=ago(1)), "warning", ["run_missed"]),
        # Of the core's own beat nothing is known.
        (healthy(scheduled="missing", in_core=True), "ok", []),
        (healthy(scheduled="off", in_core=True), "ok", []),
        (healthy(last_good_at=ago(27), scheduled="missing", in_core=True), "critical", ["too_old"]),
    ],
)
def test_what_is_known_of_one_kind_makes_reasons(facts: KindFacts, status: str, codes: list[str]) -> None:
    health = found(facts)
    assert (health.status, [reason.code for reason in health.reasons]) == (status, codes)


DISK = {"disk_total_bytes": 10_000 * MIB}


@pytest.mark.parametrize(
    ("changes", "status", "codes"),
    [
        ({**DISK, "disk_used_bytes": 8_999 * MIB}, "ok", []),
        ({**DISK, "disk_used_bytes": 9_000 * MIB}, "warning", ["disk_nearly_full"]),
        ({**DISK, "disk_used_bytes": 9_850 * MIB}, "warning", ["disk_nearly_full"]),
        ({**DISK, "disk_used_bytes": 9_851 * MIB}, "critical", ["no_room"]),
        ({"disk_used_bytes": 0, "disk_total_bytes": 0}, "ok", []),
        ({"folder_unreachable": True}, "warning", ["folder_unreachable"]),
        ({"beat_silent_since": ago(3)}, "warning", ["beat_silent"]),
    ],
)
def test_what_is_known_of_all_makes_reasons(changes: dict[str, Any], status: str, codes: list[str]) -> None:
    health = found(healthy(), **changes)
    assert (health.status, [reason.code for reason in health.reasons]) == (status, codes)


def test_without_a_folder_nobody_can_tell() -> None:
    health = found(not_configured="No backups folder is set; set OPS_BACKUP_DIR.")
    assert (health.status, [reason.code for reason in health.reasons]) == ("unknown", ["not_configured"])
    assert "OPS_BACKUP_DIR" in health.reasons[0].message


def test_attachments_that_the_core_backs_up_are_judged_though_the_database_is_not_backed_up() -> None:
    health = found(healthy(kind="attachments", last_good_at=ago(50)), not_configured="No backups folder is set.")
    assert (health.status, [reason.code for reason in health.reasons]) == ("critical", ["too_old", "not_configured"])


def test_a_silent_beat_that_starts_no_backups_is_no_matter_of_theirs() -> None:
    assert found(healthy(in_core=True, scheduled="missing"), beat_silent_since=ago(3)).status == "ok"


def test_what_the_core_writes_elsewhere_needs_no_room_here() -> None:
    full = {"disk_used_bytes": 100, "disk_total_bytes": 1_000}
    assert found(healthy(in_core=True), **full).status == "ok"
    assert found(healthy(), **full).status == "critical"


def test_the_worst_comes_first_and_every_reason_says_of_which_kind_it_is() -> None:
    health = found(healthy(scheduled="off"), healthy(kind="attachments", file="missing"))
    assert [(reason.code, reason.kind, reason.status) for reason in health.reasons] == [
        ("file_missing", "attachments", "critical"),
        ("schedule_off", "database", "warning"),
    ]


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        (healthy(**NEVER), "There is no database backup. Back up now."),
        (healthy(**NEVER, running=True), "There is no database backup. One is being made now."),
        (
            healthy(file="missing"),
            "The file of the last database backup is gone. Back up now. Then find out who or what has deleted it.",
        ),
        (
            healthy(last_good_at=ago(49)),
            (
                "The last database backup is older than 26 h: it was completed 2 d ago. Back up now, and see to it "
                "that its schedule and the worker run."
            ),
        ),
        (
            healthy(**FAILED),
            "The last database backup failed: “pg_dump: error: no space”. Mend what it names, then back up again.",
        ),
        (healthy(last_failed=True), "The last database backup failed. Mend what it names, then back up again."),
        (
            healthy(size_bytes=40 * MIB),
            (
                "The last database backup has 40.0 MiB, half of what those before it had (98.5 MiB) or less. Look "
                "whether the database has lost something; older backups that are kept still hold it."
            ),
        ),
        (
            healthy(test_status="failed", test_error="2 of 8 checks failed: messages has 3 rows and not 4."),
            (
                "The last restore test, of database backup 7, failed: “2 of 8 checks failed: messages has 3 rows "
                "and not 4”. Don't rely on this backup: make a new one and test that."
            ),
        ),
        (
            healthy(passed_at=ago(24 * 10)),
            (
                "No database backup has passed a restore test for more than 8 d: the last one did 10 d ago. Test the "
                "last one now."
            ),
        ),
        (healthy(test_status="could_not_verify", test_running=True), "A restore test is running now."),
        (
            healthy(kind="attachments", verified_at=ago(24 * 20), verified_is_spared=True),
            (
                "The last attachments backup that passed a restore test is 20 d old and is kept only because no "
                "newer one has passed one. Test a newer one."
            ),
        ),
        (
            healthy(scheduled="broken", schedule_problem="It has expired."),
            "The schedule of the database backup never runs: it has expired. Correct it.",
        ),
    ],
)
def test_each_reason_says_what_is_wrong_and_what_to_do(facts: KindFacts, message: str) -> None:
    (reason,) = found(facts).reasons[:1]
    assert reason.message.endswith(message)


def test_what_is_nearly_full_says_how_full() -> None:
    (reason,) = found(healthy(), **DISK, disk_used_bytes=9_512 * MIB).reasons
    assert reason.message.startswith("The disk of the backups folder is 95 % full, with 488.0 MiB left. Make room")


def test_the_limits_are_the_settings(settings: Any) -> None:
    settings.BACKUP_MAX_AGE_HOURS = 4.0
    settings.RESTORE_TEST_MAX_AGE_DAYS = 1.0
    settings.BACKUP_DISK_FULL_PERCENT = 50.0
    codes = {reason.code for reason in found(healthy(), **DISK, disk_used_bytes=5_000 * MIB).reasons}
    assert codes == {"too_old", "test_too_old", "disk_nearly_full"}
