"""Who edits a periodic task doesn't see what is private in it, and doesn't lose it."""

import json
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from opsconsole.audit import AuditLog
from tests.admin.conftest import browser_of
from tests.api.cast import make_staff

SECRET = "Zq7Kp2Vx9Lm4Nt8Rw3Yb6Hd1Gf5Jc0Sa"
KWARGS = json.dumps({"identity_id": 1, "access_token": SECRET})


@pytest.fixture(autouse=True)
def _uncollected(settings: Any) -> None:
    """Static files under their own names: nothing was collected."""
    storage = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": storage}


@pytest.fixture
def root(db: None) -> Client:
    """The administrator's browser."""
    return browser_of(make_staff("root", is_superuser=True))


@pytest.fixture
def task(db: None) -> PeriodicTask:
    """A task with something private in its arguments, its headers and its description."""
    interval = IntervalSchedule.objects.create(every=10, period="minutes")
    return PeriodicTask.objects.create(
        name=f"Sync with token={SECRET}",
        task="opsconsole.backfill_conversations",
        interval=interval,
        kwargs=KWARGS,
        headers=json.dumps({"Authorization": f"Bearer {SECRET}"}),
        description=f"Uses Bearer {SECRET}.",
    )


def page_of(task: PeriodicTask) -> str:
    return reverse("admin:django_celery_beat_periodictask_change", args=[task.pk])


def as_shown(root: Client, task: PeriodicTask) -> dict[str, Any]:
    """Return the form's values as the page has them, for sending them back."""
    form = root.get(page_of(task)).context["adminform"].form
    return {name: "" if (value := form[name].value()) is None else value for name in form.fields} | {"enabled": "on"}


def test_the_form_shows_nothing_private(root: Client, task: PeriodicTask) -> None:
    response = root.get(page_of(task))
    assert SECRET not in response.content.decode()
    assert json.loads(as_shown(root, task)["kwargs"]) == {"identity_id": 1, "access_token": "[redacted]"}


def test_what_was_not_shown_is_kept_when_something_else_is_changed(root: Client, task: PeriodicTask) -> None:
    response = root.post(page_of(task), as_shown(root, task) | {"priority": "5"})
    assert response.status_code == 302, response.content.decode()
    task.refresh_from_db()
    assert (task.priority, task.kwargs, task.name) == (5, KWARGS, f"Sync with token={SECRET}")
    assert json.loads(task.headers) == {"Authorization": f"Bearer {SECRET}"}
    entry = AuditLog.objects.get(action_type="schedule.change")
    assert (entry.request_json or {})["fields"] == ["priority"]
    for written in (str(AuditLog.objects.values().get(pk=entry.pk)), str(list(LogEntry.objects.values()))):
        assert SECRET not in written


def test_a_value_that_is_written_anew_is_taken(root: Client, task: PeriodicTask) -> None:
    root.post(page_of(task), as_shown(root, task) | {"kwargs": '{"access_token": "another"}'})
    task.refresh_from_db()
    assert json.loads(task.kwargs) == {"access_token": "another"}


def test_a_value_with_a_gap_in_it_is_refused_and_still_not_shown(root: Client, task: PeriodicTask) -> None:
    changed = '{"identity_id": 2, "access_token": "[redacted]"}'
    response = root.post(page_of(task), as_shown(root, task) | {"kwargs": changed})
    assert response.status_code == 200
    assert "Write out what is shown as [redacted]" in response.content.decode()
    assert SECRET not in response.content.decode()
    task.refresh_from_db()
    assert task.kwargs == KWARGS
