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
from tests.processes import Child

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]

QUEUE = "tests.nobody"
CLOSE = timedelta(seconds=2)

Beat = Callable[..., Child]
WaitUntil = Callable[..., Any]
Sent = Callable[[], "Counter[str]"]


@pytest.fixture(autouse=True)
def _no_other_tasks(settings: Any) -> None:
    PeriodicTask.objects.all().delete()
    settings.BEAT_GRACE_SECONDS = 3


@pytest.fixture
def sent() -> Iterator[Sent]:
    """How many messages of each periodic task wait in the queue, by its name."""
    with closing(redis.Redis.from_url(django_settings.CELERY_BROKER_URL)) as client:

        def count() -> Counter[str]:
            messages: Any = client.lrange(QUEUE, 0, -1)
            return Counter(json.loads(message)["headers"]["periodic_task_name"] for message in messages)

        yield count


def make(name: str, **values: Any) -> PeriodicTask:
    return PeriodicTask.objects.create(name=name, task="tests.nothing", queue=QUEUE, **values)


def seconds(every: int) -> IntervalSchedule:
    return IntervalSchedule.objects.create(every=every, period=IntervalSchedule.SECONDS)


def read(task: PeriodicTask) -> PeriodicTask:
    return PeriodicTask.objects.select_related("interval", "crontab", "solar", "clocked").get(pk=task.pk)


def expected(task: PeriodicTask) -> datetime:
    """Return when the task is expected by its row as it is."""
    next_at = forecast(read(task), now=timezone.now()).next_at
    assert next_at is not None
    return next_at


def next_run(task: PeriodicTask, wait_until: WaitUntil, *, timeout: float = 20) -> datetime:
    """Wait until beat has started the task once more, and return when it did by its row."""
    count = read(task).total_run_count
    wait_until(lambda: read(task).total_run_count > count, timeout=timeout, message=f"{task.name} didn't run")
    ran_at: datetime = read(task).last_run_at
    return ran_at


def state() -> BeatState:
    return beat_state(entries())


def test_beat_starts_tasks_when_they_are_expected(beat: Beat, wait_until: WaitUntil, sent: Sent) -> None:
    frequent = make("frequent", interval=seconds(3))
    off = make("off", interval=seconds(1), enabled=False)
    assert forecast(read(off), now=timezone.now()).next_at is None

    running = beat()
    next_run(frequent, wait_until)
    for _ in range(2):
        at = expected(frequent)
        assert abs(next_run(frequent, wait_until) - at) < CLOSE

    begun = timezone.now()
    later = make("later", interval=seconds(3600), start_time=begun + timedelta(seconds=3))
    clocked = ClockedSchedule.objects.create(clocked_time=begun + timedelta(seconds=5))
    once = make("once", clocked=clocked, one_off=True)
    assert (expected(later), expected(once)) == (begun + timedelta(seconds=3), begun + timedelta(seconds=5))
    assert abs(next_run(later, wait_until) - begun - timedelta(seconds=3)) < CLOSE
    assert abs(next_run(once, wait_until) - begun - timedelta(seconds=5)) < CLOSE
    # Before and after beat has switched it off.
    assert forecast(read(once), now=timezone.now()).next_at is None

    # From now on it comes more rarely.
    changed = read(frequent)
    changed.interval = seconds(6)
    changed.save()
    for _ in range(2):
        at = expected(frequent)
        assert abs(next_run(frequent, wait_until) - at) < CLOSE
        assert expected(frequent) - read(frequent).last_run_at == timedelta(seconds=6)

    assert (state().status, state().missed) == ("running", ())
    running.stop()
    assert sent() == {"frequent": read(frequent).total_run_count, "later": 1, "once": 1}


def test_beat_starts_a_crontab_at_its_minute(beat: Beat, wait_until: WaitUntil, sent: Sent) -> None:
    each_minute = make("each minute", crontab=CrontabSchedule.objects.create(timezone="Asia/Kathmandu"))
    at = expected(each_minute)
    assert at.second == 0

    beat()

    assert abs(next_run(each_minute, wait_until, timeout=65) - at) < CLOSE
    assert sent() == {"each minute": 1}


def test_a_beat_that_dies_is_silent_since_its_first_missed_run_until_it_is_back(
    beat: Beat, wait_until: WaitUntil
) -> None:
    task = make("frequent", interval=seconds(2))
    first = beat()
    next_run(task, wait_until)
    assert state().status == "running"

    first.kill()
    last_run_at = read(task).last_run_at
    silent = wait_until(lambda: found if (found := state()).status == "silent" else None, timeout=15)

    assert timezone.now() - silent.since > timedelta(seconds=3)
    assert (silent.since, silent.last_run_at) == (last_run_at + timedelta(seconds=2), last_run_at)
    assert [entry.name for entry in silent.missed] == ["frequent"]

    beat()
    running = wait_until(lambda: found if (found := state()).status == "running" else None, timeout=15)
    assert running.missed == ()


def test_a_beat_that_was_never_started_is_silent_since_the_first_run_was_due(
    transactional_db: None, wait_until: WaitUntil
) -> None:
    task = make("frequent", interval=seconds(1))
    assert state().status == "idle"

    silent = wait_until(lambda: found if (found := state()).status == "silent" else None, timeout=15)

    assert silent.since == read(task).date_changed + timedelta(seconds=1)
    assert silent.last_run_at is None


def test_a_row_that_is_said_to_end_beat_ends_it(start_child: Callable[..., Child], wait_until: WaitUntil) -> None:
    make("fine", interval=seconds(1))
    PeriodicTask.objects.bulk_create([PeriodicTask(name="bare", task="tests.nothing")])
    assert "beat can't run at all" in {entry.name: entry.problem for entry in entries()}["bare"]

    child = start_child("beat", "-m", "celery", "--quiet", "--app", "opsconsole", "beat", "--pidfile=")

    wait_until(lambda: not child.running, timeout=30)
    assert "AttributeError" in child.output
