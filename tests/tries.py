"""Adds up how long a call may wait for an unreachable Redis, so that the machine's speed doesn't matter."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import kombu.utils.functional
import pytest
import redis.connection
import redis.retry


class Tries:
    """The connections to Redis that were tried, and the pauses in between."""

    def __init__(self) -> None:
        self.waits: list[float] = []
        self.pauses: list[float] = []

    @property
    def longest(self) -> float:
        """Seconds that the call takes if Redis never answers."""
        return sum(self.waits) + sum(self.pauses)


@contextmanager
def tries_at_redis() -> Iterator[Tries]:
    """Record this thread's tries to reach Redis: the time limit of each, and the pauses between them."""
    tries, thread = Tries(), threading.get_ident()
    connect, sleep = redis.connection.Connection._connect, time.sleep

    def noted_connect(self: redis.connection.Connection) -> Any:
        if threading.get_ident() == thread:
            limits = (self.socket_connect_timeout, self.socket_timeout)
            tries.waits.append(max(float("inf") if limit is None else limit for limit in limits))
        return connect(self)  # type: ignore[no-untyped-call]

    def noted_sleep(seconds: float) -> None:
        if threading.get_ident() == thread:
            tries.pauses.append(seconds)
        sleep(seconds)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(redis.connection.Connection, "_connect", noted_connect)
        for module in (time, kombu.utils.functional, redis.retry):
            patch.setattr(module, "sleep", noted_sleep)
        yield tries
