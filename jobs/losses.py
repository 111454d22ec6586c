"""Messages that got lost: an attempt was published, and nobody was ever seen working on it.

The ledger is the truth and a Celery message only a hint: Redis can lose it between handing it to a worker and the
worker's acknowledgement, or be flushed. An own task is simply sent again under the same task id: its claim lets one
through. A core task is sent again only when its queue is empty and every worker of that queue says that it doesn't know
it. What may take effect only once is never sent again: where the same is true of it, its job fails. That an own task of
that kind has not run is certain, since it can't be claimed any more; of a core task nobody knows.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, Final

import structlog
from django.db import connection, transaction
from django.db.models import Count, F, Q
from django.db.models.functions import Now

from jobs import catalog, gateway, handover
from jobs.budget import Budget
from jobs.dispatching import closing, lease_end
from jobs.gateway import Workers
from jobs.handover import CHECK_AFTER
from jobs.models import ACTIVE_STATUSES, QUEUED, RETRYING, Dispatch, Outcome, WorkerReport
from opsconsole.far_times import held

logger = structlog.get_logger(__name__)

BATCH_SIZE: Final = 200
LONGEST_CHECK: Final = timedelta(minutes=10)
# A task must have been unknown for so long: it may be on its way from the queue to a worker.
UNKNOWN_FOR: Final = timedelta(seconds=10)
MAX_PUBLICATIONS: Final = 4
# A worker seen within this time must answer before a task of its queues counts as lost. Older workers are ignored: any
# task that they took has ended, because the core's workers kill a task at its time limit.
WORKER_ALIVE: Final = timedelta(seconds=catalog.CORE_TIME_LIMIT_SECONDS) + timedelta(minutes=1)
# After this time, the task of a cancelled job is assumed to be over.
PLACE_HELD_FOR: Final = timedelta(seconds=catalog.CORE_TIME_LIMIT_SECONDS) + timedelta(minutes=5)
# A worker that writes its row itself leaves its result a moment later.
RESULT_COMES_WITHIN: Final = timedelta(minutes=1)

NEVER_CLAIMED: Final = "The message was lost before any worker took it, so it has not run."
OUTCOME_UNKNOWN: Final = (
    "AMBIGUOUS: It was handed over, and then neither its queue nor any worker knew it. The outcome is unknown."
)


def republish_unclaimed(budget: Budget | None = None) -> int:
    """Send own tasks again that no worker has claimed for a while.

    Only as many are sent as are missing from their queue, oldest first: a long queue is no loss. Which of them are
    missing is unknown, and workers may have taken some without starting them. So tasks that may run only once are never
    sent.

    Args:
        budget: the time limit; none by default. At least one task is sent, and the rest are left for the next call.

    Returns:
        How many were sent.

    Raises:
        Unavailable: the broker does not answer.
    """
    budget = budget or Budget()
    waiting = _unclaimed().filter(in_core=False, at_most_once=False, check_at__lt=Now()).order_by("check_at")
    queues = set(waiting.order_by().values_list("queue", flat=True).distinct())
    if not queues:
        return 0
    # Before anything is put off: with the broker away, all of it is looked at again as soon as it is back.
    missing = _missing(queues)
    with transaction.atomic():
        due = list(waiting.select_for_update(skip_locked=True, of=("self",)).select_related("job")[:BATCH_SIZE])
        # Whoever holds them now sends them; should it die, they are due again later.
        Dispatch.objects.filter(pk__in=[dispatch.pk for dispatch in due]).update(check_at=lease_end(CHECK_AFTER))
    sent = 0
    for index, dispatch in enumerate(due):
        if missing[dispatch.queue] <= 0:
            continue
        if sent and budget.is_spent:
            left = Dispatch.objects.filter(pk__in=[each.pk for each in due[index:]], ended_at=None, started_at=None)
            left.update(check_at=Now())
            break
        missing[dispatch.queue] -= 1
        sent += _send_again(dispatch)
    return sent


def note_unknown(workers: Workers, budget: Budget | None = None) -> None:
    """Note which published tasks neither a queue nor a worker knows, and send again those that got lost.

    That is about core tasks and about own ones that may run only once, which are never sent again.

    Args:
        workers: what they answered, with what they have reserved; asked after the queues' lengths were.
        budget: the time limit; none by default. At least one is handled, and the rest after the workers' next answer.

    Raises:
        Unavailable: the broker does not answer.
    """
    budget = budget or Budget()
    suspects = _suspects(workers)
    known = set(workers.active) | workers.reserved
    seen = [one.pk for one in suspects if str(one.task_id) in known]
    lost = [one.pk for one in suspects if str(one.task_id) not in known]
    found = Dispatch.objects.filter(pk__in=seen)
    found.update(check_at=lease_end(CHECK_AFTER), unknown_since=None)
    Dispatch.objects.filter(pk__in=lost, unknown_since=None).update(unknown_since=Now())
    # Its cancelled task is over: the next one of its kind may go.
    Dispatch.objects.filter(
        pk__in=lost, holds_place=True, ended_at__isnull=False, unknown_since__lt=Now() - UNKNOWN_FOR
    ).update(holds_place=False)
    for dispatch in (
        _unclaimed()
        .filter(pk__in=lost, unknown_since__lt=Now() - UNKNOWN_FOR, job__status__in=(QUEUED, RETRYING))
        .select_related("job")
    ):
        if dispatch.at_most_once and dispatch.in_core:
            handover.fail(dispatch.pk, dispatch.job_id, OUTCOME_UNKNOWN, Outcome.UNKNOWN)
        elif dispatch.at_most_once:
            handover.fail(dispatch.pk, dispatch.job_id, NEVER_CLAIMED, Outcome.FAILED)
        elif dispatch.publications < MAX_PUBLICATIONS:
            _send_again(dispatch, unknown_since=None)
        if budget.is_spent:
            break


def suspicious_queues() -> set[str]:
    """Return the queues of published tasks that nobody was seen working on for a while; one query."""
    return set(Dispatch.objects.filter(_suspicious()).order_by().values_list("queue", flat=True).distinct())


def free_places() -> int:
    """Free the places of attempts that ended long ago and whose tasks were never heard of again; return how many."""
    return Dispatch.objects.filter(holds_place=True, ended_at__lt=Now() - PLACE_HELD_FOR).update(holds_place=False)


def let_go_of_ended() -> int:
    """End attempts whose job somebody else has ended or given a status of their own, or is gone; return how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT d.id FROM jobs_dispatch d LEFT JOIN jobs ON jobs.id = d.job_id
             WHERE d.ended_at IS NULL AND d.lease_until IS NULL
               AND (jobs.id IS NULL
                    OR NOT jobs.status::text = ANY(%s)
                   AND (d.published_at IS NULL OR NOT {held("jobs.updated_at")}
                        OR jobs.updated_at < now() - make_interval(secs => %s)))
             LIMIT %s
            """,
            [list(ACTIVE_STATUSES), RESULT_COMES_WITHIN.total_seconds(), BATCH_SIZE],
        )
        left = [pk for (pk,) in cursor.fetchall()]
    if not left:
        return 0
    return Dispatch.objects.filter(pk__in=left, ended_at=None).update(**closing(Outcome.SUPERSEDED))


def _unclaimed() -> Any:
    return Dispatch.objects.filter(ended_at=None, started_at=None).exclude(published_at=None)


def _pause(publications: int) -> timedelta:
    """Return how long to wait after a message was sent so often: what nobody ever takes is sent ever more rarely."""
    doublings: int = min(max(publications, 1), 8) - 1
    return min(CHECK_AFTER * (1 << doublings), LONGEST_CHECK)


def _missing(queues: Iterable[str]) -> Counter[str]:
    """Return by how many messages each queue falls short of its published attempts that nobody has claimed."""
    waiting = gateway.waiting_in(queues)
    # Each has a time to be looked at, which has an index.
    unclaimed = _unclaimed().filter(in_core=False, queue__in=waiting, check_at__isnull=False)
    expected = unclaimed.values("queue").annotate(n=Count("pk"))
    return Counter({row["queue"]: row["n"] - waiting[row["queue"]] for row in expected})


def _suspicious() -> Q:
    quiet = Q(check_at__lt=Now(), ended_at=None, published_at__isnull=False)
    lingering = Q(holds_place=True, ended_at__lt=Now() - CHECK_AFTER)
    return (Q(in_core=True) | Q(at_most_once=True)) & (quiet | lingering)


def _suspects(workers: Workers) -> Sequence[Dispatch]:
    """Return the open attempts that these workers would know of, because all workers of the queue have answered."""
    queues = listening(workers)
    # A started task has left its queue, unless it waits for a retry. All others may still be in their queue, so they
    # count only if it is empty.
    begun = Q(started_at__isnull=False, retrying_since=None)
    somewhere = Q(queue__in=queues & workers.empty_queues) | Q(queue__in=queues) & begun
    return list(Dispatch.objects.filter(_suspicious(), somewhere).order_by("pk")[:BATCH_SIZE])


def listening(workers: Workers) -> set[str]:
    """Return the queues all of whose workers have answered."""
    answered = {queue for name in workers.answered for queue in workers.queues.get(name, ())}
    alive = WorkerReport.objects.filter(seen_at__gt=Now() - WORKER_ALIVE).values_list("hostname", "number", "queues")
    silent = (
        queues
        for name, number, queues in alive
        if name not in workers.answered or number > workers.namesakes.get(name, 1)
    )
    return answered - {queue for queues in silent for queue in queues}


def _send_again(dispatch: Dispatch, **values: Any) -> int:
    """Send an attempt's message once more, under the same task id; 0 when somebody else was quicker."""
    mine = Dispatch.objects.filter(
        pk=dispatch.pk, ended_at=None, started_at=None, publications=dispatch.publications
    ).update(publications=F("publications") + 1, check_at=lease_end(_pause(dispatch.publications + 1)), **values)
    if not mine:
        return 0
    try:
        gateway.publish(handover.message_of(dispatch))
    except gateway.BrokerUnreachable:
        # Nothing was sent: this time doesn't count, and it is looked at again as soon as the broker is back.
        Dispatch.objects.filter(pk=dispatch.pk, ended_at=None).update(
            publications=F("publications") - 1, check_at=lease_end(CHECK_AFTER)
        )
        raise
    logger.warning("dispatch.sent_again", job=dispatch.job_id, dispatch=dispatch.pk, queue=dispatch.queue)
    return 1
