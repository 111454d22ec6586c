"""Syncs that nobody asked the ledger for, from Celery results in the console's database that say whom they were for.

That is what a worker leaves behind with django-celery-results and `result_extended`. A result is a row that changes, so
what was saved lately is looked at again and again, and all of them now and then; what was seen unchanged is left out.
"""

import ast
import json
import time
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import structlog
from django.db import DatabaseError, connection, transaction
from django.utils import timezone
from django_celery_results.models import TaskResult

from identities.models import SyncAttempt
from identities.sync_history import keep_what_can_be, numbers, shown_error
from jobs import catalog, subjects
from jobs.catalog import JobType
from jobs.gateway import TaskState
from jobs.models import Dispatch
from jobs.outcomes import judge
from opsconsole.fields import parse_json
from opsconsole.redaction import redact, redact_text

logger = structlog.get_logger(__name__)

LOOK_EVERY_SECONDS: Final = 5.0
# When results are saved is by their workers' clocks.
LATELY: Final = timedelta(minutes=15)
LOOK_AT_ALL_EVERY_SECONDS: Final = 3_600.0
LOOKED_AT: Final = 2_000
BATCH_SIZE: Final = 500
BUDGET_SECONDS: Final = 0.5
MAX_ARGUMENTS_LENGTH: Final = 2_000
ENDED: Final = ("SUCCESS", "FAILURE", "REVOKED", "REJECTED", "IGNORED")
_LOCK_KEY: Final = 0x6F7073_11
# A text in a text, in a text: the back end writes what `repr` has written as JSON.
_WRAPPINGS: Final = 3


class Unreadable(ValueError):
    """What a result says of its arguments can't be understood."""


class SyncResults:
    """What one process has seen of the results."""

    def __init__(self) -> None:
        self._seen: dict[int, tuple[str, datetime]] = {}
        self._looked_at_all = float("-inf")

    def look(self) -> int:
        """Keep the syncs among the results that are new or have changed; return how many. One query without any."""
        types = {job_type.task: job_type for job_type in reversed(catalog.syncing())}
        began = time.monotonic()
        everything = began - self._looked_at_all >= LOOK_AT_ALL_EVERY_SECONDS
        results = TaskResult.objects.filter(task_name__in=types, status__in=ENDED).order_by("-date_done")
        if not everything:
            results = results.filter(date_done__gte=timezone.now() - LATELY)
        found = {pk: seen for pk, *seen in results.values_list("pk", "status", "date_done")[:LOOKED_AT]}
        changed = [pk for pk, seen in found.items() if self._seen.get(pk) != tuple(seen)]
        kept = 0
        # The oldest first, as they came.
        for start in range(0, len(changed), BATCH_SIZE):
            if start and time.monotonic() - began >= BUDGET_SECONDS:
                # The rest isn't marked as seen, so the next call handles it.
                return kept
            batch = _keep(changed[start : start + BATCH_SIZE], types)
            if batch is None:
                # Somebody else is at it; what they leave is there the next time.
                return kept
            kept += batch
            self._seen |= {pk: (found[pk][0], found[pk][1]) for pk in changed[start : start + BATCH_SIZE]}
        self._seen = {pk: seen for pk, seen in self._seen.items() if pk in found}
        if everything:
            self._looked_at_all = began
        return kept


def arguments_of(text: str | None) -> Any:
    """Return what the text of a result's arguments says, None for an empty one.

    Raises:
        Unreadable: it is too long, or neither JSON nor a Python literal.
    """
    value: Any = text or None
    for _ in range(_WRAPPINGS):
        if not isinstance(value, str):
            return value
        value = _read(value)
    if isinstance(value, str):
        raise Unreadable("The arguments are a text.")
    return value


def payload_of(task_args: str | None, task_kwargs: str | None, job_type: JobType) -> dict[str, Any]:
    """Return the arguments of a task by name, as a job's payload has them.

    Raises:
        Unreadable: what the result says of them can't be understood.
    """
    named = arguments_of(task_kwargs) or {}
    if not isinstance(named, dict):
        raise Unreadable("The keyword arguments are no object.")
    given = arguments_of(task_args) or ()
    if not isinstance(given, list | tuple):
        raise Unreadable("The positional arguments are no list.")
    return {**dict(zip(job_type.arguments or (), given, strict=False)), **named}


def _read(text: str) -> Any:
    if len(text) > MAX_ARGUMENTS_LENGTH:
        raise Unreadable("The arguments are too long.")
    with suppress(ValueError, RecursionError):
        return json.loads(text)
    try:
        with warnings.catch_warnings():
            # What Python has to say about somebody else's literals is of no use here.
            warnings.simplefilter("ignore")
            return ast.literal_eval(text)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError) as error:
        raise Unreadable("The arguments are neither JSON nor a Python literal.") from error


def _keep(pks: Collection[int], types: Mapping[str, JobType]) -> int | None:
    """Keep the syncs among these results; return how many, or None when somebody else is at it."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            # Read and kept by one at a time, or what was read earlier could be kept later.
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK_KEY])
            if not cursor.fetchone()[0]:
                return None
        results = list(TaskResult.objects.filter(pk__in=pks, status__in=ENDED).defer("traceback", "meta"))
        payloads = _payloads(results, types)
        concerned = subjects.registered().of(payloads)
        now = timezone.now()
        attempts = []
        for result in results:
            if result.pk in concerned:
                with _skipping(result):
                    attempts.append(_attempt(result, types[result.task_name], concerned[result.pk].id, now))
        return keep_what_can_be(attempts)


def _payloads(results: Sequence[Any], types: Mapping[str, JobType]) -> dict[int, dict[str, Any]]:
    """Return the arguments of each that can be read and is no attempt's at a job of the ledger."""
    ids = {result.pk: found for result in results if (found := _uuid(result.task_id))}
    ours = set(Dispatch.objects.filter(task_id__in=set(ids.values())).values_list("task_id", flat=True))
    payloads = {}
    for result in results:
        if ids.get(result.pk) in ours or result.task_name not in types:
            continue
        with _skipping(result):
            payloads[result.pk] = payload_of(result.task_args, result.task_kwargs, types[result.task_name])
    return payloads


def _attempt(result: Any, job_type: JobType, identity_id: int, now: datetime) -> SyncAttempt:
    if result.content_type != "application/json":
        raise Unreadable("What the task returned is no JSON.")
    if result.date_done is None:
        raise Unreadable("The result has no end time that Python can represent.")
    # Before it is judged: an error may quote a message, and its text is known for one only by its key.
    returned = redact(parse_json(result.result or "null"))
    verdict = judge(TaskState(state=result.status, result=returned))
    return SyncAttempt(
        identity_id=identity_id,
        source=f"result:{result.task_id}",
        job_type=job_type.name[:64],
        outcome=verdict.outcome,
        started_at=result.date_started,
        # A worker's clock may be ahead.
        ended_at=min(result.date_done, now),
        error=shown_error(verdict.error),
        requested_by=redact_text(result.periodic_task_name or "")[:150],
        via="beat" if result.periodic_task_name else "",
        **numbers(returned),
    )


def _uuid(task_id: str) -> UUID | None:
    try:
        return UUID(task_id)
    except ValueError:
        return None


@contextmanager
def _skipping(result: Any) -> Iterator[None]:
    """Log what goes wrong with one result: whatever it says, the others are kept."""
    try:
        yield
    except DatabaseError:
        raise
    except Unreadable as reason:
        logger.warning("sync_result.skipped", task_id=result.task_id, reason=str(reason))
    except Exception:
        logger.exception("sync_result.skipped", task_id=result.task_id)
