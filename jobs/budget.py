"""The time that a duty may take, so that much of one thing to do keeps nothing else waiting."""

import math
import time
from collections.abc import Callable

Clock = Callable[[], float]


class Budget:
    """A number of seconds from now.

    Args:
        seconds: how many; without a limit by default.
        clock: what tells the time, in seconds.
    """

    def __init__(self, seconds: float = math.inf, *, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._ends = clock() + seconds

    @property
    def is_spent(self) -> bool:
        """Whether the time is over."""
        return self._clock() >= self._ends

    def part(self, seconds: float, *, least: float = 0.0) -> "Budget":
        """Return a budget for a part of the duty, which ends with this one.

        Args:
            seconds: how long the part may take at the most.
            least: how long it may take all the same where less is left.
        """
        return Budget(max(min(seconds, self._ends - self._clock()), least), clock=self._clock)
