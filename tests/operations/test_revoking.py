"""Revocations and questions to the workers, on pooled connections that may have broken."""

import base64
import json
from collections.abc import Callable
from contextlib import closing
from threading import Thread
from typing import Any

import pytest
import redis
from django.conf import settings

from devserver.redis import Redis
from jobs import gateway


def test_a_task_is_revoked_right_after_the_workers_were_asked_what_they_know() -> None:
    client = redis.Redis.from_url(settings.CELERY_BROKER_URL)
    with closing(client), closing(client.pubsub()) as workers:  # type: ignore[no-untyped-call]
        workers.psubscribe("*pidbox*")
        gateway.registered_tasks()
        gateway.revoke(["a task"])
        heard = [message["data"] for message in iter(lambda: workers.get_message(timeout=1.0), None)]
    told = [json.loads(base64.b64decode(json.loads(data)["body"])) for data in heard if isinstance(data, bytes)]
    assert [message["arguments"]["task_id"] for message in told if message["method"] == "revoke"] == [["a task"]]


@pytest.mark.slow
def test_workers_can_be_asked_after_the_broker_was_restarted(redis_server: Redis) -> None:
    gateway.registered_tasks()
    redis_server.stop()
    redis_server.start()
    assert gateway.registered_tasks() == set()
    redis_server.stop()
    redis_server.start()
    assert gateway.ask_workers(registered=True).answered == frozenset()


def test_a_connection_that_broke_in_the_pool_is_no_reason_to_wait(
    redis_server: Redis, wait_until: Callable[..., Any]
) -> None:
    gateway.revoke(["a task"])
    redis_server.stop()
    found: list[BaseException] = []

    def revoke() -> None:
        with pytest.raises(gateway.BrokerUnreachable) as raised:
            gateway.revoke(["another task"])
        found.append(raised.value)

    try:
        # A daemon: were it to try for ever, the test should fail all the same.
        Thread(target=revoke, daemon=True).start()
        wait_until(lambda: found)
    finally:
        redis_server.start()


def test_a_hundred_revocations_arrive_each_right_after_a_question(monkeypatch: pytest.MonkeyPatch) -> None:
    # No worker answers, so each question leaves a read pending on its connection.
    monkeypatch.setattr(gateway, "INSPECT_TIMEOUT_SECONDS", 0.01)
    client = redis.Redis.from_url(settings.CELERY_BROKER_URL)
    with closing(client), closing(client.pubsub()) as workers:  # type: ignore[no-untyped-call]
        workers.psubscribe("*pidbox*")
        for number in range(100):
            gateway.registered_tasks()
            gateway.revoke([f"task {number}"])
        heard = [message["data"] for message in iter(lambda: workers.get_message(timeout=1.0), None)]
    told = [json.loads(base64.b64decode(json.loads(data)["body"])) for data in heard if isinstance(data, bytes)]
    revoked = [message["arguments"]["task_id"] for message in told if message["method"] == "revoke"]
    assert revoked == [[f"task {number}"] for number in range(100)]
