"""Rows of the core's ledger, `jobs`, as the sample data describes them."""

from dataclasses import dataclass
from typing import Any

from demo.ledger_key import dedupe_key
from demo.rows import encode, stamp

COLUMNS = (
    "id", "queue_name", "job_type", "payload_json", "status", "attempts", "max_attempts", "next_run_at",
    "last_error", "dedupe_key", "created_at", "updated_at",
)  # fmt: skip

INGEST_ATTEMPTS = 3

_ACTIVE = frozenset({"queued", "running", "retrying"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleJob:
    """One row.

    Attributes:
        created: Seconds since 1970.
        updated: Seconds since 1970.
        next_run: Seconds since 1970.
        keeps_key: Whether it has ended and holds its dedupe_key all the same, as some writers leave it.
    """

    queue_name: str
    job_type: str
    payload: Any
    created: int
    updated: int
    status: str = "done"
    attempts: int = 1
    max_attempts: int = 10
    error: str | None = None
    next_run: int | None = None
    keeps_key: bool = False

    def row(self, job_id: int) -> tuple[object, ...]:
        """Write it as values of `COLUMNS`.

        Args:
            job_id: Its primary key.

        Returns:
            The values.
        """
        keyed = self.keeps_key or self.status in _ACTIVE
        return (
            job_id,
            self.queue_name,
            self.job_type,
            encode(self.payload),
            self.status,
            self.attempts,
            self.max_attempts,
            None if self.next_run is None else stamp(self.next_run),
            self.error,
            dedupe_key(self.queue_name, self.job_type, self.payload) if keyed else None,
            stamp(self.created),
            stamp(self.updated),
        )
