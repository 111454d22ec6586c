"""The pages of periodic tasks."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from jobs.models import Job, PausedSchedule, Run
from jobs.schedules.operations import pause_all
from opsconsole.audit import AuditLog
from tests.admin.reading import messages, recently, rows, text
from tests.cast import OPERATOR
from tests.schedules.cast import audited, make_schedule, names_on, only

pytestmark = pytest.mark.django_db

LIST = "/admin/django_celery_beat/periodictask/"
LONG_AGO = timezone.now() - timedelta(hours=2)


def state_of(response: Any, task: PeriodicTask) -> str:
    """Return what the list says about a task's state."""
    admin = response.context["cl"].model_admin
    (row,) = [row for row in rows(response) if row.pk == task.pk]
    shown: str = admin.state(row)
    return shown


def test_the_list_says_what_each_starts_and_when(page: Client) -> None:
    make_schedule("opsconsole.backfill_conversations", name="Backfill all", last_run_at=timezone.now())
    words = recently(text(page.get(LIST)))
    assert "Backfill all Backfill conversations every 10 minutes in 9 min expected just now On" in words


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({}, "On"),
        ({"enabled": False}, "Off"),
        ({"last_run_at": LONG_AGO}, "Overdue"),
        ({"interval": None}, "Broken"),
        ({"args": "{"}, "Broken"),
    ],
)
def test_the_state_is_a_word(page: Client, values: dict[str, Any], word: str) -> None:
    task = make_schedule(**values)
    response = page.get(LIST)
    assert state_of(response, task).endswith(f"</span>{word}</span>")
    if word == "Broken":
        assert "arguments are no JSON" in text(response) or "It has no schedule" in text(response)


def test_a_silent_beat_is_told(page: Client) -> None:
    only(make_schedule(last_run_at=LONG_AGO))
    words = text(page.get(LIST))
    assert "Beat has started nothing since" in words
    assert "though 1 schedule was due: is the beat process running?" in words


def test_running_asks_first_and_then_goes_to_the_run(page: Client) -> None:
    task = make_schedule(name="Nightly", enabled=False)
    assert "Run now…" in text(page.get(LIST))
    url = f"{LIST}{task.pk}/run/"
    asked = page.get(url)
    assert "“Housekeeping” is started once, now and in your name" in text(asked)
    assert "It is switched off, and stays so." in text(asked)
    assert not Job.objects.exists()
    response = page.post(url, {"reason": "Now."}, follow=True)
    run = Run.objects.get()
    assert response.redirect_chain[-1][0] == f"/admin/jobs/run/{run.pk}/change/"
    assert messages(response) == ["1 job queued."]
    assert (run.requested_by, run.via) == ("olivia", "admin")
    assert audited("schedule.run")[0]["request"]["reason"] == "Now."


def test_what_can_be_no_job_has_no_button_and_says_why(page: Client) -> None:
    task = make_schedule("celery.backend_cleanup")
    only(task)
    assert "Run now…" not in text(page.get(LIST))
    assert "can't be started as a job" in text(page.get(f"{LIST}{task.pk}/run/"))
    response = page.post(f"{LIST}{task.pk}/run/", follow=True)
    assert "can't be started as a job" in messages(response)[0]


def test_an_unknown_schedule_is_a_404(page: Client) -> None:
    assert page.get(f"{LIST}99999/run/").status_code == 404
    assert page.post(f"{LIST}x/run/").status_code == 404


def test_the_actions_switch_on_and_off(page: Client) -> None:
    on, off = make_schedule(), make_schedule(enabled=False)
    for action in ("disable_tasks", "enable_tasks"):
        response = page.post(LIST, {"action": action, "_selected_action": [on.pk, off.pk]}, follow=True)
        assert messages(response)
    assert {on.pk, off.pk} <= set(PeriodicTask.objects.filter(enabled=True).values_list("pk", flat=True))
    assert [entry["request"]["change"] for entry in audited("schedule.change")] == ["disabled", "enabled", "enabled"]
    response = page.post(LIST, {"action": "enable_tasks", "_selected_action": [on.pk]}, follow=True)
    assert "on already" in messages(response)[0]


