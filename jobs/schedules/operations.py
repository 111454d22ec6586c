"""What people can do with beat's periodic tasks: run one now, switch them on and off, pause and resume all of them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from django.db import transaction
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from jobs.models import PausedSchedule
from jobs.receipts import Submitted
from jobs.schedules import pausing, queries, starting
from jobs.schedules.entry_tasks import RUN
from opsconsole.audit import Actor, Entity, record, record_refusal
from opsconsole.errors import Conflict, NotFound, OpsError, Refused
from opsconsole.formatting import count
from opsconsole.redaction import redact_name
from opsconsole.row_ids import row_id

CHANGE: Final = "schedule.change"
PAUSE: Final = "schedules.pause"
RESUME: Final = "schedules.resume"
# As the audit log calls them.
ENTITY: Final = "periodictask"
MAX_AT_ONCE: Final = 200


@dataclass(frozen=True, kw_only=True)
class Switched:
    """What came of switching periodic tasks on or off.

    Attributes:
        done: the names of those that were changed, by id.
        left: the names of those that were left as they are, by id.
        message: what happened, in a sentence or two.
    """

    done: dict[int, str]
    left: dict[int, str]
    message: str


def run_now(periodic_task_id: int, *, actor: Actor, reason: str = "") -> Submitted:
    """Start what stands behind a periodic task, as a job in the ledger; whether it is on makes no difference.

    Args:
        periodic_task_id: beat's row.
        actor: who asks, and through what.
        reason: what the person gave as the reason.

    Raises:
        NotFound: no such task, or what it is about doesn't exist.
        Refused: what it starts can't be a job, or its arguments are not what it takes.
        Conflict: there was nothing to do, or the operation behind it can't be done now.
    """
    with _audited(RUN, actor=actor, entity=_entity(periodic_task_id), reason=reason):
        entry = queries.get(periodic_task_id)
        submitted = starting.startable(entry).start(actor=actor, reason=reason)
        if submitted is None:
            raise Conflict(
                f"“{entry.name}” had nothing to do: there is nothing that it could be run for.", code="nothing_to_do"
            )
        record(
            actor=actor,
            action=RUN,
            entity=Entity(type=ENTITY, id=entry.id),
            about=[("run", str(submitted.run_id)), *(("job", job_id) for job_id in submitted.job_ids)],
            reason=reason,
            request={"schedule": entry.task.name, "task": entry.task.task},
            response={"run_id": str(submitted.run_id), "jobs": list(submitted.job_ids)},
        )
    return submitted


def set_enabled(periodic_task_ids: Sequence[int], *, enabled: bool, actor: Actor, reason: str = "") -> Switched:
    """Switch periodic tasks on or off. One that was paused is not paused any more, either way.

    Args:
        periodic_task_ids: beat's rows, 1 to MAX_AT_ONCE.
        enabled: on or off.
        actor: who asks, and through what.
        reason: what the person gave as the reason.

    Raises:
        NotFound: one of them does not exist; nothing is changed then.
        Refused: none or too many are named.
        Conflict: all of them are already as they should be.
    """
    wanted = list(dict.fromkeys(periodic_task_ids))
    word = "on" if enabled else "off"
    only = wanted[0] if len(wanted) == 1 else None
    with _audited(CHANGE, actor=actor, entity=_entity(only), reason=reason, request={"enabled": enabled}):
        if not 0 < len(wanted) <= MAX_AT_ONCE:
            raise Refused(f"Name 1 to {MAX_AT_ONCE} schedules at once, not {len(wanted)}.", code="too_many")
        rows = {row.pk: row for row in _locked().filter(pk__in=[pk for pk in wanted if row_id(pk)])}
        for pk in wanted:
            if pk not in rows:
                raise NotFound(f"There is no schedule {str(pk)[:50]}.", code="schedule_not_found")
        paused = set(PausedSchedule.objects.filter(task_id__in=rows).values_list("task_id", flat=True))
        changed = [row for row in rows.values() if row.enabled != enabled or (row.pk in paused and not enabled)]
        if not changed:
            one = f"“{redact_name(next(iter(rows.values())).name)}” is" if len(rows) == 1 else "All of them are"
            raise Conflict(f"{one} {word} already.", code="already")
        PausedSchedule.objects.filter(task_id__in=rows).delete()
        switch = pausing.switch_on if enabled else pausing.switch_off
        switch([row.pk for row in changed if row.enabled != enabled], now=timezone.now())
        for row in changed:
            record(
                actor=actor,
                action=CHANGE,
                entity=Entity(type=ENTITY, id=row.pk),
                reason=reason,
                request={
                    "schedule": row.name,
                    "change": "enabled" if enabled else "disabled",
                    "from": {"enabled": row.enabled, "paused": row.pk in paused},
                    "to": {"enabled": enabled, "paused": False},
                },
            )
    done = {row.pk: redact_name(row.name) for row in changed}
    left = {pk: redact_name(row.name) for pk, row in rows.items() if pk not in done}
    what = f"“{next(iter(done.values()))}” is" if len(done) == 1 else f"{len(done)} schedules are"
    already = f" {count(len(left), 'schedule')} {'was' if len(left) == 1 else 'were'} so already." if left else ""
    return Switched(done=done, left=left, message=f"{what} {word} now.{already}")


def pause_all(*, actor: Actor, reason: str = "") -> Switched:
    """Switch off every periodic task that is on, and remember which these were, for `resume_all`.

    The console's own housekeeping and Celery's cleaning of its results are among them: afterwards beat starts nothing.
    What somebody switches on or adds while it is paused runs; pausing once more pauses that too.

    Args:
        actor: who asks, and through what.
        reason: what the person gave as the reason.

    Raises:
        Conflict: none is on.
    """
    with _audited(PAUSE, actor=actor, entity=_entity(None), reason=reason):
        pausing.one_at_a_time()
        now = timezone.now()
        rows = list(_locked().filter(enabled=True))
        if not rows:
            first = PausedSchedule.objects.order_by("paused_at").first()
            if first is None:
                raise Conflict("No schedule is on, so there is nothing to pause.", code="nothing_to_pause")
            raise Conflict(
                f"All schedules are paused already, since {first.paused_at:%Y-%m-%d %H:%M} UTC by {first.paused_by}.",
                code="already_paused",
            )
        PausedSchedule.objects.bulk_create(
            [PausedSchedule(task_id=row.pk, paused_at=now, paused_by=actor.name[:150]) for row in rows],
            # Of one that is on although it is remembered.
            update_conflicts=True,
            unique_fields=["task"],
            update_fields=["paused_at", "paused_by"],
        )
        pausing.switch_off([row.pk for row in rows], now=now)
        done = {row.pk: redact_name(row.name) for row in rows}
        _record_all(PAUSE, done, {}, actor=actor, reason=reason)
    message = f"{count(len(done), 'schedule')} paused. Beat starts nothing until they are resumed."
    return Switched(done=done, left={}, message=message)


def resume_all(*, actor: Actor, reason: str = "") -> Switched:
    """Switch on what was paused, each counting from now, and forget the pause.

    What was deleted, or switched on by hand meanwhile, stays as it is.

    Args:
        actor: who asks, and through what.
        reason: what the person gave as the reason.

    Raises:
        Conflict: nothing is paused.
    """
    with _audited(RESUME, actor=actor, entity=_entity(None), reason=reason):
        pausing.one_at_a_time()
        rows = list(_locked().filter(pause__isnull=False))
        if not rows:
            raise Conflict("Nothing is paused, so there is nothing to resume.", code="not_paused")
        done = {row.pk: redact_name(row.name) for row in rows if not row.enabled}
        left = {row.pk: redact_name(row.name) for row in rows if row.enabled}
        pausing.switch_on(list(done), now=timezone.now())
        PausedSchedule.objects.filter(task_id__in=[row.pk for row in rows]).delete()
        _record_all(RESUME, done, left, actor=actor, reason=reason)
    already = f" {count(len(left), 'schedule')} had been switched on meanwhile." if left else ""
    message = f"{count(len(done), 'schedule')} resumed; what runs at intervals counts from now.{already}"
    return Switched(done=done, left=left, message=message)


def _locked() -> Any:
    # In one order, so that two who change several never wait for each other in turn.
    return PeriodicTask.objects.select_for_update(of=("self",)).order_by("pk")


def _entity(periodic_task_id: Any) -> Entity:
    return Entity(type=ENTITY, id=row_id(periodic_task_id))


def _record_all(action: str, done: dict[int, str], left: dict[int, str], *, actor: Actor, reason: str) -> None:
    record(
        actor=actor,
        action=action,
        entity=Entity(type=ENTITY),
        about=[(ENTITY, pk) for pk in done],
        reason=reason,
        request={},
        response={"schedules": list(done.values()), "left": list(left.values())},
    )


@contextmanager
def _audited(
    action: str, *, actor: Actor, entity: Entity, reason: str, request: dict[str, Any] | None = None
) -> Iterator[None]:
    """Do it in a transaction; what is refused is written down after it was rolled back."""
    try:
        with actor.acting(), transaction.atomic():
            yield
    except OpsError as refusal:
        record_refusal(refusal, actor=actor, action=action, entity=entity, reason=reason, request=request)
        raise
