"""Changing some jobs at once: one transaction, a fixed number of statements, each job audited by itself.

What is checked is what is changed: the rows are locked first, in the order of their ids, those that nobody else holds.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.models.functions import Now
from psycopg.errors import LockNotAvailable

from jobs import cancelling as one_by_one
from jobs import catalog, ledger, queries, retry_rules, retrying
from jobs.cancel_rules import Consequence
from jobs.cancelling import Revocation
from jobs.dispatching import closing, create_dispatches
from jobs.matching import assessing
from jobs.matching.selection import CANCEL, RETRY, Verb
from jobs.models import ACTIVE_STATUSES, CANCELLED, FAILED, QUEUED, Dispatch, Job, Outcome
from jobs.queries import Row
from jobs.representation import candidate_of
from opsconsole.audit import Actor, Record, record_all, refusal_record
from opsconsole.errors import Conflict, OpsError

logger = structlog.get_logger(__name__)

# Of an error, as much as its beginning tells the rules.
ERROR_LENGTH: Final = 40
HELD: Final = "held"
# Somebody may have begun to change a row by hand and gone for lunch.
LOCK_TIMEOUT_MS: Final = 2_000


@dataclass(kw_only=True)
class Batch:
    """What came of some jobs.

    Attributes:
        done: those that were retried or cancelled.
        asked: those of them whose tasks were asked to end, and go on until then.
        refused: why the others were not, by id.
        failed: those that the console could not change.
        dispatch_ids: the attempts that are to be handed over.
        revocation: the tasks that the workers are to be told of.
    """

    done: list[int] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)
    refused: dict[int, OpsError] = field(default_factory=dict)
    failed: list[int] = field(default_factory=list)
    dispatch_ids: list[int] = field(default_factory=list)
    revocation: Revocation = field(default_factory=Revocation)

    def add(self, other: "Batch") -> None:
        """Add what came of others."""
        self.done += other.done
        self.asked += other.asked
        self.refused |= other.refused
        self.failed += other.failed
        self.dispatch_ids += other.dispatch_ids
        self.revocation.task_ids += other.revocation.task_ids


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is to be done to jobs, and who wants it.

    Attributes:
        verb: what.
        actor: who asks, and through what.
        reason: what the person gave as the reason.
        by_job: the job that does it.
    """

    verb: Verb
    actor: Actor
    reason: str
    by_job: int

    @property
    def action(self) -> str:
        """What the audit log calls it, as for a single job."""
        return f"job.{self.verb}"


def change(job_ids: Sequence[int], wanted: Wanted, also: Callable[[Batch], None]) -> Batch:
    """Retry or cancel jobs in one transaction; one by one, where somebody else gets in the way of all of them.

    Args:
        job_ids: the jobs, ascending.
        wanted: what is to be done to them.
        also: what is to be written in the same transaction.
    """
    try:
        with transaction.atomic():
            _lock_briefly()
            batch = _retry(job_ids, wanted) if wanted.verb == RETRY else _cancel(job_ids, wanted)
            also(batch)
            return batch
    except (IntegrityError, OperationalError) as error:
        # Somebody has inserted the same work this very moment, or two have locked rows in another order.
        if not connection.is_usable():
            raise
        logger.info("batch.one_by_one", jobs=len(job_ids), error=type(error).__name__)
    return _one_by_one(job_ids, wanted, also)


def _retry(job_ids: Sequence[int], wanted: Wanted) -> Batch:
    batch = Batch()
    rows = _locked(job_ids, batch, with_holders=True)
    concerns = assessing.concerns_of(rows)
    batch.refused |= assessing.refusals(RETRY, rows, concerns)
    chosen = {row["id"]: row for row in rows if row["id"] not in batch.refused}
    keys = {pk: ledger.dedupe_key(row["queue_name"], row["job_type"], row["payload"]) for pk, row in chosen.items()}
    if keys:
        ledger.free_ended_keys(list(keys.values()))
        moved = ledger.transition_many(dict(keys), allowed=(FAILED,), to=QUEUED, anew=True)
        batch.done = sorted(moved)
        _supersede(batch.done)
        batch.dispatch_ids = create_dispatches(
            {pk: chosen[pk]["payload"] for pk in batch.done},
            types={pk: found for pk in batch.done if (found := catalog.find(chosen[pk]["job_type"]))},
            actor=wanted.actor,
        )
    _record(rows, batch, wanted, {pk: {"status": QUEUED} for pk in batch.done})
    return batch


