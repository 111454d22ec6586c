"""What would become of jobs that are to be retried or cancelled together: which would be, and why the others not."""

from collections.abc import Mapping, Sequence
from typing import Final

from jobs import cancel_rules, catalog, ledger, retry_rules, subjects
from jobs.matching.selection import RETRY, Verb
from jobs.models import FAILED
from jobs.preflight import preflights
from jobs.queries import Row
from jobs.representation import candidate_of, failed_of
from jobs.subjects import Subject
from opsconsole.errors import Conflict, OpsError

IDENTICAL_AMONG_THEM: Final = "identical_among_them"
ACTING_ON_MANY: Final = frozenset({catalog.RETRY_MATCHING, catalog.CANCEL_MATCHING})


def refusals(verb: Verb, rows: Sequence[Row], concerns: Mapping[int, Subject]) -> dict[int, OpsError]:
    """Return why some of these jobs are left out, by id; four queries at most, however many they are.

    Args:
        verb: what is to be done to them.
        rows: the jobs as `queries` reads them, the oldest first.
        concerns: whom each of them concerns, by its id, where that exists.
    """
    return _of_retrying(rows, concerns) if verb == RETRY else _of_cancelling(rows)


def concerns_of(rows: Sequence[Row]) -> dict[int, Subject]:
    """Return whom each job concerns, by its id, where that exists; two queries at most."""
    return subjects.registered().of({row["id"]: row["payload"] for row in rows})


def _of_cancelling(rows: Sequence[Row]) -> dict[int, OpsError]:
    found = {row["id"]: cancel_rules.refusal(candidate_of(row)) for row in rows}
    return {job_id: refusal for job_id, refusal in found.items() if refusal is not None}


def _of_retrying(rows: Sequence[Row], concerns: Mapping[int, Subject]) -> dict[int, OpsError]:
    found: dict[int, OpsError] = {}
    failed = []
    for row in rows:
        if row["job_type"] in ACTING_ON_MANY:
            found[row["id"]] = Conflict(
                "It acts on many jobs itself, and would go on with what it was stopped at; retry it by itself.",
                code="acts_on_many",
            )
        elif row["status"] == FAILED:
            failed.append(failed_of(row))
            continue
        try:
            retry_rules.check_status(row["status"])
        except OpsError as refusal:
            found[row["id"]] = refusal
    for job_id, preflight in preflights(failed, concerns, among_many=True).items():
        if preflight.left_out is not None:
            found[job_id] = preflight.left_out
    seen: set[str] = set()
    for row in rows:
        # The dedupe key can't be computed from a payload that was cut.
        if row["id"] in found or row["payload_size"] is not None:
            continue
        key = ledger.dedupe_key(row["queue_name"], row["job_type"], row["payload"])
        if key in seen:
            found[row["id"]] = Conflict(
                "It does the same work as another one of these, and one of them is enough.", code=IDENTICAL_AMONG_THEM
            )
        seen.add(key)
    return found
