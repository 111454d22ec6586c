"""Which jobs are meant by “all that match”: a filter, frozen by the newest id at the moment when somebody looked.

What fails after that moment has, as a rule, a higher id and isn't swept in. How many it is may change all the same,
which is why whoever asks says how many they have seen.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, Final, Literal

from django.db import connection
from django.utils.dateparse import parse_datetime

from jobs.filters import JobFilter
from jobs.models import ACTIVE_STATUSES, FAILED
from opsconsole.errors import Refused
from opsconsole.slow_filters import bounded

Verb = Literal["retry", "cancel"]

RETRY: Final = "retry"
CANCEL: Final = "cancel"
PAST: Final[Mapping[Verb, str]] = {RETRY: "retried", CANCEL: "cancelled"}
# The statuses of what can be retried or cancelled at all.
POSSIBLE: Final[Mapping[Verb, tuple[str, ...]]] = {RETRY: (FAILED,), CANCEL: ACTIVE_STATUSES}
# More than this are not changed by one click; whoever means them all narrows the filter and clicks again.
MAX_MATCHED: Final = 100_000


@dataclass(frozen=True, kw_only=True)
class Selection:
    """The jobs that are meant.

    Attributes:
        verb: what shall be done to them.
        job_filter: which jobs, by the filters of the jobs list; of their statuses only those that make sense.
        up_to_id: none with a higher id.
    """

    verb: Verb
    job_filter: JobFilter
    up_to_id: int

    def count(self) -> int:
        """Return how many they are, MAX_MATCHED + 1 for more; one query.

        Raises:
            Refused: no index carries the filter and it ran out of its time.
        """
        where, params = self._conditions()
        with bounded(True), connection.cursor() as cursor:
            cursor.execute(
                f"SELECT count(*) FROM (SELECT 1 FROM jobs WHERE {where} LIMIT %s) AS found",
                [*params, MAX_MATCHED + 1],
            )
            (found,) = cursor.fetchone()
        return int(found)

    def ids(self, *, after: int = 0) -> list[int]:
        """Return their ids, the oldest first; one query.

        Args:
            after: only those above this one.
        """
        where, params = self._conditions()
        with connection.cursor() as cursor:
            # By the sum, the planner doesn't walk the whole ledger for the sake of the order.
            cursor.execute(
                f"SELECT id FROM jobs WHERE {where} AND id > %s ORDER BY id + 0 LIMIT %s", [*params, after, MAX_MATCHED]
            )
            return [job_id for (job_id,) in cursor.fetchall()]

    def _conditions(self) -> tuple[str, list[Any]]:
        where, params = self.job_filter.conditions()
        return " AND ".join([*where, "jobs.id <= %s"]), [*params, self.up_to_id]


def selection(verb: Verb, job_filter: JobFilter, *, up_to_id: int) -> Selection:
    """Return the jobs of a filter that a verb makes sense for.

    Raises:
        Refused: the filter asks for other statuses only.
    """
    possible = POSSIBLE[verb]
    wanted = job_filter.statuses or possible
    if wrong := [status for status in wanted if status not in possible]:
        raise Refused(
            f"Only jobs that are {' or '.join(possible)} can be {PAST[verb]}, not those that are {' or '.join(wrong)}; "
            f"leave the status out, or name {' or '.join(possible)}.",
            code="wrong_status",
        )
    return Selection(verb=verb, job_filter=replace(job_filter, statuses=tuple(wanted)), up_to_id=up_to_id)


def newest_id() -> int:
    """Return the newest job's id, 0 where there is none; one query."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT COALESCE(max(id), 0) FROM jobs")
        (found,) = cursor.fetchone()
    return int(found)


def filter_as_json(job_filter: JobFilter) -> dict[str, Any]:
    """Return a filter as the API has it, without what doesn't restrict."""
    given = {
        "status" if field.name == "statuses" else field.name: getattr(job_filter, field.name)
        for field in fields(JobFilter)
        if getattr(job_filter, field.name) != field.default
    }
    return {
        name: value.isoformat() if isinstance(value, datetime) else list(value) if isinstance(value, tuple) else value
        for name, value in given.items()
    }


def filter_from_json(values: Mapping[str, Any]) -> JobFilter:
    """Return the filter that `filter_as_json` has made this of."""
    given = dict(values)
    if "status" in given:
        given["statuses"] = tuple(given.pop("status"))
    for name in ("created_after", "created_before"):
        if name in given:
            given[name] = parse_datetime(given[name])
    return JobFilter(**given)
