"""Everything else that staff sees: people, tokens, schedules, results, backups."""

import re
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from django_celery_results.models import GroupResult, TaskResult
from rest_framework.authtoken.models import Token

from opsconsole.audit import AuditLog
from tests.admin.conftest import browser_of
from tests.admin.reading import ids, messages, problems, text
from tests.api.cast import insert, make_staff
from tests.cast import NOW, make_user

PAGES = [
    "auth_user",
    "auth_group",
    "authtoken_tokenproxy",
    "django_celery_beat_periodictask",
    "django_celery_beat_intervalschedule",
    "django_celery_beat_crontabschedule",
    "django_celery_beat_solarschedule",
    "django_celery_beat_clockedschedule",
]


@pytest.mark.parametrize("name", PAGES)
def test_lists_and_forms_open_in_the_consoles_look(root: Client, name: str) -> None:
    for verb in ("changelist", "add"):
        response = root.get(reverse(f"admin:{name}_{verb}"))
        assert response.status_code == 200
        assert "unfold/css/styles.css" in response.content.decode()


def test_a_token_is_shown_once(root: Client) -> None:
    user = make_staff("robot")
    response = root.post("/admin/authtoken/tokenproxy/add/", {"user": user.pk}, follow=True)
    key = Token.objects.get(user=user).key
    assert key in messages(response)[0]
    body = root.get("/admin/authtoken/tokenproxy/").content.decode()
    assert key not in body
    assert f"{key[:4]}…" in body
    assert key not in root.get(f"/admin/authtoken/tokenproxy/{user.pk}/change/").content.decode()
    assert key not in root.get(f"/admin/authtoken/tokenproxy/{user.pk}/delete/").content.decode()
    assert [entry.object_repr for entry in LogEntry.objects.all()] == ["Token of robot"]


def a_task() -> PeriodicTask:
    interval = IntervalSchedule.objects.create(every=10, period="minutes")
    return PeriodicTask.objects.create(name="Sync all", task="opsconsole.sync", interval=interval, enabled=True)


def test_a_periodic_task_opens_and_can_be_switched_off(root: Client) -> None:
    task = a_task()
    assert root.get(f"/admin/django_celery_beat/periodictask/{task.pk}/change/").status_code == 200
    data = {"action": "disable_tasks", "index": 0, "_selected_action": [task.pk]}
    root.post("/admin/django_celery_beat/periodictask/", data)
    task.refresh_from_db()
    assert not task.enabled


def test_whatever_changes_a_schedule_is_written_to_the_audit_log(root: Client) -> None:
    interval = IntervalSchedule.objects.create(every=5, period=IntervalSchedule.MINUTES)
    task = PeriodicTask.objects.create(name="Nightly", task="opsconsole.clear_expired_sessions", interval=interval)
    url = reverse("admin:django_celery_beat_periodictask_changelist")
    for action in ("disable_tasks", "enable_tasks"):
        root.post(url, {"action": action, "_selected_action": [task.pk]})
    root.post(reverse("admin:django_celery_beat_periodictask_delete", args=[task.pk]), {"post": "yes"})

    entries = AuditLog.objects.filter(action_type="schedule.change", entity_id=task.pk).order_by("pk")
    assert [(entry.request_json or {})["change"] for entry in entries] == ["disabled", "enabled", "deleted"]


def test_a_viewer_sees_periodic_tasks_and_switches_nothing(viewing: Client) -> None:
    task = a_task()
    assert "Sync all" in text(viewing.get("/admin/django_celery_beat/periodictask/"))
    assert viewing.get(f"/admin/django_celery_beat/periodictask/{task.pk}/change/").status_code == 200
    for action in ("disable_tasks", "run_tasks"):
        data = {"action": action, "index": 0, "_selected_action": [task.pk]}
        viewing.post("/admin/django_celery_beat/periodictask/", data)
    task.refresh_from_db()
    assert task.enabled


