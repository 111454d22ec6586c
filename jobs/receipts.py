"""What an operation gives back to whoever asked for it, with the sentence that people are told."""

import uuid
from dataclasses import dataclass, field

NOT_HANDED_OVER = "The broker can't be reached, so nothing is handed over yet; the console does it as soon as it can."


@dataclass(frozen=True, kw_only=True)
class Submitted:
    """What came of a click: the run, its jobs, and which of them were active already."""

    run_id: uuid.UUID
    job_ids: tuple[int, ...]
    already_active: tuple[int, ...]
    broker_down: bool
    handed_over: int

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
            parts.append(NOT_HANDED_OVER)
        return " ".join(parts)


@dataclass(frozen=True, kw_only=True)
class Retried:
    """A job that was queued again."""

    job_id: int
    broker_down: bool

    @property
    def message(self) -> str:
        """What happened, in a sentence or two."""
        return "Queued again." + (f" {NOT_HANDED_OVER}" if self.broker_down else "")


@dataclass(kw_only=True)
class BulkRetried:
    """What came of retrying several jobs: the ones queued again, and why the others were not."""

    done: list[int] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)
    broker_down: bool = False
