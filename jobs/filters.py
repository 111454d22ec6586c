"""Which jobs a list shows: the filter's values, where they come from, and the SQL they become."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, Final

import orjson

from jobs import payloads
from jobs.models import ACTIVE_STATUSES, STATUSES
from jobs.stuck import stuck_condition
from opsconsole.schema import enums

OTHER: Final = "other"
ALLOWED_STATUSES: Final = (*STATUSES, OTHER)
FINGERPRINT: Final = r"^[0-9a-f]{16}$"
NO_FINGERPRINT: Final = "This must be an error group's fingerprint: sixteen hexadecimal digits."


@dataclass(frozen=True, kw_only=True)
class JobFilter:
    """Which jobs to show; what is left out does not restrict.

    Attributes:
        statuses: any of these; `other` stands for all that the console doesn't know.
        job_type: exactly this type.
        queue_name: exactly this queue.
        identity_id: the identity that the payload names.
        q: text that the type or the error contains, in any case.
        created_after: created at this moment or later.
        created_before: created before this moment.
        stuck: only those that are stuck.
        fingerprint: only those whose newest failure is in this error group.
    """

    statuses: tuple[str, ...] = ()
    job_type: str = ""
    queue_name: str = ""
    identity_id: int | None = None
    q: str = ""
    created_after: datetime | None = None
    created_before: datetime | None = None
    stuck: bool = False
    fingerprint: str = ""

    @property
    def is_indexed(self) -> bool:
        """Whether the ledger's own indexes carry it: nothing is filtered, or only the status."""
        return replace(self, statuses=()) == JobFilter()

    @property
    def digest(self) -> str:
        """A short name of these values, by which a cursor knows the list that it belongs to."""
        return hashlib.blake2s(orjson.dumps(self, default=str), digest_size=9).hexdigest()

    def without_status(self) -> "JobFilter":
        """Return the same filter for all statuses."""
        return replace(self, statuses=())

    def conditions(self, other_statuses: tuple[str, ...] = ()) -> tuple[list[str], list[Any]]:
        """Return SQL conditions over `jobs` and their parameters.

        Args:
            other_statuses: the statuses in the table that `other` stands for.
        """
        sql: list[str] = []
        params: list[Any] = []

        def add(condition: str, *values: Any) -> None:
            sql.append(condition)
            params.extend(values)

        if self.statuses:
            # Of a native enum, a value that it lacks would be an error, not an empty list.
            wanted = [name for name in self.statuses if name != OTHER and enums.accepts("jobs", "status", name)]
            if OTHER in self.statuses:
                wanted.extend(other_statuses)
            # Literals, not an array: they take the column's own type, native enum or text, and its index.
            add(f"jobs.status IN ({', '.join(['%s'] * len(wanted))})" if wanted else "false", *wanted)
        if self.job_type:
            add("jobs.job_type = %s", self.job_type)
        if self.queue_name:
            add("jobs.queue_name = %s", self.queue_name)
        if self.identity_id is not None:
            add(f"{payloads.text_of('identity_id')} = %s", str(self.identity_id))
        if self.q:
            pattern = "%" + self.q.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
            add("(jobs.job_type ILIKE %s OR jobs.last_error ILIKE %s)", pattern, pattern)
        if self.created_after is not None:
            add("jobs.created_at >= %s", self.created_after)
        if self.created_before is not None:
            add("jobs.created_at < %s", self.created_before)
        if self.stuck:
            add(f"jobs.status IN ({', '.join(['%s'] * len(ACTIVE_STATUSES))})", *ACTIVE_STATUSES)
            add(*stuck_condition())
        if self.fingerprint:
            # An array, so that the group's jobs are looked up by their ids, and not the ledger walked through.
            add(
                "jobs.id = ANY(ARRAY(SELECT m.job_id FROM jobs_failedjob m JOIN jobs_errorgroup g ON g.id = m.group_id"
                " WHERE g.fingerprint = %s))",
                self.fingerprint,
            )
        return sql, params


def from_validated(data: Mapping[str, Any]) -> JobFilter:
    """Return the filter that validated query parameters stand for."""
    return JobFilter(**{field.name: data[field.name] for field in fields(JobFilter) if field.name in data})
