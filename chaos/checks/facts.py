"""What a run has left behind, and what a check makes of it."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any

from chaos.instruments import Connection, Since
from chaos.journal import Asked
from chaos.witness import Ran

# The jobs that the run has made or run again.
TOUCHED = """
    (SELECT job_id AS id FROM jobs_dispatch WHERE id > %(dispatch)s UNION SELECT id FROM jobs WHERE id > %(job)s)
"""
ENDED = "('done', 'failed', 'cancelled')"


class Kind(StrEnum):
    """What it means when a check finds something."""

    LOST = "lost"
    DOUBLED = "doubled"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One invariant.

    Attributes:
        invariant: What must be true.
        checked: For how many it was looked at.
        broken: One line for each for which it isn't.
        kind: What that means.
    """

    invariant: str
    checked: int
    broken: Sequence[str] = ()
    kind: Kind = Kind.WRONG


@dataclass(frozen=True, slots=True)
class Audited:
    """One row of the audit log."""

    action: str
    ok: bool
    entity_id: int | None
    request: dict[str, Any]
    response: dict[str, Any]


@dataclass(frozen=True)
class Facts:
    """All that the checks look at.

    Attributes:
        connection: To the run's database.
        since: What was there before.
        asked: The requests, with their answers.
        ran: What the stand-in for the core's worker has run.
        stuck: The jobs that the console shows as stuck, for an operator to decide about.
    """

    connection: Connection
    since: Since
    asked: Sequence[Asked] = ()
    ran: Sequence[Ran] = ()
    stuck: frozenset[int] = field(default_factory=frozenset)

    def rows(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        """Return what a query selects; its parameters are the ids since which the run is, and `values`."""
        since = {"job": self.since.job, "dispatch": self.since.dispatch, "audit": self.since.audit}
        return self.connection.execute(query, {**since, **values}).fetchall()

    def number(self, query: str, **values: Any) -> int:
        """Return the one number that a query selects."""
        return int(self.rows(query, **values)[0][0])

    @cached_property
    def audited(self) -> dict[str, list[Audited]]:
        """The run's rows of the audit log, by the reason that was given."""
        found = defaultdict(list)
        for action, result, entity, request, response in self.rows(
            """
            SELECT action_type, result::text, entity_id, request_json::text, response_json::text
              FROM audit_log WHERE id > %(audit)s ORDER BY id
            """
        ):
            asked = json.loads(request or "{}")
            row = Audited(action, result == "ok", entity, asked, json.loads(response or "{}") or {})
            found[str(asked.get("reason") or "")].append(row)
        return dict(found)

    @property
    def changes(self) -> Iterator[Audited]:
        """All that was done, whoever asked."""
        return (row for rows in self.audited.values() for row in rows if row.ok)


def lines(rows: Iterable[Sequence[Any]], sentence: str) -> list[str]:
    """Return a line for each row, from a format with its columns by number."""
    return [sentence.format(*row) for row in rows]
