"""How long the last attempts of a job's type took, as a chart and as the rows of the table beside it."""

from collections.abc import Sequence
from dataclasses import dataclass

from jobs.admin.looks import of_outcome
from jobs.models import Outcome
from jobs.run_times import RunTime
from opsconsole import formatting
from opsconsole.bar_chart import Chart, Value, bar_chart
from opsconsole.formatting import Look

_WELL = {Outcome.DONE, Outcome.PARTIAL, Outcome.SKIPPED}


@dataclass(frozen=True, kw_only=True)
class TimedRow:
    """A row of the table: an attempt, how it ended, and whether it was at the job that the page is about."""

    run_time: RunTime
    look: Look
    is_own: bool


def chart_of(run_times: Sequence[RunTime]) -> Chart | None:
    """Return the chart, or None where there are fewer than two attempts to compare.

    Args:
        run_times: the oldest first.
    """
    values = [
        Value(
            amount=float(each.milliseconds),
            said=formatting.duration(each.milliseconds),
            about=f"Job {each.job_id}, {formatting.exact(each.ended_at)}, {of_outcome(each.outcome).word.lower()}",
            fill="" if each.outcome in _WELL else "bad",
        )
        for each in run_times
    ]
    return bar_chart(f"Run time of the last {len(values)} attempts of this type", values)


def rows_of(run_times: Sequence[RunTime], *, job_id: int) -> list[TimedRow]:
    """Return the rows of the table, the newest first.

    Args:
        run_times: the oldest first.
        job_id: of the job that the page is about.
    """
    return [
        TimedRow(run_time=each, look=of_outcome(each.outcome), is_own=each.job_id == job_id)
        for each in reversed(run_times)
    ]
