"""How many jobs end by the hour, as the geometry of a stacked chart; its numbers stand beside it in a table."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from jobs.throughput import Hour, Throughput
from opsconsole import formatting

# In the units of the drawing, which is scaled to the width that there is.
STEP: Final = 10
BAR: Final = 8
HEIGHT: Final = 60
_LEAST: Final = 2


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One hour: where its two parts stand, what they say, and the hour itself."""

    x: int
    done_y: int
    done_height: int
    failed_y: int
    failed_height: int
    words: str
    hour: Hour


@dataclass(frozen=True, kw_only=True)
class Chart:
    """The chart, with what it says in words for those who don't see it."""

    words: str
    bars: Sequence[Bar]
    most: int

    width: int = STEP * 24
    height: int = HEIGHT
    bar: int = BAR


def chart(found: Throughput) -> Chart:
    """Return the chart of the last hours."""
    most = max((hour.done + hour.failed for hour in found.hours), default=0)
    bars = []
    for place, hour in enumerate(found.hours):
        done, failed = _height(hour.done, most), _height(hour.failed, most)
        bars.append(
            Bar(
                x=place * STEP,
                done_y=HEIGHT - done,
                done_height=done,
                failed_y=HEIGHT - done - failed,
                failed_height=failed,
                words=f"{hour.began_at:%H:%M}: {hour.done:,} done, {hour.failed:,} failed",
                hour=hour,
            )
        )
    words = (
        f"{formatting.count(found.done, 'job')} done and {found.failed:,} failed since {found.hours[0].began_at:%H:%M} "
        f"UTC yesterday; at most {most:,} in an hour."
    )
    return Chart(words=words, bars=bars, most=most)


def _height(number: int, most: int) -> int:
    # What there is must be seen, however little it is beside the others.
    return min(max(_LEAST, round((HEIGHT - _LEAST) * number / most)), HEIGHT - _LEAST) if number else 0
