"""How the sizes and durations of the last backups go, as the geometry of a small chart; its numbers stand beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from backups.status import Size
from opsconsole import formatting

# In the units of the drawing, which is scaled to the width that there is.
STEP: Final = 10
BAR: Final = 7
HEIGHT: Final = 48
# So many places, whether there are as many backups or not: bars don't grow when there are few.
PLACES: Final = 30
_LEAST: Final = 2


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One backup.

    Attributes:
        x, y, height: of its bar, in the units of the drawing.
        id: the backup's.
        at: when it was completed.
        size: how large it is, in words.
        took: how long it took, in words.
        words: which it is and what its bar says.
    """

    x: int
    y: int
    height: int
    id: int
    at: datetime
    size: str
    took: str
    words: str


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A chart with what it says in words.

    Attributes:
        title: what it shows.
        words: its first, last, least and largest, for those who don't see it.
        bars: oldest first.
    """

    title: str
    words: str
    bars: Sequence[Bar]

    width: int = STEP * PLACES
    height: int = HEIGHT
    bar: int = BAR


def charts(kind: str, points: Sequence[Size]) -> list[Chart]:
    """Return the charts of sizes and of durations; none where there are fewer than two backups to compare.

    Args:
        kind: of the backups, as people call it.
        points: the backups that succeeded, oldest first.
    """
    shown = points[-PLACES:]
    if len(shown) < 2:
        return []
    sizes = [float(point.size_bytes or 0) for point in shown]
    seconds = [point.seconds for point in shown]
    size_words = [formatting.size(int(value)) for value in sizes]
    return [
        _chart(f"{kind}: size of the last {len(shown)}", shown, sizes, size_words),
        _chart(f"{kind}: duration of the last {len(shown)}", shown, seconds, [_duration(value) for value in seconds]),
    ]


def size_chart(kind: str, points: Sequence[Size]) -> Chart | None:
    """Return the chart of sizes only, or None where there are fewer than two backups."""
    found = charts(kind, points)
    return found[0] if found else None


def _chart(title: str, points: Sequence[Size], values: Sequence[float], words: Sequence[str]) -> Chart:
    highest = max(values) or 1.0
    # The newest stands at the right edge.
    first = PLACES - len(points)
    bars = []
    for place, (point, value, said) in enumerate(zip(points, values, words, strict=True), start=first):
        height = max(_LEAST, round(HEIGHT * value / highest))
        bars.append(
            Bar(
                x=place * STEP,
                y=HEIGHT - height,
                height=height,
                id=point.id,
                at=point.completed_at,
                size=formatting.size(point.size_bytes),
                took=_duration(point.seconds),
                words=f"#{point.id}, {formatting.exact(point.completed_at)}: {said}",
            )
        )
    least = words[values.index(min(values))]
    largest = words[values.index(max(values))]
    return Chart(title=title, words=f"From {words[0]} to {words[-1]}; least {least}, most {largest}.", bars=bars)


def _duration(seconds: float) -> str:
    return formatting.duration(int(seconds * 1_000))
