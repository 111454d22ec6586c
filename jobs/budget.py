"""Time limits for the sweeper's duties, so that a long backlog in one doesn't keep the others waiting."""

import math
import time
from collections.abc import Callable

Clock = Callable[[], float]


class Budget:
    """A time limit that starts now.

    Args:
        seconds: the length; no limit by default.
        clock: returns the current time in seconds.
    """

    def __init__(self, seconds: float = math.inf, *, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._ends = clock() + seconds

    @property
    def is_spent(self) -> bool:
        """Whether the time is up."""
        return self._clock() >= self._ends

    def part(self, seconds: float, *, least: float = 0.0) -> "Budget":
        """Return a budget for one part of the duty. The part's budget ends with this one at the latest.

        Args:
            seconds: the maximum length of the part.
            least: the minimum length of the part, even if less time is left in this budget.

        Returns:
            The budget of the part, on the same clock.
        """
        return Budget(max(min(seconds, self._ends - self._clock()), least), clock=self._clock)
