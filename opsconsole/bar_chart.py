"""A small bar chart as the geometry of a drawing. Its numbers stand beside it, in words or in a table."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

# In the units of the drawing, which is scaled to the width that there is.
STEP: Final = 10
BAR: Final = 7
HEIGHT: Final = 48
# So many places, whether there are as many values or not: bars don't grow when there are few.
PLACES: Final = 30
_LEAST: Final = 2


@dataclass(frozen=True, kw_only=True)
class Value:
    """What one bar stands for.

    Attributes:
        amount: how high it is, in whatever unit.
        said: the amount in words.
        about: what it is the amount of, in words.
        fill: `good` or `bad` for a bar in that colour; what it means must stand in `about` too.
    """

    amount: float
    said: str
    about: str
    fill: str = ""


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One bar: where it stands and how high it is, in the units of the drawing; what it says; its colour."""

    x: int
    y: int
    height: int
    words: str
    fill: str


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A chart with what it says in words.

    Attributes:
        title: what it shows.
        words: its first, last, least and largest value, for those who don't see it.
        bars: in the order of the values.
    """

    title: str
    words: str
    bars: Sequence[Bar]

    width: int = STEP * PLACES
    height: int = HEIGHT
    bar: int = BAR


def bar_chart(title: str, values: Sequence[Value]) -> Chart | None:
    """Return the chart of the last PLACES values, oldest first; None where there are fewer than two to compare."""
    shown = values[-PLACES:]
    if len(shown) < 2:
        return None
    highest = max(value.amount for value in shown) or 1.0
    # The newest stands at the right edge.
    first = PLACES - len(shown)
    bars = []
    for place, value in enumerate(shown, start=first):
        height = max(_LEAST, round(HEIGHT * value.amount / highest))
        words = f"{value.about}: {value.said}"
        bars.append(Bar(x=place * STEP, y=HEIGHT - height, height=height, words=words, fill=value.fill))
    least = min(shown, key=lambda value: value.amount)
    most = max(shown, key=lambda value: value.amount)
    words = f"From {shown[0].said} to {shown[-1].said}; least {least.said}, most {most.said}."
    return Chart(title=title, words=words, bars=bars)
