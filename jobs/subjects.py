"""Whom a job concerns. This application doesn't know identities; the one that does registers itself here."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from opsconsole.row_ids import row_id


@dataclass(frozen=True, kw_only=True)
class Subject:
    """Whom a job concerns, as pages and answers name it.

    Attributes:
        id: its number.
        display_name: its name.
        is_active: whether anything is to be done for it.
        disconnected: why its provider lets it in no more, in a sentence; empty while it does, as far as is known.
    """

    id: int
    display_name: str
    is_active: bool
    disconnected: str = ""


@dataclass(frozen=True, kw_only=True)
class Watermarks:
    """The highest ids at one moment; what lies above them has arrived since."""

    conversations: int
    messages: int


@dataclass(frozen=True, kw_only=True)
class Arrived:
    """What has arrived for a job's subject since its watermarks were taken."""

    conversations: int
    messages: int


class Subjects(Protocol):
    """What the ledger needs to know about those whom its jobs concern."""

    def of(self, payloads: Mapping[int, Any]) -> dict[int, Subject]:
        """Return whom each job concerns, by job id, for those payloads that name somebody who exists."""

    def send_states(self, payloads: Mapping[int, Any]) -> dict[int, "SendState"]:
        """Return what became of the message that each payload names, by job id."""

    def watermarks(self) -> Watermarks:
        """Return the highest ids now."""

    def arrived(self, payload: Any, since: Watermarks) -> Arrived | None:
        """Return what has arrived for this payload's subject since then, or None when it names none."""


@dataclass(frozen=True, kw_only=True)
class SendState:
    """What is known about the message that a send job is to send."""

    exists: bool
    deleted: bool = False
    visibility: str = "unknown"


_registered: list[Subjects] = []


def register(subjects: Subjects) -> None:
    """Say who knows the subjects; the last one to say so is asked."""
    _registered[:] = [subjects]


def registered() -> Subjects:
    """Return who knows the subjects."""
    return _registered[0]


def identity_id_of(payload: Any) -> int | None:
    """Return the identity id that a payload names, when it is a whole number that a bigint can hold."""
    value = payload.get("identity_id") if isinstance(payload, Mapping) else None
    return row_id(value)
