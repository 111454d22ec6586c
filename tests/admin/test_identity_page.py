"""The page of an identity: how it is doing and what to do, what has happened, and its schedule."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from identities.models import Identity
from jobs.models import Run
from opsconsole.audit import Actor, AuditLog, Entity, record
from tests.admin.conftest import browser_of
from tests.admin.reading import messages, recently, text
from tests.admin.syncs import active_job, attempted, before, counted, general_schedule, pause, schedule_for, synced
from tests.api.cast import make_staff
from tests.cast import make_credential, make_identity

LIST = "/admin/identities/identity/"
SYNC_TASK = "opsconsole.sync_identities"


def url_of(identity: Identity, name: str = "change") -> str:
    return f"{LIST}{identity.pk}/{name}/"


def words_of(page: Client, identity: Identity) -> str:
    return text(page.get(url_of(identity)))


@pytest.fixture
def alice(db: None) -> Identity:
    """An identity with a credential, of which nothing else is known."""
    identity = make_identity("Alice")
    make_credential(identity)
    return identity


# --- how it is doing ----------------------------------------------------------------------------------------------


def test_one_that_does_well_says_when_and_what_is_next(page: Client, alice: Identity) -> None:
    synced(alice, minutes_ago=120)
    counted(alice, messages=82_021, new_messages_24h=1_918)
    general_schedule(name="Sync all")
    words = words_of(page, alice)
    assert "last success 2 h ago" in words
    assert "last attempt: synced 2 h ago" in words
    assert re.search(r"next expected in \d min", words)
    assert "messages, 1,918 of them in 24 h 82,021" in words
    assert "Every 10 minutes By the general schedule “Sync all”." in words


@pytest.mark.parametrize(
    ("facts", "what", "todo"),
    [
        (
            {"minutes_ago": 1, "failures": 4, "attempt_error": "502 Bad Gateway", "attempt_outcome": "failed"},
            "The last 4 attempts failed: “502 Bad Gateway”.",
            "Mend what it names, then sync.",
        ),
        (
            {"minutes_ago": 300},
            "No sync has succeeded for 5 h, though one is expected every 10 minutes.",
            "Sync now, and see what becomes of it.",
        ),
        (
            {"failures": 1, "rejection": "401 Unauthorized", "attempt_outcome": "failed"},
            "The provider refuses its credential (“401 Unauthorized”).",
            "Connect the account again in the core, then sync.",
        ),
        (
            {"success_error": "1 conversation was not found", "attempt_outcome": "partial"},
            "The last sync succeeded but left something out: “1 conversation was not found”.",
            "What it brought is stored; the rest may come with the next one.",
        ),
    ],
)
def test_each_reason_says_what_is_wrong_and_what_to_do(
    page: Client, alice: Identity, facts: dict[str, Any], what: str, todo: str
) -> None:
    synced(alice, **facts)
    general_schedule()
    assert f"{what} {todo}" in words_of(page, alice)
    assert f"{what} {todo}" in text(page.get(url_of(alice, "live")))


def test_one_of_which_nothing_is_known_makes_nothing_up(page: Client) -> None:
    words = words_of(page, make_identity("Nova"))
    assert "last success never" in words
    assert "last attempt none seen" in words
    assert "next expected unknown" in words
    assert "counting…" in words
    assert "Nothing yet: its first sync or backfill shows here as soon as it has ended." in words
    assert "No schedule here syncs anybody; the core's own beat may." in words
    assert "None of its own. Connect the account in the core." in words
    assert "Its last syncs and backfills" not in words


def test_a_refused_credential_is_not_called_connected(page: Client, alice: Identity) -> None:
    assert "Credential Connected" in words_of(page, alice)
    synced(alice, failures=1, rejection="401 Unauthorized")
    assert "Credential Refused" in words_of(page, alice)


def test_what_runs_now_is_shown_with_a_link_for_those_who_may_see_jobs(page: Client, alice: Identity) -> None:
    job = active_job(alice)
    body = page.get(url_of(alice)).content.decode()
    assert f'href="/admin/jobs/job/{job.pk}/change/">Backfill conversations' in body
    looking = browser_of(make_staff("ida"))
    grant(looking, "view_identity")
    body = looking.get(url_of(alice)).content.decode()
    assert "Backfill conversations" in body
    assert "/admin/jobs/job/" not in body


def grant(browser: Client, *codenames: str) -> None:
    from django.contrib.auth.models import Permission, User

    user = User.objects.get(pk=browser.session["_auth_user_id"])
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))


# --- beat ---------------------------------------------------------------------------------------------------------


def test_silent_beat_is_said_once_and_goes_by_itself(page: Client, alice: Identity) -> None:
    PeriodicTask.objects.all().delete()
    synced(alice)
    task = general_schedule(last_run_at=before(minutes=30))
    for name in ("change", "live"):
        words = text(page.get(url_of(alice, name)))
        assert words.count("Beat has started nothing") == 1
        assert "See to it that the beat process runs." in words
    PeriodicTask.objects.filter(pk=task.pk).update(last_run_at=timezone.now())
    assert "Beat has started nothing" not in text(page.get(url_of(alice, "live")))


def test_silent_beat_is_said_also_to_one_that_it_does_not_sync(page: Client, alice: Identity) -> None:
    PeriodicTask.objects.all().delete()
    general_schedule(last_run_at=before(minutes=30))
    own = schedule_for({"identity_id": alice.pk})
    PeriodicTask.objects.filter(pk=own.pk).update(enabled=False, last_run_at=None)
    words = words_of(page, alice)
    assert "Its schedule is switched off, so it is synced by hand only." in words
    assert "Beat has started nothing for 20 min" in words


def test_paused_schedules_are_said(page: Client, alice: Identity) -> None:
    carol = make_identity("Carol", is_active=False)
    synced(alice)
    pause(general_schedule())
    link = 'href="/admin/django_celery_beat/periodictask/">To the schedules</a>'
    response = page.get(url_of(alice))
    words = text(response)
    assert words.count("All schedules are paused, so it isn't synced. Resume them. To the schedules") == 1
    assert link in response.content.decode()
    assert "Every 10 minutes paused" in words
    response = page.get(url_of(carol))
    assert "All schedules have been paused for 5 min" in text(response)
    assert link in response.content.decode()


# --- what has happened --------------------------------------------------------------------------------------------


def test_the_tracker_holds_the_last_fifty_the_oldest_on_the_left(page: Client, alice: Identity) -> None:
    for number in range(51):
        attempted(alice, minutes_ago=number + 1)
    failed = attempted(alice, "failed", minutes_ago=0.5)
    attempted(make_identity("Bob"), "cancelled")
    response = page.get(url_of(alice))
    found = re.findall(
        r'<li class="oc-(\w+)" title="([^"]+)"><span class="oc-hidden">([^<]+)</span>', response.content.decode()
    )
    assert len(found) == 50
    assert all(title == hidden for _, title, hidden in found)
    times = [title[-23:] for _, title, _ in found]
    assert times == sorted(times)
    tone, title, _ = found[-1]
    assert (tone, title) == ("bad", f"Sync: failed, {failed.ended_at:%Y-%m-%d %H:%M:%S} UTC")
    assert {tone for tone, _, _ in found[:-1]} == {"good"}
    assert "49 synced · 1 failed · the oldest 49 min ago" in text(response)


@pytest.mark.parametrize(
    ("outcome", "word"),
    [
        ("done", "Synced"),
        ("partial", "Synced in part"),
        ("skipped", "Skipped"),
        ("failed", "Failed"),
        ("retrying", "Failed, tried again"),
        ("unknown", "Outcome unknown"),
        ("cancelled", "Cancelled"),
    ],
)
def test_every_outcome_has_a_word_of_its_own(page: Client, alice: Identity, outcome: str, word: str) -> None:
    attempted(alice, outcome)
    words = words_of(page, alice)
    assert f"1 {word.lower()} · the oldest 1 min ago" in words
    assert f"{word} Sync 1 min ago" in words


def test_the_timeline_joins_all_that_happened_the_newest_first(page: Client, alice: Identity) -> None:
    attempted(alice, minutes_ago=300, job_id=17, messages_synced=1_204, new_messages=3, requested_by="beat", via="beat")
    attempted(alice, "failed", minutes_ago=200, error="502 Bad Gateway\nand more")
    attempted(alice, minutes_ago=100, job_type="ingest.backfill_conversations", requested_by="bob", via="api")
    page.post(url_of(alice, "schedule"), {"change": "interval", "every_minutes": "15"})
    record(
        actor=Actor(name="bob", via="api"),
        action="identity.other",
        entity=Entity(type="identity", id=alice.pk),
        request={},
    )
    words = recently(words_of(page, alice))
    happened = words[words.index("What has happened") :]
    parts = [
        "Schedule Own schedule made: every 15 minutes. olivia on these pages just now",
        "Synced Backfill conversations bob through the API 1 h ago",
        "Failed Sync 3 h ago 502 Bad Gateway",
        "Synced Sync #17 beat on schedule 5 h ago 1,204 messages, 3 new",
    ]
    places = [happened.find(part) for part in parts]
    assert -1 not in places, happened
    assert places == sorted(places)
    assert "and more" not in happened
    assert "identity.other" not in happened


# --- its schedule -------------------------------------------------------------------------------------------------


def own_schedules() -> list[tuple[int, bool]]:
    tasks = PeriodicTask.objects.filter(task=SYNC_TASK, kwargs__contains="identity_id").order_by("pk")
    return [(task.interval.every, task.enabled) for task in tasks]


def change(page: Client, identity: Identity, wanted: str, **given: Any) -> list[str]:
    """Use the schedule form and return what the page says about it."""
    response = page.post(url_of(identity, "schedule"), {"change": wanted, **given}, follow=True)
    assert response.redirect_chain == [(url_of(identity), 302)]
    assert response.status_code == 200
    return messages(response)


def test_it_gets_a_schedule_of_its_own_which_is_changed(page: Client, alice: Identity) -> None:
    general_schedule(name="Sync all")
    assert change(page, alice, "interval", every_minutes=" 15 ", reason="often enough") == [
        "Alice syncs every 15 minutes."
    ]
    assert own_schedules() == [(15, True)]
    assert "Every 15 minutes Its own schedule." in words_of(page, alice)
    assert (
        'name="every_minutes" min="1" max="10080" step="1" inputmode="numeric" value="15"'
        in page.get(url_of(alice)).content.decode()
    )
    assert change(page, alice, "interval", every_minutes="20") == ["Alice syncs every 20 minutes."]
    assert own_schedules() == [(20, True)]
    first = AuditLog.objects.order_by("pk")[0]
    assert (first.action_type, first.request_json["by"], first.request_json["via"]) == (
        "schedule.change",
        "olivia",
        "admin",
    )
    assert first.request_json["reason"] == "often enough"


def test_it_is_switched_off_and_on_and_follows_the_general_one_again(page: Client, alice: Identity) -> None:
    general_schedule(name="Sync all")
    assert offered(page, alice) == ["interval", "off"]
    assert change(page, alice, "off") == ["The sync schedule of Alice is off."]
    assert own_schedules() == [(10, False)]
    assert offered(page, alice) == ["interval", "on", "general"]
    assert "Every 10 minutes off Its own schedule." in words_of(page, alice)
    assert change(page, alice, "on") == ["Alice syncs every 10 minutes."]
    assert own_schedules() == [(10, True)]
    assert offered(page, alice) == ["interval", "off", "general"]
    assert change(page, alice, "general") == ["Alice follows the general schedule again."]
    assert own_schedules() == []
    assert "By the general schedule “Sync all”." in words_of(page, alice)


def offered(page: Client, identity: Identity) -> list[str]:
    return re.findall(r'name="change" value="(\w+)"', page.get(url_of(identity)).content.decode())


@pytest.mark.parametrize("given", ["0", "-1", "often", str(10**9), "10081", "", "1.5", "1e3", "٣", "9" * 5_000])
def test_an_interval_that_can_not_be_gives_a_sentence_and_changes_nothing(
    page: Client, alice: Identity, given: str
) -> None:
    general_schedule()
    (said,) = change(page, alice, "interval", every_minutes=given)
    assert said.startswith("The interval must be a whole number of minutes from 1 to 10,080 (a week)")
    assert own_schedules() == []


def test_what_can_not_be_changed_says_why(page: Client, alice: Identity) -> None:
    assert change(page, alice, "general") == ["Alice has no schedule of its own."]
    (said,) = change(page, alice, "on")
    assert said.startswith("Alice has no schedule of its own to switch on")
    carol = make_identity("Carol", is_active=False)
    assert change(page, carol, "interval", every_minutes="5") == ["The identity Carol is inactive; activate it first."]
    for _ in range(2):
        schedule_for({"identity_id": alice.pk})
    (said,) = change(page, alice, "interval", every_minutes="5")
    assert said.startswith("Several periodic tasks name Alice")
    assert own_schedules() == [(10, True)] * 2


def test_looking_at_the_address_of_the_form_changes_nothing(page: Client, alice: Identity) -> None:
    response = page.get(f"{url_of(alice, 'schedule')}?change=interval&every_minutes=5")
    assert (response.status_code, response["Location"]) == (302, url_of(alice))
    assert own_schedules() == []


def test_the_form_demands_its_token(operator: Any, alice: Identity) -> None:
    strict = browser_of(operator, enforce_csrf_checks=True)
    assert strict.post(url_of(alice, "schedule"), {"change": "off"}).status_code == 403
    assert own_schedules() == []


# --- who may, and what is there -----------------------------------------------------------------------------------


def test_who_may_only_look_is_offered_nothing_and_can_do_nothing(viewing: Client, alice: Identity) -> None:
    synced(alice)
    general_schedule()
    body = viewing.get(url_of(alice)).content.decode()
    for offer in ("Sync now", "Backfill…", 'name="change"', f"{LIST}sync/", f"{LIST}backfill/"):
        assert offer not in body
    assert viewing.post(url_of(alice, "schedule"), {"change": "off"}).status_code == 403
    assert viewing.post(f"{LIST}sync/", {"identity": alice.pk}).status_code == 403
    assert own_schedules() == []
    assert not Run.objects.exists()


def test_sync_now_posts_and_leads_to_the_run(page: Client, alice: Identity) -> None:
    body = page.get(url_of(alice)).content.decode()
    assert f'<form method="post" action="{LIST}sync/">' in body
    response = page.post(f"{LIST}sync/", {"identity": alice.pk}, follow=True)
    assert response.redirect_chain == [(f"/admin/jobs/run/{Run.objects.get().pk}/change/", 302)]


def test_an_inactive_one_is_expected_nothing_of_and_offers_nothing(page: Client) -> None:
    carol = make_identity("Carol", is_active=False)
    synced(carol, minutes_ago=60 * 24 * 70)
    general_schedule()
    response = page.get(url_of(carol))
    words, body = text(response), response.content.decode()
    assert "Inactive The core doesn't use it, so nothing is synced. Activate it in the core to begin." in words
    assert "next expected none" in words
    assert "next sync expected" not in words
    for offer in ("Sync now", "Backfill…", 'name="change"'):
        assert offer not in body


@pytest.mark.parametrize("name", ["change", "live", "schedule"])
@pytest.mark.parametrize("pk", ["999999", "0", "alice", str(2**70)])
def test_an_address_that_names_no_identity_is_not_found(page: Client, name: str, pk: str) -> None:
    response = page.get(f"{LIST}{pk}/{name}/", follow=True)
    assert response.status_code == 404
    assert f"There is no identity {pk}." in text(response)


def test_the_live_part_is_only_for_those_who_may_look(client: Client, viewing: Client, alice: Identity) -> None:
    live = url_of(alice, "live")
    assert f'hx-get="{live}" hx-trigger="every 4s, poll"' in viewing.get(url_of(alice)).content.decode()
    assert viewing.get(live).status_code == 200
    assert client.get(live).status_code == 302
    assert browser_of(make_staff("nobody")).get(live).status_code == 403


def test_long_names_and_errors_are_shown_whole_or_cut_but_never_break_the_page(page: Client) -> None:
    name = "W" * 128
    identity = make_identity(name, external_username="w")
    synced(identity, failures=9, attempt_error="E" * 5_000, failing_since=timezone.now() - timedelta(hours=1))
    attempted(identity, "failed", error="F" * 5_000)
    words = words_of(page, identity)
    assert name in words
    assert "E" * 159 + "…" in words
    assert "F" * 199 + "…" in words
    assert "F" * 200 not in words
