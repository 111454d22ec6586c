"""/ops/schedules: periodic tasks, and what can be done about them."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.utils import timezone
from django_celery_beat.models import PeriodicTask
from rest_framework.test import APIClient

from jobs.models import Job, Run
from opsconsole.audit import AuditLog
from tests.api.cast import accepted, is_utc, make_staff, refusal, with_token
from tests.cast import make_identity
from tests.schedules.cast import make_schedule, names_on, only

pytestmark = pytest.mark.django_db

POSTS = ("{id}/run", "{id}/disable", "{off}/enable", "pause", "resume")
# The token and the permissions.
CALLER = 2


def post(client: APIClient, path: str, **body: Any) -> Any:
    return client.post(f"/ops/schedules/{path}", body, format="json")


def test_the_list_says_of_each_what_it_starts_and_when(api: APIClient) -> None:
    alice = make_identity("Alice")
    task = make_schedule(
        "opsconsole.backfill_conversations",
        {"identity_id": alice.pk, "access_token": "hunter2"},
        name="Backfill Alice",
        description="By hand.",
        last_run_at=timezone.now() - timedelta(minutes=1),
    )
    only(task)
    answer = api.get("/ops/schedules").json()
    (shown,) = answer["schedules"]
    assert is_utc(shown.pop("last_run_at"))
    assert is_utc(shown.pop("next_run_at"))
    assert "“access_token” is not an argument" in shown.pop("cannot_run_because")
    assert shown == {
        "id": task.pk,
        "name": "Backfill Alice",
        "task": "opsconsole.backfill_conversations",
        "title": "Backfill conversations",
        "schedule": "every 10 minutes",
        "enabled": True,
        "paused": False,
        "overdue": False,
        "problem": None,
        "arguments": {"identity_id": alice.pk, "access_token": "[redacted]"},
        "identity_id": alice.pk,
        "can_run": False,
        "description": "By hand.",
    }
    assert answer["beat"]["status"] == "running"
    assert answer["beat"]["missed"] == []
    assert answer["paused"] is False
    assert api.get(f"/ops/schedules/{task.pk}").json()["name"] == "Backfill Alice"


def test_a_silent_beat_is_told_with_what_it_missed(api: APIClient) -> None:
    long_ago = timezone.now() - timedelta(hours=2)
    task = make_schedule(last_run_at=long_ago)
    only(task)
    beat = api.get("/ops/schedules").json()["beat"]
    assert (beat["status"], beat["missed"]) == ("silent", [task.pk])
    assert is_utc(beat["since"])


def test_broken_rows_are_shown_with_what_is_wrong(api: APIClient) -> None:
    task = make_schedule("opsconsole.housekeeping", "{broken", interval=None)
    shown = api.get(f"/ops/schedules/{task.pk}").json()
    assert shown["arguments"] is None
    assert shown["can_run"] is False
    assert shown["problem"]


def test_running_answers_as_a_backfill_does_and_is_audited(api: APIClient) -> None:
    task = make_schedule(enabled=False)
    body = accepted(post(api, f"{task.pk}/run", reason="Now."))
    assert body["jobs"] == [Job.objects.get().pk]
    assert (Run.objects.get().requested_by, Run.objects.get().via) == ("olivia", "api")
    assert AuditLog.objects.filter(action_type="schedule.run", result="ok", entity_id=task.pk).count() == 1


def test_with_a_key_it_is_run_once(api: APIClient) -> None:
    task = make_schedule()
    answers = [
        api.post(f"/ops/schedules/{task.pk}/run", {}, format="json", headers={"Idempotency-Key": "k"}) for _ in "ab"
    ]
    assert answers[0].json() == answers[1].json()
    assert Run.objects.count() == 1


def test_what_can_be_no_job_is_refused(api: APIClient) -> None:
    task = make_schedule("celery.backend_cleanup")
    assert "can't be started as a job" in refusal(post(api, f"{task.pk}/run"), 400, "not_startable")
    assert not Job.objects.exists()


def test_switching_answers_with_the_schedule_as_it_is_now(api: APIClient) -> None:
    task = make_schedule(name="Nightly")
    body = post(api, f"{task.pk}/disable").json()
    assert body["message"] == "“Nightly” is off now."
    assert (body["schedule"]["id"], body["schedule"]["enabled"]) == (task.pk, False)
    assert "off already" in refusal(post(api, f"{task.pk}/disable"), 409, "already")
    assert post(api, f"{task.pk}/enable").json()["schedule"]["enabled"] is True


def test_pausing_and_resuming(api: APIClient) -> None:
    task = make_schedule(name="Nightly")
    before = names_on()
    body = post(api, "pause", reason="Deploy.").json()
    assert {schedule["name"] for schedule in body["schedules"]} == before
    listed = api.get("/ops/schedules").json()
    assert listed["paused"] is True
    assert listed["beat"]["status"] == "paused"
    shown = {schedule["id"]: schedule for schedule in listed["schedules"]}[task.pk]
    assert (shown["enabled"], shown["paused"], shown["next_run_at"]) == (False, True, None)
    assert "paused already" in refusal(post(api, "pause"), 409, "already_paused")
    assert {schedule["name"] for schedule in post(api, "resume").json()["schedules"]} == before
    assert names_on() == before
    refusal(post(api, "resume"), 409, "not_paused")
    assert api.get("/ops/schedules").json()["paused"] is False


@pytest.mark.parametrize("pk", ["0", "99999999", "1099511627776", "9" * 30, "x", "-1", "é"])
def test_an_unknown_schedule_is_a_404(api: APIClient, pk: str) -> None:
    refusal(api.get(f"/ops/schedules/{pk}"), 404, "schedule_not_found")
    for verb in ("run", "enable", "disable"):
        refusal(post(api, f"{pk}/{verb}"), 404, "schedule_not_found")


def test_a_key_that_it_does_not_know_is_refused(api: APIClient) -> None:
    task = make_schedule()
    for path in (f"{task.pk}/run", f"{task.pk}/disable", "pause", "resume"):
        assert post(api, path, reasons="x").status_code == 400
    assert not AuditLog.objects.exists()
    assert PeriodicTask.objects.get(pk=task.pk).enabled


def test_both_spellings_of_the_addresses_are_served(api: APIClient) -> None:
    task = make_schedule()
    assert api.get("/ops/schedules/").status_code == api.get(f"/ops/schedules/{task.pk}/").status_code == 200
    assert post(api, f"{task.pk}/run/").status_code == 202
    assert api.get("/ops/schedules/pause").status_code == 405


# --- who may ------------------------------------------------------------------------------------------------------


@pytest.fixture
def ids() -> dict[str, int]:
    return {"id": make_schedule().pk, "off": make_schedule(enabled=False).pk}


def test_who_may_look_may_not_act(viewing_api: APIClient, ids: dict[str, int]) -> None:
    before = names_on()
    assert viewing_api.get("/ops/schedules").status_code == 200
    for path in POSTS:
        refusal(post(viewing_api, path.format(**ids)), 403, "permission_denied")
    assert names_on() == before
    assert not Job.objects.exists()


def test_each_takes_one_permission(ids: dict[str, int]) -> None:
    def holder(name: str, codename: str) -> APIClient:
        user = make_staff(name)
        user.user_permissions.add(Permission.objects.get(codename=codename))
        return with_token(user)

    looking, acting = holder("vic", "view_periodictask"), holder("ann", "change_periodictask")
    assert looking.get("/ops/schedules").status_code == 200
    refusal(acting.get("/ops/schedules"), 403, "permission_denied")
    for path in POSTS:
        refusal(post(looking, path.format(**ids)), 403, "permission_denied")
        assert post(acting, path.format(**ids)).status_code in {200, 202}


def test_all_other_permissions_together_do_not_help(ids: dict[str, int]) -> None:
    user = make_staff("nina")
    user.user_permissions.set(Permission.objects.exclude(codename__in=("view_periodictask", "change_periodictask")))
    client = with_token(user)
    refusal(client.get(f"/ops/schedules/{ids['id']}"), 403, "permission_denied")
    for path in POSTS:
        refusal(post(client, path.format(**ids)), 403, "permission_denied")


# --- how much it takes --------------------------------------------------------------------------------------------


def test_the_list_takes_one_query_however_many_there_are(
    api: APIClient, django_assert_num_queries: Callable[..., Any]
) -> None:
    for _ in range(2):
        for _ in range(10):
            make_schedule("opsconsole.submit_job", {"job_type": "ingest.sync_delta"})
        with django_assert_num_queries(CALLER + 1):
            assert api.get("/ops/schedules").status_code == 200


def test_operations_take_a_bounded_number_of_queries(
    api: APIClient, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    task = make_schedule()
    with django_assert_max_num_queries(CALLER + 30):
        assert post(api, f"{task.pk}/run").status_code == 202
    for _ in range(20):
        make_schedule()
    for path in ("pause", "resume"):
        with django_assert_max_num_queries(CALLER + 12):
            assert post(api, path).status_code == 200
