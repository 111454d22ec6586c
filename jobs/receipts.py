"""What an operation gives back to whoever asked for it, with the sentence that people are told.

Whether the broker could be reached is known only after the outermost commit; until then a receipt says of nothing that
it was handed over.
"""

import uuid
from dataclasses import dataclass, field
from typing import Protocol

from jobs.handover import AfterCommit, HandedOver
from opsconsole.formatting import count

NOT_HANDED_OVER = "The broker can't be reached, so nothing is handed over yet; the console does it as soon as it can."
INTERRUPTED = "Handing over failed; the log says why. The console tries again soon."

CANCELLING = "Cancelling: its task has been asked to end, which takes until its next heartbeat, 10 seconds at the most."
NOT_REVOKED = "The broker can't be reached, so no worker was told; what it has not begun yet it may still begin."
REVOCATION_IN_DOUBT = "Sending to the broker failed, so the workers may not have been told and may still begin it."


@dataclass(frozen=True, kw_only=True)
class Submitted:
    """What came of a click: the run, its jobs, and which of them were active already."""

    run_id: uuid.UUID
    job_ids: tuple[int, ...]
    already_active: tuple[int, ...]
    after_commit: AfterCommit

    @property
    def broker_down(self) -> bool:
        """Whether the broker could not be reached."""
        return self.after_commit.result.broker_down

    @property
    def handed_over(self) -> int:
        """How many of its new jobs are handed over to Celery."""
        return self.after_commit.result.published

    @property
    def message(self) -> str:
        """What happened, in a sentence or two."""
        new, joined = len(self.job_ids) - len(self.already_active), len(self.already_active)
        parts = []
        if new:
            parts.append("1 job queued." if new == 1 else f"{new} jobs queued.")
        if joined:
            parts.append(
                "An identical job was active already and was joined."
                if joined == 1
                else f"{joined} identical jobs were active already and were joined."
            )
        if self.broker_down:
            parts.append(_put_off(self.after_commit.result))
        return " ".join(parts)


@dataclass(frozen=True, kw_only=True)
class Retried:
    """A job that was queued again."""

    job_id: int
    after_commit: AfterCommit

    @property
    def broker_down(self) -> bool:
        """Whether the broker could not be reached."""
        return self.after_commit.result.broker_down

    @property
    def message(self) -> str:
        """What happened, in a sentence or two."""
        return "Queued again." + (f" {_put_off(self.after_commit.result)}" if self.broker_down else "")


class Told(Protocol):
    """Whether the workers could be told of it; known only after the commit."""

    @property
    def not_told(self) -> str:
        """Why they weren't told, or may not have been; empty where they were."""


@dataclass(frozen=True, kw_only=True)
class Cancelled:
    """A job that was cancelled, or whose task has been asked to end.

    Attributes:
        job_id: the job.
        status: `cancelled`, or `running` while its task has not ended yet.
        warning: what cancelling it doesn't stop.
        revocation: whether the workers were told.
    """

    job_id: int
    status: str
    warning: str
    revocation: Told

    @property
    def is_cancelling(self) -> bool:
        """Whether its task has not ended yet."""
        return self.status != "cancelled"

    @property
    def message(self) -> str:
        """What happened, in a sentence or two."""
        parts = [CANCELLING if self.is_cancelling else "Cancelled."]
        if self.warning:
            parts.append(self.warning)
        if self.revocation.not_told:
            parts.append(self.revocation.not_told)
        return " ".join(parts)


@dataclass(frozen=True, kw_only=True)
class SetFailed:
    """A stuck job that was set failed."""

    job_id: int

    @property
    def message(self) -> str:
        """What happened."""
        return "Set failed. It can be retried now."


@dataclass(kw_only=True)
class BulkCancelled:
    """What came of cancelling several jobs, or of setting them failed: the ones done, and why the others were not.

    Attributes:
        verb: what was done to them, “cancelled” or “set failed”.
        revocations: whether the workers were told.
        done: the jobs that have ended by it.
        cancelling: the jobs whose tasks have been asked to end.
        refused: why, by job.
        warnings: what it doesn't stop; a sentence each.
    """

    verb: str
    revocations: tuple[Told, ...]
    done: list[int] = field(default_factory=list)
    cancelling: list[int] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)
    warnings: set[str] = field(default_factory=set)

    @property
    def message(self) -> str:
        """What happened, in a few sentences."""
        parts = []
        if self.done or not self.cancelling:
            parts.append(f"{count(len(self.done), 'job')} {self.verb}.")
        if self.cancelling:
            asked = "its task has" if len(self.cancelling) == 1 else "their tasks have"
            parts.append(f"{count(len(self.cancelling), 'job')} cancelling: {asked} been asked to end.")
        if self.refused:
            parts.append(f"{count(len(self.refused), 'job')} not {self.verb}.")
        parts += sorted(self.warnings)
        parts += sorted({revocation.not_told for revocation in self.revocations} - {""})
        return " ".join(parts)


@dataclass(kw_only=True)
class BulkRetried:
    """What came of retrying several jobs: the ones queued again, and why the others were not."""

    done: list[int] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)
    broker_down: bool = False


def _put_off(result: HandedOver) -> str:
    return INTERRUPTED if result.interrupted else NOT_HANDED_OVER
