"""Sample history of the core's own backups and restore tests, row by row with its maintenance jobs."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import psycopg

from demo.ledger import SampleJob
from demo.rows import DAY, HOUR, copy_rows, encode, stamp

_KINDS = {
    "maintenance.mysql_dump_local": ("database", "core-{:%Y%m%dT%H%M%SZ}.dump"),
    "maintenance.attachments_snapshot_local": ("attachments", "attachments-{:%Y%m%dT%H%M%SZ}.tar.zst"),
}
_RUN_COLUMNS = (
    "id", "kind", "status", "trigger", "job_id", "started_at", "completed_at", "storage_key", "size_bytes",
    "sha256", "manifest_json", "error", "removed_at",
)  # fmt: skip
_TEST_COLUMNS = (
    "id", "backup_run_id", "status", "trigger", "job_id", "started_at", "completed_at", "checks_json",
    "attachments_sampled", "attachments_verified", "error",
)  # fmt: skip


def load_backups(
    cursor: psycopg.Cursor[Any], rng: random.Random, now: int, jobs: Sequence[tuple[int, SampleJob]]
) -> None:
    """Load backup_runs and restore_tests.

    No file belongs to them, so every one is marked as removed: nobody can be led to restore it.

    Args:
        cursor: Where.
        rng: Where all choices come from.
        now: Seconds since 1970.
        jobs: The ledger's rows with their ids, oldest first.

    Raises:
        psycopg.Error: A row isn't taken.
    """
    runs: list[tuple[object, ...]] = []
    tests: list[tuple[object, ...]] = []
    last_good = 0
    for job_id, job in jobs:
        if job.job_type in _KINDS:
            runs.append(_run(rng, now, len(runs) + 1, job_id, job))
            if job.status == "done" and job.job_type == "maintenance.mysql_dump_local":
                last_good = len(runs)
        elif job.job_type == "maintenance.restore_test_local" and last_good:
            tests.append(_test(rng, len(tests) + 1, last_good, job_id, job))
    copy_rows(cursor, "backup_runs", _RUN_COLUMNS, runs)
    copy_rows(cursor, "restore_tests", _TEST_COLUMNS, tests)


def _run(rng: random.Random, now: int, number: int, job_id: int, job: SampleJob) -> tuple[object, ...]:
    kind, name = _KINDS[job.job_type]
    times = stamp(job.created), stamp(job.updated)
    # One of them was asked for by hand, which the core's own jobs don't tell.
    trigger = "manual" if number % 37 == 0 else "scheduled"
    if job.status == "failed":
        return (number, kind, "failed", trigger, job_id, *times, None, None, None, None, job.error, None)
    file = name.format(datetime.fromtimestamp(job.created, UTC))
    age = (now - job.created) // DAY
    # About what the demonstration's own backups have.
    size = (6_700_000 if kind == "database" else 1_790_000) - age * (22_000 if kind == "database" else 6_000)
    return (
        number,
        kind,
        "succeeded",
        trigger,
        job_id,
        *times,
        f"{kind}/{file}",
        size + rng.randrange(20_000),
        rng.randbytes(32).hex(),
        # As the console keeps what the core tells of its own.
        encode({"reported_by": "core", "file": file}),
        None,
        stamp(min(now - HOUR, job.updated + 14 * DAY)),
    )


def _test(rng: random.Random, number: int, run_id: int, job_id: int, job: SampleJob) -> tuple[object, ...]:
    rows = 240_000 + number * 1_100
    checks: list[dict[str, object]] | None = [
        _check("archive_checksum", "the recorded SHA-256", "the recorded SHA-256"),
        _check("tables_present", 12, 12),
        _check("row_counts", rows, rows),
        _check("newest_row", "at most 26 hours old", f"{rng.randint(2, 5)} hours old"),
    ]
    status, error, sampled, verified = "passed", None, 40, 40
    if number == 3:
        status, error, verified = "failed", "1 of 4 checks failed: row_counts", 39
        checks[2] = _check("row_counts", rows, rows - 418, error="messages: 418 rows are missing")  # type: ignore[index]
    elif number == 5:
        status, error, checks, sampled, verified = (
            "could_not_verify",
            "No space left for a scratch database",
            None,
            0,
            0,
        )
    return (
        number,
        run_id,
        status,
        "manual" if number == 4 else "scheduled",
        job_id,
        stamp(job.created),
        stamp(job.updated),
        None if checks is None else encode(checks),
        sampled,
        verified,
        error,
    )


def _check(name: str, expected: object, actual: object, *, error: str | None = None) -> dict[str, object]:
    return {
        "check_name": name,
        "passed": error is None,
        "expected": expected,
        "actual": actual,
        "error": error,
    }