def test_pausing_and_resuming_ask_first_with_how_many_and_which(page: Client) -> None:
    make_schedule(name="Nightly")
    make_schedule(name="Off", enabled=False)
    before = names_on()
    words = text(page.get(f"{LIST}pause/"))
    assert f"Pause {len(before)} schedules" in words
    assert "Nightly" in words
    assert names_on() == before

    response = page.post(f"{LIST}pause/", {"reason": "Deploy."}, follow=True)
    assert f"{len(before)} schedules paused." in messages(response)[0]
    assert f"{len(before)} schedules are paused by olivia, just now" in recently(text(response))
    assert names_on() == set()
    assert "There" not in messages(page.post(f"{LIST}pause/", follow=True))[0]

    words = text(page.get(f"{LIST}resume/"))
    assert f"Resume {len(before)} schedules" in words
    assert "Off" not in words.split("Nightly")[1]
    page.post(f"{LIST}resume/")
    assert names_on() == before
    assert "Nothing is paused" in text(page.get(f"{LIST}resume/"))
    assert "paused" not in text(page.get(LIST))


def test_reading_the_pages_changes_nothing(page: Client) -> None:
    task = make_schedule()
    before = names_on()
    for path in ("", "pause/", "resume/", f"{task.pk}/run/", f"{task.pk}/change/"):
        assert page.get(f"{LIST}{path}").status_code == 200
    assert names_on() == before
    assert not Job.objects.exists()
    assert not AuditLog.objects.exists()


def test_who_may_only_look_sees_no_buttons_and_starts_nothing(viewing: Client) -> None:
    task = make_schedule()
    before = names_on()
    words = text(viewing.get(LIST))
    for word in ("Run now", "Pause all", "Add", "Switch selected"):
        assert word not in words
    for path in ("pause/", "resume/", f"{task.pk}/run/"):
        assert viewing.get(f"{LIST}{path}").status_code == 403
        assert viewing.post(f"{LIST}{path}").status_code == 403
    assert names_on() == before
    assert not Job.objects.exists()


def test_who_may_switch_but_not_add_edits_nothing(page: Client) -> None:
    task = make_schedule(name="Nightly")
    words = text(page.get(f"{LIST}{task.pk}/change/"))
    assert "Save" not in words
    assert page.post(f"{LIST}{task.pk}/change/", {"name": "Mine", "task": "message.send_manual"}).status_code == 403
    assert page.get(f"{LIST}add/").status_code == 403
    assert PeriodicTask.objects.get(pk=task.pk).name == "Nightly"


def test_what_is_edited_is_written_down_from_what_to_what_and_is_paused_no_more(root: Client) -> None:
    task = make_schedule(name="Nightly", last_run_at=LONG_AGO)
    pause_all(actor=OPERATOR)
    form = root.get(f"{LIST}{task.pk}/change/").context["adminform"].form
    data = {name: "" if (value := form[name].value()) is None else value for name in form.fields}
    response = root.post(f"{LIST}{task.pk}/change/", data | {"enabled": "on", "name": "Daily", "priority": "3"})
    assert response.status_code == 302, text(response)
    task.refresh_from_db()
    assert task.enabled
    # It counts from now.
    assert task.last_run_at is None
    assert not PausedSchedule.objects.filter(task=task).exists()
    (entry,) = audited("schedule.change")
    assert entry["request"]["from"] == {"name": "Nightly", "enabled": False, "priority": None}
    assert entry["request"]["to"] == {"name": "Daily", "enabled": True, "priority": 3}


def test_the_page_of_one_says_how_it_is_doing(page: Client) -> None:
    task = make_schedule(last_run_at=timezone.now())
    words = recently(text(page.get(f"{LIST}{task.pk}/change/")))
    assert "every 10 minutes Run now… Next run, expected in 9 min Last run just now" in words


def test_the_list_takes_so_many_queries_however_many_there_are(
    page: Client, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    page.get(LIST)
    for _ in range(2):
        for _ in range(20):
            make_schedule("opsconsole.submit_job", {"job_type": "ingest.sync_delta"})
        # The session's user and permissions; how many there are, twice; the page; how beat is doing.
        with django_assert_max_num_queries(7):
            assert page.get(LIST).status_code == 200
