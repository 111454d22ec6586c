"""What an operation gives back to whoever asked for it, with the sentence that people are told.

Whether the broker could be reached is known only after the outermost commit; until then a receipt says of nothing that
it was handed over.
"""

import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Protocol

from jobs.handover import AfterCommit, HandedOver
from opsconsole.formatting import count

NOT_HANDED_OVER = "The broker can't be reached, so nothing is handed over yet; the console does it as soon as it can."
INTERRUPTED = "Handing over failed. See the log for the cause. The console will try again soon."

CANCELLING = "Cancelling: its task has been asked to end, which takes until its next heartbeat, 10 seconds at the most."
NOT_REVOKED = "The broker can't be reached, so no worker was told; what it has not begun yet it may still begin."
REVOCATION_IN_DOUBT = "Sending to the broker failed. Workers may not have been told, so the task may still start."


# How many skipped items a message names, and how many a run and the audit log keep. A schedule may skip the same
# thousand every few minutes. The API's answer names all of them.
LEFT_OUT_NAMED: Final = 3
LEFT_OUT_KEPT: Final = 100


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """An item of a request for several that was skipped, and why.

    Attributes:
        identity_id: the identity that it concerns, if it concerns one.
        code: the reason, for programs.
        reason: the reason, in a sentence or two.
        job_id: the job that does the same work already, if there is one.
    """

    identity_id: int | None
    code: str
    reason: str
    job_id: int | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the item in the form that API answers and runs use."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Covered:
    """A chosen conversation and the id of the job that covers it, or None if no job does."""

    conversation_id: int
    covered_by: int | None

    def as_json(self) -> dict[str, Any]:
        """Return the pair in the form that API answers and runs use."""
        return asdict(self)


def left_out_words(left_out: Sequence[LeftOut]) -> str:
    """Return the reasons of the first skipped items as sentences, and how many more there are."""
    words = [one.reason for one in left_out[:LEFT_OUT_NAMED]]
    if more := len(left_out) - len(words):
        words.append(f"And {more:,} more.")
    return " ".join(words)


def left_out_kept(left_out: Sequence[LeftOut]) -> list[dict[str, Any]]:
    """Return the skipped items to store: the first ones, and how many more there were."""
    kept = [one.as_json() for one in left_out[:LEFT_OUT_KEPT]]
    if more := len(left_out) - len(kept):
        kept.append(LeftOut(identity_id=None, code="more", reason=f"And {more:,} more.").as_json())
    return kept


@dataclass(frozen=True, kw_only=True)
class Submitted:
    """The result of submitting a run.

    Attributes:
        run_id: the run's id.
        job_ids: the run's jobs.
        already_active: the jobs among them that were active already and were joined.
        stuck: the joined jobs that are stuck.
        left_out: what was skipped, and why.
        conversations: the chosen conversations, each with the job that covers it.
        after_commit: the result of handing the new jobs over.
    """

    run_id: uuid.UUID
    job_ids: tuple[int, ...]
    already_active: tuple[int, ...]
    after_commit: AfterCommit
    stuck: tuple[int, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    conversations: tuple[Covered, ...] = ()

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
        parts += [f"Joined job {job_id} is stuck. See its page for the cause." for job_id in self.stuck[:1]]
        covered = sum(one.covered_by is not None for one in self.conversations)
        if covered > len(self.job_ids):
            parts.append(
                f"The job fetches its whole identity, which covers {covered} conversations."
                if len(self.job_ids) == 1
                else f"Each job fetches its whole identity. Together they cover {covered} conversations."
            )
        if self.left_out:
            parts.append(f"Skipped: {left_out_words(self.left_out)}")
        if self.broker_down:
            parts.append(_put_off(self.after_commit.result))
        return " ".join(parts)

    @property
    def needs_attention(self) -> bool:
        """Whether the message has a warning: not all was started, or not without problems."""
        return self.broker_down or bool(self.left_out) or bool(self.stuck)


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
        """Why the workers weren't told, or may not have been; empty if they were."""


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
