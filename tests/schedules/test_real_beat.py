"""Forecasts from rows against what a real beat does with them, and its silence."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any

import pytest
import redis
from django.conf import settings as django_settings
from django.utils import timezone
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask

from jobs.schedules.forecast import forecast
from jobs.schedules.queries import BeatState, beat_state, entries
from tests.logs.lines import parsed
from tests.processes import Child
from tests.waiting import PATIENCE

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]

QUEUE = "tests.nobody"
# Clocks and rounding; nothing may be started earlier.
EARLY = timedelta(seconds=1)
PULSE = "pulse"
# The most pulses between the time at which a task is due and its run. A busy machine delays both.
PULSES_IN_BETWEEN = 3

Beat = Callable[..., Child]
WaitUntil = Callable[..., Any]
Sent = Callable[[], "Counter[str]"]


@pytest.fixture(autouse=True)
def _no_other_tasks(settings: Any) -> None:
    PeriodicTask.objects.all().delete()
    # Slow isn't missed.
    settings.BEAT_GRACE_SECONDS = PATIENCE


@pytest.fixture
def sent() -> Iterator[Sent]:
    """How many messages of each periodic task wait in the queue, by its name."""
    with closing(redis.Redis.from_url(django_settings.CELERY_BROKER_URL)) as client:

        def count() -> Counter[str]:
            messages: Any = client.lrange(QUEUE, 0, -1)
            return Counter(json.loads(message)["headers"]["periodic_task_name"] for message in messages)

        yield count


@pytest.fixture
def beating(beat: Beat, wait_until: WaitUntil) -> Child:
    """A beat that has read what there is, and starts something each second."""
    pulse = make(PULSE, interval=seconds(1))
    running = beat(OPS_LOG_FORMAT="json")
    wait_until(lambda: read(pulse).total_run_count)
    return running


def make(name: str, **values: Any) -> PeriodicTask:
    return PeriodicTask.objects.create(name=name, task="tests.nothing", queue=QUEUE, **values)


def seconds(every: int) -> IntervalSchedule:
    return IntervalSchedule.objects.create(every=every, period=IntervalSchedule.SECONDS)


def read(task: PeriodicTask) -> PeriodicTask:
    return PeriodicTask.objects.select_related("interval", "crontab", "solar", "clocked").get(pk=task.pk)


def expected(task: PeriodicTask) -> datetime:
    """Return the time at which the task's row says that it is due, or was due."""
    found = forecast(task, now=timezone.now())
    at = found.due_at or found.next_at
    assert at is not None
    return at


def pulses(running: Child, since: datetime, until: datetime) -> int:
    """Return how often beat has started something else in a time."""
    lines = [line for line in parsed(running.output) if f"Sending due task {PULSE} " in line["event"]]
    assert lines
    return sum(since < datetime.fromisoformat(line["timestamp"]) < until for line in lines)


def runs_as_expected(task: PeriodicTask, running: Child, wait_until: WaitUntil) -> None:
    """Wait until beat has started the task once more, and check that it did when its row said so."""
    for _ in range(5):
        begun = timezone.now()
        before = read(task)
        at = expected(before)
        after: PeriodicTask = wait_until(
            lambda count=before.total_run_count: found if (found := read(task)).total_run_count > count else None,
            timeout=3 * PATIENCE,
            message=f"{task.name} didn't run",
        )
        # Otherwise it was started while this test looked.
        if after.total_run_count == before.total_run_count + 1 and after.last_run_at > begun:
            assert after.last_run_at > at - EARLY
            assert pulses(running, at, after.last_run_at) <= PULSES_IN_BETWEEN
            return
    pytest.fail(f"{task.name} runs all the time")


def state() -> BeatState:
    return beat_state(entries())


