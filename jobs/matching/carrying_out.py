"""What the job does that retries or cancels all jobs which match a filter: batch by batch, each job once.

How far it has come is written in the transaction of each batch. An attempt that goes on after a crash goes on there; a
job that was retried and has failed again since is not retried once more.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.db import connection
from django.db.models import F

from jobs import handover
from jobs.budget import Budget
from jobs.ledger_task import Attempt
from jobs.matching.batches import HELD, Batch, Wanted, change
from jobs.matching.selection import PAST, RETRY, Selection, Verb, filter_from_json, selection
from jobs.models import ACTIVE_STATUSES, DONE, RETRYING, BulkChange
from opsconsole import failpoints
from opsconsole.audit import Actor
from opsconsole.errors import Conflict, NotFound

BATCH_SIZE: Final = 200
# Seconds that handing over a batch may take; the sweeper does the rest.
HAND_OVER_SECONDS: Final = 5.0
CANARY_LOOK_SECONDS: Final = 1.0
EXAMPLES: Final = 10
GO_ON: Final = "Once they are done, retry this job: it goes on with the others."
# What somebody else did meanwhile, by the codes of refusals.
CHANGED_CODES: Final = frozenset({HELD, "not_failed", "not_active", "already_active", "already_cancelling"})


@dataclass(kw_only=True)
class Pace:
    """Once the broker is found to be down, the rest is left to the sweeper."""

    broker_down: bool = False


def carry_out(attempt: Attempt) -> dict[str, Any]:
    """Retry or cancel the jobs that this attempt's job was made for; returns how many, and why others not.

    Raises:
        NotFound: nobody asked for it: the job was not made by the operation.
        Conflict: the jobs that went first did not succeed, so the others were left as they were.
    """
    asked = BulkChange.objects.filter(pk=attempt.job_id).first()
    if asked is None:
        raise NotFound("Nobody has said which jobs are meant; start it from the list of jobs, or by the API.")
    wanted = Wanted(
        verb=_verb(asked),
        actor=Actor(name=asked.requested_by, via=_via(asked)),
        reason=asked.reason,
        by_job=attempt.job_id,
    )
    ids = selected(asked).ids(after=asked.position)
    dealt_with = asked.done + asked.changed + asked.refused + asked.failed
    total = dealt_with + len(ids)
    pace = Pace()
    attempt.progress(dealt_with, total, "jobs")
    if asked.canary:
        for job_ids in _first(ids, asked):
            _batch(job_ids, wanted, asked, pace)
            ids = ids[len(job_ids) :]
        _await_canary(attempt, asked, left=len(ids), progress=(total - len(ids), total))
    while ids:
        attempt.progress(total - len(ids), total, "jobs")
        _batch(ids[:BATCH_SIZE], wanted, asked, pace)
        ids = ids[BATCH_SIZE:]
    attempt.progress(total, total, "jobs")
    return result_of(asked)


def selected(asked: BulkChange) -> Selection:
    """Return the jobs that were meant."""
    return selection(_verb(asked), filter_from_json(asked.filter), up_to_id=asked.up_to_id)


def result_of(asked: BulkChange) -> dict[str, Any]:
    """Return what came of it so far: how many were retried or cancelled, changed meanwhile, refused, or failed."""
    return {
        PAST[_verb(asked)]: asked.done,
        "changed_meanwhile": asked.changed,
        "refused": asked.refused,
        "not_changed": asked.failed,
        "left_out": left_out_of(asked),
    }


def left_out_of(asked: BulkChange) -> list[dict[str, Any]]:
    """Return why jobs were left alone, the most frequent reason first, with how many and some of them."""
    return sorted(asked.left_out.values(), key=lambda group: -int(group["n"]))


def _batch(job_ids: Sequence[int], wanted: Wanted, asked: BulkChange, pace: Pace) -> None:
    def note(batch: Batch) -> None:
        _note(batch, asked)

    batch = change(job_ids, wanted, also=note)
    failpoints.reach("matching.batch_committed")
    asked.refresh_from_db()
    if batch.dispatch_ids:
        budget = Budget(0 if pace.broker_down else HAND_OVER_SECONDS)
        pace.broker_down |= handover.hand_over(batch.dispatch_ids, budget=budget).broker_down
    if batch.revocation.task_ids:
        batch.revocation.send()


def _note(batch: Batch, asked: BulkChange) -> None:
    """Write down what came of a batch, in its own transaction."""
    # Of a transaction that was rolled back, nothing must be left.
    asked.refresh_from_db()
    changed = [pk for pk, refusal in batch.refused.items() if refusal.code in CHANGED_CODES]
    left_out = dict(asked.left_out)
    for pk in sorted(batch.refused):
        refusal = batch.refused[pk]
        # One that names another job would be a reason of its own for each.
        key = refusal.code if "job_id" in refusal.details else f"{refusal.code}: {refusal.message}"
        group = left_out.get(key) or {"code": refusal.code, "reason": refusal.message, "n": 0, "examples": []}
        examples = [*group["examples"], pk][:EXAMPLES]
        left_out[key] = {**group, "n": group["n"] + 1, "examples": examples}
    canary_ids = list(asked.canary_ids)
    if len(canary_ids) < asked.canary:
        canary_ids += batch.done
    dealt_with = [*batch.done, *batch.refused, *batch.failed]
    BulkChange.objects.filter(pk=asked.pk).update(
        position=max(dealt_with, default=asked.position),
        done=F("done") + len(batch.done),
        changed=F("changed") + len(changed),
        refused=F("refused") + len(batch.refused) - len(changed),
        failed=F("failed") + len(batch.failed),
        left_out=left_out,
        canary_ids=canary_ids,
    )
    failpoints.reach("matching.before_commit")


def _first(ids: Sequence[int], asked: BulkChange) -> Iterator[Sequence[int]]:
    """Yield the jobs that go first, until there are as many of them as were asked for, or no more jobs."""
    taken = 0
    while taken < len(ids) and (lacking := asked.canary - len(asked.canary_ids)) > 0:
        job_ids = ids[taken : taken + lacking]
        taken += len(job_ids)
        yield job_ids


def _await_canary(attempt: Attempt, asked: BulkChange, *, left: int, progress: tuple[int, int]) -> None:
    """Wait until the jobs that went first have ended; they may take their time, but not for ever."""
    deadline = time.monotonic() + settings.CANARY_SECONDS
    while left and asked.canary_ids:
        states = _states(asked.canary_ids)
        bad = {pk: status for pk, status in states.items() if status not in (*ACTIVE_STATUSES, DONE)}
        # Its first attempt has failed, whatever comes of the next one.
        bad |= {pk: status for pk, status in states.items() if status == RETRYING}
        if bad:
            named = ", ".join(f"job {pk} is {status}" for pk, status in sorted(bad.items()))
            raise Conflict(
                f"{len(bad)} of the {len(states)} jobs that went first did not succeed ({named}), {_left_alone(left)}. "
                f"{GO_ON}",
                code="canary_failed",
            )
        if all(status == DONE for status in states.values()):
            return
        if time.monotonic() > deadline:
            raise Conflict(
                f"The {len(states)} jobs that went first have not all ended within {settings.CANARY_SECONDS:g} s, "
                f"{_left_alone(left)}. {GO_ON}",
                code="canary_late",
            )
        attempt.progress(*progress, "jobs")
        time.sleep(CANARY_LOOK_SECONDS)


def _left_alone(left: int) -> str:
    return "so the other one was left as it was" if left == 1 else f"so the other {left:,} were left as they were"


def _states(job_ids: Sequence[int]) -> dict[int, str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, status::text FROM jobs WHERE id = ANY(%s)", [list(job_ids)])
        found = dict(cursor.fetchall())
    return {pk: found.get(pk, "gone") for pk in job_ids}


def _verb(asked: BulkChange) -> Verb:
    return RETRY if asked.verb == RETRY else "cancel"


def _via(asked: BulkChange) -> Any:
    return asked.via
