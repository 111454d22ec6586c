"""What the stand-in for the core's worker has really run, against the attempts, and what it has written."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from chaos.checks.facts import Facts, Finding, Kind, lines
from chaos.witness import Ran


def check(facts: Facts) -> Iterator[Finding]:
    """Look at every task that was run, and for that of every job that is done."""
    attempts = {
        str(task): (pk, job, key, outcome, once)
        for task, pk, job, key, outcome, once in facts.rows(
            "SELECT task_id, id, job_id, serial_key, outcome, at_most_once FROM jobs_dispatch"
            " WHERE id > %(dispatch)s AND in_core"
        )
    }
    yield _done(facts, attempts)
    yield _sent_once(facts, attempts)
    yield _one_at_a_time(facts, attempts)
    yield from _rows(facts)


def _done(facts: Facts, attempts: dict[str, tuple[Any, ...]]) -> Finding:
    finished = {one.task_id for one in facts.ran if one.ended is not None}
    done = {task: attempt for task, attempt in attempts.items() if attempt[3] in {"done", "partial"}}
    lost = [attempt for task, attempt in done.items() if task not in finished]
    return Finding(
        "each core job that is done was run", len(done), lines(lost, "attempt {0} of job {1} was not"), Kind.LOST
    )


def _sent_once(facts: Facts, attempts: dict[str, tuple[Any, ...]]) -> Finding:
    times = Counter(one.task_id for one in facts.ran)
    once = {task: attempt for task, attempt in attempts.items() if attempt[4]}
    several = [(*once[task][:2], times[task]) for task in once if times[task] > 1]
    return Finding(
        "no core task that may run only once ran twice",
        len(once),
        lines(several, "attempt {0} of job {1} ran {2} times"),
        Kind.DOUBLED,
    )


def _one_at_a_time(facts: Facts, attempts: dict[str, tuple[Any, ...]]) -> Finding:
    """No two tasks for the same identity at once. The same one sent twice may: after a crash nobody knows whether."""
    by_key: dict[str, list[Ran]] = defaultdict(list)
    for one in facts.ran:
        if (attempt := attempts.get(one.task_id)) and attempt[2] and one.ended is not None:
            by_key[attempt[2]].append(one)
    overlaps = []
    for key, ran in by_key.items():
        latest = ran[0]
        for one in ran[1:]:
            assert latest.ended is not None
            assert one.ended is not None
            if one.began < latest.ended and one.task_id != latest.task_id:
                jobs = (attempts[latest.task_id][1], attempts[one.task_id][1])
                overlaps.append(f"{key}: jobs {jobs[0]} and {jobs[1]} for {latest.ended - one.began:.2f} s")
            latest = max(latest, one, key=lambda each: each.ended or 0.0)
    twice = sum(times > 1 for times in Counter(one.task_id for one in facts.ran).values())
    return Finding(
        f"one ingest task of an identity at a time ({twice} tasks ran twice)",
        sum(len(ran) for ran in by_key.values()),
        overlaps,
        Kind.DOUBLED,
    )


def _rows(facts: Facts) -> Iterator[Finding]:
    for table, column in (("conversations", "external_conversation_id"), ("messages", "external_message_id")):
        several = facts.rows(
            f"SELECT provider_id, {column}, count(*) FROM {table} WHERE {column} IS NOT NULL"
            " GROUP BY 1, 2 HAVING count(*) > 1"
        )
        yield Finding(
            f"no two rows in {table} for the same one",
            facts.number(f"SELECT count(*) FROM {table}"),
            lines(several, "{0} {1}: {2} rows"),
            Kind.DOUBLED,
        )