@pytest.mark.long
def test_beat_starts_tasks_when_they_are_expected(beating: Child, wait_until: WaitUntil, sent: Sent) -> None:
    frequent = make("frequent", interval=seconds(3))
    off = make("off", interval=seconds(1), enabled=False)
    assert forecast(read(off), now=timezone.now()).next_at is None
    for _ in range(3):
        runs_as_expected(frequent, beating, wait_until)

    begun = timezone.now()
    later = make("later", interval=seconds(3600), start_time=begun + timedelta(seconds=8))
    clocked = ClockedSchedule.objects.create(clocked_time=begun + timedelta(seconds=10))
    once = make("once", clocked=clocked, one_off=True)
    assert expected(read(later)) == begun + timedelta(seconds=8)
    assert expected(read(once)) == begun + timedelta(seconds=10)
    runs_as_expected(later, beating, wait_until)
    wait_until(lambda: read(once).total_run_count)
    ran_at = read(once).last_run_at
    assert ran_at > clocked.clocked_time - EARLY
    assert pulses(beating, clocked.clocked_time, ran_at) <= PULSES_IN_BETWEEN
    # Before and after beat has switched it off.
    assert forecast(read(once), now=timezone.now()).next_at is None

    # From now on it comes more rarely.
    changed = read(frequent)
    changed.interval = seconds(6)
    # Beat writes down its runs in the same row meanwhile.
    changed.save(update_fields=["interval", "date_changed"])
    for _ in range(2):
        runs_as_expected(frequent, beating, wait_until)
        row = read(frequent)
        assert expected(row) - row.last_run_at == timedelta(seconds=6)

    assert (state().status, state().missed) == ("running", ())
    beating.stop()
    found = sent()
    # Beat may have stopped between sending one and writing that down.
    assert found.pop(PULSE) - PeriodicTask.objects.get(name=PULSE).total_run_count in {0, 1}
    assert found == {
        "frequent": read(frequent).total_run_count,
        "later": 1,
        "once": 1,
    }


@pytest.mark.long
def test_beat_starts_a_crontab_at_its_minute(beat: Beat, wait_until: WaitUntil, sent: Sent) -> None:
    each_minute = make("each minute", crontab=CrontabSchedule.objects.create(timezone="Asia/Kathmandu"))
    pulse = make(PULSE, interval=seconds(1))
    running = beat(OPS_LOG_FORMAT="json")
    # From here on it is up: a minute that was over before is none of its.
    wait_until(lambda: read(pulse).total_run_count)
    assert expected(read(each_minute)).second == 0

    runs_as_expected(each_minute, running, wait_until)
    running.stop()
    assert sent()["each minute"] == read(each_minute).total_run_count


def test_a_beat_that_dies_is_silent_since_its_first_missed_run_until_it_is_back(
    beat: Beat, wait_until: WaitUntil, settings: Any
) -> None:
    task = make("frequent", interval=seconds(2))
    first = beat()
    wait_until(lambda: read(task).total_run_count)
    assert state().status == "running"

    first.kill()
    last_run_at = read(task).last_run_at
    settings.BEAT_GRACE_SECONDS = 3
    silent = wait_until(lambda: found if (found := state()).status == "silent" else None)

    assert timezone.now() - silent.since > timedelta(seconds=3)
    assert (silent.since, silent.last_run_at) == (last_run_at + timedelta(seconds=2), last_run_at)
    assert [entry.name for entry in silent.missed] == ["frequent"]

    beat()
    running = wait_until(lambda: found if (found := state()).status == "running" else None)
    assert running.missed == ()


def test_a_beat_that_was_never_started_is_silent_since_the_first_run_was_due(
    transactional_db: None, wait_until: WaitUntil, settings: Any
) -> None:
    task = make("frequent", interval=seconds(1))
    assert state().status == "idle"

    settings.BEAT_GRACE_SECONDS = 3
    silent = wait_until(lambda: found if (found := state()).status == "silent" else None)

    assert silent.since == read(task).date_changed + timedelta(seconds=1)
    assert silent.last_run_at is None


def test_a_row_that_is_said_to_end_beat_ends_it(start_child: Callable[..., Child], wait_until: WaitUntil) -> None:
    make("fine", interval=seconds(1))
    PeriodicTask.objects.bulk_create([PeriodicTask(name="bare", task="tests.nothing")])
    assert "beat can't run at all" in {entry.name: entry.problem for entry in entries()}["bare"]

    child = start_child("beat", "-m", "celery", "--quiet", "--app", "opsconsole", "beat", "--pidfile=")

    wait_until(lambda: not child.running)
    assert "AttributeError" in child.output
