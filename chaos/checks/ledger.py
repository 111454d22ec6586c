"""The ledger and its attempts, as they stand in the end."""

from collections.abc import Iterator

from chaos.checks.facts import ENDED, TOUCHED, Facts, Finding, Kind, lines


def check(facts: Facts) -> Iterator[Finding]:
    """Look at every job of the run, and at every attempt."""
    yield _ended(facts)
    yield from _rows_agree(facts)
    yield from _attempts(facts)
    yield _places(facts)


def _ended(facts: Facts) -> Finding:
    jobs = facts.rows(f"SELECT id, job_type, status::text FROM jobs WHERE id IN {TOUCHED}")
    left = [row for row in jobs if row[2] not in {"done", "failed", "cancelled"} and row[0] not in facts.stuck]
    return Finding(
        f"each job has ended, or is shown as stuck ({len(facts.stuck & {row[0] for row in jobs})})",
        len(jobs),
        lines(left, "job {0} ({1}) is {2}"),
        Kind.LOST,
    )


def _rows_agree(facts: Facts) -> Iterator[Finding]:
    ended = facts.rows(
        f"SELECT id, job_type, status::text, dedupe_key, last_error FROM jobs"
        f" WHERE status::text IN {ENDED} AND id IN {TOUCHED}"
    )
    held = [row for row in ended if row[3] is not None]
    yield Finding("no ended job holds its dedupe key", len(ended), lines(held, "job {0} ({1}) is {2}"))
    failed = [row for row in ended if row[2] == "failed"]
    mute = [row for row in failed if not row[4]]
    yield Finding("each failed job says why", len(failed), lines(mute, "job {0} ({1})"))
    too_often = facts.rows(
        f"SELECT id, attempts, max_attempts FROM jobs WHERE attempts > max_attempts AND id IN {TOUCHED}"
    )
    yield Finding(
        "no job was tried more often than allowed",
        facts.number(f"SELECT count(*) FROM {TOUCHED} AS touched"),
        lines(too_often, "job {0} was tried {1} times, of {2}"),
        Kind.DOUBLED,
    )


def _attempts(facts: Facts) -> Iterator[Finding]:
    attempts = facts.number("SELECT count(*) FROM jobs_dispatch WHERE id > %(dispatch)s")
    several = facts.rows(
        "SELECT job_id, count(*) FROM jobs_dispatch WHERE ended_at IS NULL GROUP BY job_id HAVING count(*) > 1"
    )
    yield Finding("no job has two open attempts", attempts, lines(several, "job {0} has {1}"), Kind.DOUBLED)
    left_open = facts.rows(
        f"""
        SELECT d.id, d.job_id, j.status::text FROM jobs_dispatch d LEFT JOIN jobs j ON j.id = d.job_id
         WHERE d.ended_at IS NULL AND (j.id IS NULL OR j.status::text IN {ENDED})
        """
    )
    yield Finding(
        "no ended job has an open attempt", attempts, lines(left_open, "attempt {0} of job {1}, which is {2}")
    )
    # One attempt for each time that somebody asked, and one for each that the sweeper was told to make.
    counted = facts.rows(
        """
        SELECT d.job_id, count(*) FILTER (WHERE d.via <> 'sweeper'),
               (SELECT count(*) FROM jobs_runjob m WHERE m.job_id = d.job_id AND NOT m.joined AND d.job_id > %(job)s),
               count(*) FILTER (WHERE d.via = 'sweeper'),
               (SELECT count(*) FROM jobs_dispatch p WHERE p.job_id = d.job_id AND p.outcome = 'retrying')
          FROM jobs_dispatch d WHERE d.id > %(dispatch)s GROUP BY d.job_id
        """
    )
    retried: dict[int, int] = {}
    for row in facts.changes:
        if row.action == "job.retry" and row.entity_id:
            retried[row.entity_id] = retried.get(row.entity_id, 0) + 1
    wrong = [
        (job, asked, submits + retried.get(job, 0), automatic, failures)
        for job, asked, submits, automatic, failures in counted
        if asked != submits + retried.get(job, 0) or automatic > failures
    ]
    yield Finding(
        "each attempt was asked for once",
        len(counted),
        lines(wrong, "job {0} has {1} attempts for {2} requests, and {3} automatic ones for {4} failures"),
        Kind.DOUBLED,
    )


def _places(facts: Facts) -> Finding:
    held = facts.rows(
        "SELECT id, job_id, serial_key, now() - ended_at > interval '16 minutes' FROM jobs_dispatch"
        " WHERE holds_place AND ended_at IS NOT NULL"
    )
    return Finding(
        f"no ended attempt keeps a place for longer than 15 minutes ({len(held)} still keep one)",
        facts.number("SELECT count(*) FROM jobs_dispatch WHERE id > %(dispatch)s AND serial_key IS NOT NULL"),
        lines([row for row in held if row[3]], "attempt {0} of job {1} keeps {2}"),
    )
