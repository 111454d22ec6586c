"""The schedules that are shipped for backups and restore tests."""

import json
from typing import Any

import pytest
from django_celery_beat.models import PeriodicTask

from backups import shipped, tasks
from jobs.models import ShippedSchedule
from jobs.schedules import entry_tasks
from jobs.schedules.arguments import bind

pytestmark = pytest.mark.django_db

KEYS = ("backup:database", "backup:attachments", "restore_test")


def ours() -> list[PeriodicTask]:
    return list(PeriodicTask.objects.filter(task__in=(tasks.BACK_UP, tasks.TEST_RESTORE)).order_by("pk"))


def forget() -> None:
    ShippedSchedule.objects.filter(key__in=KEYS).delete()
    PeriodicTask.objects.filter(task__in=(tasks.BACK_UP, tasks.TEST_RESTORE)).delete()


def test_after_migrating_they_are_there_and_off() -> None:
    found = [(task.name, task.task, json.loads(task.kwargs), task.enabled, task.queue) for task in ours()]
    assert found == [
        ("Back up the database", "opsconsole.back_up", {"kind": "database"}, False, "opsconsole"),
        ("Back up the attachments", "opsconsole.back_up", {"kind": "attachments"}, False, "opsconsole"),
        ("Restore test", "opsconsole.test_restore", {}, False, "opsconsole"),
    ]
    times = [(task.crontab.minute, task.crontab.hour, task.crontab.day_of_week) for task in ours()]
    assert times == [("0", "3", "*"), ("0", "4", "*"), ("0", "5", "0")]
    assert {str(task.crontab.timezone) for task in ours()} == {"UTC"}


def test_in_the_demonstration_they_are_on(settings: Any) -> None:
    settings.DEMO = True
    forget()
    assert [task.enabled for task in shipped.ship_backups()] == [True] * 3


def test_what_somebody_has_changed_or_deleted_stays_so() -> None:
    database, attachments, _ = ours()
    database.name, database.enabled = "Mine", True
    database.save()
    attachments.delete()
    assert shipped.ship_backups() == []
    assert [(task.name, task.enabled) for task in ours()] == [("Mine", True), ("Restore test", False)]


def test_each_can_be_started_with_the_arguments_that_it_has() -> None:
    for task in ours():
        entry = entry_tasks.find(task.task)
        assert entry is not None
        bind(entry.parameters, json.loads(task.args), json.loads(task.kwargs))
