"""An identity's own sync schedule: made, changed, switched off and deleted."""

from collections.abc import Iterable
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from identities.choosing import active_identities
from identities.models import Identity
from identities.sync_schedules import SYNC_TASK, SyncSchedules
from jobs.models import PausedSchedule
from jobs.schedules import pausing
from jobs.schedules.occurrences import period_of
from jobs.schedules.queries import entries
from opsconsole.audit import Actor, Entity, record, record_refusal
from opsconsole.errors import Conflict, NotFound, OpsError, Refused
from opsconsole.redaction import redact_name
from opsconsole.row_ids import row_id

QUEUE: Final = "opsconsole"
MIN_MINUTES: Final = 1
MAX_MINUTES: Final = 7 * 24 * 60
USUAL_SECONDS: Final = 600.0
CHANGE: Final = "schedule.change"


def set_schedule(
    *, identity_id: int, every_minutes: int | None = None, enabled: bool | None = None, actor: Actor, reason: str = ""
) -> str:
    """Make or change an identity's own sync schedule; the general ones leave it to that from then on.

    Args:
        identity_id: the identity.
        every_minutes: the interval, MIN_MINUTES to MAX_MINUTES; None to leave it.
        enabled: on or off; None to leave it (a new one is on).
        actor: who asks, and through what.
        reason: what the person gave as the reason.

    Returns:
        What happened, in a sentence.

    Raises:
        NotFound: no such identity, or it is inactive (switching a schedule off is possible all the same).
        Refused: nothing is to be changed, the interval is out of its range, or there is no schedule to switch on.
        Conflict: several periodic tasks name the identity, or the one that does is beyond changing.
    """
    request = {"every_minutes": every_minutes, "enabled": enabled}
    entity = Entity(type="identity", id=row_id(identity_id))
    try:
        with transaction.atomic():
            pausing.one_at_a_time()
            return _set_schedule(identity_id, every_minutes, enabled=enabled, actor=actor, reason=reason)
    except OpsError as refusal:
        record_refusal(refusal, actor=actor, action=CHANGE, entity=entity, reason=reason, request=request)
        raise


def clear_schedule(*, identity_id: int, actor: Actor, reason: str = "") -> str:
    """Delete an identity's own sync schedule, so that the general one holds for it again.

    Args:
        identity_id: the identity.
        actor: who asks, and through what.
        reason: what the person gave as the reason.

    Returns:
        What happened, in a sentence.

    Raises:
        NotFound: no such identity, or it has no schedule of its own.
        Conflict: several periodic tasks name it.
    """
    entity = Entity(type="identity", id=row_id(identity_id))
    try:
        with transaction.atomic():
            pausing.one_at_a_time()
            identity = Identity.objects.filter(pk=identity_id).first() if row_id(identity_id) else None
            if identity is None:
                raise NotFound(f"There is no identity {identity_id}.", code="identity_not_found")
            task = _own_task(identity)
            if task is None:
                raise NotFound(f"{identity.display_name} has no schedule of its own.", code="no_own_schedule")
            before = _state(task)
            task.delete()
            pausing.tell_beat()
            _record(identity, before, None, actor=actor, reason=reason)
    except OpsError as refusal:
        record_refusal(refusal, actor=actor, action=CHANGE, entity=entity, reason=reason, request={"own": False})
        raise
    return f"{identity.display_name} follows the general schedule again."


def _set_schedule(
    identity_id: int, every_minutes: int | None, *, enabled: bool | None, actor: Actor, reason: str
) -> str:
    if every_minutes is None and enabled is None:
        raise Refused("Give every_minutes, enabled, or both.", code="nothing_to_change")
    if every_minutes is not None and not MIN_MINUTES <= every_minutes <= MAX_MINUTES:
        raise Refused(
            f"every_minutes must be from {MIN_MINUTES} to {MAX_MINUTES:,} (a week), not {every_minutes:,}.",
            code="invalid_interval",
        )
    only_off = every_minutes is None and enabled is False
    identity = Identity.objects.filter(pk=identity_id).first() if only_off and row_id(identity_id) else None
    if identity is None:
        (identity,) = active_identities([identity_id])
    task = _own_task(identity)
    if task is None and every_minutes is None:
        if enabled:
            raise Refused(
                f"{identity.display_name} has no schedule of its own to switch on; give every_minutes to make one.",
                code="no_own_schedule",
            )
        # One of its own that is off keeps it from being synced by the general ones.
        every_minutes = _usual_minutes(identity)
    before = _state(task)
    # Also its own, where that is the only one; one that is on isn't paused, whatever is remembered of it.
    all_paused = PausedSchedule.objects.filter(task__enabled=False).exists()
    wanted = _wanted(task, enabled)
    if every_minutes is not None:
        task = _saved(task or _new_task(identity), every_minutes, enabled=wanted and not all_paused)
    else:
        assert task is not None
        _switch(task, enabled=wanted and not all_paused)
    pausing.tell_beat()
    PausedSchedule.objects.filter(task=task).delete()
    if wanted and all_paused:
        PausedSchedule.objects.create(task=task, paused_at=timezone.now(), paused_by=actor.name[:150])
    _record(identity, before, _state(task), actor=actor, reason=reason)
    return _sentence(identity, task, wanted=wanted, all_paused=all_paused)