def test_results_are_shown_without_what_is_private(page: Client) -> None:
    result: Any = TaskResult.objects.create(
        task_id="abc",
        task_name="opsconsole.sync",
        status="FAILURE",
        result='{"access_token": "hunter2"}',
        task_kwargs="{'password': 'hunter2'}",
        traceback="Bearer abcdefgh12345678ABCDEFGH",
    )
    url = "/admin/django_celery_results/taskresult/"
    assert ids(page.get(url)) == [result.pk]
    assert ids(page.get(f"{url}?status=SUCCESS")) == []
    assert "is no state" in problems(page.get(f"{url}?status=banana"))
    body = page.get(f"{url}{result.pk}/change/").content.decode()
    assert "opsconsole.sync" in body
    assert "hunter2" not in body
    assert "abcdefgh12345678" not in body


def test_results_of_groups_are_shown_without_what_is_private(page: Client) -> None:
    url = "/admin/django_celery_results/groupresult/"
    assert "No group results" in text(page.get(url))
    result: Any = GroupResult.objects.create(group_id="abc", result='[["abc", null], {"access_token": "hunter2"}]')
    assert ids(page.get(url)) == [result.pk]
    body = page.get(f"{url}{result.pk}/change/").content.decode()
    assert "Group abc" in body
    assert "hunter2" not in body
    assert page.get(f"{url}0/change/").status_code == 404


@pytest.mark.parametrize(
    ("name", "tabs"),
    [
        ("django_celery_beat_periodictask", ["Periodic tasks", "Intervals", "Crontabs", "Solar", "Clocked"]),
        ("django_celery_beat_crontabschedule", ["Periodic tasks", "Intervals", "Crontabs", "Solar", "Clocked"]),
        ("django_celery_results_groupresult", ["Task results", "Group results"]),
    ],
)
def test_what_belongs_together_is_reached_by_tabs(page: Client, name: str, tabs: list[str]) -> None:
    body = page.get(reverse(f"admin:{name}_changelist")).content.decode()
    bar = body.partition('id="tabs-items"')[2].partition("</nav>")[0]
    assert re.findall(r">\s*([A-Z][a-z ]+?)\s*</a>", bar) == tabs


def test_tabs_are_shown_to_those_only_who_may_see_what_they_lead_to(db: None) -> None:
    client = browser_of(make_user("jo", "django_celery_beat.view_periodictask"))
    body = client.get(reverse("admin:django_celery_beat_periodictask_changelist")).content.decode()
    assert "Crontabs" not in body


def test_backups_and_restore_tests_are_shown(root: Client) -> None:
    run = insert(
        "backup_runs",
        kind="database",
        status="succeeded",
        trigger="manual",
        job_id=None,
        started_at=NOW,
        completed_at=NOW,
        storage_key="2026/x.dump",
        size_bytes=5 * 1024**3,
        sha256="a" * 64,
        manifest_json='{"tables": 3}',
        error=None,
        removed_at=None,
    )
    test = insert(
        "restore_tests",
        backup_run_id=run,
        status="failed",
        trigger="scheduled",
        job_id=None,
        started_at=NOW,
        completed_at=None,
        checks_json='[{"check_name": "row counts", "passed": true}, {"check_name": "hash", "passed": false}, 7]',
        attachments_sampled=10,
        attachments_verified=9,
        error="hash differs <b>",
    )
    words = text(root.get("/admin/backups/backuprun/"))
    assert f"Database #{run}" in words
    assert "5.0 GiB" in words
    assert "a" * 64 in text(root.get(f"/admin/backups/backuprun/{run}/change/"))
    assert "1 of 2 passed" in text(root.get("/admin/backups/restoretest/"))
    response = root.get(f"/admin/backups/restoretest/{test}/change/")
    assert "9 of 10" in text(response)
    assert "hash differs <b>" not in response.content.decode()
