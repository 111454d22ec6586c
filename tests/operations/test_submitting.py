"""Submitting: one transaction, one job for the same work, one audit row."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction

from identities import operations
from jobs import gateway, handover
from jobs.models import DONE, QUEUED, Dispatch, Job, Run
from opsconsole.audit import AuditLog
from opsconsole.errors import Conflict, NotFound, Refused
from tests.cast import NOW, OPERATOR, make_conversation, make_identity, make_message

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_backfill_of_one_identity_is_one_queued_job_with_a_dispatch_a_run_and_an_audit_row() -> None:
    alice = make_identity("Alice")
    conversation = make_conversation(alice)
    message = make_message(conversation)

    submitted = operations.backfill_conversations(identity_ids=[alice.pk], actor=OPERATOR, reason="new account")

    job = Job.objects.get()
    assert (job.pk, job.status, job.attempts, job.max_attempts) == (submitted.job_ids[0], QUEUED, 0, 3)
    assert (job.job_type, job.queue_name) == ("ingest.backfill_conversations", "ingest")
    assert job.payload_json == {"provider_id": "reddit", "identity_id": alice.pk}
    dispatch = Dispatch.objects.get()
    assert dispatch.job_id == job.pk
    assert dispatch.published_at is not None
    assert (dispatch.conversations_watermark, dispatch.messages_watermark) == (conversation.pk, message.pk)
    assert Run.objects.get().pk == submitted.run_id
    entry = AuditLog.objects.get()
    assert (entry.action_type, entry.result, entry.identity_id) == ("backfill.trigger", "ok", alice.pk)
    assert {key: entry.request_json[key] for key in ("by", "via", "reason")} == {
        "by": "olivia",
        "via": "api",
        "reason": "new account",
    }


def test_the_dedupe_key_is_the_cores() -> None:
    alice = make_identity("Alice")
    operations.backfill_conversations(identity_ids=[alice.pk], actor=OPERATOR)
    key = Job.objects.get().dedupe_key

    # As the core computes it, written down once by hand.
    payload = f'{{"identity_id":{alice.pk},"provider_id":"reddit"}}'
    work = f'{{"payload":{payload},"queue":"ingest","type":"ingest.backfill_conversations"}}'
    assert key == hashlib.sha256(work.encode()).hexdigest()


def test_without_an_identity_every_active_one_gets_a_job() -> None:
    alice, bob = make_identity("Alice"), make_identity("Bob")
    make_identity("Carol", is_active=False)

    submitted = operations.backfill_conversations(actor=OPERATOR)

    assert {job.payload_json["identity_id"] for job in Job.objects.all()} == {alice.pk, bob.pk}
    assert len(submitted.job_ids) == 2


def test_the_same_work_while_it_is_active_joins_the_job_instead_of_doubling_it() -> None:
    alice = make_identity("Alice")
    first = operations.backfill_conversations(identity_ids=[alice.pk], actor=OPERATOR)
    second = operations.backfill_conversations(identity_ids=[alice.pk], actor=OPERATOR)

    assert second.job_ids == first.job_ids == second.already_active
    assert Job.objects.count() == Dispatch.objects.count() == 1
    assert Run.objects.count() == 2


def test_the_same_work_after_it_has_ended_is_a_new_job() -> None:
    alice = make_identity("Alice")
    first = operations.backfill_conversations(identity_ids=[alice.pk], actor=OPERATOR)
    Job.objects.update(status=DONE, dedupe_key=None)

    second = operations.backfill_conversations(identity_ids=[alice.pk], actor=OPERATOR)

    assert second.job_ids != first.job_ids


def test_a_key_that_an_ended_job_still_holds_is_freed() -> None:
    alice = make_identity("Alice")
    first = operations.backfill_conversations(identity_ids=[alice.pk], actor=OPERATOR)
    Job.objects.update(status=DONE)

    second = operations.backfill_conversations(identity_ids=[alice.pk], actor=OPERATOR)

    assert second.job_ids != first.job_ids
    assert Job.objects.get(pk=first.job_ids[0]).dedupe_key is None


def test_many_submits_of_the_same_work_at_once_make_one_job() -> None:
    alice = make_identity("Alice")
    barrier = Barrier(8)

    def submit(_: int) -> tuple[int, ...]:
        barrier.wait()
        try:
            return operations.backfill_conversations(identity_ids=[alice.pk], actor=OPERATOR).job_ids
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(submit, range(8)))

    assert len(ids) == 1
    assert Job.objects.count() == Dispatch.objects.count() == 1


def test_nothing_is_published_before_the_outermost_transaction_has_committed(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[gateway.TaskMessage] = []
    monkeypatch.setattr(gateway, "publish", sent.append)
    alice = make_identity("Alice")

    with transaction.atomic():
        operations.backfill_conversations(identity_ids=[alice.pk], actor=OPERATOR)
        assert sent == []
    assert [message.kwargs for message in sent] == [{"provider_id": "reddit", "identity_id": alice.pk}]


def test_a_submit_that_is_rolled_back_leaves_nothing_and_publishes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[gateway.TaskMessage] = []
    monkeypatch.setattr(gateway, "publish", sent.append)
    alice = make_identity("Alice")

    with pytest.raises(ZeroDivisionError), transaction.atomic():
        operations.backfill_conversations(identity_ids=[alice.pk], actor=OPERATOR)
        raise ZeroDivisionError

    assert sent == []
    assert [model.objects.count() for model in (Job, Dispatch, Run)] == [0, 0, 0]


def test_only_one_ingest_job_of_an_identity_is_handed_over_and_the_others_wait() -> None:
    alice, bob = make_identity("Alice"), make_identity("Bob")
    operations.sync_identities(identity_ids=[alice.pk], actor=OPERATOR)
    operations.backfill_messages(conversation_ids=[make_conversation(alice).pk], actor=OPERATOR)
    operations.redownload_attachments(conversation_id=make_conversation(alice).pk, actor=OPERATOR)
    operations.backfill_conversations(identity_ids=[alice.pk], actor=OPERATOR)
    operations.backfill_conversations(identity_ids=[bob.pk], actor=OPERATOR)

    published = Dispatch.objects.exclude(published_at=None)
    assert published.filter(serial_key=f"ingest:{alice.pk}").count() == 1
    assert published.filter(serial_key=f"ingest:{bob.pk}").count() == 1
    assert Dispatch.objects.filter(published_at=None).count() == 3


@pytest.mark.parametrize("ids", [[987654], [0], [-1], [2**70]])
def test_an_identity_that_does_not_exist_is_not_found_and_the_refusal_is_audited(ids: list[int]) -> None:
    with pytest.raises(NotFound, match="no identity"):
        operations.backfill_conversations(identity_ids=ids, actor=OPERATOR)

    assert not Job.objects.exists()
    entry = AuditLog.objects.get()
    assert (entry.result, entry.action_type) == ("error", "backfill.trigger")
    assert "no identity" in (entry.error_detail or "")


def test_an_inactive_identity_is_not_backfilled() -> None:
    carol = make_identity("Carol", is_active=False)
    with pytest.raises(NotFound, match="inactive"):
        operations.backfill_conversations(identity_ids=[carol.pk], actor=OPERATOR)


def test_without_any_active_identity_there_is_nothing_to_backfill() -> None:
    make_identity("Carol", is_active=False)
    with pytest.raises(Conflict, match="no active identity"):
        operations.backfill_conversations(actor=OPERATOR)


def test_one_unknown_identity_among_several_starts_nothing() -> None:
    alice = make_identity("Alice")
    with pytest.raises(NotFound):
        operations.backfill_conversations(identity_ids=[alice.pk, 987654], actor=OPERATOR)
    assert not Job.objects.exists()


@pytest.mark.parametrize("values", [{"deleted_at": NOW}])
def test_a_deleted_conversation_is_not_found(values: dict[str, Any]) -> None:
    conversation = make_conversation(make_identity("Alice"), **values)
    with pytest.raises(NotFound, match="no conversation"):
        operations.backfill_messages(conversation_ids=[conversation.pk], actor=OPERATOR)


@pytest.mark.parametrize("count", [0, 101])
def test_none_or_too_many_conversations_are_refused(count: int) -> None:
    with pytest.raises(Refused, match="1 to 100"):
        operations.backfill_messages(conversation_ids=range(1, count + 1), actor=OPERATOR)


def test_attachments_are_fetched_again_for_one_conversation_or_for_all() -> None:
    conversation = make_conversation(make_identity("Alice"))
    operations.redownload_attachments(conversation_id=conversation.pk, limit=5, actor=OPERATOR)
    operations.redownload_attachments(actor=OPERATOR)

    assert [job.payload_json for job in Job.objects.order_by("pk")] == [
        {"limit": 5, "conversation_id": conversation.pk},
        {"limit": 100},
    ]


def test_fetching_attachments_of_a_conversation_waits_for_its_identitys_backfill() -> None:
    conversation = make_conversation(make_identity("Alice"))
    operations.backfill_conversations(identity_ids=[conversation.identity_id], actor=OPERATOR)

    submitted = operations.redownload_attachments(conversation_id=conversation.pk, actor=OPERATOR)

    assert Dispatch.objects.get(job_id=submitted.job_ids[0]).published_at is None
    assert submitted.handed_over == 0


def test_what_goes_wrong_after_the_commit_does_not_take_back_what_was_accepted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OperationalError("the connection was lost")

    monkeypatch.setattr(handover, "hand_over", fail)
    submitted = operations.backfill_conversations(identity_ids=[make_identity("Alice").pk], actor=OPERATOR)

    assert submitted.broker_down
    assert "Handing over failed" in submitted.message
    assert "broker" not in submitted.message
    assert Job.objects.get().status == QUEUED