def _new_task(identity: Identity) -> PeriodicTask:
    return PeriodicTask(
        name=_free_name(identity),
        task=SYNC_TASK,
        queue=QUEUE,
        kwargs=f'{{"identity_id": {identity.pk}}}',
        description="This identity's own sync schedule.",
    )


def _saved(task: PeriodicTask, minutes: int, *, enabled: bool) -> PeriodicTask:
    interval = _interval(minutes)
    if task.interval_id != interval.pk:
        # As when it is switched on.
        task.total_run_count = 0
    task.interval, task.crontab, task.solar, task.clocked = interval, None, None, None
    task.one_off = False
    task.enabled = enabled
    try:
        task.save()
    except ValidationError as error:
        raise Conflict(
            f"“{redact_name(task.name)}” can't be changed as it is: {' '.join(error.messages)} Correct it among the "
            "periodic tasks, or delete it.",
            code="broken_schedule",
        ) from error
    return task


def _switch(task: PeriodicTask, *, enabled: bool) -> None:
    """Switch a task on or off past its model, which refuses what beat couldn't save; off, it does no harm."""
    if task.enabled != enabled:
        switch = pausing.switch_on if enabled else pausing.switch_off
        switch([task.pk], now=timezone.now())
        task.enabled = enabled


def _wanted(task: PeriodicTask | None, enabled: bool | None) -> bool:
    if enabled is not None or task is None:
        return enabled is not False
    return bool(task.enabled) or PausedSchedule.objects.filter(task_id=task.pk).exists()


def _own_task(identity: Identity) -> PeriodicTask | None:
    """Return the periodic task that names an identity, locked."""
    found = SyncSchedules(entries()).own(identity.pk)
    if len(found) > 1:
        names = " and ".join(f"“{entry.name}”" for entry in found[:3])
        raise Conflict(
            f"Several periodic tasks name {identity.display_name}: {names}. Change them one by one, or delete all "
            "but one.",
            code="several_schedules",
        )
    if not found:
        return None
    return PeriodicTask.objects.select_for_update(of=("self",)).filter(pk=found[0].id).first()


def _usual_minutes(identity: Identity) -> int:
    """Return the interval that a schedule gets which is only made to be off: that of the general one."""
    shown = SyncSchedules(entries()).coverage(identity).shown
    schedule = shown.task.interval if shown else None
    try:
        seconds = period_of(schedule).total_seconds() if schedule else USUAL_SECONDS
    except (OverflowError, TypeError):
        seconds = USUAL_SECONDS
    return int(min(max(seconds // 60, MIN_MINUTES), MAX_MINUTES))


def _interval(minutes: int) -> IntervalSchedule:
    known = IntervalSchedule.objects.filter(every=minutes, period=IntervalSchedule.MINUTES).order_by("pk").first()
    return known or IntervalSchedule.objects.create(every=minutes, period=IntervalSchedule.MINUTES)


def _free_name(identity: Identity) -> str:
    name = f"Sync {identity.display_name} (identity {identity.pk})"
    taken = set(PeriodicTask.objects.filter(name__startswith=name).values_list("name", flat=True))
    return next(each for each in _numbered(name) if each not in taken)


def _numbered(name: str) -> Iterable[str]:
    yield name
    number = 2
    while True:
        yield f"{name} {number}"
        number += 1


def _state(task: PeriodicTask | None) -> dict[str, Any] | None:
    if task is None:
        return None
    return {"schedule": str(task.scheduler) if task.scheduler else None, "enabled": bool(task.enabled)}


def _record(
    identity: Identity, before: dict[str, Any] | None, after: dict[str, Any] | None, *, actor: Actor, reason: str
) -> None:
    record(
        actor=actor,
        action=CHANGE,
        entity=Entity(type="identity", id=identity.pk, provider_id=identity.provider_id, identity_id=identity.pk),
        reason=reason,
        request={"from": before, "to": after},
    )


def _sentence(identity: Identity, task: PeriodicTask, *, wanted: bool, all_paused: bool) -> str:
    if not wanted:
        return f"The sync schedule of {identity.display_name} is off."
    sentence = f"{identity.display_name} syncs {task.scheduler}."
    return f"{sentence} All schedules are paused; it begins when they are resumed." if all_paused else sentence
