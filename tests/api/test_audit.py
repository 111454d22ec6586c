"""GET /ops/audit."""

from datetime import timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.api.cast import insert_audit, refusal
from tests.cast import NOW


def listed(api: APIClient, query: str = "") -> list[int]:
    response = api.get(f"/ops/audit{query}")
    assert response.status_code == 200, response.content
    return [entry["id"] for entry in response.json()["entries"]]


def test_an_entry_says_who_did_what_through_what_why_and_what_came_of_it(api: APIClient) -> None:
    pk = insert_audit(
        provider_id="reddit",
        identity_id=7,
        entity_id=12,
        request_json='{"by": "olivia", "via": "api", "reason": "Because.", "job_id": 12}',
        response_json='{"status": "queued"}',
    )
    assert api.get("/ops/audit").json() == {
        "entries": [
            {
                "id": pk,
                "at": "2026-01-31T12:00:00Z",
                "actor": "user",
                "action": "job.retry",
                "by": "olivia",
                "via": "api",
                "reason": "Because.",
                "provider_id": "reddit",
                "identity_id": 7,
                "entity_type": "job",
                "entity_id": 12,
                "result": "ok",
                "error": None,
                "request": {"by": "olivia", "via": "api", "reason": "Because.", "job_id": 12},
                "response": {"status": "queued"},
            }
        ],
        "next": None,
        "previous": None,
    }


def test_entries_are_filtered(api: APIClient) -> None:
    retry = insert_audit()
    backfill = insert_audit(action_type="backfill.trigger", actor="system", identity_id=7, ts=NOW + timedelta(hours=1))
    refused = insert_audit(actor="agent", result="error", error_detail="No.", ts=NOW + timedelta(hours=2))
    assert listed(api) == [refused, backfill, retry]
    assert listed(api, "?action=backfill.trigger") == [backfill]
    assert listed(api, "?action=backfill") == []
    assert listed(api, "?actor=agent") == [refused]
    assert listed(api, "?result=error") == [refused]
    assert listed(api, "?identity_id=7") == [backfill]
    assert listed(api, f"?identity_id={2**63 - 1}") == []
    assert listed(api, "?after=2026-01-31T13:00:00Z") == [refused, backfill]
    assert listed(api, "?before=2026-01-31T13:00:00Z") == [retry]
    assert listed(api, "?action=job.retry&result=ok&after=2026-01-01T00:00:00Z") == [retry]
    assert listed(api, "?action=&actor=&result=&identity_id=&after=&before=&limit=&cursor=") == listed(api)


def test_entries_are_paged_forth_and_back(api: APIClient) -> None:
    made = [insert_audit() for _ in range(5)][::-1]
    insert_audit(actor="system")
    pages: list[dict[str, Any]] = [api.get("/ops/audit?limit=2&actor=user").json()]
    while pages[-1]["next"]:
        pages.append(api.get(pages[-1]["next"]).json())
    assert [entry["id"] for page in pages for entry in page["entries"]] == made
    back = api.get(pages[-1]["previous"]).json()
    assert back["entries"] == pages[1]["entries"]
    assert api.get(back["previous"]).json()["entries"] == pages[0]["entries"]
    refusal(api.get(pages[0]["next"].replace("actor=user", "actor=agent")), 400, "foreign_cursor")


@pytest.mark.parametrize(
    ("query", "allowed"),
    [
        ("actor=olivia", "user, system, agent"),
        ("result=perhaps", "ok, error"),
        ("identity_id=x", "whole number"),
        ("after=x", "ISO 8601"),
        ("before=2026-13-01T00:00:00Z", "ISO 8601"),
        ("action=" + "x" * 129, "128"),
        ("action=%00", "ull characters"),
    ],
)
def test_a_filter_that_makes_no_sense_is_a_400(api: APIClient, query: str, allowed: str) -> None:
    assert allowed in refusal(api.get(f"/ops/audit?{query}"), 400, "invalid")


@pytest.mark.parametrize("value", ["[1]", '"text"', "null", "7", "{}", '{"by": {"a": 1}, "via": [], "reason": 7}'])
def test_an_entry_of_any_shape_is_shown(api: APIClient, value: str) -> None:
    pk = insert_audit(request_json=value, response_json=value, entity_type=None, entity_id=None)
    assert listed(api) == [pk]


def test_a_long_error_is_cut(api: APIClient) -> None:
    insert_audit(result="error", error_detail="word " * 100_000)
    (entry,) = api.get("/ops/audit").json()["entries"]
    assert entry["error"] == "word " * 1_000
