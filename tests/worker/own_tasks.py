"""Own tasks as an installation may add them; the worker that a test starts loads them with OPS_TASK_MODULES."""

import time
from contextlib import closing
from typing import Any

import redis
from celery import shared_task
from django.conf import settings

from jobs.ledger_task import Attempt, LedgerTask

QUEUE = "opsconsole"
_TYPES: dict[str, dict[str, Any]] = {
    "tests.count": {"max_attempts": 3},
    "tests.count_once": {"task": "tests.count", "at_most_once": True, "max_attempts": 1},
    "tests.wait": {"max_attempts": 3},
    "tests.wait_once": {"task": "tests.wait", "at_most_once": True, "max_attempts": 1},
    "tests.fail": {"max_attempts": 2},
    "tests.odd": {"max_attempts": 1},
}
TYPES = {name: {"task": name, "queue": QUEUE, "in_core": False, **more} for name, more in _TYPES.items()}
SECRET = "ghp_" + "0a1B" * 9


def _client() -> Any:
    return redis.Redis.from_url(settings.CELERY_BROKER_URL, decode_responses=True)


def effects(name: str) -> list[str]:
    """Return what the tasks have done, in order."""
    with closing(_client()) as client:
        return list(client.lrange(f"effects:{name}", 0, -1))


def leave_effect(name: str, value: object) -> None:
    with closing(_client()) as client:
        client.rpush(f"effects:{name}", str(value))


def let_go(name: str) -> None:
    """Let a task that waits under this name go on."""
    with closing(_client()) as client:
        client.set(f"go:{name}", "1")


@shared_task(base=LedgerTask, name="tests.count")
def count(attempt: Attempt, name: str) -> dict[str, Any]:
    leave_effect(name, attempt.job_id)
    return {"counted": 1}


@shared_task(base=LedgerTask, name="tests.wait")
def wait(attempt: Attempt, name: str) -> dict[str, Any]:
    leave_effect(f"{name}:began", attempt.job_id)
    with closing(_client()) as client:
        steps = 0
        while not client.exists(f"go:{name}"):
            steps += 1
            attempt.progress(min(steps, 999), 1_000, "steps")
            time.sleep(0.05)
    leave_effect(name, attempt.job_id)
    return {"waited": True}


@shared_task(base=LedgerTask, name="tests.fail")
def fail(attempt: Attempt, error: str = "it broke") -> None:
    raise RuntimeError(error)


@shared_task(base=LedgerTask, name="tests.odd")
def odd(attempt: Attempt, kind: str) -> Any:
    return {"no object": 5, "huge": {"blob": "x" * 5_000_000}, "not json": {"at": object()}, "secret": {"t": SECRET}}[
        kind
    ]
