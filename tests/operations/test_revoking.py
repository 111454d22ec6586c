"""Telling the workers not to begin a task: advisory, and never in anybody's way."""

from collections.abc import Callable
from threading import Thread
from typing import Any

import pytest

from devserver.redis import Redis
from jobs import gateway


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