def _cancel(job_ids: Sequence[int], wanted: Wanted) -> Batch:
    batch = Batch()
    rows = _locked(job_ids, batch)
    batch.refused |= assessing.refusals(CANCEL, rows, {})
    chosen = {row["id"]: row for row in rows if row["id"] not in batch.refused}
    asked = [pk for pk, row in chosen.items() if candidate_of(row).consequence is Consequence.ASKED_TO_END]
    open_ones = Dispatch.objects.filter(ended_at=None)
    open_ones.filter(job_id__in=asked).update(cancel_requested_at=Now())
    moved = ledger.transition_many(
        {pk: None for pk in chosen if pk not in asked}, allowed=ACTIVE_STATUSES, to=CANCELLED
    )
    ended = closing(Outcome.CANCELLED, lease_until=None, check_at=None, unknown_since=None, cancel_requested_at=Now())
    open_ones.filter(job_id__in=list(moved)).update(**ended)
    Dispatch.objects.filter(job_id__in=list(moved)).exclude(next_attempt_at=None).update(next_attempt_at=None)
    batch.revocation.task_ids = [
        str(chosen[pk]["task_id"])
        for pk in moved
        if chosen[pk]["published_at"] is not None and chosen[pk]["ended_at"] is None
    ]
    batch.asked = asked
    batch.done = sorted([*moved, *asked])
    answers = {pk: {"status": CANCELLED, "before": before, "cancelling": False} for pk, before in moved.items()}
    answers |= {pk: {"status": chosen[pk]["status"], "cancelling": True} for pk in asked}
    _record(rows, batch, wanted, answers)
    return batch


def _locked(job_ids: Sequence[int], batch: Batch, *, with_holders: bool = False) -> list[Row]:
    """Lock the jobs that nobody else holds, and return them with their newest attempts, the oldest first.

    Args:
        job_ids: the jobs.
        batch: where it is said of the others why not.
        with_holders: lock those as well that hold the dedupe keys which these will need.
    """
    holders = ""
    params: list[Any] = [list(job_ids)]
    if with_holders:
        before = Job.objects.filter(pk__in=job_ids).values_list("queue_name", "job_type", "payload_json")
        holders = " OR dedupe_key = ANY(%s)"
        params.append([ledger.dedupe_key(*work) for work in before])
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT id FROM jobs WHERE id = ANY(%s){holders} ORDER BY id FOR UPDATE SKIP LOCKED", params)
        locked = {pk for (pk,) in cursor.fetchall()}
    rows = queries.by_id([pk for pk in job_ids if pk in locked], error_length=ERROR_LENGTH)
    # The list query may have cut the payload, but the task needs all of it.
    payloads = dict(Job.objects.filter(pk__in=locked).values_list("pk", "payload_json"))
    for row in rows:
        row["payload"], row["payload_size"] = payloads[row["id"]], None
    # The attempt after its job: that is the order in which everybody locks.
    list(
        Dispatch.objects.select_for_update()
        .filter(job_id__in=[row["id"] for row in rows], ended_at=None)
        .order_by("job_id", "pk")
        .values_list("pk")
    )
    for pk in set(job_ids) - locked:
        batch.refused[pk] = _held()
    return sorted(rows, key=lambda row: int(row["id"]))


def _supersede(job_ids: Sequence[int]) -> None:
    Dispatch.objects.filter(job_id__in=job_ids, ended_at=None).update(**closing(Outcome.SUPERSEDED))
    Dispatch.objects.filter(job_id__in=job_ids).exclude(next_attempt_at=None).update(next_attempt_at=None)


def _record(rows: Sequence[Row], batch: Batch, wanted: Wanted, answers: Mapping[int, dict[str, Any]]) -> None:
    records = []
    for row in rows:
        about: dict[str, Any] = {
            "actor": wanted.actor,
            "action": wanted.action,
            "entity": retry_rules.entity_of(row["id"], row["payload"]),
            "reason": wanted.reason,
            "request": {"job_id": row["id"], "by_job": wanted.by_job},
        }
        if row["id"] in batch.refused:
            records.append(refusal_record(batch.refused[row["id"]], **about))
        elif row["id"] in answers:
            records.append(Record(**about, response=answers[row["id"]]))
    record_all(records)


def _one_by_one(job_ids: Sequence[int], wanted: Wanted, also: Callable[[Batch], None]) -> Batch:
    whole = Batch()
    for job_id in job_ids:
        batch = Batch()
        with transaction.atomic():
            _lock_briefly()
            _one(job_id, wanted, batch)
            also(batch)
        whole.add(batch)
    return whole


def _one(job_id: int, wanted: Wanted, batch: Batch) -> None:
    by: dict[str, Any] = {"actor": wanted.actor, "reason": wanted.reason}
    try:
        with transaction.atomic():
            if wanted.verb == RETRY:
                retrying.retry(job_id, **by, confirm=False, ask_workers=False, within=0)
            elif one_by_one.cancel(job_id, batch.revocation, **by).is_cancelling:
                batch.asked.append(job_id)
    except OpsError as refusal:
        batch.refused[job_id] = refusal
    except (IntegrityError, OperationalError) as error:
        if isinstance(error.__cause__, LockNotAvailable):
            batch.refused[job_id] = _held()
            return
        if not connection.is_usable():
            raise
        logger.exception("batch.not_changed", job=job_id)
        batch.failed.append(job_id)
    else:
        batch.done.append(job_id)


def _held() -> Conflict:
    return Conflict("Somebody else was changing it at that moment.", code=HELD)


def _lock_briefly() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = %s", [LOCK_TIMEOUT_MS])
