"""When things happen: people write in the evening, hardly at night, and now and then a provider is down."""

import random
from bisect import bisect
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

from demo.cast import MASTODON, REDDIT
from demo.rows import DAY, HOUR, MINUTE

# Weights of the 24 hours of a day, UTC.
_HOURS = (4, 2, 1, 1, 1, 2, 5, 9, 11, 12, 12, 13, 15, 13, 12, 12, 13, 15, 18, 21, 23, 20, 14, 8)
_CUMULATIVE = tuple(accumulate(_HOURS))


@dataclass(frozen=True, slots=True)
class Incident:
    """A time during which a provider hardly answers; in seconds since 1970."""

    provider_id: str
    start: int
    end: int

    def covers(self, provider_id: str, moment: int) -> bool:
        """Whether a request to that provider at that moment meets this incident."""
        return provider_id == self.provider_id and self.start <= moment < self.end


def incidents(now: int) -> tuple[Incident, ...]:
    """Say when the providers were down.

    Args:
        now: Seconds since 1970.

    Returns:
        One night nine days ago, and one evening more than three weeks ago.
    """
    midnight = now // DAY * DAY
    night = midnight - 8 * DAY + HOUR + 10 * MINUTE
    evening = midnight - 24 * DAY + 19 * HOUR + 25 * MINUTE
    return (
        Incident(REDDIT, night, night + 4 * HOUR + 25 * MINUTE),
        Incident(MASTODON, evening, evening + 50 * MINUTE),
    )


def second_of_day(rng: random.Random) -> int:
    """Choose a time of the day at which people are awake.

    Args:
        rng: Where the choice comes from.

    Returns:
        0 to 86,399.
    """
    return bisect(_CUMULATIVE, rng.randrange(_CUMULATIVE[-1])) * HOUR + rng.randrange(HOUR)


def waking_moments(rng: random.Random, start: int, end: int, *, per_day: float) -> Iterator[int]:
    """Choose when people did something.

    Args:
        rng: Where the choices come from.
        start: Seconds since 1970.
        end: Seconds since 1970, not included.
        per_day: How often, on average.

    Yields:
        Seconds since 1970, in no order.
    """
    for _ in range(round((end - start) / DAY * per_day)):
        moment = rng.randrange(start, end) // DAY * DAY + second_of_day(rng)
        yield moment if start <= moment < end else rng.randrange(start, end)
