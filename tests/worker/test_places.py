"""One ingest task of an identity at a time: who holds the place, and until when."""

from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
import redis
from django.conf import settings
from django.db.models import F
from django.db.models.functions import Now

from identities.models import Identity
from identities.operations import backfill_conversations
from jobs import catalog, gateway, handover, losses, operations, sweeper
from jobs.gateway import Workers
from jobs.models import CANCELLED, FAILED, QUEUED, Dispatch, Job
from opsconsole.audit import Entity
from tests.cast import OPERATOR, make_identity
from tests.worker.conftest import Leave

pytestmark = pytest.mark.django_db(transaction=True)

NOBODY_KNOWS = Workers(
    answered=frozenset({"core@host"}), empty_queues=frozenset({"ingest"}), queues={"core@host": ["ingest"]}
)


@pytest.fixture
def alice() -> Identity:
    return make_identity("Alice")


def backfill(alice: Identity) -> Dispatch:
    """Submit a backfill and return its attempt."""
    (job_id,) = backfill_conversations(identity_ids=[alice.pk], actor=OPERATOR).job_ids
    return Dispatch.objects.get(job_id=job_id)


def sync(alice: Identity) -> Dispatch:
    """Submit a sync, which has to wait for its place, and return its attempt."""
    payload = {"provider_id": "reddit", "identity_id": alice.pk}
    submitted = operations.submit_run(
        operation="sync.trigger",
        title="Sync",
        requests=[operations.JobRequest(job_type=catalog.SYNC, payload=payload)],
        actor=OPERATOR,
        entity=Entity(type="identity", id=alice.pk),
    )
    return Dispatch.objects.get(job_id=submitted.job_ids[0])


def messages() -> int:
    with closing(redis.Redis.from_url(settings.CELERY_BROKER_URL)) as client:
        return int(client.llen("ingest"))


def time_passes(seconds: int) -> None:
    for model, names in (
        (Dispatch, ("publication_lease_until", "published_at", "ended_at", "check_at", "unknown_since")),
        (Job, ("updated_at",)),
    ):
        model.objects.update(**{name: F(name) - timedelta(seconds=seconds) for name in names})


def publish_due() -> int:
    time_passes(11)
    return sweeper.publish_due()


def test_a_cancelled_job_keeps_its_place_until_its_task_has_returned(alice: Identity, leave_result: Leave) -> None:
    first, second = backfill(alice), sync(alice)
    operations.cancel_job(first.job_id, actor=OPERATOR)
    assert publish_due() == 0

    leave_result(first, {"status": "success", "messages_synced": 1, "errors": []})
    Dispatch.objects.filter(pk=first.pk).update(late_check_at=Now())
    assert sweeper.keep_late_results() == 1
    assert publish_due() == 1
    assert Dispatch.objects.get(pk=second.pk).published_at


def test_a_cancelled_job_keeps_its_place_until_neither_queue_nor_workers_know_its_task(alice: Identity) -> None:
    first = backfill(alice)
    sync(alice)
    operations.cancel_job(first.job_id, actor=OPERATOR)
    for _ in range(2):
        assert publish_due() == 0
        time_passes(20)
        sweeper.note_workers(NOBODY_KNOWS)
    assert publish_due() == 1


def test_a_job_that_is_cancelled_while_it_is_being_published_keeps_its_place(
    alice: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    really_publish = gateway.publish

    def cancel_meanwhile(message: gateway.TaskMessage) -> None:
        monkeypatch.undo()
        operations.cancel_job(message.job_id, actor=OPERATOR)
        # The next one is submitted before the first one's message is out.
        sync(alice)
        really_publish(message)

    monkeypatch.setattr(gateway, "publish", cancel_meanwhile)
    first = backfill(alice)

    assert Job.objects.get(pk=first.job_id).status == CANCELLED
    assert messages() == 1
    assert publish_due() == 0


def test_a_job_that_is_cancelled_after_whoever_published_it_died_keeps_its_place(
    alice: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    really_publish = gateway.publish

    def die_afterwards(message: gateway.TaskMessage) -> None:
        monkeypatch.undo()
        really_publish(message)
        raise KeyboardInterrupt

    monkeypatch.setattr(gateway, "publish", die_afterwards)
    with pytest.raises(KeyboardInterrupt):
        backfill(alice)
    operations.cancel_job(Job.objects.get().pk, actor=OPERATOR)
    sync(alice)
    assert publish_due() == 0

    # Nobody knows its task, so the place is free in the end.
    for _ in range(2):
        sweeper.note_workers(NOBODY_KNOWS)
        time_passes(20)
    sweeper.note_workers(NOBODY_KNOWS)
    assert publish_due() == 1


def test_a_job_that_waits_in_a_long_queue_and_is_set_failed_keeps_its_place(alice: Identity) -> None:
    first = backfill(alice)
    sync(alice)
    time_passes(16 * 60)
    operations.fail_job(first.job_id, actor=OPERATOR, reason="it takes too long")

    assert Job.objects.get(pk=first.job_id).status == FAILED
    assert messages() == 1
    assert publish_due() == 0


def test_a_job_that_no_worker_knows_and_that_is_set_failed_gives_its_place_to_the_next(alice: Identity) -> None:
    first = backfill(alice)
    sync(alice)
    sweeper.note_workers(Workers())
    Dispatch.objects.filter(pk=first.pk).update(unknown_since=Now() - timedelta(minutes=2), publications=4)
    operations.fail_job(first.job_id, actor=OPERATOR, reason="its worker was killed")

    assert publish_due() == 1


def test_a_place_that_nobody_was_heard_of_for_long_is_free(alice: Identity) -> None:
    first = backfill(alice)
    sync(alice)
    operations.cancel_job(first.job_id, actor=OPERATOR)
    time_passes(10 * 60)
    assert losses.free_places() == 0
    time_passes(6 * 60)
    assert losses.free_places() == 1
    assert publish_due() == 1


def test_a_job_that_was_never_published_takes_no_place_with_it(alice: Identity, redis_server: Any) -> None:
    redis_server.stop()
    try:
        first = backfill(alice)
        operations.cancel_job(first.job_id, actor=OPERATOR)
    finally:
        redis_server.start()
    sync(alice)
    assert messages() == 1


def test_the_next_one_waits_for_its_turn_and_is_published_by_nobody_else(alice: Identity) -> None:
    backfill(alice)
    second = sync(alice)
    assert handover.hand_over([second.pk]).waiting == 1
    assert messages() == 1
    assert Job.objects.get(pk=second.job_id).status == QUEUED


def test_nobody_overtakes_one_that_could_not_be_handed_over_yet(
    alice: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(_: gateway.TaskMessage) -> None:
        raise gateway.BrokerUnreachable("The broker can't be reached.")

    with monkeypatch.context() as patched:
        patched.setattr(gateway, "publish", unreachable)
        first = backfill(alice)
    second = sync(alice)

    assert (first.published_at, second.published_at) == (None, None)
    assert publish_due() == 1
    assert Dispatch.objects.get(pk=first.pk).published_at
