"""PUT and DELETE /ops/identities/{id}/schedule."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask, PeriodicTasks
from rest_framework.test import APIClient

from identities.models import Identity
from jobs.models import PausedSchedule
from opsconsole.audit import AuditLog
from tests.api.cast import refusal
from tests.cast import make_identity

pytestmark = pytest.mark.django_db


def put(api: APIClient, identity: Identity, **body: Any) -> Any:
    return api.put(f"/ops/identities/{identity.pk}/schedule", body)


def test_an_identity_gets_a_schedule_of_its_own(api: APIClient) -> None:
    alice = make_identity("Alice")
    answer = put(api, alice, every_minutes=15, reason="Often enough.")
    assert answer.status_code == 200, answer.content
    task = PeriodicTask.objects.get(task="opsconsole.sync_identities")
    assert json.loads(task.kwargs) == {"identity_id": alice.pk}
    assert (task.queue, task.enabled, task.one_off) == ("opsconsole", True, False)
    assert (task.interval.every, task.interval.period) == (15, "minutes")
    shown = answer.json()
    assert shown["message"] == "Alice syncs every 15 minutes."
    assert (shown["schedule"], shown["scheduled"], shown["schedule_is_own"]) == ("every 15 minutes", "on", True)
    assert shown["next_sync_at"] == api.get("/ops/sync/status").json()["identities"][0]["next_sync_at"]
    entry = AuditLog.objects.get()
    assert (entry.action_type, entry.identity_id, entry.entity_type) == ("schedule.change", alice.pk, "identity")
    assert entry.request_json["from"] is None
    assert entry.request_json["to"] == {"schedule": "every 15 minutes", "enabled": True}
    assert entry.request_json["reason"] == "Often enough."


def test_a_schedule_that_is_there_is_changed_and_beat_is_told(api: APIClient) -> None:
    alice = make_identity()
    put(api, alice, every_minutes=15)
    last_run_at = timezone.now() - timedelta(minutes=3)
    PeriodicTask.objects.filter(task="opsconsole.sync_identities").update(last_run_at=last_run_at)
    before = PeriodicTasks.last_change()
    shown = put(api, alice, every_minutes=5).json()
    task = PeriodicTask.objects.get(task="opsconsole.sync_identities")
    assert (task.interval.every, task.last_run_at) == (5, last_run_at)
    assert shown["next_sync_at"] == (last_run_at + timedelta(minutes=5)).isoformat().replace("+00:00", "Z")
    assert PeriodicTasks.last_change() > before


def test_it_is_switched_off_and_on_again(api: APIClient) -> None:
    alice = make_identity("Alice")
    put(api, alice, every_minutes=15)
    off = put(api, alice, enabled=False).json()
    assert (off["message"], off["scheduled"], off["next_sync_at"]) == (
        "The sync schedule of Alice is off.",
        "off",
        None,
    )
    assert [reason["code"] for reason in off["health"]["reasons"]][:1] != ["not_scheduled_here"]
    on = put(api, alice, enabled=True).json()
    assert (on["scheduled"], on["schedule"]) == ("on", "every 15 minutes")


def test_switching_off_who_follows_the_general_one_gives_it_an_own_one_that_is_off(api: APIClient) -> None:
    alice, bob = make_identity("Alice"), make_identity("Bob")
    every, _ = IntervalSchedule.objects.get_or_create(every=20, period="minutes")
    PeriodicTask.objects.create(name="general", task="opsconsole.sync_identities", interval=every)
    shown = put(api, alice, enabled=False).json()
    assert (shown["scheduled"], shown["schedule_is_own"], shown["schedule"]) == ("off", True, "every 20 minutes")
    assert api.get(f"/ops/identities/{bob.pk}").json()["scheduled"] == "on"


def test_deleting_it_has_the_general_one_hold_again(api: APIClient) -> None:
    alice = make_identity("Alice")
    put(api, alice, every_minutes=15)
    answer = api.delete(f"/ops/identities/{alice.pk}/schedule")
    assert answer.status_code == 200
    assert answer.json()["message"] == "Alice follows the general schedule again."
    assert not PeriodicTask.objects.filter(task="opsconsole.sync_identities").exists()
    assert AuditLog.objects.latest("pk").request_json["to"] is None
    refusal(api.delete(f"/ops/identities/{alice.pk}/schedule"), 404, "no_own_schedule")


def test_a_crontab_that_somebody_made_becomes_an_interval(api: APIClient) -> None:
    alice = make_identity()
    crontab = CrontabSchedule.objects.create(minute="0", hour="3")
    kwargs = json.dumps({"identity_id": alice.pk})
    task = PeriodicTask.objects.create(
        name="mine", task="opsconsole.sync_identities", crontab=crontab, kwargs=kwargs, one_off=True
    )
    assert put(api, alice, every_minutes=60).status_code == 200
    task.refresh_from_db()
    assert (task.crontab, task.interval.every, task.one_off) == (None, 60, False)


def test_while_all_are_paused_a_schedule_waits_for_them_to_be_resumed(api: APIClient) -> None:
    alice = make_identity()
    every, _ = IntervalSchedule.objects.get_or_create(every=20, period="minutes")
    other = PeriodicTask.objects.create(name="other", task="x", interval=every, enabled=False)
    PausedSchedule.objects.create(task=other, paused_at=timezone.now(), paused_by="olivia")
    shown = put(api, alice, every_minutes=5).json()
    assert (shown["scheduled"], shown["next_sync_at"]) == ("paused", None)
    assert "All schedules are paused" in shown["message"]
    task = PeriodicTask.objects.get(task="opsconsole.sync_identities")
    assert (task.enabled, PausedSchedule.objects.filter(task=task).exists()) == (False, True)
    put(api, alice, enabled=False)
    assert not PausedSchedule.objects.filter(task=task).exists()


@pytest.mark.parametrize(
    "body",
    [
        {"every_minutes": 0},
        {"every_minutes": -5},
        {"every_minutes": "often"},
        {"every_minutes": 10**9},
        {"every_minutes": 10**40},
        {"every_minutes": 1.5},
        {"every_minutes": True},
        {"every_minutes": None},
        {"every_minutes": [5]},
        {"enabled": "perhaps"},
        {"enabled": None},
        {"minutes": 5},
        {},
    ],
)
def test_a_bad_schedule_is_refused_with_what_is_allowed(api: APIClient, body: dict[str, Any]) -> None:
    alice = make_identity()
    answer = put(api, alice, **body)
    refusal(answer, 400, "invalid")
    if "every_minutes" in body and body["every_minutes"] is not None and not isinstance(body["every_minutes"], list):
        assert "from 1 to 10,080 (a week)" in answer.json()["errors"]["every_minutes"][0]
    assert not PeriodicTask.objects.filter(task="opsconsole.sync_identities").exists()


def test_there_is_nothing_to_switch_on_where_there_is_no_schedule(api: APIClient) -> None:
    alice = make_identity("Alice")
    sentence = refusal(put(api, alice, enabled=True), 400, "no_own_schedule")
    assert "give every_minutes" in sentence
    assert AuditLog.objects.get().result == "error"


def test_an_unknown_or_inactive_identity_gets_none(api: APIClient) -> None:
    carol = make_identity("Carol", is_active=False)
    refusal(put(api, carol, every_minutes=5), 404, "identity_inactive")
    refusal(api.put("/ops/identities/999999/schedule", {"every_minutes": 5}), 404, "identity_not_found")
    refusal(api.put("/ops/identities/abc/schedule", {"every_minutes": 5}), 404, "identity_not_found")
    refusal(api.delete("/ops/identities/999999/schedule"), 404, "identity_not_found")
    assert not PeriodicTask.objects.filter(task="opsconsole.sync_identities").exists()


def test_the_schedule_of_one_that_became_inactive_can_be_switched_off(api: APIClient) -> None:
    carol = make_identity("Carol")
    put(api, carol, every_minutes=5)
    Identity.objects.filter(pk=carol.pk).update(is_active=False)
    assert put(api, carol, enabled=False).status_code == 200
    assert not PeriodicTask.objects.get(task="opsconsole.sync_identities").enabled


def test_where_several_name_it_neither_is_changed(api: APIClient) -> None:
    alice = make_identity("Alice")
    every, _ = IntervalSchedule.objects.get_or_create(every=20, period="minutes")
    for name in ("one", "two"):
        kwargs = json.dumps({"identity_id": alice.pk})
        PeriodicTask.objects.create(name=name, task="opsconsole.sync_identities", interval=every, kwargs=kwargs)
    sentence = refusal(put(api, alice, every_minutes=5), 409, "several_schedules")
    assert "“one” and “two”" in sentence


def test_whoever_may_not_schedule_can_not(viewing_api: APIClient) -> None:
    alice = make_identity()
    assert put(viewing_api, alice, every_minutes=5).status_code == 403
    assert viewing_api.delete(f"/ops/identities/{alice.pk}/schedule").status_code == 403
