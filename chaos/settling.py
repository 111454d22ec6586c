"""Waiting until all of a run's work has ended, as an operator would: what is stuck is set failed, with a reason."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from chaos.checks.facts import ENDED, TOUCHED, Finding, Kind, lines
from chaos.client import Client
from chaos.instruments import Connection, Since

# A committed submit is handed over so many seconds after the last fault's end.
HANDED_OVER_WITHIN: Final = 30.0
_LOOK_EVERY: Final = 3.0
_REASON: Final = "Left behind by a process that was killed"

_STATUSES: Final = f"SELECT status::text, count(*) FROM jobs WHERE id IN {TOUCHED} GROUP BY 1"
# Committed, not sent, and nothing in its way.
_NOT_SENT: Final = """
    SELECT d.id, d.job_id, d.publish_error FROM jobs_dispatch d
     WHERE d.ended_at IS NULL AND d.published_at IS NULL AND d.requested_at < now() - make_interval(secs => %(seconds)s)
       AND NOT EXISTS (SELECT 1 FROM jobs_dispatch o WHERE o.serial_key = d.serial_key AND o.id <> d.id
                          AND (o.holds_place OR o.ended_at IS NULL AND o.id < d.id))
"""


@dataclass(slots=True)
class Settled:
    """What waiting has shown."""

    seconds: float = 0.0
    set_failed: int = 0
    stuck: frozenset[int] = frozenset()
    findings: list[Finding] = field(default_factory=list)


class Settling:
    """The time after the last fault."""

    def __init__(self, connection: Connection, since: Since, client: Client, wait: Callable[[float], object]) -> None:
        """Describe it.

        Args:
            connection: To the run's database.
            since: What was there before.
            client: How an operator acts.
            wait: Lets seconds pass.
        """
        self._connection = connection
        self._ids = {"job": since.job, "dispatch": since.dispatch}
        self._client = client
        self._wait = wait

    def run(self, seconds: float, say: Callable[[str], None]) -> Settled:
        """Wait until every job of the run has ended or is stuck for good, for that many seconds at the most."""
        settled = Settled()
        started = said = time.monotonic()
        while not settled.seconds:
            self._wait(_LOOK_EVERY)
            passed = time.monotonic() - started
            if passed >= HANDED_OVER_WITHIN and not settled.findings:
                settled.findings.append(self._handed_over())
            statuses = dict(self._rows(_STATUSES))
            active = {name: n for name, n in statuses.items() if name in {"queued", "running", "retrying"}}
            if time.monotonic() - said >= 10:
                said = time.monotonic()
                say(f"{passed:4.0f} s after the last fault, still active: {active or 'nothing'}")
            settled.stuck = frozenset(self._stuck())
            failed = sum(self._set_failed(job) for job in settled.stuck)
            settled.set_failed += failed
            # Whatever else is active may still go on; what is stuck and can't be set failed will not.
            over = not failed and sum(active.values()) == len(settled.stuck)
            if settled.findings and (over or passed > seconds):
                settled.seconds = passed
        settled.findings.append(self._counts())
        return settled

    def _handed_over(self) -> Finding:
        left = self._rows(_NOT_SENT, seconds=HANDED_OVER_WITHIN)
        ((checked,),) = self._rows("SELECT count(*) FROM jobs_dispatch WHERE id > %(dispatch)s")
        invariant = f"all was handed over {HANDED_OVER_WITHIN:.0f} s after the last fault"
        return Finding(invariant, checked, lines(left, "attempt {0} of job {1} was not: {2}"), Kind.LOST)

    def _stuck(self) -> list[int]:
        """Return the stuck jobs of ours, also of an earlier run: others may be waiting for them."""
        answer = self._client.get("/ops/jobs?stuck=true&limit=200") or {"jobs": []}
        ours = {row[0] for row in self._rows("SELECT job_id FROM jobs_dispatch WHERE ended_at IS NULL")}
        return [job["id"] for job in answer["jobs"] if job["id"] in ours]

    def _set_failed(self, job: int) -> bool:
        answer = self._client.post(f"/ops/jobs/{job}/fail", {"reason": _REASON}, key=f"chaos-{job}-{time.time()}")
        return answer.status == 200

    def _counts(self) -> Finding:
        """The counts that the pages show agree with the ledger, once they have been counted again."""
        counted: dict[str, Any] = {}
        actual: dict[str, int] = {}
        for _ in range(10):
            actual = dict(
                self._rows(f"SELECT status::text, count(*) FROM jobs WHERE status::text IN {ENDED} GROUP BY 1")
            )
            counted = self._client.get("/ops/jobs/counts") or {}
            if all(counted.get(name) == number for name, number in actual.items()):
                break
            self._wait(_LOOK_EVERY)
        wrong = [(name, counted.get(name), number) for name, number in actual.items() if counted.get(name) != number]
        return Finding("the counts agree with the ledger", len(actual), lines(wrong, "{0}: {1}, and really {2}"))

    def _rows(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        return self._connection.execute(query, {**self._ids, **values}).fetchall()
