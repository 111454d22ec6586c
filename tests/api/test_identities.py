"""GET /ops/identities, /ops/identities/{id} and /ops/conversations."""

from datetime import timedelta

import pytest
from django.db import connection
from rest_framework.test import APIClient

from tests.api.cast import insert_message, refusal
from tests.cast import NOW, make_conversation, make_credential, make_identity, make_message


def test_there_may_be_no_identities(api: APIClient) -> None:
    assert api.get("/ops/identities").json()["identities"] == []


def test_an_identity_shows_its_credential_but_never_the_secret(api: APIClient) -> None:
    identity = make_identity("Alice", external_username="alice_w", is_default=True)
    make_credential(identity, "oauth_tokens", secret="s3cr3t-one")
    make_credential(identity, "oauth_refresh_token", secret="s3cr3t-two")
    make_conversation(identity)
    make_conversation(identity, deleted_at=NOW)
    response = api.get("/ops/identities")
    assert b"s3cr3t" not in response.content
    (shown,) = response.json()["identities"]
    expected = {
        "id": identity.pk,
        "identity_id": identity.pk,
        "display_name": "Alice",
        "external_username": "alice_w",
        "provider_id": "reddit",
        "provider": "Reddit",
        "is_default": True,
        "is_active": True,
        "created_at": "2026-01-31T12:00:00Z",
        "conversations_count": 1,
        "credential": {
            "status": "present",
            "types": ["oauth_refresh_token", "oauth_tokens"],
            "connected_at": "2026-01-31T12:00:00Z",
            "rotated_at": None,
        },
    }
    assert {name: shown[name] for name in expected} == expected


def test_an_identity_without_a_credential_says_so(api: APIClient) -> None:
    identity = make_identity(is_active=False)
    shown = api.get(f"/ops/identities/{identity.pk}").json()
    assert shown == api.get("/ops/identities").json()["identities"][0]
    assert shown["credential"] == {"status": "missing", "types": [], "connected_at": None, "rotated_at": None}
    assert shown["is_active"] is False


@pytest.mark.parametrize("pk", ["999999", "0", "-1", "alice", str(2**63), str(2**70), "1_0", "٣", "%00"])
def test_an_unknown_identity_is_a_404(api: APIClient, pk: str) -> None:
    make_identity()
    refusal(api.get(f"/ops/identities/{pk}"), 404, "identity_not_found")


# --- conversations ------------------------------------------------------------------------------------------------


def counterparts(api: APIClient, query: str = "") -> list[str]:
    response = api.get(f"/ops/conversations{query}")
    assert response.status_code == 200, response.content
    return [row["counterpart"] for row in response.json()["conversations"]]


def test_a_conversation_shows_whom_it_is_with_and_how_many_messages_but_never_a_text(api: APIClient) -> None:
    identity = make_identity("Alice")
    conversation = make_conversation(identity, "carol", last_activity_at=NOW + timedelta(hours=1))
    make_message(conversation)
    make_message(conversation, deleted_at=NOW)
    insert_message(conversation.pk, text="My private words")
    response = api.get("/ops/conversations")
    assert b"private words" not in response.content
    assert response.json() == {
        "conversations": [
            {
                "id": conversation.pk,
                "provider_id": "reddit",
                "counterpart": "carol",
                "identity": {"id": identity.pk, "display_name": "Alice"},
                "last_activity_at": "2026-01-31T13:00:00Z",
                "archived_at": None,
                "message_count": 2,
            }
        ],
        "next": None,
        "previous": None,
    }


def test_conversations_are_filtered_by_identity_and_counterpart(api: APIClient) -> None:
    alice, bob = make_identity(), make_identity()
    make_conversation(alice, "carol")
    make_conversation(alice, "Dora_50%")
    make_conversation(bob, "carola")
    make_conversation(bob, "gone", deleted_at=NOW)
    assert counterparts(api) == ["carola", "Dora_50%", "carol"]
    assert counterparts(api, f"?identity_id={alice.pk}") == ["Dora_50%", "carol"]
    assert counterparts(api, "?q=CAROL") == ["carola", "carol"]
    assert counterparts(api, f"?identity_id={alice.pk}&q=carol") == ["carol"]
    assert counterparts(api, "?q=%25") == counterparts(api, "?q=_") == ["Dora_50%"]
    assert counterparts(api, "?q=&identity_id=&limit=&cursor=") == counterparts(api)
    assert counterparts(api, "?identity_id=999999") == counterparts(api, f"?identity_id={2**63 - 1}") == []
    assert counterparts(api, "?q=%ff") == []


def test_conversations_are_paged_forth_and_back(api: APIClient) -> None:
    identity = make_identity()
    names = [f"person {number} Ω" for number in range(5)]
    for name in names:
        make_conversation(identity, name)
    first = api.get("/ops/conversations", {"limit": "2", "q": "Ω"}).json()
    second = api.get(first["next"]).json()
    third = api.get(second["next"]).json()
    assert [row["counterpart"] for row in second["conversations"]] == [names[2], names[1]]
    assert third["next"] is None
    assert api.get(third["previous"]).json()["conversations"] == second["conversations"]
    refusal(api.get(first["next"].replace("limit=2", "limit=2&identity_id=1")), 400, "foreign_cursor")


def test_a_cursor_is_good_for_the_longest_search_too(api: APIClient) -> None:
    # As long as it may be, in letters that JSON writes with six characters each.
    for provider_id in ("reddit", "slack"):
        make_conversation(make_identity(provider_id=provider_id), "Ω" * 128)
    first = api.get("/ops/conversations", {"limit": "1", "q": "Ω" * 128}).json()
    assert len(api.get(first["next"]).json()["conversations"]) == 1


@pytest.mark.parametrize("query", ["identity_id=x", "identity_id=0", "q=" + "x" * 129, "q=%00"])
def test_a_filter_that_makes_no_sense_is_a_400(api: APIClient, query: str) -> None:
    refusal(api.get(f"/ops/conversations?{query}"), 400, "invalid")


def test_a_conversation_whose_identity_is_gone_does_not_break_the_list(api: APIClient) -> None:
    identity = make_identity()
    make_conversation(identity, "carol")
    orphan = make_conversation(identity, "dora")
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE conversations DROP CONSTRAINT fk_conversations_identity_id_identities")
        cursor.execute("UPDATE conversations SET identity_id = 999999 WHERE id = %s", [orphan.pk])
    assert "carol" in counterparts(api)
