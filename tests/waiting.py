"""Waiting for what other processes do, by condition and with a deadline."""

import time
from collections.abc import Callable
from typing import Final, TypeVar

T = TypeVar("T")

PATIENCE: Final = 60.0
"""Default deadline in seconds. Generous, because only a failing test waits that long."""

_PAUSE = 0.02  # seconds between two looks


def wait_until(condition: Callable[[], T], *, timeout: float = PATIENCE, message: str = "") -> T:
    """Ask again and again until the answer is true-ish, and return it.

    Args:
        condition: What is asked; must be cheap.
        timeout: Seconds after which the test fails; raise it for slow steps.
        message: What didn't happen, for the failure.

    Raises:
        AssertionError: The time is over.
    """
    deadline = time.monotonic() + timeout
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"Not within {timeout:g} s: {message or getattr(condition, '__name__', condition)}")
        time.sleep(_PAUSE)
    return answer
