"""Identities: the list, the page, and the form that starts a backfill."""

import pytest
from django.test import Client

from jobs.models import Job, Run
from opsconsole.audit import AuditLog
from tests.admin.conftest import browser_of
from tests.admin.reading import ids, messages, text
from tests.admin.syncs import active_job
from tests.api.cast import make_staff
from tests.cast import NOW, make_conversation, make_credential, make_identity

LIST = "/admin/identities/identity/"
FORM = "/admin/identities/identity/backfill/"


def test_the_list_shows_health_conversations_and_what_runs(page: Client) -> None:
    alice, bob = make_identity("Alice", is_default=True), make_identity("Bob", is_active=False)
    make_credential(alice)
    make_conversation(alice)
    active_job(alice, progress_current=120, progress_unit="messages", progress_source="observed", progress_at=NOW)
    response = page.get(LIST)
    assert ids(response) == [alice.pk, bob.pk]
    words = text(response)
    assert "Alice default" in words
    assert "Inactive" in words
    assert "120 messages so far" in words
    body = response.content.decode()
    assert f'href="{FORM}?identity={alice.pk}"' in body
    assert f'href="{FORM}?identity={bob.pk}"' not in body
    assert f'href="/admin/identities/conversation/?identity_id={alice.pk}">1 conversation</a>' in body


def test_a_secret_is_on_no_page(page: Client) -> None:
    alice = make_identity("Alice")
    make_credential(alice, secret="very-secret-value")
    for url in (LIST, f"{LIST}{alice.pk}/change/", f"{FORM}?identity={alice.pk}"):
        assert "very-secret-value" not in page.get(url).content.decode()


def test_the_action_leads_to_the_form_and_starts_nothing(page: Client) -> None:
    alice, bob = make_identity("Alice"), make_identity("Bob")
    data = {"action": "backfill_selected", "index": 0, "_selected_action": [alice.pk, bob.pk]}
    response = page.post(LIST, data)
    assert response["Location"] == f"{FORM}?identity={alice.pk}&identity={bob.pk}"
    assert not Run.objects.exists()


def test_the_form_says_what_it_will_do_and_what_runs_already(page: Client) -> None:
    alice, bob, carol = make_identity("Alice"), make_identity("Bob"), make_identity("Carol", is_active=False)
    make_credential(alice)
    job = active_job(alice)
    response = page.get(f"{FORM}?identity={alice.pk}&identity={carol.pk}&identity=abc&identity={2**70}")
    words = text(response)
    assert "Nothing is deleted and nothing is doubled" in words
    assert f"Running Backfill conversations #{job.pk}" in words
    assert "No credential. The job will probably fail." in words
    assert "Backfill 1 identity" in words
    chosen = [row["identity"].pk for row in response.context["rows"] if row["chosen"]]
    assert chosen == [alice.pk]
    assert not Run.objects.exists()
    everybody = page.get(f"{FORM}?all=1")
    assert {row["identity"].pk for row in everybody.context["rows"] if row["chosen"]} == {alice.pk, bob.pk}


def test_what_will_be_tried_again_counts_as_active(page: Client) -> None:
    alice = make_identity("Alice")
    active_job(alice, status="retrying", ended_at=NOW, next_attempt_at=NOW)
    assert "Retrying" in text(page.get(LIST))


def test_starting_one_leads_to_its_run(page: Client) -> None:
    alice, bob = make_identity("Alice"), make_identity("Bob")
    response = page.post(FORM, {"identity": [alice.pk, bob.pk], "reason": "after the outage"}, follow=True)
    run = Run.objects.get()
    assert response.redirect_chain == [(f"/admin/jobs/run/{run.pk}/change/", 302)]
    assert messages(response) == ["2 jobs queued."]
    assert Job.objects.filter(status="queued").count() == 2
    entry = AuditLog.objects.get()
    assert entry.action_type == "backfill.trigger"
    assert (entry.request_json["via"], entry.request_json["reason"]) == ("admin", "after the outage")


def test_a_backfill_that_runs_already_is_joined(page: Client) -> None:
    alice = make_identity("Alice")
    page.post(FORM, {"identity": alice.pk}, follow=True)
    response = page.post(FORM, {"identity": alice.pk}, follow=True)
    assert messages(response) == ["An identical job was active already and was joined."]
    assert Job.objects.count() == 1


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ([], "Name at least one identity."),
        (["abc"], "Name at least one identity."),
        (["999999"], "There is no identity 999999."),
        ([str(2**70)], "Name at least one identity."),
    ],
)
def test_what_can_not_be_started_says_why(page: Client, given: list[str], sentence: str) -> None:
    response = page.post(FORM, {"identity": given}, follow=True)
    assert response.status_code == 200
    assert messages(response) == [sentence]
    assert not Run.objects.exists()


def test_an_inactive_identity_is_refused(page: Client) -> None:
    carol = make_identity("Carol", is_active=False)
    response = page.post(FORM, {"identity": carol.pk}, follow=True)
    assert messages(response) == ["The identity Carol is inactive; activate it first."]


def test_somebody_who_may_not_see_runs_goes_back_to_the_list(db: None) -> None:
    from django.contrib.auth.models import Permission

    user = make_staff("bea")
    names = ("view_identity", "backfill_identity")
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    alice = make_identity("Alice")
    response = browser_of(user).post(FORM, {"identity": alice.pk}, follow=True)
    assert response.redirect_chain == [(LIST, 302)]
    assert messages(response) == ["1 job queued."]


def test_the_page_shows_the_credential_and_what_can_be_started(page: Client) -> None:
    alice = make_identity("Alice")
    make_credential(alice, "oauth_refresh_token")
    response = page.get(f"{LIST}{alice.pk}/change/")
    words = text(response)
    assert "oauth_refresh_token" in words
    assert "Rotated never" in words
    body = response.content.decode()
    assert f"{FORM}?identity={alice.pk}" in body
    assert f'href="/admin/jobs/job/?identity_id={alice.pk}"' in body


def test_the_page_of_an_inactive_one_offers_nothing(page: Client) -> None:
    carol = make_identity("Carol", is_active=False)
    response = page.get(f"{LIST}{carol.pk}/change/")
    assert "Activate it in the core to begin." in text(response)
    body = response.content.decode()
    assert FORM not in body
    assert f"{LIST}sync/" not in body
    assert "every_minutes" not in body


@pytest.mark.parametrize("pk", ["0", "-1", "alice", str(2**70), "9" * 5_000])
def test_an_address_that_names_no_identity_says_so(page: Client, pk: str) -> None:
    assert page.get(f"{LIST}{pk}/change/").status_code == 404
