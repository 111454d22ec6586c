"""Conversations: the list, and what can be started for them."""

from typing import Any

import pytest
from django.test import Client

from jobs.models import Job, Run
from tests.admin.reading import ids, messages, problems, text
from tests.api.cast import insert_message
from tests.cast import NOW, make_conversation, make_identity, make_message

LIST = "/admin/identities/conversation/"
FORM = f"{LIST}backfill/"


def test_the_list_is_searched_by_counterpart_and_identity(page: Client) -> None:
    alice, bob = make_identity("Alice"), make_identity("Bob")
    first = make_conversation(alice, "walter_white")
    second = make_conversation(bob, "skyler")
    make_message(first)
    make_conversation(alice, "deleted", deleted_at=NOW)
    response = page.get(LIST)
    assert ids(response) == [second.pk, first.pk]
    assert "walter_white" in text(response)
    assert ids(page.get(f"{LIST}?q=WHITE")) == [first.pk]
    assert ids(page.get(f"{LIST}?identity_id={bob.pk}")) == [second.pk]
    assert "Nothing matches these filters" in text(page.get(f"{LIST}?q=nobody"))


def test_what_was_said_is_on_no_page(page: Client) -> None:
    conversation = make_conversation(make_identity())
    insert_message(conversation.pk, text="dear diary")
    for url in (LIST, f"{LIST}{conversation.pk}/change/", f"{FORM}?conversation={conversation.pk}"):
        assert "dear diary" not in page.get(url).content.decode()


@pytest.mark.parametrize("query", ["identity_id=abc", "identity_id=0", "q=%00", "cursor=x", "q=" + "x" * 101])
def test_a_wrong_address_is_said(page: Client, query: str) -> None:
    assert problems(page.get(f"{LIST}?{query}"))


def test_pages_follow_each_other_and_lead_back(page: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("identities.admin.conversations.ConversationAdmin.list_per_page", 2)
    identity = make_identity()
    pks = [make_conversation(identity).pk for _ in range(3)][::-1]
    first = page.get(LIST)
    second = page.get(LIST + first.context["cl"].state.next_url)
    back = page.get(LIST + second.context["cl"].state.previous_url)
    assert [ids(first), ids(second), ids(back)] == [pks[:2], pks[2:], pks[:2]]
    assert back.context["cl"].state.previous_url == ""


def test_the_action_leads_to_a_form_that_shows_what_was_chosen(page: Client) -> None:
    alice = make_identity("Alice")
    first, second = make_conversation(alice, "walter"), make_conversation(alice, "skyler")
    data = {"action": "backfill_selected", "index": 0, "_selected_action": [first.pk, second.pk]}
    response = page.post(LIST, data, follow=True)
    words = text(response)
    assert "2 conversations" in words
    assert "walter" in words
    assert "Backfill 2 conversations" in words
    assert not Run.objects.exists()


def test_starting_one_leads_to_its_run(page: Client) -> None:
    alice = make_identity("Alice")
    chosen = [make_conversation(alice).pk for _ in range(3)]
    response = page.post(FORM, {"conversation": chosen, "reason": "gap in May"}, follow=True)
    run = Run.objects.get()
    assert response.redirect_chain == [(f"/admin/jobs/run/{run.pk}/change/", 302)]
    assert messages(response) == ["1 job queued. The job fetches its whole identity, which covers 3 conversations."]
    assert set(Job.objects.values_list("job_type", flat=True)) == {"ingest.backfill_messages"}


def test_more_than_a_hundred_are_refused(page: Client) -> None:
    query = "&".join(f"conversation={n}" for n in range(1, 102))
    response = page.get(f"{FORM}?{query}", follow=True)
    assert messages(response) == ["At most 100 conversations can be backfilled at once."]


@pytest.mark.parametrize("given", [[], ["abc"], ["999999"]])
def test_what_can_not_be_started_says_why(page: Client, given: list[str]) -> None:
    response = page.post(FORM, {"conversation": given}, follow=True)
    assert response.status_code == 200
    assert len(messages(response)) == 1
    assert not Run.objects.exists()


def test_the_form_says_what_is_gone_and_what_is_inactive(page: Client) -> None:
    conversation = make_conversation(make_identity("Carol", is_active=False))
    words = text(page.get(f"{FORM}?conversation={conversation.pk}&conversation=999999"))
    assert "1 of those that were chosen do not exist any more" in words
    assert "this will be refused: Carol" in words


def test_attachments_of_one_conversation_are_fetched_again(page: Client) -> None:
    conversation = make_conversation(make_identity(), "walter")
    url = f"{LIST}{conversation.pk}/attachments/"
    assert "walter" in text(page.get(url))
    response = page.post(url, {"limit": "50"}, follow=True)
    assert messages(response) == ["1 job queued."]
    job: Any = Job.objects.get()
    assert job.payload_json == {"limit": 50, "conversation_id": conversation.pk}


@pytest.mark.parametrize("limit", ["", "0", "1001", "-5", "many", "9" * 30])
def test_a_limit_out_of_range_is_refused(page: Client, limit: str) -> None:
    conversation = make_conversation(make_identity())
    response = page.post(f"{LIST}{conversation.pk}/attachments/", {"limit": limit}, follow=True)
    assert "The limit must be from 1 to 1000" in messages(response)[0]
    assert not Run.objects.exists()


def test_its_page_shows_who_with_whom_and_how_much(page: Client) -> None:
    conversation = make_conversation(make_identity("Alice"), "walter", archived_at=NOW)
    make_message(conversation)
    words = text(page.get(f"{LIST}{conversation.pk}/change/"))
    assert "walter with Alice" in words
    assert "Messages 1" in words
    assert "Archived" in words
