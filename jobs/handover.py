"""Handing dispatches over to Celery: taking the place, publishing, marking.

Called by an operation right after its commit, and by the sweeper for whatever was left. Dying anywhere in here loses
nothing: the dispatch stays unpublished and its lease runs out.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import structlog
from django.db import IntegrityError, InterfaceError, OperationalError, connection, transaction
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now

from jobs import catalog, gateway, ledger
from jobs.budget import Budget
from jobs.dispatching import LATE_CHECK_AFTER, closing, lease_end
from jobs.models import FAILED, QUEUED, RETRYING, RUNNING, Dispatch, Job, Outcome
from opsconsole import failpoints

logger = structlog.get_logger(__name__)

# How soon the sweeper tries again after the broker could not be reached.
RETRY_PUBLICATION_AFTER = timedelta(seconds=3)
# How long nobody may be seen working on a published attempt before the sweeper looks whether its message was lost.
CHECK_AFTER = timedelta(seconds=15)
BATCH_SIZE: Final = 200
_COLUMNS: Final = (
    "task_id",
    "task",
    "queue",
    "kwargs_json",
    "in_core",
    "at_most_once",
    "serial_key",
    "holds_place",
    "job__job_type",
    "job__queue_name",
    "job__payload_json",
    "job__status",
)


@dataclass(frozen=True, kw_only=True)
class HandedOver:
    """The result of handing over some dispatches.

    Attributes:
        published: how many were published.
        waiting: how many wait for another job.
        broker_down: some were left for the sweeper, because the broker is down or handing over was interrupted.
        interrupted: an unexpected error interrupted it.
    """

    published: int = 0
    waiting: int = 0
    broker_down: bool = False
    interrupted: bool = False


def hand_over(dispatch_ids: Sequence[int], *, budget: Budget | None = None) -> HandedOver:
    """Publish dispatches whose publication lease the caller holds. Stop once the broker can't be reached.

    The leases of dispatches that are left are ended, so that the sweeper needn't wait for them to expire.

    Args:
        dispatch_ids: the dispatches, in the order in which to publish them.
        budget: the time limit, after which the rest is left to the sweeper; none by default.

    Returns:
        How many were published and how many were left, and why.
    """
    # Read once for all; whether one has been ended meanwhile is asked again right before it is sent.
    found = Dispatch.objects.filter(ended_at=None, published_at=None).select_related("job").only(*_COLUMNS)
    dispatches = found.in_bulk(dispatch_ids)
    if orphans := [pk for pk in dispatch_ids if pk not in dispatches]:
        # The core has deleted their rows; those that somebody else has published meanwhile are left alone.
        _supersede(orphans)
    with _not_waiting_for_the_disk():
        return _hand_over_each(dispatch_ids, dispatches, budget or Budget())


def _hand_over_each(dispatch_ids: Sequence[int], dispatches: Mapping[int, Dispatch], budget: Budget) -> HandedOver:
    published = 0
    waiting: list[int] = []
    for index, dispatch_id in enumerate(dispatch_ids):
        if budget.is_spent:
            _end_leases(dispatch_ids[index:])
            break
        dispatch = dispatches.get(dispatch_id)
        if dispatch is None:
            continue
        try:
            if _take_place(dispatch):
                published += _publish(dispatch)
            else:
                waiting.append(dispatch_id)
        except gateway.BrokerUnreachable as error:
            # Nothing was sent, so its place is as it was; it had one already if somebody died while sending it before.
            _put_off(dispatch_id, error.message, holds_place=dispatch.holds_place)
            _end_leases(waiting)
            # The rest can't be published now either. Release them when this one is due again.
            _end_leases(dispatch_ids[index + 1 :], after=RETRY_PUBLICATION_AFTER)
            return HandedOver(published=published, waiting=len(waiting), broker_down=True)
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            # A bug must not block the dispatches behind this one. Its lease expires by itself.
            logger.exception("dispatch.not_handed_over", dispatch=dispatch_id)
    # Another job may free their place at any moment.
    _end_leases(waiting)
    return HandedOver(published=published, waiting=len(waiting))


def _end_leases(dispatch_ids: Sequence[int], *, after: timedelta = timedelta(0)) -> None:
    """Let others publish the leased dispatches that haven't been published, now or `after` some time."""
    if dispatch_ids:
        left = Dispatch.objects.filter(pk__in=dispatch_ids, ended_at=None, published_at=None)
        left.update(publication_lease_until=lease_end(after))


