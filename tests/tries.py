"""How long a call may wait for a Redis that is away: added up, not measured, since machines differ."""

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
        """Seconds that all of it takes at the longest, on a machine of any speed: when nothing is ever answered."""
        return sum(self.waits) + sum(self.pauses)


@contextmanager
def tries_at_redis() -> Iterator[Tries]:
    """Note how often this thread tries to reach Redis, how long each try may take, and how long it pauses."""
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
