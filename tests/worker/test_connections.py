"""The connections to the broker: what one use leaves on them must not disturb another."""

from contextlib import closing
from uuid import uuid4

import pytest
import redis
from django.conf import settings

from jobs import gateway


@pytest.mark.django_db
def test_what_was_asked_of_the_workers_does_not_get_in_the_way_of_a_publication() -> None:
    # Nobody answers, so the connection is left waiting for an answer.
    gateway.ask_workers(registered=True)
    message = gateway.TaskMessage(task_id=str(uuid4()), task="t", queue="q", kwargs={}, job_id=1, dispatch_id=1)

    gateway.publish(message)

    with closing(redis.Redis.from_url(settings.CELERY_BROKER_URL)) as client:
        assert client.llen("q") == 1