class AfterCommit:
    """Hands over once the outermost transaction has committed, and remembers what came of it.

    Args:
        within: seconds after which the rest is left to the sweeper; with 0, all of it is.
    """

    def __init__(self, *, within: float) -> None:
        self._within = within
        self.result = HandedOver()

    def hand_over(self, dispatch_ids: Sequence[int]) -> None:
        """Have dispatches handed over after the commit; what goes wrong then, the sweeper mends."""

        def run() -> None:
            failpoints.reach("submit.committed")
            try:
                self.result = hand_over(dispatch_ids, budget=Budget(self._within))
            except Exception:
                # The work is committed: whoever asked must not be told that it failed.
                logger.exception("dispatch.interrupted")
                self.result = HandedOver(broker_down=True, interrupted=True)

        transaction.on_commit(run)


def lease_due(*, limit: int = BATCH_SIZE) -> Sequence[int]:
    """Take the publication lease of dispatches that nobody is publishing, and return their ids, oldest first.

    Left out are those that wait for another job with the same serial key. Any number of sweepers may do this at once.
    """
    same_key = Dispatch.objects.filter(serial_key=OuterRef("serial_key"))
    before_it = same_key.filter(ended_at=None, pk__lt=OuterRef("pk"))
    in_its_place = same_key.filter(holds_place=True).exclude(pk=OuterRef("pk"))
    with transaction.atomic():
        due = list(
            Dispatch.objects.select_for_update(skip_locked=True)
            .filter(Q(serial_key=None) | ~Exists(before_it) & ~Exists(in_its_place), ended_at=None, published_at=None)
            .filter(publication_lease_until__lt=Now())
            .order_by("pk")
            .values_list("pk", flat=True)[:limit]
        )
        if due:
            Dispatch.objects.filter(pk__in=due).update(publication_lease_until=lease_end())
    return due


@contextmanager
def _not_waiting_for_the_disk() -> Iterator[None]:
    """Write marks without waiting for the disk: one lost in a crash of the database is only made once more."""
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit TO off")
    try:
        yield
    finally:
        # A connection that has broken has no settings to restore.
        with suppress(OperationalError, InterfaceError), connection.cursor() as cursor:
            cursor.execute("RESET synchronous_commit")


def _take_place(dispatch: Dispatch) -> bool:
    """Take the place of the dispatch's serial key; False when another holds it or comes first, or it has ended."""
    if dispatch.serial_key is None:
        # It was read with the whole batch, seconds ago. An own task asks again by its claim; a core's asks nobody.
        return not dispatch.in_core or Dispatch.objects.filter(pk=dispatch.pk, ended_at=None).exists()
    # In SQL, as the mark below: thousands may have to be handed over at once.
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                """
                UPDATE jobs_dispatch SET holds_place = true
                 WHERE id = %s AND ended_at IS NULL
                   AND NOT EXISTS (SELECT 1 FROM jobs_dispatch AS before
                                    WHERE before.serial_key = %s AND before.ended_at IS NULL AND before.id < %s)
                """,
                [dispatch.pk, dispatch.serial_key, dispatch.pk],
            )
            return bool(cursor.rowcount)
    except IntegrityError:
        # The unique index over the places knows better than the look at who comes first.
        return False


def _publish(dispatch: Dispatch) -> int:
    job = dispatch.job
    if job.status not in (QUEUED, RETRYING):
        # Somebody ended or took the job by hand: nothing is to be run for it any more.
        _supersede([dispatch.pk], frees_place=not dispatch.holds_place)
        return 0
    message = message_of(dispatch)
    if dispatch.at_most_once:
        return _publish_once(dispatch, message)
    try:
        gateway.publish(message)
    except gateway.Unpublishable as error:
        fail(dispatch.pk, dispatch.job_id, error.message, Outcome.FAILED)
        return 0
    except gateway.PublicationInDoubt as error:
        # Published once more with the same task id; running twice does no harm to these.
        _put_off(dispatch.pk, error.message)
        return 0
    failpoints.reach("publish.sent")
    if not _mark_published(dispatch.pk):
        _revoke_if_ended(dispatch)
    return 1


