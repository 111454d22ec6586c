"""Waiting for what other processes do, by condition and with a deadline."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_PAUSE = 0.02  # seconds between two looks


def wait_until(condition: Callable[[], T], *, timeout: float = 10.0, message: str = "") -> T:
    """Ask again and again until the answer is true-ish, and return it.

    Args:
        condition: What is asked; must be cheap.
        timeout: Seconds after which the test fails.
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
