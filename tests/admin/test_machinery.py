"""The machinery: broker, queues, workers, beat and sweeper, as far as each can be told."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError
from django.test import Client
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from devserver.redis import Redis
from jobs import gateway, pulse
from jobs.at_work import AtWork
from jobs.models import QUEUED, SweeperAtWork, WorkerReport
from jobs.schedules.operations import pause_all
from opsconsole import machinery
from tests.admin.conftest import browser_of
from tests.admin.reading import recently, text
from tests.api.cast import make_staff
from tests.cast import OPERATOR, make_job

PART = "/admin/machinery/part/?whole=1"


@pytest.fixture(autouse=True)
def _broker_is_up(db: None) -> None:
    machinery._broker.down_since = None


def worker(name: str, *queues: str, seconds_ago: float = 5) -> None:
    seen_at = timezone.now() - timedelta(seconds=seconds_ago)
    WorkerReport.objects.create(hostname=name, queues=list(queues), seen_at=seen_at)


def schedule() -> PeriodicTask:
    interval = IntervalSchedule.objects.create(every=10, period="minutes")
    return PeriodicTask.objects.create(name="Sync all", task="opsconsole.sync", interval=interval)


def test_each_queue_says_who_listens_what_waits_and_since_when(page: Client) -> None:
    worker("core@host", "ingest")
    waiting = timezone.now() - timedelta(minutes=20)
    make_job(status=QUEUED, queue_name="media", created_at=waiting, updated_at=waiting)
    words = text(page.get(PART))
    assert "ingest core@host 0 0 –" in words
    assert "media none ? " not in words
    assert "media none 0 1 20 min ago" in words


def test_the_messages_that_wait_in_the_broker_are_counted(page: Client) -> None:
    message = gateway.TaskMessage(
        task_id="0" * 32, task="ingest.sync_delta", queue="ingest", kwargs={}, job_id=1, dispatch_id=1
    )
    gateway.publish(message)
    assert "ingest none 1 0 –" in text(page.get(PART))


def test_workers_are_online_or_silent(page: Client) -> None:
    worker("core@host", "ingest", "messages")
    worker("lost@host", "media", seconds_ago=3_600)
    words = text(page.get(PART))
    assert "Online core@host ingest messages" in words
    assert "Silent lost@host media" in words


def test_while_the_broker_is_down_it_says_since_when_and_the_rest_stands(page: Client, redis_server: Redis) -> None:
    worker("core@host", "ingest")
    redis_server.stop()
    try:
        words = text(page.get(PART))
    finally:
        redis_server.start()
    assert "Broker Unreachable since" in words
    assert "ingest core@host ? 0 –" in words
    assert "Broker Answers" in text(page.get(PART))


def test_a_source_that_can_not_be_read_takes_nothing_else_away(page: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> Any:
        raise DatabaseError("broken")

    worker("core@host", "ingest")
    monkeypatch.setattr(pulse, "work", fail)
    response = page.get(PART)
    assert response.status_code == 200
    words = text(response)
    assert "This can't be read at the moment." in words
    assert "Online core@host" in words


def test_the_sweeper_is_seen_silent_or_was_never_there(page: Client) -> None:
    assert "Sweeper Never seen" in text(page.get(PART))
    AtWork().note_tick()
    words = recently(text(page.get(PART)))
    assert "Sweeper Seen just now Last tick Completed just now" in words
    assert "Sweepers Alive" in words


@pytest.mark.parametrize(
    ("alive", "ticked", "words"),
    [
        (1, 1, ("Sweeper Seen", "Last tick Completed", "Sweepers Alive")),
        (1, 600, ("Sweeper Seen", "Last tick Behind, completed 10 min ago", "Sweepers Behind")),
        (600, 600, ("Sweeper Silent, seen 10 min ago", "Last tick Behind", "Sweepers Silent")),
        # A sweeper that has started but completed no tick.
        (1, None, ("Sweeper Seen", "Last tick Behind, none completed", "Sweepers Behind", "no tick completed yet")),
    ],
)
def test_a_sweeper_that_completes_no_tick_is_told_from_one_that_is_gone(
    page: Client, alive: float, ticked: float | None, words: tuple[str, ...]
) -> None:
    now = timezone.now()
    SweeperAtWork.objects.create(
        hostname="host",
        pid=7,
        started_at=now - timedelta(minutes=10),
        alive_at=now - timedelta(seconds=alive),
        ticked_at=None if ticked is None else now - timedelta(seconds=ticked),
    )
    shown = text(page.get(PART))
    for part in words:
        assert part in shown


def test_schedules_can_be_paused_and_resumed_from_there(page: Client) -> None:
    schedule()
    assert "Pause all schedules…" in text(page.get(PART))
    pause_all(actor=OPERATOR, reason="the provider is down")
    words = text(page.get(PART))
    assert "Beat Paused by olivia" in words
    assert "Resume all schedules…" in words


def test_the_viewer_sees_it_without_buttons(viewing: Client) -> None:
    schedule()
    words = text(viewing.get(PART))
    assert "Schedules 2 on" in words  # and housekeeping
    assert "Pause all" not in words


def test_the_page_brings_it_and_keeps_it_up_to_date(page: Client) -> None:
    body = page.get("/admin/machinery/").content.decode()
    assert 'hx-get="/admin/machinery/part/?whole=1"' in body
    assert 'hx-get="/admin/machinery/part/"' in page.get("/admin/").content.decode()


def test_who_may_not_see_jobs_is_not_let_in(db: None) -> None:
    browser = browser_of(make_staff("nobody"))
    for url in ("/admin/machinery/", PART):
        assert browser.get(url).status_code == 403


def test_it_takes_a_fixed_number_of_queries(page: Client, django_assert_max_num_queries: Callable[..., Any]) -> None:
    for number in range(10):
        worker(f"w{number}@host", "ingest", f"queue{number}")
        make_job(status=QUEUED, queue_name=f"queue{number}")
    page.get(PART)
    with django_assert_max_num_queries(16):
        page.get(PART)
