"""What can happen between the console, its broker and its workers, brought about by hand."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import redis
from django.conf import settings
from django.db import connection, transaction
from django.db.models import F

from jobs import attempts
from jobs.attempts import Claim
from jobs.models import Dispatch


def claim(job_id: int) -> Claim:
    """Claim a job's open attempt, as the worker does that got its message."""
    dispatch = Dispatch.objects.get(job_id=job_id, ended_at=None)
    held = attempts.claim(
        job_id=job_id, dispatch_id=dispatch.pk, task_id=str(dispatch.task_id), task=dispatch.task, worker="worker@host"
    )
    assert held is not None
    return held


def let_run_out(*columns: str, seconds: float = 1, **conditions: Any) -> None:
    """Put moments of attempts into the past: leases run out, checks and next attempts are due.

    Rows that somebody is changing at the moment are left out.
    """
    past = datetime.now(UTC) - timedelta(seconds=seconds)
    for column in columns:
        with transaction.atomic():
            found = Dispatch.objects.filter(**conditions).exclude(**{column: None}).select_for_update(skip_locked=True)
            Dispatch.objects.filter(pk__in=[dispatch.pk for dispatch in found]).update(**{column: past})


def put_off(*columns: str, **conditions: Any) -> None:
    """Move times of attempts one hour ahead, so that nothing runs out on a slow machine."""
    ahead = datetime.now(UTC) + timedelta(hours=1)
    for column in columns:
        found = Dispatch.objects.filter(**conditions).exclude(**{column: None})
        assert not found.filter(**{f"{column}__lt": F("requested_at") + timedelta(seconds=5)}).exists(), "never held"
        assert found.update(**{column: ahead})


def messages(queue: str) -> list[dict[str, Any]]:
    """Return the headers of the messages that wait in a queue, the next one first."""
    with closing(redis.Redis.from_url(settings.CELERY_BROKER_URL)) as client:
        return [json.loads(raw)["headers"] for raw in reversed(client.lrange(queue, 0, -1))]


def lose_message(queue: str, job_id: int) -> None:
    """Take a job's message out of its queue, as if Redis had lost it."""
    with closing(redis.Redis.from_url(settings.CELERY_BROKER_URL)) as client:
        assert client.lrem(queue, 0, copy_message(queue, job_id)) == 1


def copy_message(queue: str, job_id: int) -> Any:
    """Return a job's message as it waits in its queue."""
    with closing(redis.Redis.from_url(settings.CELERY_BROKER_URL)) as client:
        found: list[Any] = client.lrange(queue, 0, -1)
    return next(raw for raw in found if json.loads(raw)["headers"]["job_id"] == job_id)


def redeliver(queue: str, raw: Any) -> None:
    """Have a message come once more, now or an hour later."""
    with closing(redis.Redis.from_url(settings.CELERY_BROKER_URL)) as client:
        client.lpush(queue, raw)


@contextmanager
def core_held_up() -> Iterator[None]:
    """Have the core's tasks wait before they write anything."""
    with psycopg.connect(psycopg_url()) as elsewhere:
        elsewhere.execute("LOCK TABLE external_accounts IN EXCLUSIVE MODE")
        yield


def psycopg_url() -> str:
    parameters = {**connection.get_connection_params()}
    return psycopg.conninfo.make_conninfo(
        **{key: parameters[key] for key in ("dbname", "user", "password", "host", "port")}
    )
