"""Changing identities' own schedules: by several people at once, while all are paused, and beside odd rows."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from django_celery_beat.models import ClockedSchedule, IntervalSchedule, PeriodicTask, PeriodicTasks
from pytest_django import DjangoCaptureOnCommitCallbacks

from identities.models import Identity
from identities.schedule_operations import clear_schedule, set_schedule
from identities.sync_schedules import SYNC_TASK
from jobs.models import PausedSchedule
from jobs.schedules.operations import pause_all, resume_all
from opsconsole.audit import Actor, AuditLog
from opsconsole.errors import Conflict
from tests.cast import make_identity
from tests.worker.at_once import at_once

pytestmark = pytest.mark.django_db

OPERATOR = Actor(name="olivia", via="api")


def change(identity: Identity, **values: Any) -> str:
    return set_schedule(identity_id=identity.pk, actor=OPERATOR, **values)


def own(identity: Identity) -> PeriodicTask:
    return PeriodicTask.objects.get(task=SYNC_TASK, kwargs=json.dumps({"identity_id": identity.pk}))


def general(every: int = 10, period: str = "minutes") -> PeriodicTask:
    interval = IntervalSchedule.objects.create(every=every, period=period)
    return PeriodicTask.objects.create(name="general", task=SYNC_TASK, interval=interval)


@pytest.mark.django_db(transaction=True)
def test_of_several_who_give_an_identity_a_schedule_at_once_all_change_the_same_one() -> None:
    alice = make_identity()
    for _ in range(5):
        PeriodicTask.objects.filter(task=SYNC_TASK).delete()
        calls = [lambda minutes=minutes: change(alice, every_minutes=minutes) for minutes in (5, 6, 7, 8)]
        answers = at_once(calls)
        assert [answer for answer in answers if not isinstance(answer, str)] == []
        assert PeriodicTask.objects.filter(task=SYNC_TASK).count() == 1
        assert IntervalSchedule.objects.filter(every=5, period="minutes").count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_schedule_made_while_somebody_pauses_all_is_paused_too_or_says_that_it_runs() -> None:
    for number in range(5):
        alice = make_identity()
        PeriodicTask.objects.create(
            name=f"other {number}", task="opsconsole.housekeeping", interval=IntervalSchedule.objects.create(every=1)
        )
        said, _ = at_once([lambda: change(alice, every_minutes=5), lambda: pause_all(actor=OPERATOR)])  # noqa: B023
        assert not own(alice).enabled, said
        assert PausedSchedule.objects.filter(task=own(alice)).exists()
        resume_all(actor=OPERATOR)


def test_while_it_is_the_only_one_that_is_paused_a_change_does_not_begin_it() -> None:
    alice = make_identity("Alice")
    PeriodicTask.objects.all().delete()
    change(alice, every_minutes=10)
    pause_all(actor=OPERATOR)
    assert "begins when they are resumed" in change(alice, every_minutes=5)
    assert not own(alice).enabled
    resume_all(actor=OPERATOR)
    assert (own(alice).enabled, own(alice).interval.every) == (True, 5)


def test_a_pause_that_nothing_is_left_of_holds_up_nothing() -> None:
    alice = make_identity("Alice")
    other = general()
    pause_all(actor=OPERATOR)
    # Past the model, as another program would.
    PeriodicTask.objects.filter(pk__in=PausedSchedule.objects.values("task_id")).update(enabled=True)
    assert PausedSchedule.objects.filter(task=other).exists()
    assert change(alice, every_minutes=5) == "Alice syncs every 5 minutes."
    assert own(alice).enabled


@pytest.mark.parametrize(("every", "period"), [(10**9, "days"), (3, "fortnights"), (0, "minutes")])
def test_a_general_interval_that_cannot_be_reckoned_with_keeps_nobody_from_being_switched_off(
    every: int, period: str
) -> None:
    alice = make_identity("Alice")
    general(every, period)
    assert change(alice, enabled=False) == "The sync schedule of Alice is off."
    assert not own(alice).enabled


def odd_row(identity: Identity, odd: str) -> None:
    """Give an identity a row that beat itself refuses to save, as it comes about past the model."""
    change(identity, every_minutes=10)
    at = timezone.now() + timedelta(days=1)
    row = PeriodicTask.objects.filter(pk=own(identity).pk)
    if odd == "clocked":
        row.update(interval=None, clocked=ClockedSchedule.objects.create(clocked_time=at), one_off=False)
    elif odd == "expiry":
        row.update(expires=at, expire_seconds=5)
    else:
        row.update(interval=None)


@pytest.mark.parametrize("odd", ["clocked", "expiry", "none"])
def test_a_row_that_beat_refuses_to_save_is_switched_off_all_the_same(odd: str) -> None:
    alice = make_identity("Alice")
    odd_row(alice, odd)
    assert change(alice, enabled=False) == "The sync schedule of Alice is off."
    assert not own(alice).enabled
    assert "general schedule" in clear_schedule(identity_id=alice.pk, actor=OPERATOR)


def test_a_row_that_can_not_be_saved_is_refused_with_what_to_do() -> None:
    alice = make_identity("Alice")
    odd_row(alice, "expiry")
    with pytest.raises(Conflict, match="or delete it") as refused:
        change(alice, every_minutes=5)
    assert refused.value.code == "broken_schedule"
    assert AuditLog.objects.filter(action_type="schedule.change", result="error").count() == 1


def test_what_it_is_already_is_no_change_to_its_rhythm() -> None:
    alice = make_identity("Alice")
    change(alice, every_minutes=10)
    PeriodicTask.objects.filter(pk=own(alice).pk).update(last_run_at=timezone.now())
    before = own(alice).last_run_at
    change(alice, enabled=True)
    assert own(alice).last_run_at == before


def test_beat_is_told_of_a_change_once_it_is_committed(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    alice = make_identity()
    changes: tuple[Callable[[], str], ...] = (
        lambda: change(alice, every_minutes=10),
        lambda: change(alice, enabled=False),
        lambda: clear_schedule(identity_id=alice.pk, actor=OPERATOR),
    )
    for what in changes:
        with django_capture_on_commit_callbacks() as after_commit:
            what()
        before = PeriodicTasks.last_change()
        for callback in after_commit:
            callback()
        assert PeriodicTasks.last_change() > before
