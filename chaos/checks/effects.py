"""What the own tasks have really done, against their claims."""

from collections.abc import Iterator

from chaos import own_types
from chaos.checks.facts import Facts, Finding, Kind, lines


def check(facts: Facts) -> Iterator[Finding]:
    """Look at every effect, and for the effect of every job that is done."""
    yield _messages(facts)
    yield from _claims(facts)
    yield _done(facts)
    yield from _once(facts)


def _messages(facts: Facts) -> Finding:
    """Each message of an own task has a name of its own; Redis may lose it, or give it out twice."""
    jobs = facts.rows(
        """
        SELECT payload_json::jsonb ->> 'name', count(*) FROM jobs
         WHERE id > %(job)s AND job_type = ANY(%(types)s) GROUP BY 1
        """,
        types=list(own_types.TYPES),
    )
    return Finding(
        "each own task that was sent became one job at the most",
        len(jobs),
        lines([row for row in jobs if row[1] > 1], "{0} became {1} jobs"),
        Kind.DOUBLED,
    )


def _claims(facts: Facts) -> Iterator[Finding]:
    effects = facts.number("SELECT count(*) FROM chaos.effect")
    several = facts.rows("SELECT dispatch_id, job_id, count(*) FROM chaos.effect GROUP BY 1, 2 HAVING count(*) > 1")
    yield Finding(
        "each claim took effect once at the most",
        effects,
        lines(several, "attempt {0} of job {1} took effect {2} times"),
        Kind.DOUBLED,
    )
    # Among them: those of jobs that were cancelled while they waited.
    unclaimed = facts.rows(
        """
        SELECT e.dispatch_id, e.job_id, d.outcome FROM chaos.effect e LEFT JOIN jobs_dispatch d ON d.id = e.dispatch_id
         WHERE d.started_at IS NULL OR d.job_id <> e.job_id
        """
    )
    yield Finding(
        "nothing took effect without a claim",
        effects,
        lines(unclaimed, "attempt {0} of job {1} ({2}) was never claimed"),
        Kind.DOUBLED,
    )


def _done(facts: Facts) -> Finding:
    done = facts.rows(
        """
        SELECT d.job_id, d.id, count(e.token) FILTER (WHERE e.finished_at IS NOT NULL)
          FROM jobs_dispatch d JOIN jobs j ON j.id = d.job_id LEFT JOIN chaos.effect e ON e.dispatch_id = d.id
         WHERE d.id > %(dispatch)s AND d.task = ANY(%(tasks)s) AND d.outcome = 'done' AND j.status::text = 'done'
         GROUP BY 1, 2
        """,
        tasks=list(own_types.TYPES),
    )
    lost = [row for row in done if row[2] != 1]
    return Finding(
        "each own job that is done has done its work",
        len(done),
        lines(lost, "job {0} is done, and its attempt {1} finished {2} times"),
        Kind.LOST,
    )


def _once(facts: Facts) -> Iterator[Finding]:
    confirmed: dict[int, int] = {}
    for row in facts.changes:
        if row.action == "job.retry" and row.entity_id and row.request.get("confirm"):
            confirmed[row.entity_id] = confirmed.get(row.entity_id, 0) + 1
    jobs = facts.rows(
        """
        SELECT j.id, count(e.token) FROM jobs j LEFT JOIN chaos.effect e ON e.job_id = j.id
         WHERE j.id > %(job)s AND j.job_type = %(once)s GROUP BY j.id
        """,
        once=own_types.ONCE,
    )
    again = [(job, number, confirmed.get(job, 0)) for job, number in jobs if number > 1 + confirmed.get(job, 0)]
    yield Finding(
        "what may happen only once did, unless somebody confirmed",
        len(jobs),
        lines(again, "job {0} took effect {1} times, with {2} confirmations"),
        Kind.DOUBLED,
    )
    sent = facts.rows("SELECT id, job_id, publications FROM jobs_dispatch WHERE id > %(dispatch)s AND at_most_once")
    yield Finding(
        "what may happen only once was sent once",
        len(sent),
        lines([row for row in sent if row[2] > 1], "attempt {0} of job {1} was sent {2} times"),
        Kind.DOUBLED,
    )
