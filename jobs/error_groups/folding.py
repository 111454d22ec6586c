"""Folding failures into their groups: each counts once, however often, and by however many, it is told."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.db import connection, transaction
from django.utils import timezone

from jobs import subjects
from jobs.error_groups.fingerprint import fingerprint, message_of
from jobs.models import ErrorGroup, ErrorSlot, FailedJob
from opsconsole.redaction import CUT_MARGIN, redact_name, redact_start

SAMPLE_LENGTH: Final = 5_000
# Of an error that is to be shown, so much is read.
READ_LENGTH: Final = SAMPLE_LENGTH + CUT_MARGIN
SLOT_SECONDS: Final = 900
KEPT: Final = timedelta(days=90)
SLOTS_KEPT: Final = timedelta(days=8)
_LOCK_KEY: Final = 0x6F7073_13
_GROUP_CHANGES: Final = ["message", "sample", "first_seen", "last_seen", "failures"]
_MEMBER_CHANGES: Final = ["group", "dispatch_id", "failed_at", "identity_id", "is_open"]


@dataclass(frozen=True, kw_only=True)
class Failure:
    """That a job has failed.

    Attributes:
        job_id: which job.
        dispatch_id: the attempt that failed; 0 where the console made none.
        failed_at: when, as it was written down; together with the attempt it says which failure of the job this is.
        job_type: its type.
        error: its error's first READ_LENGTH characters, as they are.
        payload: its payload, which says whom it concerns.
        is_open: whether it is failed still, as far as is known.
    """

    job_id: int
    dispatch_id: int
    failed_at: datetime
    job_type: str
    error: str | None
    payload: Any
    is_open: bool = True

    @property
    def order(self) -> tuple[int, datetime]:
        """What tells an earlier failure of the same job from a later one."""
        return self.dispatch_id, self.failed_at


def fold(failures: Iterable[Failure]) -> int:
    """Put failures into their groups and count them; return how many were new.

    Left out are those of more than KEPT ago, and those that are known, or older than what is known of their job. A
    fixed number of queries.
    """
    now = timezone.now()
    recent = [failure for failure in failures if failure.failed_at > now - KEPT]
    if not recent:
        return 0
    with transaction.atomic():
        alone()
        new = _new_ones(recent)
        if new:
            _note(new, now)
    return len(new)


def alone() -> None:
    """Keep everybody else from changing groups until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK_KEY])


def slot_of(moment: datetime) -> datetime:
    """Return when the quarter of an hour began that a moment is in."""
    return datetime.fromtimestamp(moment.timestamp() // SLOT_SECONDS * SLOT_SECONDS, tz=UTC)


def _new_ones(failures: Collection[Failure]) -> list[Failure]:
    """Return those that nobody has counted, oldest first."""
    members = FailedJob.objects.filter(pk__in={failure.job_id for failure in failures})
    known = {pk: tuple(order) for pk, *order in members.values_list("pk", "dispatch_id", "failed_at")}
    new = []
    for failure in sorted(failures, key=lambda failure: failure.order):
        last = known.get(failure.job_id)
        if last is None or failure.order > last:
            known[failure.job_id] = failure.order
            new.append(failure)
    return new


def _note(failures: Collection[Failure], now: datetime) -> None:
    concerned = subjects.registered().of({failure.job_id: failure.payload for failure in failures})
    groups: dict[str, ErrorGroup] = {}
    slots: Counter[tuple[str, datetime]] = Counter()
    members: dict[int, FailedJob] = {}
    for failure in failures:
        # Whoever wrote it may have a clock that is ahead.
        seen = min(failure.failed_at, now)
        sample = redact_start(failure.error, SAMPLE_LENGTH) if failure.error else ""
        job_type, message = redact_name(failure.job_type)[:64], message_of(sample)
        name = fingerprint(job_type, message)
        group = groups.setdefault(
            name, ErrorGroup(fingerprint=name, job_type=job_type, first_seen=seen, last_seen=seen, failures=0)
        )
        if seen >= group.last_seen:
            group.message, group.sample = message, sample
        group.first_seen, group.last_seen = min(seen, group.first_seen), max(seen, group.last_seen)
        group.failures += 1
        slots[name, slot_of(seen)] += 1
        subject = concerned.get(failure.job_id)
        members[failure.job_id] = FailedJob(
            job_id=failure.job_id,
            group=group,
            dispatch_id=failure.dispatch_id,
            failed_at=failure.failed_at,
            identity_id=subject.id if subject else None,
            is_open=failure.is_open,
        )
    _keep_groups(groups)
    _add_to_slots(groups, slots, since=now - SLOTS_KEPT)
    for member in members.values():
        member.group_id = member.group.pk
    FailedJob.objects.bulk_create(
        members.values(), update_conflicts=True, unique_fields=["job"], update_fields=_MEMBER_CHANGES
    )


def _keep_groups(groups: Mapping[str, ErrorGroup]) -> None:
    """Write groups, each joined with what is known of it; they have their ids afterwards."""
    for known in ErrorGroup.objects.filter(fingerprint__in=groups):
        group = groups[known.fingerprint]
        if known.last_seen > group.last_seen:
            group.message, group.sample = known.message, known.sample
        group.first_seen = min(known.first_seen, group.first_seen)
        group.last_seen = max(known.last_seen, group.last_seen)
        group.failures += known.failures
    ErrorGroup.objects.bulk_create(
        groups.values(), update_conflicts=True, unique_fields=["fingerprint"], update_fields=_GROUP_CHANGES
    )


def _add_to_slots(
    groups: Mapping[str, ErrorGroup], counted: Mapping[tuple[str, datetime], int], *, since: datetime
) -> None:
    added = {(groups[name].pk, slot): count for (name, slot), count in counted.items() if slot > since}
    if not added:
        return
    known = ErrorSlot.objects.filter(
        group_id__in={group_id for group_id, _ in added}, slot__in={slot for _, slot in added}
    )
    before = {(group_id, slot): count for group_id, slot, count in known.values_list("group_id", "slot", "failures")}
    ErrorSlot.objects.bulk_create(
        [
            ErrorSlot(group_id=group_id, slot=slot, failures=before.get((group_id, slot), 0) + count)
            for (group_id, slot), count in added.items()
        ],
        update_conflicts=True,
        unique_fields=["group", "slot"],
        update_fields=["failures"],
    )
