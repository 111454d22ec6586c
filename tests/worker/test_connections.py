"""The connections to the broker: what one use leaves on them must not disturb another."""

from contextlib import closing
from uuid import uuid4

import pytest
import redis
from django.conf import settings

from devserver.redis import Redis
from jobs import gateway


@pytest.mark.slow
@pytest.mark.django_db
def test_what_was_asked_of_the_workers_does_not_get_in_the_way_of_a_publication() -> None:
    # Nobody answers, so the connection is left waiting for an answer.
    gateway.ask_workers(registered=True)
    message = gateway.TaskMessage(task_id=str(uuid4()), task="t", queue="q", kwargs={}, job_id=1, dispatch_id=1)

    gateway.publish(message)

    with closing(redis.Redis.from_url(settings.CELERY_BROKER_URL)) as client:
        assert client.llen("q") == 1


def test_a_broker_that_takes_no_messages_counts_as_one_that_cannot_be_reached() -> None:
    message = gateway.TaskMessage(task_id=str(uuid4()), task="t", queue="q", kwargs={}, job_id=1, dispatch_id=1)
    with closing(redis.Redis.from_url(settings.CELERY_BROKER_URL)) as client:
        client.config_set("maxmemory", 1)
        try:
            with pytest.raises(gateway.BrokerUnreachable, match="refuses messages"):
                gateway.publish(message)
        finally:
            client.config_set("maxmemory", 0)


def test_of_workers_behind_a_broker_that_is_down_nothing_is_known(redis_server: Redis) -> None:
    redis_server.stop()
    try:
        with pytest.raises(gateway.BrokerUnreachable):
            gateway.ask_workers()
    finally:
        redis_server.start()
