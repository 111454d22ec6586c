"""Results that the core's worker leaves, and that no worker should leave."""

import json
from contextlib import closing
from typing import Any

import pytest
import redis
from django.conf import settings

from identities.operations import backfill_conversations
from jobs import operations, sweeper
from jobs.models import DONE, FAILED, RETRYING, Dispatch, Job
from opsconsole.errors import Conflict
from tests.cast import OPERATOR, make_conversation, make_identity, make_job, make_message

pytestmark = pytest.mark.django_db(transaction=True)

GOOD = {"status": "success", "messages_synced": 1, "new_messages": 1, "errors": []}


def leave(dispatch: Dispatch, **meta: Any) -> None:
    """Leave what a task has returned, word for word."""
    with closing(redis.Redis.from_url(settings.CORE_RESULT_BACKEND)) as client:
        whole = {"status": "SUCCESS", "result": GOOD, "traceback": None, "date_done": None, **meta}
        client.set(f"celery-task-meta-{dispatch.task_id}", json.dumps(whole))


@pytest.fixture
def two_dispatches() -> list[Dispatch]:
    """The published attempts of two backfills."""
    for _ in range(2):
        make_identity()
    backfill_conversations(actor=OPERATOR)
    return list(Dispatch.objects.order_by("pk"))


@pytest.mark.parametrize(
    "meta",
    [
        {"date_done": "0001-01-01T00:00:00+14:00"},
        {"date_done": "9999-12-31T23:59:59-14:00"},
        {"date_done": "yesterday"},
        {"date_done": 1e300},
        {"traceback": ["not", "a", "text"]},
        {"traceback": 5},
        {"traceback": {"a": "\x00"}},
        {"status": ["SUCCESS"]},
        {"result": "\ud800"},
        {"result": {"status": {"a": 1}, "errors": {"b": float("nan")}}},
        {"result": {"a\x00\ud800": float("inf")}},
        {"status": "FAILURE", "result": {"exc_type": 5, "exc_message": {"a": [1]}}},
    ],
    ids=str,
)
def test_a_result_that_makes_no_sense_keeps_no_other_from_being_settled(
    two_dispatches: list[Dispatch], meta: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    odd, good = two_dispatches
    leave(odd, **meta)
    leave(good)
    sweeper.settle_ended()

    assert Job.objects.get(pk=good.job_id).status == DONE
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
    if meta.get("status") != ["SUCCESS"]:
        assert Job.objects.get(pk=odd.job_id).status in {DONE, RETRYING, FAILED}


@pytest.mark.parametrize("exception", ["WorkerLostError", "TimeLimitExceeded", "SoftTimeLimitExceeded", "Terminated"])
def test_a_send_whose_process_was_killed_runs_again_only_once_that_is_confirmed(exception: str) -> None:
    # What the message says is from the attempt before: the process could not write any more.
    message = make_message(make_conversation(make_identity()), remote_visibility="send_failed")
    job = make_job("message.send_manual", queue_name="messages", payload={"message_id": message.pk})
    operations.retry_job(job.pk, actor=OPERATOR)
    leave(Dispatch.objects.get(), status="FAILURE", result={"exc_type": exception, "exc_message": ["killed"]})
    sweeper.settle_ended()

    assert Job.objects.get().status == FAILED
    with pytest.raises(Conflict) as refusal:
        operations.retry_job(job.pk, actor=OPERATOR)
    assert refusal.value.code == "confirmation_required"


def test_a_send_that_was_revoked_runs_again_only_once_that_is_confirmed() -> None:
    message = make_message(make_conversation(make_identity()), remote_visibility="send_failed")
    job = make_job("message.send_manual", queue_name="messages", payload={"message_id": message.pk})
    operations.retry_job(job.pk, actor=OPERATOR)
    # A revoked task may have been terminated in the middle of its work.
    leave(
        Dispatch.objects.get(), status="REVOKED", result={"exc_type": "TaskRevokedError", "exc_message": ["terminated"]}
    )
    sweeper.settle_ended()

    with pytest.raises(Conflict) as refusal:
        operations.retry_job(job.pk, actor=OPERATOR)
    assert refusal.value.code == "confirmation_required"
