"""The schedules that the console makes by itself, each once ever."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from identities.models import Provider
from jobs.models import ShippedSchedule
from jobs.schedules import shipped
from tests.cast import NOW, make_provider
from tests.schedules.cast import make_schedule

pytestmark = pytest.mark.django_db


def sync_of(provider_id: str) -> PeriodicTask:
    return PeriodicTask.objects.get(kwargs=json.dumps({"provider_id": provider_id}))


def ship_one(**values: Any) -> PeriodicTask | None:
    return shipped.ship("key", **{"name": "One", "task": "a.task", "every": timedelta(minutes=5), **values})


def test_housekeeping_is_there_and_on_after_migrating() -> None:
    task = PeriodicTask.objects.get(task="opsconsole.housekeeping")
    assert (task.name, task.enabled, task.queue, task.crontab.hour) == ("Housekeeping", True, "opsconsole", "2")
    assert ShippedSchedule.objects.filter(key="housekeeping").exists()


def test_a_provider_has_a_sync_that_is_off_in_production() -> None:
    make_provider("reddit")
    (task,) = shipped.ship_all()
    assert (task.name, task.task, task.queue) == ("Sync Reddit", "opsconsole.sync_identities", "opsconsole")
    assert str(task.interval) == "every 10 minutes"
    assert not sync_of("reddit").enabled


def test_in_the_demonstration_it_is_on_and_comes_more_often(settings: Any) -> None:
    settings.DEMO = True
    make_provider("reddit")
    (task,) = shipped.ship_all()
    assert str(task.interval) == "every 2 minutes"
    assert sync_of("reddit").enabled


def test_nothing_is_made_twice_changed_or_brought_back() -> None:
    for name in ("reddit", "mastodon"):
        make_provider(name)
    shipped.ship_all()
    PeriodicTask.objects.exclude(kwargs__contains="provider_id").delete()
    sync_of("reddit").delete()
    PeriodicTask.objects.filter(pk=sync_of("mastodon").pk).update(name="Mine", enabled=True)
    assert shipped.ship_all() == []
    assert list(PeriodicTask.objects.values_list("name", "enabled")) == [("Mine", True)]


def test_a_provider_that_comes_later_has_one_after_the_next_housekeeping() -> None:
    make_provider("reddit")
    shipped.ship_all()
    make_provider("mastodon")
    out = StringIO()
    call_command("ship_schedules", stdout=out)
    assert out.getvalue() == "Made, off: Sync Mastodon\n"


def test_a_provider_that_is_switched_off_has_none() -> None:
    Provider.objects.create(provider_id="x", display_name="X", enabled=False, created_at=NOW)
    assert shipped.ship_all() == []


def test_two_providers_of_one_name_have_one_each() -> None:
    for key in ("reddit", "reddit2"):
        Provider.objects.create(provider_id=key, display_name="Reddit", enabled=True, created_at=NOW)
    shipped.ship_all()
    assert sync_of("reddit").name == "Sync Reddit"
    assert sync_of("reddit2").name == "Sync Reddit (sync:reddit2)"


def test_a_schedule_of_that_name_which_somebody_made_stays() -> None:
    mine = make_schedule("a.task", name="One", enabled=False)
    made = ship_one()
    assert made is not None
    assert made.name == "One (key)"
    mine.refresh_from_db()
    assert not mine.enabled


def test_housekeeping_that_an_older_version_made_is_not_made_again() -> None:
    ShippedSchedule.objects.filter(key="housekeeping").delete()
    PeriodicTask.objects.filter(task="opsconsole.housekeeping").update(name="Mine", enabled=False)
    assert shipped.ship_all() == []
    assert PeriodicTask.objects.get(task="opsconsole.housekeeping").name == "Mine"
    PeriodicTask.objects.all().delete()
    assert shipped.ship_all() == []


def test_one_of_several_equal_intervals_is_taken() -> None:
    for _ in range(2):
        IntervalSchedule.objects.create(every=5, period="minutes")
    made = ship_one()
    assert made is not None
    assert IntervalSchedule.objects.filter(every=5).count() == 2


def test_without_the_cores_tables_nothing_is_made() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE public.providers RENAME TO elsewhere")
    assert shipped.ship_all() == []


def test_without_the_consoles_tables_nothing_is_made() -> None:
    make_provider()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE jobs_shippedschedule RENAME TO elsewhere")
    assert shipped.ship_all() == []


@pytest.mark.django_db(transaction=True)
def test_of_many_who_ship_at_once_one_does() -> None:
    make_provider("reddit")

    def ship(_: int) -> int:
        try:
            return len(shipped.ship_all())
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as processes:
        assert sorted(processes.map(ship, range(4))) == [0, 0, 0, 1]
    assert PeriodicTask.objects.filter(name__startswith="Sync").count() == 1
