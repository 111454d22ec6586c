"""How the sizes and durations of the last backups go: charts, whose numbers stand beside them."""

from collections.abc import Sequence

from backups.status import Size
from opsconsole import formatting
from opsconsole.bar_chart import PLACES, Chart, Value, bar_chart


def charts(kind: str, points: Sequence[Size]) -> list[Chart]:
    """Return the charts of sizes and of durations; none where there are fewer than two backups to compare.

    Args:
        kind: of the backups, as people call it.
        points: the backups that succeeded, oldest first.
    """
    shown = points[-PLACES:]
    durations = [Value(amount=point.seconds, said=took(point), about=_about(point)) for point in shown]
    found = (
        size_chart(kind, shown),
        bar_chart(f"{kind}: duration of the last {len(shown)}", durations),
    )
    return [chart for chart in found if chart is not None]


def size_chart(kind: str, points: Sequence[Size]) -> Chart | None:
    """Return the chart of sizes only, or None where there are fewer than two backups."""
    shown = points[-PLACES:]
    sizes = [
        Value(amount=float(point.size_bytes or 0), said=formatting.size(point.size_bytes or 0), about=_about(point))
        for point in shown
    ]
    return bar_chart(f"{kind}: size of the last {len(shown)}", sizes)


def took(point: Size) -> str:
    """Return how long a backup took, in words."""
    return formatting.duration(int(point.seconds * 1_000))


def _about(point: Size) -> str:
    return f"#{point.id}, {formatting.exact(point.completed_at)}"
