"""The list of identities: how each is doing, what can be started from it, and how it keeps itself up to date."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django_celery_beat.models import PeriodicTask

from identities.models import Provider, ProviderCredential
from jobs.models import Job, Run
from opsconsole.audit import AuditLog
from tests.admin.conftest import browser_of
from tests.admin.reading import ids, messages, text
from tests.admin.syncs import active_job, before, counted, general_schedule, pause, schedule_for, synced
from tests.api.cast import make_staff
from tests.cast import NOW, make_conversation, make_credential, make_identity

LIST = "/admin/identities/identity/"
SYNC = f"{LIST}sync/"
LIVE = f"{LIST}live/"
CELLS = {"health", "synced", "next_sync", "messages", "active_job"}
MAX_LIVE_QUERIES = 8


def cell(page: Client, identity: Any, name: str) -> str:
    """Return the words of one cell of the list."""
    body = page.get(LIST).content.decode()
    found = re.search(rf'<div class="oc-cell" id="identity-{identity.pk}-{name}">(.*?)</div>', body, re.DOTALL)
    assert found
    words = re.sub(r'<span class="material-symbols-outlined[^>]*>[^<]*</span>', " ", found[1])
    return " ".join(re.sub(r"<[^>]+>", " ", words).split())


# --- what it shows ------------------------------------------------------------------------------------------------


def test_one_that_does_well_is_on_track_and_says_no_more(page: Client) -> None:
    alice = make_identity()
    make_credential(alice)
    synced(alice)
    general_schedule()
    assert cell(page, alice, "health") == "On track"
    assert "All on track Every active identity is on track." in text(page.get(LIST))


def test_health_is_a_word_and_its_first_reason(page: Client) -> None:
    alice = make_identity("Alice")
    make_credential(alice)
    synced(alice, minutes_ago=300, attempt_error="TimeoutError", failures=5, failing_since=before(hours=4))
    general_schedule()
    words = cell(page, alice, "health")
    assert words.startswith("Failing The last 5 attempts failed")
    assert words.endswith("+1 more")
    assert "Needs attention 1 identity is failing." in text(page.get(LIST))


def test_the_last_sync_says_since_when_and_what_failed_since(page: Client) -> None:
    alice, bob = make_identity(), make_identity()
    synced(alice, minutes_ago=120, failures=2)
    assert cell(page, alice, "synced") == "2 h ago 2 failures since"
    assert cell(page, bob, "synced") == "never"


def test_a_sync_that_only_the_newest_message_shows_says_so(page: Client) -> None:
    alice = make_identity()
    synced(alice, minutes_ago=120)
    counted(alice, newest_message_at=before(minutes=5))
    assert cell(page, alice, "synced") == "5 min ago newest message"


def test_times_are_relative_with_the_exact_one_on_hover(page: Client) -> None:
    last = synced(make_identity(), minutes_ago=120)
    assert last.success_at
    exact = f'title="{last.success_at:%Y-%m-%d %H:%M:%S} UTC" data-ago>2 h ago</time>'
    assert exact in page.get(LIST).content.decode()


def test_the_next_sync_is_told_with_its_schedule_in_words(page: Client) -> None:
    alice, carol = make_identity(), make_identity(is_active=False)
    general_schedule()
    assert re.fullmatch(r"in \d min every 10 minutes", cell(page, alice, "next_sync"))
    assert cell(page, carol, "next_sync") == "–"


def test_without_a_schedule_the_next_sync_is_unknown_not_guessed(page: Client) -> None:
    assert cell(page, make_identity(), "next_sync") == "unknown"


def test_a_schedule_that_is_off_or_paused_says_so(page: Client) -> None:
    alice = make_identity()
    task = schedule_for({"identity_id": alice.pk})
    PeriodicTask.objects.filter(pk=task.pk).update(enabled=False)
    assert cell(page, alice, "next_sync") == "not expected every 10 minutes (off)"
    pause(task)
    assert cell(page, alice, "next_sync") == "not expected every 10 minutes (paused)"
    assert "All schedules have been paused for 5 min" in text(page.get(LIST))


def test_counts_have_separators_and_what_is_new(page: Client) -> None:
    alice, bob = make_identity(), make_identity()
    counted(alice, conversations=1_179, messages=82_021, new_messages_24h=1_918)
    counted(bob, conversations=1, messages=1)
    assert cell(page, alice, "messages") == "82,021 +1,918 1,179 conversations"
    assert cell(page, bob, "messages") == "1 1 conversation"


def test_what_is_not_counted_yet_is_being_counted_not_zero(page: Client) -> None:
    alice = make_identity()
    make_conversation(alice)
    assert cell(page, alice, "messages") == "counting… 1 conversation"


def test_the_active_job_shows_its_progress_and_how_many_wait(page: Client) -> None:
    alice = make_identity()
    progress: dict[str, Any] = {
        "progress_current": 120,
        "progress_unit": "messages",
        "progress_source": "observed",
        "progress_at": NOW,
    }
    job = active_job(alice, **progress)
    active_job(alice, "ingest.sync_delta", status="queued", started_at=None)
    assert cell(page, alice, "active_job") == "Backfill conversations +1 waiting 120 messages so far"
    assert f'<a class="oc-link oc-job" href="/admin/jobs/job/{job.pk}/change/">' in page.get(LIST).content.decode()
    assert cell(page, make_identity(), "active_job") == "–"


def test_silent_beat_is_said_above_the_list(page: Client) -> None:
    make_identity()
    PeriodicTask.objects.all().delete()
    general_schedule(last_run_at=before(minutes=30))
    words = text(page.get(LIST))
    assert "Beat has started nothing for 20 min" in words
    assert "though 1 schedule should have run" in words


def test_markup_in_names_and_errors_is_text(page: Client) -> None:
    alice = make_identity("<b>Alice</b>")
    synced(alice, failures=1, attempt_error="<script>alert(1)</script>")
    for url in (LIST, LIVE, f"{LIST}{alice.pk}/change/", f"{SYNC}?all=1"):
        body = page.get(url).content.decode()
        assert "<b>Alice</b>" not in body
        assert "<script>alert" not in body


def test_no_identity_at_all_says_what_will_make_one_appear(page: Client) -> None:
    words = text(page.get(LIST))
    assert "they appear here when it connects an account" in words
    assert "There is no active identity, so nothing is synced." in words


# --- what can be started from it ----------------------------------------------------------------------------------


def buttons(page: Client) -> list[str]:
    body = page.get(LIST).content.decode()
    return re.findall(r'aria-label="((?:Sync|Backfill) [^"]+)"', body)


def test_a_row_has_buttons_only_for_those_who_may_and_for_active_ones(page: Client, viewing: Client) -> None:
    make_identity("Alice")
    make_identity("Carol", is_active=False)
    assert buttons(page) == ["Sync Alice", "Backfill Alice…"]
    assert buttons(viewing) == []
    words = text(viewing.get(LIST))
    assert "Alice" in words
    assert "Sync all…" not in words
    assert "Backfill all…" not in words


def test_the_sync_button_posts_the_lists_own_form_and_stays_there(operator: User) -> None:
    alice = make_identity("Alice")
    strict = browser_of(operator, enforce_csrf_checks=True)
    body = strict.get(LIST).content.decode()
    form = re.search(r'<form id="changelist-form".*?</form>', body, re.DOTALL)
    assert form
    button = re.search(r'<button type="submit"[^>]*formaction="([^"]+)" name="identity" value="(\d+)"', form[0])
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form[0])
    assert 'method="post"' in form[0]
    assert button
    assert token
    given = {"identity": button[2]}
    assert button[2] == str(alice.pk)
    assert strict.post(button[1], given).status_code == 403
    assert not Run.objects.exists()
    response = strict.post(button[1], {**given, "csrfmiddlewaretoken": token[1]}, follow=True)
    run = Run.objects.get()
    assert response.redirect_chain == [(LIST, 302)]
    assert messages(response) == ["1 job queued. Watch it"]
    assert f'href="/admin/jobs/run/{run.pk}/change/">Watch it</a>' in response.content.decode()


def test_looking_at_the_address_of_the_button_starts_nothing(page: Client) -> None:
    alice = make_identity()
    assert page.get(f"{SYNC}?stay=1&identity={alice.pk}").status_code == 200
    assert not Run.objects.exists()


def test_those_that_are_ticked_are_synced_and_the_list_stays(page: Client) -> None:
    alice, bob, carol = make_identity(), make_identity(), make_identity()
    data = {"action": "sync_selected", "index": 0, "_selected_action": [alice.pk, bob.pk]}
    response = page.post(LIST, data, follow=True)
    assert response.redirect_chain == [(LIST, 302)]
    assert messages(response) == ["2 jobs queued. Watch it"]
    synced_ids = {job.payload_json["identity_id"] for job in Job.objects.all()}
    assert synced_ids == {alice.pk, bob.pk}
    assert carol.pk not in synced_ids


def test_all_of_two_hundred_that_are_ticked_are_synced(page: Client) -> None:
    chosen = [make_identity().pk for _ in range(200)]
    assert len(ids(page.get(LIST))) == 200
    data = {"action": "sync_selected", "index": 0, "_selected_action": chosen}
    assert messages(page.post(LIST, data, follow=True)) == ["200 jobs queued. Watch it"]


def test_more_than_an_address_holds_are_not_taken_to_the_form_in_part(page: Client) -> None:
    chosen = [make_identity().pk for _ in range(201)]
    data = {"action": "backfill_selected", "index": 0}
    (said,) = messages(page.post(LIST, {**data, "_selected_action": chosen}, follow=True))
    assert said == "At most 200 identities can be chosen here at once; “Backfill all…” takes all."
    assert len(page.post(LIST, {**data, "_selected_action": chosen[:200]})["Location"]) < 4_000


def test_who_may_only_look_can_start_nothing(viewing: Client) -> None:
    alice = make_identity()
    assert viewing.post(f"{SYNC}?stay=1", {"identity": alice.pk}).status_code == 403
    assert viewing.get(SYNC).status_code == 403
    viewing.post(LIST, {"action": "sync_selected", "index": 0, "_selected_action": [alice.pk]})
    assert not Run.objects.exists()


def test_the_form_for_all_says_what_it_does_and_ticks_the_active_ones(page: Client) -> None:
    alice = make_identity("Alice")
    make_identity("Carol", is_active=False)
    job = active_job(alice)
    assert f'href="{SYNC}?all=1"' in page.get(LIST).content.decode()
    response = page.get(f"{SYNC}?all=1")
    words = text(response)
    assert "asks its provider for what is new and stores it" in words
    assert "Sync 1 identity" in words
    assert "No credential. The job will probably fail." in words
    assert f"Running Backfill conversations #{job.pk}" in words
    assert [row["identity"].pk for row in response.context["rows"] if row["chosen"]] == [alice.pk]
    assert not Run.objects.exists()


def test_the_form_leads_to_the_run_and_keeps_the_reason(page: Client) -> None:
    alice = make_identity()
    response = page.post(SYNC, {"identity": alice.pk, "reason": "after the outage"}, follow=True)
    run = Run.objects.get()
    assert response.redirect_chain == [(f"/admin/jobs/run/{run.pk}/change/", 302)]
    entry = AuditLog.objects.get()
    assert (entry.action_type, entry.request_json["reason"]) == ("sync.trigger", "after the outage")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ([], "Name at least one identity."),
        (["abc"], "Name at least one identity."),
        (["999999"], "There is no identity 999999."),
    ],
)
def test_what_can_not_be_synced_says_why(page: Client, given: list[str], sentence: str) -> None:
    for url in (SYNC, f"{SYNC}?stay=1"):
        response = page.post(url, {"identity": given}, follow=True)
        assert response.status_code == 200
        assert messages(response) == [sentence]
    assert not Run.objects.exists()


# --- how it keeps itself up to date -------------------------------------------------------------------------------


def test_the_list_asks_for_its_cells_every_few_seconds(page: Client) -> None:
    make_identity()
    body = page.get(LIST).content.decode()
    assert f'hx-get="{LIVE}" hx-trigger="every 5s, poll"' in body
    assert "hx-swap-oob" not in body


def test_the_live_part_brings_every_cell_of_every_identity_to_its_place(page: Client) -> None:
    alice, carol = make_identity(), make_identity(is_active=False)
    synced(alice)
    response = page.get(LIVE)
    body = response.content.decode()
    places = re.findall(r'<div class="oc-cell" id="identity-(\d+)-(\w+)" hx-swap-oob="true">', body)
    assert set(places) == {(str(one.pk), name) for one in (alice, carol) for name in CELLS}
    assert len(places) == 2 * len(CELLS)
    listed = page.get(LIST).content.decode()
    assert all(f'id="identity-{pk}-{name}"' in listed for pk, name in places)
    assert body.count('id="identities-overall"') == 1
    assert "<html" not in body


def test_the_live_part_is_only_for_those_who_may_look(client: Client, viewing: Client) -> None:
    make_identity()
    assert viewing.get(LIVE).status_code == 200
    assert client.get(LIVE).status_code == 302
    assert browser_of(make_staff("nobody")).get(LIVE).status_code == 403


def test_the_live_part_takes_few_queries_and_no_more_for_more_identities(page: Client) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert page.get(LIVE).status_code == 200
        return len(captured)

    def add(number: int) -> None:
        for _ in range(number):
            identity = make_identity()
            make_credential(identity)
            synced(identity)
            counted(identity)
            active_job(identity)

    add(1)
    general_schedule()
    asked()
    few = asked()
    add(20)
    assert asked() <= few <= MAX_LIVE_QUERIES


@pytest.mark.parametrize(("url", "verb"), [(SYNC, "Sync"), (f"{LIST}backfill/", "Backfill")])
def test_the_form_for_all_ticks_nobody_who_can_not_work_and_the_run_says_who_was_skipped(
    page: Client, url: str, verb: str
) -> None:
    alice, bob = make_identity("Alice"), make_identity("Bob", provider_id="mastodon")
    ProviderCredential.objects.filter(provider_id="mastodon").delete()
    shown = page.get(f"{url}?all=1")
    assert [row["identity"].pk for row in shown.context["rows"] if row["chosen"]] == [alice.pk]
    assert "Bob has no credential and has never synced. Connect the account first. Skipped unless" in text(shown)
    assert f"{verb} 1 identity" in text(shown)

    response = page.post(url, {"identity": alice.pk, "all": "1"}, follow=True)
    reason = "Bob has no credential and has never synced. Connect the account first."
    assert messages(response) == [f"1 job queued. Skipped: {reason}"]
    assert f"Skipped {reason}" in text(response)
    page.post(url, {"identity": [alice.pk, bob.pk], "all": "1"}, follow=True)
    assert Job.objects.count() == 2
    assert Run.objects.latest("created_at").left_out is None


def test_the_form_for_all_says_why_where_nobody_can_work(page: Client) -> None:
    make_identity("Bob")
    Provider.objects.update(enabled=False)
    response = page.post(SYNC, {"all": "1"}, follow=True)
    sentence = "No active identity can sync. Bob can't sync: its provider reddit is switched off."
    assert messages(response) == [sentence]
    assert response.redirect_chain == [(f"{SYNC}?all=1", 302)]


def test_nothing_ticked_of_all_starts_nothing(page: Client) -> None:
    make_identity("Alice")
    response = page.post(SYNC, {"all": "1"}, follow=True)
    assert messages(response) == ["Name at least one identity."]
    assert not Run.objects.exists()
