"""What was promised over HTTP, against what is in the database."""

from collections.abc import Iterator
from typing import Final

from chaos.checks.facts import Audited, Facts, Finding, Kind
from chaos.journal import MESSAGE, Asked, Try

# What the audit log calls what the answer to a request promises.
_STARTS: Final = ("backfill.trigger", "redownload_attachments.trigger")


def check(facts: Facts) -> Iterator[Finding]:
    """Compare each answer with the rows that it speaks of."""
    asked = [one for one in facts.asked if one.first.operation != MESSAGE]
    yield from _runs(facts, [one for one in asked if one.accepted and one.first.operation in _STARTS])
    yield from _audit(facts, asked)
    yield _same_answers(asked)
    yield from _cancelled(facts)


def _runs(facts: Facts, accepted: list[Asked]) -> Iterator[Finding]:
    promised = {str(promise.answer.get("job_id")): promise for one in accepted for promise in one.promises}
    known = {
        str(run): set(jobs)
        for run, jobs in facts.rows(
            """
            SELECT m.run_id, array_agg(j.id) FROM jobs_run r JOIN jobs_runjob m ON m.run_id = r.id
              JOIN jobs j ON j.id = m.job_id WHERE r.id = ANY(%(runs)s::uuid[]) GROUP BY 1
            """,
            runs=list(promised),
        )
    }
    missing = [
        f"request {promise.request} was answered with run {run} and jobs {promise.answer.get('jobs')}, "
        f"of which {sorted(known.get(run, ()))} exist"
        for run, promise in promised.items()
        if not set(promise.answer.get("jobs") or ()) or set(promise.answer.get("jobs") or ()) - known.get(run, set())
    ]
    yield Finding("each accepted start has its run and its jobs", len(promised), missing, Kind.LOST)


def _audit(facts: Facts, asked: list[Asked]) -> Iterator[Finding]:
    """Each request is in the audit log, by its name, as often as it took effect."""
    found = {one.first.name: [row for row in _rows(facts, one) if row.ok] for one in asked}
    accepted = [one for one in asked if one.accepted]
    lost = [_line(one, "was accepted and is not in the audit log") for one in accepted if not found[one.first.name]]
    yield Finding("each accepted change was made", len(accepted), lost, Kind.LOST)
    doubled = [
        _line(one, f"was done {len(found[one.first.name])} times") for one in asked if len(found[one.first.name]) > 1
    ]
    repeated = sum(len(one.tries) > 1 for one in asked)
    in_doubt = sum(one.in_doubt for one in asked)
    yield Finding(
        f"no request was done twice ({repeated} repeated, {in_doubt} in doubt)", len(asked), doubled, Kind.DOUBLED
    )
    refused = [one for one in asked if one.refused]
    done = [_line(one, "was refused, and done") for one in refused if found[one.first.name]]
    yield Finding("no refused request was done", len(refused), done)


def _same_answers(asked: list[Asked]) -> Finding:
    several = [one for one in asked if one.accepted and sum(each.accepted or each.refused for each in one.tries) > 1]
    different = [
        _line(one, "got different answers")
        for one in several
        if any(each.refused for each in one.tries) or len({_what(promise) for promise in one.promises}) > 1
    ]
    return Finding("the same key got the same answer", len(several), different, Kind.DOUBLED)


def _what(promise: Try) -> tuple[str, ...]:
    return tuple(str(promise.answer.get(name)) for name in ("id", "job_id", "jobs", "already_active", "status"))


def _cancelled(facts: Facts) -> Iterator[Finding]:
    """A job whose cancellation was accepted has not gone on."""
    status: dict[int | None, str] = dict(facts.rows("SELECT id, status::text FROM jobs"))
    set_failed = {row.entity_id for row in facts.changes if row.action == "job.fail"}
    cancels = [row for row in facts.changes if row.action == "job.cancel" and row.entity_id]
    at_once = [row for row in cancels if row.response.get("status") == "cancelled"]
    yield Finding(
        "what was cancelled at once stayed cancelled",
        len(at_once),
        _others(at_once, status, {"cancelled"}),
    )
    asked_to_end = [row for row in cancels if row.response.get("cancelling") and row.entity_id not in set_failed]
    yield Finding(
        "what was asked to end was cancelled, or done already",
        len(asked_to_end),
        _others(asked_to_end, status, {"cancelled", "done"}),
    )


def _others(rows: list[Audited], status: dict[int | None, str], expected: set[str]) -> list[str]:
    found = [(row.entity_id, status.get(row.entity_id)) for row in rows]
    return [f"job {job} is {name}" for job, name in found if name not in expected]


def _rows(facts: Facts, one: Asked) -> list[Audited]:
    # Cancelling a run writes a row for each of its jobs too.
    return [row for row in facts.audited.get(one.first.name, []) if row.action == one.first.operation]


def _line(one: Asked, what: str) -> str:
    target = f" of {one.first.target}" if one.first.target else ""
    return f"request {one.first.request} ({one.first.operation}{target}) {what}"
