"""The changes of jobs' statuses, each of which a trigger has noted."""

from collections.abc import Iterator
from typing import Final

from chaos.checks.facts import Facts, Finding, Kind, lines

# What may follow what. Nothing comes out of done and cancelled, and out of failed only by a retry.
_ALLOWED: Final = {
    "": {"queued"},
    "queued": {"running", "failed", "cancelled"},
    "running": {"done", "failed", "retrying", "cancelled"},
    "retrying": {"running", "failed", "cancelled"},
    "failed": {"queued"},
}


def check(facts: Facts) -> Iterator[Finding]:
    """Look at every change, and count those that only a person may make."""
    rows = facts.rows("SELECT job_id, was, became, count(*) FROM chaos.transition GROUP BY 1, 2, 3")
    odd = [row for row in rows if row[2] not in _ALLOWED.get(row[1], set())]
    changes = sum(row[3] for row in rows)
    yield Finding("each change of a status is an allowed one", changes, lines(odd, "job {0} went from {1!r} to {2!r}"))

    retried: dict[int, int] = {}
    for row in facts.changes:
        if row.action == "job.retry" and row.entity_id:
            retried[row.entity_id] = retried.get(row.entity_id, 0) + 1
    requeued = {row[0]: row[3] for row in rows if (row[1], row[2]) == ("failed", "queued")}
    differ = [(job, requeued.get(job, 0), retried.get(job, 0)) for job in sorted(requeued.keys() | retried.keys())]
    yield Finding(
        "each retry queued its job once, and nothing else did",
        sum(retried.values()),
        lines([row for row in differ if row[1] != row[2]], "job {0} was queued again {1} times for {2} retries"),
        Kind.DOUBLED,
    )
    yield Finding(
        "no row of the ledger was deleted",
        changes,
        lines([row for row in rows if not row[2]], "job {0} was deleted"),
        Kind.LOST,
    )