def message_of(dispatch: Dispatch) -> gateway.TaskMessage:
    """Return what is sent to Celery for an attempt, whose job was read with it."""
    job = dispatch.job
    if dispatch.kwargs_json:
        kwargs = json.loads(dispatch.kwargs_json)
    else:
        # Made before attempts kept their arguments.
        job_type = catalog.find(job.job_type) or catalog.unlisted(job.job_type, job.queue_name)
        kwargs = job_type.kwargs(job.payload_json)
    return gateway.TaskMessage(
        task_id=str(dispatch.task_id),
        task=dispatch.task,
        queue=dispatch.queue,
        kwargs=kwargs,
        job_id=dispatch.job_id,
        dispatch_id=dispatch.pk,
    )


def _publish_once(dispatch: Dispatch, message: gateway.TaskMessage) -> int:
    """Mark first, then publish: after a crash in between it is not known whether it went out, so never again."""
    with transaction.atomic(), connection.cursor() as cursor:
        # This mark is what keeps it from a second time, so it has to be on the disk.
        cursor.execute("SET LOCAL synchronous_commit TO on")
        marked = _mark_published(dispatch.pk)
    if not marked:
        return 0
    failpoints.reach("publish.marked")
    try:
        gateway.publish(message)
    except gateway.BrokerUnreachable:
        Dispatch.objects.filter(pk=dispatch.pk, ended_at=None).update(published_at=None, publications=0, check_at=None)
        raise
    except gateway.Unpublishable as error:
        fail(dispatch.pk, dispatch.job_id, error.message, Outcome.FAILED)
        return 0
    except gateway.PublicationInDoubt as error:
        fail(
            dispatch.pk,
            dispatch.job_id,
            f"AMBIGUOUS: {error.message} The outcome is unknown.",
            Outcome.UNKNOWN,
        )
        return 0
    return 1


def fail(dispatch_id: int, job_id: int, error: str, outcome: Outcome) -> None:
    """End an attempt that could not be handed over, or of which nobody knows whether it was; its job has failed.

    One that a worker has taken meanwhile goes its own way; one whose row somebody holds is looked at again later.
    """
    with transaction.atomic():
        if not ledger.lock_unless_held(job_id):
            return
        ledger.transition(job_id, allowed=(QUEUED, RETRYING), to=FAILED, last_error=error, dedupe_key=None)
        # The core's worker may have taken it without anybody having seen that it started.
        running = Job.objects.filter(pk=job_id, status=RUNNING)
        mine = Dispatch.objects.filter(~Exists(running), pk=dispatch_id, ended_at=None, started_at=None).update(
            **closing(outcome, frees_place=outcome == Outcome.FAILED, error=error)
        )
        if not mine:
            transaction.set_rollback(True)


def _mark_published(dispatch_id: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE jobs_dispatch SET published_at = now(), publish_error = NULL, publications = publications + 1,
                   check_at = now() + make_interval(secs => %s)
             WHERE id = %s AND ended_at IS NULL AND published_at IS NULL
            """,
            [CHECK_AFTER.total_seconds(), dispatch_id],
        )
        return int(cursor.rowcount)


def _revoke_if_ended(dispatch: Dispatch) -> None:
    """Take back, as far as that goes, the message of an attempt that somebody ended while it was being sent.

    That it isn't to be marked any more can also mean that a worker was quicker to claim it.
    """
    ended = Dispatch.objects.filter(pk=dispatch.pk, published_at=None).exclude(ended_at=None)
    if ended.update(published_at=Now(), late_check_at=lease_end(LATE_CHECK_AFTER) if dispatch.in_core else None):
        with suppress(gateway.BrokerUnreachable, gateway.RevocationInDoubt):
            gateway.revoke([str(dispatch.task_id)])


def _supersede(dispatch_ids: Sequence[int], *, frees_place: bool = False) -> None:
    unpublished = Dispatch.objects.filter(pk__in=dispatch_ids, ended_at=None, published_at=None)
    unpublished.update(**closing(Outcome.SUPERSEDED, frees_place=frees_place))


def _put_off(dispatch_id: int, error: str, **values: Any) -> None:
    """Say why it was not sent, and let the sweeper try again soon."""
    logger.warning("dispatch.put_off", dispatch=dispatch_id, error=error)
    Dispatch.objects.filter(pk=dispatch_id, ended_at=None).update(
        publish_error=error, publication_lease_until=lease_end(RETRY_PUBLICATION_AFTER), **values
    )
