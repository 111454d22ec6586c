"""The audit log: who did what, filtered and paged."""

from datetime import timedelta

import pytest
from django.test import Client

from tests.admin.reading import ids, problems, text
from tests.api.cast import insert_audit
from tests.cast import NOW, make_identity

LIST = "/admin/opsconsole/auditlog/"


def test_it_shows_who_did_what_why_and_what_came_of_it(page: Client) -> None:
    alice = make_identity("Alice")
    pk = insert_audit(
        action_type="backfill.trigger",
        entity_type="identity",
        entity_id=alice.pk,
        request_json='{"by": "olivia", "via": "admin", "reason": "after the outage"}',
    )
    insert_audit(result="error", error_detail="It was done already.", actor="system")
    words = text(page.get(LIST))
    for part in (
        "backfill.trigger",
        "olivia on these pages",
        "Alice",
        "Done",
        "after the outage",
        "Refused",
        "It was done",
    ):
        assert part in words, part
    response = page.get(f"{LIST}{pk}/change/")
    assert "after the outage" in text(response)
    assert f'href="/admin/identities/identity/{alice.pk}/change/"' in response.content.decode()


def test_every_filter_restricts(page: Client) -> None:
    alice = make_identity("Alice")
    wanted = insert_audit(action_type="sync.trigger", actor="agent", result="error", identity_id=alice.pk, ts=NOW)
    insert_audit(ts=NOW - timedelta(days=2))
    for query in (
        "action=sync.trigger",
        "actor=agent",
        "result=error",
        f"identity_id={alice.pk}",
        "after=2026-01-31T00:00",
        "after=2026-01-31T00:00:00Z&before=2026-02-01T00:00",
    ):
        assert ids(page.get(f"{LIST}?{query}")) == [wanted], query
    assert "Identity: Alice" in text(page.get(f"{LIST}?identity_id={alice.pk}"))


@pytest.mark.parametrize(
    "query",
    ["actor=nobody", "result=maybe", "identity_id=x", "after=soon", "cursor=x", "action=" + "x" * 200, "action=%00"],
)
def test_a_wrong_address_is_said(page: Client, query: str) -> None:
    assert problems(page.get(f"{LIST}?{query}"))


def test_pages_follow_each_other_and_lead_back(page: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("opsconsole.admin.audit_log.AuditLogAdmin.list_per_page", 2)
    pks = [insert_audit() for _ in range(3)][::-1]
    first = page.get(LIST)
    second = page.get(LIST + first.context["cl"].state.next_url)
    back = page.get(LIST + second.context["cl"].state.previous_url)
    assert [ids(first), ids(second), ids(back)] == [pks[:2], pks[2:], pks[:2]]


@pytest.mark.parametrize("request_json", ["[1]", '"text"', "null", '{"token": "hunter2-token", "by": 5}'])
def test_whatever_the_core_wrote_is_shown_without_what_is_private(page: Client, request_json: str) -> None:
    pk = insert_audit(
        request_json=request_json, error_detail="Bearer abcdefgh12345678ABCDEFGH <b>", action_type="odd.action"
    )
    for url in (LIST, f"{LIST}{pk}/change/"):
        response = page.get(url)
        assert response.status_code == 200
        body = response.content.decode()
        assert "hunter2-token" not in body
        assert "abcdefgh12345678" not in body
        assert "odd.action" in text(response)
