"""GET /ops/sync/status: what is known of each identity's syncs."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone
from django_celery_beat.models import ClockedSchedule, IntervalSchedule, PeriodicTask
from rest_framework.test import APIClient

from identities.models import IdentityCounts, LastSync
from jobs import recent
from jobs.models import Job
from tests.api.cast import make_attempt, refusal
from tests.cast import NOW, make_conversation, make_credential, make_identity, make_job

pytestmark = pytest.mark.django_db

STATUS = "/ops/sync/status"
PROMISED = {
    "identity_id",
    "display_name",
    "external_username",
    "provider_id",
    "last_sync_at",
    "conversations_count",
    "messages_count",
    "is_default",
    "is_active",
    "last_sync_status",
    "last_error",
    "next_sync_at",
    "schedule",
    "new_messages_24h",
    "credential",
    "health",
    "active_job",
}


def shown(api: APIClient) -> dict[str, Any]:
    (one,) = api.get(STATUS).json()["identities"]
    return dict(one)


def synced(identity: Any, *, minutes_ago: float = 1, **values: Any) -> LastSync:
    at = timezone.now() - timedelta(minutes=minutes_ago)
    facts = {"success_at": at, "success_source": "dispatch", "attempt_at": at, "attempt_outcome": "done"}
    return LastSync.objects.create(identity=identity, **{**facts, **values})


def counted(identity: Any, **values: Any) -> IdentityCounts:
    return IdentityCounts.objects.create(identity=identity, **{"as_of": timezone.now(), **values})


def general_schedule(minutes: int = 10, **values: Any) -> PeriodicTask:
    every, _ = IntervalSchedule.objects.get_or_create(every=minutes, period="minutes")
    given = {"name": "general", "last_run_at": timezone.now(), "interval": every}
    task = PeriodicTask.objects.create(task="opsconsole.sync_identities", **{**given, **values})
    # Beat changes the row when it writes down a run.
    PeriodicTask.objects.filter(pk=task.pk).update(date_changed=task.last_run_at)
    return task


def test_it_holds_what_the_front_end_reads(api: APIClient) -> None:
    alice = make_identity("Alice", external_username="alice_w", is_default=True)
    make_credential(alice)
    synced(alice)
    counted(alice, conversations=3, messages=40, new_messages_24h=7)
    general_schedule()
    one = shown(api)
    assert set(one) >= PROMISED
    assert (one["identity_id"], one["display_name"], one["external_username"]) == (alice.pk, "Alice", "alice_w")
    assert (one["conversations_count"], one["messages_count"], one["new_messages_24h"]) == (3, 40, 7)
    assert (one["last_sync_status"], one["last_sync_source"], one["schedule"]) == ("done", "job", "every 10 minutes")
    assert one["health"] == {"state": "on_track", "status": "ok", "reasons": []}
    assert one["credential"]["status"] == "present"
    assert one["last_sync_at"].endswith("Z")
    overall = api.get(STATUS).json()["overall"]
    assert overall == {"status": "ok", "reasons": []}


def test_inactive_ones_show_only_when_they_are_asked_for(api: APIClient) -> None:
    alice, carol = make_identity(), make_identity(is_active=False)
    general_schedule()
    assert [one["identity_id"] for one in api.get(STATUS).json()["identities"]] == [alice.pk]
    everybody = api.get(f"{STATUS}?include_inactive=true").json()["identities"]
    shown = {one["identity_id"]: one for one in everybody}
    assert shown[carol.pk]["health"]["state"] == "inactive"
    assert shown[carol.pk]["next_sync_at"] is None
    assert shown[alice.pk]["next_sync_at"] is not None
    refusal(api.get(f"{STATUS}?include_inactive=perhaps"), 400, "invalid")
    assert api.get(f"{STATUS}?include_inactive=").status_code == 200


def test_without_evidence_nothing_is_made_up(api: APIClient) -> None:
    make_credential(make_identity())
    one = shown(api)
    assert (one["last_sync_at"], one["last_sync_source"], one["next_sync_at"], one["schedule"]) == (None,) * 4
    assert (one["health"]["state"], one["health"]["status"]) == ("unknown", "unknown")
    assert (one["messages_count"], one["counts_as_of"]) == (0, None)


def test_the_newest_message_shows_a_sync_that_left_no_other_trace(api: APIClient) -> None:
    alice = make_identity()
    newest = timezone.now() - timedelta(minutes=2)
    synced(alice, minutes_ago=60)
    counts = counted(alice, newest_message_at=newest)
    assert shown(api)["last_sync_source"] == "message"
    counts.newest_message_at = newest - timedelta(days=1)
    counts.save()
    assert shown(api)["last_sync_source"] == "job"


def test_without_a_credential_a_sync_succeeded_only_where_one_is_on_record(api: APIClient) -> None:
    def says() -> str:
        reasons = {reason["code"]: reason["message"] for reason in shown(api)["health"]["reasons"]}
        return str(reasons["credential_missing"])

    alice = make_identity()
    assert says().startswith("No credential of its own. Connect the account")
    counted(alice, newest_message_at=timezone.now() - timedelta(minutes=2))
    assert says().startswith("No credential of its own. Only its newest message shows that it has synced.")
    last = synced(alice)
    assert says().startswith("No credential of its own, though its last sync succeeded.")
    last.success_error = "image 5 could not be had"
    last.save()
    assert says().startswith("No credential of its own, though its last sync succeeded in part.")
    last.failures = 1
    last.save()
    assert says().startswith("No credential of its own. Connect the account")


def test_last_success_last_attempt_and_what_runs_are_three_facts(api: APIClient) -> None:
    alice = make_identity()
    make_credential(alice)
    synced(
        alice,
        minutes_ago=5,
        attempt_at=timezone.now(),
        attempt_outcome="failed",
        attempt_error="429 Too Many Requests",
        failures=1,
    )
    job = make_job(status="running", payload={"provider_id": "reddit", "identity_id": alice.pk})
    make_attempt(job.pk, serial_key=f"ingest:{alice.pk}", started_at=timezone.now())
    one = shown(api)
    assert one["last_success_at"] < one["last_attempt_at"]
    assert (one["last_sync_status"], one["last_error"], one["failures"]) == ("failed", "429 Too Many Requests", 1)
    assert (one["active_job"]["id"], one["active_job"]["status"]) == (job.pk, "running")


def test_one_that_waits_for_its_next_attempt_does_not_wait_for_a_worker(api: APIClient) -> None:
    alice = make_identity()
    make_credential(alice)
    now = timezone.now()
    synced(alice, attempt_outcome="retrying", attempt_error="502", failures=1)
    general_schedule()
    payload = {"provider_id": "reddit", "identity_id": alice.pk}
    next_run_at, began = now + timedelta(minutes=1), now - timedelta(minutes=3)
    job = make_job(status="retrying", payload=payload, next_run_at=next_run_at, updated_at=began)
    ended = {"ended_at": began, "outcome": "retrying", "next_attempt_at": next_run_at}
    make_attempt(job.pk, serial_key=f"ingest:{alice.pk}", **ended)
    assert codes(api) == ["last_attempt_failed"]
    Job.objects.filter(pk=job.pk).update(next_run_at=now - timedelta(minutes=2))
    assert codes(api) == ["last_attempt_failed", "waiting_long"]


def test_however_many_wait_for_one_identity_the_others_jobs_are_seen(
    api: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recent, "COUNTED_OF_KEY", 5)
    alice, bob = make_identity("Alice"), make_identity("Bob")
    for number in range(8):
        job = make_job(status="queued", payload={"identity_id": alice.pk, "n": number})
        make_attempt(job.pk, serial_key=f"ingest:{alice.pk}")
    last = make_job(status="running", payload={"identity_id": bob.pk})
    make_attempt(last.pk, serial_key=f"ingest:{bob.pk}", started_at=timezone.now())
    found = {one["display_name"]: one for one in api.get(STATUS).json()["identities"]}
    assert found["Alice"]["active_job"]["status"] == "queued"
    assert found["Alice"]["waiting_jobs"] == 4
    assert (found["Bob"]["active_job"]["id"], found["Bob"]["waiting_jobs"]) == (last.pk, 0)


def codes(api: APIClient) -> list[str]:
    return [reason["code"] for reason in shown(api)["health"]["reasons"]]


def test_nothing_is_expected_of_an_inactive_one(api: APIClient) -> None:
    make_identity(is_active=False)
    general_schedule()
    (one,) = api.get(f"{STATUS}?include_inactive=true").json()["identities"]
    assert (one["next_sync_at"], one["health"]["state"]) == (None, "inactive")


def test_an_identity_is_late_by_its_schedule_and_then_failing(api: APIClient) -> None:
    alice = make_identity()
    make_credential(alice)
    last = synced(alice, minutes_ago=12)
    general_schedule(minutes=10)
    assert shown(api)["health"]["state"] == "late"
    last.success_at = timezone.now() - timedelta(minutes=25)
    last.save()
    one = shown(api)
    assert (one["health"]["state"], one["health"]["status"]) == ("failing", "critical")
    assert "expected every 10 minutes" in one["health"]["reasons"][0]["message"]


def own_schedule(identity: Any, name: str, minutes: int, **values: Any) -> PeriodicTask:
    arguments = json.dumps({"identity_id": identity.pk})
    return general_schedule(minutes, name=name, kwargs=arguments, total_run_count=100, **values)


def state(api: APIClient) -> str:
    return str(shown(api)["health"]["state"])


def connected_and_synced(*, minutes_ago: float) -> Any:
    alice = make_identity()
    make_credential(alice)
    synced(alice, minutes_ago=minutes_ago)
    return alice


def test_of_several_schedules_the_strictest_says_what_is_late(api: APIClient) -> None:
    alice = connected_and_synced(minutes_ago=30)
    now = timezone.now()
    own_schedule(alice, "often", 10, last_run_at=now - timedelta(minutes=1))
    # The daily one runs next.
    own_schedule(alice, "daily", 1_440, last_run_at=now - timedelta(minutes=1_439))
    (reason,) = shown(api)["health"]["reasons"]
    assert reason["code"] == "not_synced"
    assert "expected every 10 minutes" in reason["message"]


def test_a_run_that_is_to_happen_only_once_hides_no_lateness(api: APIClient) -> None:
    alice = connected_and_synced(minutes_ago=14)
    now = timezone.now()
    own_schedule(alice, "often", 10, last_run_at=now - timedelta(minutes=4))
    once = ClockedSchedule.objects.create(clocked_time=now + timedelta(minutes=1))
    PeriodicTask.objects.create(
        name="once",
        task="opsconsole.sync_identities",
        kwargs=json.dumps({"identity_id": alice.pk}),
        clocked=once,
        one_off=True,
    )
    assert state(api) == "late"


def test_a_schedule_that_was_made_stricter_just_now_makes_nobody_late(api: APIClient) -> None:
    alice = connected_and_synced(minutes_ago=20 * 60)
    daily = own_schedule(alice, "own", 1_440, last_run_at=timezone.now() - timedelta(hours=20))
    assert state(api) == "on_track"
    api.put(f"/ops/identities/{alice.pk}/schedule", {"every_minutes": 5})
    assert state(api) == "on_track"
    # Beat has started its first sync, which isn't over yet.
    now = timezone.now()
    PeriodicTask.objects.filter(pk=daily.pk).update(last_run_at=now, date_changed=now, total_run_count=1)
    assert state(api) == "on_track"
    # And a third one, of which none has succeeded.
    PeriodicTask.objects.filter(pk=daily.pk).update(total_run_count=3)
    assert state(api) == "late"


def test_a_schedule_that_is_new_makes_nobody_late_before_its_first_sync_could_be_over(api: APIClient) -> None:
    alice = connected_and_synced(minutes_ago=9 * 60)
    api.put(f"/ops/identities/{alice.pk}/schedule", {"every_minutes": 5})
    assert state(api) == "on_track"
    task = PeriodicTask.objects.filter(kwargs__contains=str(alice.pk))
    long_ago = timezone.now() - timedelta(minutes=7)
    task.update(date_changed=long_ago)
    assert state(api) == "late"


def test_resuming_makes_nobody_late(api: APIClient) -> None:
    alice = connected_and_synced(minutes_ago=9 * 60)
    task = own_schedule(alice, "own", 10)
    assert state(api) == "failing"
    api.post("/ops/schedules/pause")
    api.post("/ops/schedules/resume")
    assert state(api) == "on_track"
    now = timezone.now()
    row = PeriodicTask.objects.filter(pk=task.pk)
    row.update(last_run_at=now, date_changed=now, total_run_count=F("total_run_count") + 1)
    assert state(api) == "on_track"


def test_a_credential_that_the_provider_refuses_asks_for_somebody_to_act(api: APIClient) -> None:
    alice = make_identity("Alice")
    make_credential(alice)
    synced(alice, failures=1, rejection="401 invalid_grant", rejected_at=timezone.now())
    general_schedule()
    assert shown(api)["health"]["state"] == "action_required"
    overall = api.get(STATUS).json()["overall"]
    assert (overall["status"], overall["reasons"][0]["message"]) == ("critical", "1 identity needs somebody to act.")


def test_who_has_connected_the_account_again_is_told_to_sync(api: APIClient) -> None:
    alice = make_identity()
    make_credential(alice)
    synced(alice, failures=1, rejection="401 invalid_grant", rejected_at=NOW - timedelta(hours=1))
    general_schedule()
    assert "sync now to see whether that is accepted" in shown(api)["health"]["reasons"][0]["message"]
    LastSync.objects.update(rejected_at=timezone.now())
    assert "Connect the account again" in shown(api)["health"]["reasons"][0]["message"]


def test_a_beat_that_has_gone_silent_is_said(api: APIClient) -> None:
    alice = make_identity()
    make_credential(alice)
    synced(alice, minutes_ago=9)
    general_schedule(minutes=10, last_run_at=timezone.now() - timedelta(minutes=11, seconds=30))
    answer = api.get(STATUS).json()
    assert answer["beat"]["status"] == "silent"
    assert "beat_silent" in [reason["code"] for reason in answer["identities"][0]["health"]["reasons"]]


@pytest.mark.parametrize(
    "values",
    [
        {"kwargs": "{broken"},
        {"kwargs": "[]"},
        {"args": "nonsense"},
        {"kwargs": json.dumps({"identity_id": 999_999})},
        {"kwargs": json.dumps({"identity_id": {"a": 1}})},
        {"interval": None},
    ],
)
def test_a_broken_schedule_breaks_nothing(api: APIClient, values: dict[str, Any]) -> None:
    make_identity()
    task = general_schedule()
    PeriodicTask.objects.filter(pk=task.pk).update(**values)
    answer = api.get(STATUS)
    assert answer.status_code == 200
    assert answer.json()["identities"][0]["next_sync_at"] is None


def test_the_number_of_queries_does_not_grow_with_the_identities(
    api: APIClient, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    for number in range(25):
        alice = make_identity(provider_id=f"p{number % 3}")
        make_credential(alice)
        make_conversation(alice)
        synced(alice)
        counted(alice)
        job = make_job(status="running", payload={"provider_id": "reddit", "identity_id": alice.pk})
        make_attempt(job.pk, serial_key=f"ingest:{alice.pk}", started_at=timezone.now())
        general_schedule(name=f"own {number}", kwargs=json.dumps({"identity_id": alice.pk}))
    with django_assert_max_num_queries(2 + 6):
        assert len(api.get(STATUS).json()["identities"]) == 25


def test_whoever_may_not_see_identities_sees_none(db: None) -> None:
    from tests.api.cast import make_staff, with_token

    make_identity()
    assert with_token(make_staff("nobody")).get(STATUS).status_code == 403
    assert APIClient().get(STATUS).status_code == 401
