"""Making a dispatch: the row that stands for one attempt at a job, before anything is sent."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db.models import BooleanField, Case, DateTimeField, F, Q, Value, When
from django.db.models.functions import Now

from jobs import subjects
from jobs.catalog import JobType
from jobs.models import Dispatch, Outcome
from jobs.subjects import Watermarks
from opsconsole.audit import Actor

# Whoever makes a dispatch publishes it within this time, or else the sweeper does.
PUBLICATION_LEASE = timedelta(seconds=10)
# How soon, and then how often, the sweeper looks for what a task leaves behind whose attempt ended before it did.
LATE_CHECK_AFTER = timedelta(seconds=3)


def lease_end(lease: timedelta = PUBLICATION_LEASE) -> Any:
    """Return, as an SQL expression, when a publication lease taken now runs out, by the database's clock."""
    return Now() + Value(lease)


def closing(outcome: Outcome, *, frees_place: bool = False, **values: Any) -> dict[str, Any]:
    """Return the columns of an attempt that ends before its task is known to be over.

    What the core's worker has been given may go on: its result is looked for, and the place of its serial key is kept
    until then. So may what is being published at this moment, which has its place already. An own task can't be
    claimed any more, or has been told to end.

    Args:
        outcome: how the attempt ended.
        frees_place: whoever ends it knows that its task is over.
        values: further columns.
    """
    goes_on = Q(in_core=True) & (Q(published_at__isnull=False) | Q(holds_place=True))
    keeps_place = Case(When(goes_on, then=F("holds_place")), default=False, output_field=BooleanField())
    return {
        "ended_at": Now(),
        "outcome": outcome,
        # The error of a try whose retry by the worker won't come any more. The job's row keeps it.
        "error": None,
        "traceback": None,
        "retrying_since": None,
        "next_attempt_at": None,
        "holds_place": False if frees_place else keeps_place,
        "late_check_at": Case(
            When(goes_on, then=Now() + Value(LATE_CHECK_AFTER)), default=None, output_field=DateTimeField()
        ),
        **values,
    }


def create_dispatches(jobs: Mapping[int, Any], *, types: Mapping[int, JobType], actor: Actor) -> list[int]:
    """Add the first dispatch of new jobs and return their ids, in the order of the jobs' ids; four queries at most.

    To be called in the transaction that inserted the jobs.

    Args:
        jobs: the payload of each job, by its id.
        types: what stands behind each job, by its id.
        actor: who asked, and through what.
    """
    if not jobs:
        return []
    watermarks = subjects.registered().watermarks()
    keys = _serial_keys(jobs, types)
    dispatches = [
        _dispatch(job_id, types[job_id], jobs[job_id], serial_key=keys[job_id], actor=actor, watermarks=watermarks)
        for job_id in sorted(jobs)
    ]
    return [dispatch.pk for dispatch in Dispatch.objects.bulk_create(dispatches)]


def create_next_dispatch(*, job_id: int, payload: Any, job_type: JobType, actor: Actor) -> int:
    """Add the dispatch of a job's next attempt and return its id. To be called in the job's own transaction.

    A dispatch of the same job that is still open is superseded: only the newest one counts.
    """
    Dispatch.objects.filter(job_id=job_id, ended_at=None).update(**closing(Outcome.SUPERSEDED))
    Dispatch.objects.filter(job_id=job_id).exclude(next_attempt_at=None).update(next_attempt_at=None)
    key = _serial_keys({job_id: payload}, {job_id: job_type})[job_id]
    watermarks = subjects.registered().watermarks()
    dispatch = _dispatch(job_id, job_type, payload, serial_key=key, actor=actor, watermarks=watermarks)
    dispatch.save(force_insert=True)
    return dispatch.pk


def _serial_keys(jobs: Mapping[int, Any], types: Mapping[int, JobType]) -> dict[int, str | None]:
    """Return the serial key of each job: by whom it concerns, also where the payload names only a conversation."""
    concerns = subjects.registered().of({job_id: jobs[job_id] for job_id in jobs if types[job_id].serial_group})
    return {
        job_id: types[job_id].serial_key(
            concerns[job_id].id if job_id in concerns else subjects.identity_id_of(payload)
        )
        for job_id, payload in jobs.items()
    }


def _dispatch(
    job_id: int, job_type: JobType, payload: Any, *, serial_key: str | None, actor: Actor, watermarks: Watermarks
) -> Dispatch:
    dispatch = Dispatch(
        job_id=job_id,
        task=job_type.task,
        queue=job_type.queue,
        kwargs_json=json.dumps(job_type.kwargs(payload)),
        in_core=job_type.in_core,
        at_most_once=job_type.at_most_once,
        serial_key=serial_key,
        requested_by=actor.name,
        via=actor.via,
        conversations_watermark=watermarks.conversations,
        messages_watermark=watermarks.messages,
    )
    # Expressions, so that both are by the database's clock.
    dispatch.requested_at = Now()
    dispatch.publication_lease_until = lease_end()
    return dispatch
