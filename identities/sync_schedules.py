"""Which periodic tasks sync which identities."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Final, Literal

from identities.models import Identity
from jobs import catalog
from jobs.schedules.queries import Entry, entries
from opsconsole.row_ids import row_id

SYNC_TASK: Final = "opsconsole.sync_identities"
SUBMIT_TASK: Final = "opsconsole.submit_job"
PARAMETERS: Final = ("provider_id", "identity_id", "default")

Scheduled = Literal["on", "off", "paused", "broken", "missing", "elsewhere"]


@dataclass(frozen=True, kw_only=True)
class Target:
    """Whom a periodic task syncs: one identity, else those of a provider, else all, or only the default ones."""

    identity_id: int | None = None
    provider_id: str | None = None
    only_default: bool = False

    def covers(self, identity: Identity) -> bool:
        """Whether it is about this identity."""
        if self.identity_id is not None:
            return identity.pk == self.identity_id
        if self.provider_id is not None and identity.provider_id != self.provider_id:
            return False
        return identity.is_default or not self.only_default


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """The periodic tasks that sync one identity.

    Attributes:
        scheduled: whether it is: `on`; `off`: switched off; `paused`: with all the others; `broken`: it can't run;
            `missing`: others have a schedule and this one has none; `elsewhere`: none of the console's schedules
            syncs anybody, so that the core's own beat may do it, of which nothing is known.
        entries: the tasks that decide: its own ones where it has any, else the general ones.
        own: they name this identity.
    """

    scheduled: Scheduled
    entries: tuple[Entry, ...] = ()
    own: bool = False

    @cached_property
    def next(self) -> Entry | None:
        """The task that is expected to run next."""
        known = [(at, entry.id, entry) for entry in self.entries if (at := entry.forecast.next_at) is not None]
        return min(known)[-1] if known else None

    @property
    def next_at(self) -> datetime | None:
        """When the next sync is expected."""
        return self.next.forecast.next_at if self.next else None

    @property
    def shown(self) -> Entry | None:
        """The task that people mean by its schedule: the one that runs next, else the first one."""
        return self.next or (self.entries[0] if self.entries else None)


def target_of(entry: Entry) -> Target | None:
    """Return whom a periodic task syncs, or None when it syncs nobody or its arguments say nothing sensible."""
    job_type = catalog.find(catalog.SYNC)
    arguments, task = entry.arguments, str(entry.task.task)
    if arguments is None or entry.positional is None or job_type is None:
        return None
    parameters: Sequence[str]
    if task == SYNC_TASK:
        parameters = PARAMETERS
    elif task == job_type.task:
        parameters = job_type.arguments or ()
    elif task == SUBMIT_TASK and arguments.get("job_type") == job_type.name:
        payload = arguments.get("payload")
        return _target(payload if isinstance(payload, Mapping) else {}, in_core=True)
    else:
        return None
    if len(entry.positional) > len(parameters):
        return None
    given = dict(zip(parameters, entry.positional, strict=False)) | dict(arguments)
    return _target(given, in_core=task != SYNC_TASK)


def _target(given: Mapping[str, Any], *, in_core: bool) -> Target | None:
    identity_id, provider_id = given.get("identity_id"), given.get("provider_id")
    if identity_id is not None:
        found = row_id(identity_id)
        return None if found is None else Target(identity_id=found)
    if provider_id is not None and not isinstance(provider_id, str):
        return None
    # The core's own task syncs the default identity when none is named.
    return Target(provider_id=provider_id, only_default=in_core or bool(given.get("default")))


class SyncSchedules:
    """What the periodic tasks mean for identities.

    Args:
        found: all of them.
    """

    def __init__(self, found: Sequence[Entry]) -> None:
        self._own: dict[int, list[Entry]] = {}
        self._general: list[tuple[Target, Entry]] = []
        self._taken_over = False
        for entry in found:
            target = target_of(entry)
            if target is None:
                continue
            self._taken_over |= bool(entry.task.enabled or entry.paused)
            if target.identity_id is not None:
                self._own.setdefault(target.identity_id, []).append(entry)
            else:
                self._general.append((target, entry))

    def own(self, identity_id: int) -> tuple[Entry, ...]:
        """Return the tasks that name an identity."""
        return tuple(self._own.get(identity_id, ()))

    def identities_with_own(self) -> set[int]:
        """Return the identities that have tasks of their own, also where these are off."""
        return set(self._own)

    def coverage(self, identity: Identity) -> Coverage:
        """Return what syncs an identity: the tasks that name it, or else the general ones."""
        own = self.own(identity.pk)
        deciding = own or tuple(entry for target, entry in self._general if target.covers(identity))
        return Coverage(scheduled=self._scheduled(deciding, own=bool(own)), entries=deciding, own=bool(own))

    def _scheduled(self, deciding: tuple[Entry, ...], *, own: bool) -> Scheduled:
        if any(entry.forecast.next_at or entry.forecast.overdue for entry in deciding):
            return "on"
        if any(entry.paused for entry in deciding):
            return "paused"
        if any(entry.task.enabled for entry in deciding):
            return "broken"
        if own or (deciding and self._taken_over):
            return "off"
        return "missing" if self._taken_over else "elsewhere"


def with_own_schedule() -> set[int]:
    """Return the identities that have a schedule of their own, so that a general one leaves them to it; one query."""
    return SyncSchedules(entries()).identities_with_own()
