"""A job that is cancelled while it is being handed over."""

from collections.abc import Callable
from typing import Any

import pytest

from identities.operations import backfill_conversations
from jobs import gateway, handover, losses, operations
from jobs.models import CANCELLED, QUEUED, Dispatch, Job
from opsconsole.audit import Entity
from tests.cast import OPERATOR, make_identity
from tests.worker.at_once import at_once
from tests.worker.faults import let_run_out, messages

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Have somebody do something before or after the first message is sent: `meanwhile(before=…, after=…)`."""
    publish = gateway.publish

    def arrange(before: Callable[[], Any] = lambda: None, after: Callable[[], Any] = lambda: None) -> None:
        sent: list[int] = []

        def publish_meanwhile(message: gateway.TaskMessage) -> None:
            first = not sent
            sent.append(message.job_id)
            # In a thread with a connection of its own, as somebody else would.
            assert not first or not isinstance(at_once([before])[0], Exception)
            publish(message)
            assert not first or not isinstance(at_once([after])[0], Exception)

        monkeypatch.setattr(gateway, "publish", publish_meanwhile)

    return arrange


def cancel_newest() -> None:
    operations.cancel_job(Job.objects.latest("pk").pk, actor=OPERATOR)


def test_a_core_job_that_is_cancelled_while_those_before_it_are_handed_over_is_not_handed_over(
    meanwhile: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    # However slow the machine is, none of them is left to a sweeper.
    monkeypatch.setattr(operations, "HAND_OVER_SECONDS", 60.0)
    meanwhile(before=cancel_newest)
    operations.submit_run(
        operation="tests.trigger",
        title="A test",
        requests=[
            operations.JobRequest(job_type="ingest.redownload_attachments", payload={"limit": limit})
            for limit in (1, 2)
        ],
        actor=OPERATOR,
        entity=Entity(type="job"),
    )

    assert list(Job.objects.order_by("pk").values_list("status", flat=True)) == [QUEUED, CANCELLED]
    assert len(messages("ingest")) == 1


def test_a_core_job_that_is_cancelled_before_its_message_is_marked_as_sent_keeps_its_place_until_its_task_is_over(
    meanwhile: Callable[..., None],
) -> None:
    alice = make_identity("Alice")
    meanwhile(after=cancel_newest)
    backfill_conversations(identity_ids=[alice.pk], actor=OPERATOR)
    first = Dispatch.objects.get()
    assert (first.outcome, first.holds_place, first.published_at is None) == ("cancelled", True, False)

    backfill_conversations(identity_ids=[alice.pk], actor=OPERATOR)
    assert len(messages("ingest")) == 1, "two of one identity"


def test_a_core_job_that_is_cancelled_with_the_broker_down_frees_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(_: gateway.TaskMessage) -> None:
        raise gateway.BrokerUnreachable("The broker can't be reached.")

    alice = make_identity("Alice")
    with monkeypatch.context() as patched:
        patched.setattr(gateway, "publish", unreachable)
        backfill_conversations(identity_ids=[alice.pk], actor=OPERATOR)
    cancel_newest()
    backfill_conversations(identity_ids=[alice.pk], actor=OPERATOR)

    assert [message["job_id"] for message in messages("ingest")] == [Job.objects.latest("pk").pk]


def test_the_place_of_a_job_that_was_cancelled_while_its_sender_died_is_freed_in_the_end() -> None:
    make_identity()
    backfill_conversations(actor=OPERATOR)
    Dispatch.objects.update(published_at=None, publications=0, check_at=None)
    cancel_newest()
    assert Dispatch.objects.get().holds_place
    let_run_out("ended_at", seconds=handover.CHECK_AFTER.total_seconds() + 1)
    answer = gateway.Workers(answered=frozenset({"w"}), queues={"w": ["ingest"]}, empty_queues=frozenset({"ingest"}))
    losses.note_unknown(answer)
    let_run_out("unknown_since", seconds=losses.UNKNOWN_FOR.total_seconds() + 1)
    losses.note_unknown(answer)

    assert not Dispatch.objects.get().holds_place
