"""Results that the core's worker leaves, and that no worker should leave."""

import json
from contextlib import closing
from typing import Any

import pytest
import redis
from django.conf import settings

from identities.operations import backfill_conversations
from jobs import sweeper
from jobs.models import DONE, FAILED, RETRYING, Dispatch, Job
from tests.cast import OPERATOR, make_identity

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
