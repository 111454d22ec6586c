"""Switching periodic tasks on and off, pausing and resuming all of them."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone
from django_celery_beat.models import PeriodicTask, PeriodicTasks

from jobs.models import PausedSchedule
from jobs.schedules.forecast import forecast
from jobs.schedules.operations import pause_all, resume_all, set_enabled
from opsconsole.audit import AuditLog, entries_about
from opsconsole.errors import Conflict, NotFound, Refused
from tests.cast import OPERATOR
from tests.schedules.cast import audited, make_schedule, names_on

pytestmark = pytest.mark.django_db

LONG_AGO = timezone.now() - timedelta(days=3)


def test_switching_writes_down_what_was_changed_from_what_to_what() -> None:
    task = make_schedule(name="Nightly")
    switched = set_enabled([task.pk], enabled=False, actor=OPERATOR, reason="Too much.")
    assert switched.message == "“Nightly” is off now."
    (entry,) = audited("schedule.change")
    assert entry["request"] == {
        "schedule": "Nightly",
        "change": "disabled",
        "from": {"enabled": True, "paused": False},
        "to": {"enabled": False, "paused": False},
        "by": "olivia",
        "via": "api",
        "reason": "Too much.",
    }
    assert [row.action_type for row in entries_about("periodictask", task.pk)] == ["schedule.change"]


def test_what_is_switched_on_counts_from_now() -> None:
    task = make_schedule(enabled=False, last_run_at=LONG_AGO)
    PeriodicTask.objects.filter(pk=task.pk).update(date_changed=LONG_AGO)
    set_enabled([task.pk], enabled=True, actor=OPERATOR)
    task.refresh_from_db()
    now = timezone.now()
    due = forecast(task, now=now).next_at
    assert due is not None
    assert timedelta(minutes=9) < due - now <= timedelta(minutes=10)


def test_one_of_several_that_is_so_already_is_left_as_it_is() -> None:
    on, off = make_schedule(), make_schedule(enabled=False)
    switched = set_enabled([on.pk, off.pk], enabled=False, actor=OPERATOR)
    assert set(switched.done) == {on.pk}
    assert set(switched.left) == {off.pk}
    assert "1 schedule was so already" in switched.message


@pytest.mark.parametrize("enabled", [True, False])
def test_switching_to_what_it_is_already_is_a_conflict(enabled: bool) -> None:
    task = make_schedule(enabled=enabled, name="Nightly")
    with pytest.raises(Conflict, match=f"“Nightly” is {'on' if enabled else 'off'} already"):
        set_enabled([task.pk], enabled=enabled, actor=OPERATOR)
    assert len(audited("schedule.change", result="error")) == 1


def test_of_several_one_that_does_not_exist_changes_nothing() -> None:
    task = make_schedule()
    with pytest.raises(NotFound, match="There is no schedule 99999"):
        set_enabled([task.pk, 99_999], enabled=False, actor=OPERATOR)
    task.refresh_from_db()
    assert task.enabled


def test_none_or_too_many_are_refused() -> None:
    for ids in ([], list(range(1, 202))):
        with pytest.raises(Refused, match="Name 1 to 200"):
            set_enabled(ids, enabled=False, actor=OPERATOR)


def test_pausing_switches_everything_off_and_resuming_brings_back_exactly_that() -> None:
    make_schedule(name="On")
    make_schedule(name="Off", enabled=False)
    make_schedule("celery.backend_cleanup", name="Cleanup")
    before = names_on()
    assert {"On", "Cleanup", "Housekeeping"} <= before

    paused = pause_all(actor=OPERATOR, reason="Deploy.")
    assert names_on() == set()
    assert set(paused.done.values()) == before
    assert {(row.paused_by) for row in PausedSchedule.objects.all()} == {"olivia"}

    resumed = resume_all(actor=OPERATOR)
    assert names_on() == before
    assert set(resumed.done.values()) == before
    assert not PausedSchedule.objects.exists()
    (pause,), (resume,) = audited("schedules.pause"), audited("schedules.resume")
    assert pause["request"]["reason"] == "Deploy."
    assert set(pause["response"]["schedules"]) == set(resume["response"]["schedules"]) == before


def test_what_ran_last_stays_known_during_a_pause_and_nothing_is_due_at_once_after_it() -> None:
    often = make_schedule(last_run_at=LONG_AGO)
    started = make_schedule(last_run_at=LONG_AGO, start_time=LONG_AGO, total_run_count=5)
    pause_all(actor=OPERATOR)
    often.refresh_from_db()
    assert often.last_run_at == LONG_AGO
    resume_all(actor=OPERATOR)
    now = timezone.now()
    for task in (often, started):
        task.refresh_from_db()
        due = forecast(task, now=now).next_at
        assert due is not None
        assert due - now > timedelta(minutes=9)


def test_pausing_twice_is_a_conflict_that_says_since_when_and_by_whom() -> None:
    pause_all(actor=OPERATOR)
    with pytest.raises(Conflict, match=r"paused already, since .* UTC by olivia"):
        pause_all(actor=OPERATOR)
    assert len(audited("schedules.pause", result="error")) == 1


def test_pausing_when_none_is_on_is_a_conflict() -> None:
    PeriodicTask.objects.update(enabled=False)
    with pytest.raises(Conflict, match="nothing to pause"):
        pause_all(actor=OPERATOR)


def test_resuming_when_nothing_is_paused_is_a_conflict() -> None:
    with pytest.raises(Conflict, match="Nothing is paused"):
        resume_all(actor=OPERATOR)


def test_what_somebody_switches_during_a_pause_is_not_touched_by_resuming() -> None:
    names = ("Kept", "Switched on", "Saved", "Switched off", "On and off", "Deleted")
    kept, on, saved, off, both, gone = (make_schedule(name=name) for name in names)
    pause_all(actor=OPERATOR)
    set_enabled([on.pk], enabled=True, actor=OPERATOR)
    saved = PeriodicTask.objects.get(pk=saved.pk)
    saved.enabled = True
    saved.save()
    set_enabled([off.pk], enabled=False, actor=OPERATOR)
    set_enabled([both.pk], enabled=True, actor=OPERATOR)
    set_enabled([both.pk], enabled=False, actor=OPERATOR)
    PeriodicTask.objects.get(pk=gone.pk).delete()
    made = make_schedule(name="Made meanwhile")
    assert set(PausedSchedule.objects.values_list("task__name", flat=True)) == {"Kept", "Housekeeping"}

    resume_all(actor=OPERATOR)

    assert names_on() == {"Kept", "Switched on", "Saved", "Made meanwhile", "Housekeeping"}
    assert kept.pk != made.pk


def test_what_is_added_during_a_pause_can_be_paused_too() -> None:
    pause_all(actor=OPERATOR)
    make_schedule(name="Made meanwhile")
    assert set(pause_all(actor=OPERATOR).done.values()) == {"Made meanwhile"}
    resume_all(actor=OPERATOR)
    assert names_on() == {"Housekeeping", "Made meanwhile"}


def test_beats_own_note_of_a_run_switches_nothing_on_again() -> None:
    task = make_schedule()
    # As beat saves a row that it read before the pause.
    stale = PeriodicTask.objects.get(pk=task.pk)
    pause_all(actor=OPERATOR)
    stale.last_run_at = timezone.now()
    stale.total_run_count += 1
    stale.no_changes = True
    stale.save()
    task.refresh_from_db()
    assert (task.enabled, task.total_run_count) == (False, 1)
    assert PausedSchedule.objects.filter(task=task).exists()


def test_names_are_written_down_without_what_is_private() -> None:
    make_schedule(name="Sync with token=Zq7Kp2Vx9Lm4Nt8Rw3Yb6Hd1Gf5Jc0Sa")
    paused = pause_all(actor=OPERATOR)
    assert "Zq7Kp2" not in str(AuditLog.objects.values()) + str(paused)


@pytest.mark.django_db(transaction=True)
def test_beat_is_told_of_every_change() -> None:
    task = make_schedule()
    changes: tuple[Callable[[], object], ...] = (
        lambda: pause_all(actor=OPERATOR),
        lambda: resume_all(actor=OPERATOR),
        lambda: set_enabled([task.pk], enabled=False, actor=OPERATOR),
        lambda: set_enabled([task.pk], enabled=True, actor=OPERATOR),
    )
    for change in changes:
        before = PeriodicTasks.last_change()
        change()
        assert PeriodicTasks.last_change() > before


@pytest.mark.django_db(transaction=True)
def test_of_many_who_pause_at_once_one_does_and_the_others_are_told() -> None:
    for _ in range(5):
        make_schedule()
    count = PeriodicTask.objects.filter(enabled=True).count()

    def pause(_: int) -> int:
        try:
            return len(pause_all(actor=OPERATOR).done)
        except Conflict:
            return 0
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as people:
        assert sorted(people.map(pause, range(4))) == [0, 0, 0, count]
    assert PausedSchedule.objects.count() == count
    assert len(audited("schedules.pause", result="error")) == 3
