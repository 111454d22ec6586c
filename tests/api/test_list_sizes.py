"""Lists stay small, however large their rows are: long payloads are cut, and long errors are shortened."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from jobs import queries
from opsconsole import cut_json
from opsconsole.api.bounds import MAX_PAGE_BYTES, shorten
from tests.api.cast import insert, insert_job, make_attempt, make_run
from tests.cast import NOW, make_credential, make_identity, make_job

pytestmark = pytest.mark.django_db

LONG = "x" * 3_000
IDS = {"conversation_id": 7, "message_id": 8, "identity_id": 999_999}


def listed(api: APIClient, pk: int) -> dict[str, Any]:
    response = api.get("/ops/jobs", {"limit": "200"})
    assert response.status_code == 200, response.content
    found: list[dict[str, Any]] = response.json()["jobs"]
    return next(job for job in found if job["id"] == pk)


def of_bytes(size: int) -> str:
    """Return a payload that has so many bytes in either variant of the column."""
    text = json.dumps({"text_id": ""})
    return json.dumps({"text_id": "y" * (size - len(text))})


@pytest.mark.parametrize(
    ("payload", "kept"),
    [
        (json.dumps({**IDS, "path": LONG}), IDS),
        # The ids come last, or alone.
        (json.dumps({"path": LONG, **IDS}), IDS),
        (json.dumps({"path": LONG, "identity_id": 5}), {"identity_id": 5}),
        (json.dumps({"path": LONG}), {}),
        # Only top-level ids are kept, not nested ones.
        (json.dumps({"inner": {"identity_id": 5, "path": LONG}}), {}),
        (json.dumps({"identity_id": "5", "path": LONG}), {"identity_id": "5"}),
        (json.dumps({"identity_id": None, "path": LONG}), {}),
        (json.dumps({"identity_id": LONG, "conversation_id": 7}), {"conversation_id": 7}),
        (json.dumps({"identity_id": list(range(1_000)), "message_id": 8}), {"message_id": 8}),
        (json.dumps({"identity_id": 2**60 + 1, "path": LONG}), {"identity_id": 2**60 + 1}),
        (json.dumps([LONG]), {}),
        (json.dumps(LONG), {}),
        # Python writes characters beyond the basic plane as surrogate pairs.
        (json.dumps({"path": "😀" * 1_000, "identity_id": 5}), {"identity_id": 5}),
        (json.dumps({"path": "ä" * 2_000, "identity_id": 5}, ensure_ascii=False), {"identity_id": 5}),
        (json.dumps({"path": '\\u "quoted" \\' * 300, "identity_id": 5}), {"identity_id": 5}),
        ("\n  \t " + json.dumps({"identity_id": 5, "path": LONG}, indent=4), {"identity_id": 5}),
        (json.dumps({f"key {number}": number for number in range(1_000)} | {"identity_id": 5}), {"identity_id": 5}),
    ],
)
def test_a_long_payload_is_cut_to_its_ids_wherever_it_stands_among_others(
    api: APIClient, payload: str, kept: dict[str, Any]
) -> None:
    pk = insert_job(payload)
    job = listed(api, pk)
    assert job["payload"] == kept
    assert job["payload_cut"] is True
    assert job["payload_size"] == size_of(pk)
    whole = api.get(f"/ops/jobs/{pk}").json()
    assert "payload_cut" not in whole
    assert whole["payload"] != job["payload"]


def size_of(pk: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT octet_length(payload_json::text) FROM jobs WHERE id = %s", [pk])
        (size,) = cursor.fetchone()
    return int(size)


# `jsonb` refuses all of these, so only one variant can have them.
@pytest.mark.parametrize(
    "broken",
    ["\\u0000", "\\ud800", "\\udc00 \\ud800", "\\uD83D", "\\\\\\u0000", '\\"\\u0000', "\\ud83d\\ude00\\u0000"],
)
def test_a_long_payload_with_what_postgresql_can_not_read_is_cut_as_any_other(
    api: APIClient, variant: str, broken: str
) -> None:
    text = f'{{"path": "{broken}{LONG}", "identity_id": 5}}'
    pk = insert_job(text if variant == "native" else json.dumps({"path": LONG, "identity_id": 5}))
    assert listed(api, pk)["payload"] == {"identity_id": 5}


@pytest.mark.parametrize(
    ("size", "in_list", "by_itself"),
    [
        (2_048, False, False),
        (2_049, True, False),
        (256 * 1_024, True, False),
        (256 * 1_024 + 1, True, True),
        (14 * 1_024 * 1_024, True, True),
    ],
)
def test_a_payload_is_cut_above_two_kibibytes_in_lists_and_above_256_by_itself(
    api: APIClient, size: int, in_list: bool, by_itself: bool
) -> None:
    pk = insert_job(of_bytes(size))
    assert listed(api, pk).get("payload_cut", False) is in_list
    job = api.get(f"/ops/jobs/{pk}").json()
    assert job.get("payload_cut", False) is by_itself
    if by_itself:
        assert (job["payload"], job["payload_size"]) == ({}, size)


def test_nothing_of_a_long_payload_is_sent_by_the_database_but_its_ids(api: APIClient) -> None:
    pk = insert_job(json.dumps({"path": "x" * 14_000_000, "identity_id": 5}))
    make_attempt(pk, kwargs_json="x" * 1_000_000)
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    (row,) = queries.by_id([pk])
    assert len(str(row)) < 5_000
    assert len(api.get(f"/ops/jobs/{pk}").content) < 5_000


def test_whom_a_job_with_a_long_payload_concerns_is_shown_and_it_can_be_retried(api: APIClient) -> None:
    alice = make_identity("Alice")
    pk = insert_job(json.dumps({"path": "x" * 300_000, "identity_id": alice.pk}))
    for job in (listed(api, pk), api.get(f"/ops/jobs/{pk}").json()):
        assert job["identity"] == {"id": alice.pk, "display_name": "Alice"}
        assert job["can"]["retry"] is True
    assert api.post(f"/ops/jobs/{pk}/retry").status_code == 200
    again = insert_job(json.dumps({"path": "x" * 300_000, "identity_id": alice.pk}))
    # Only now is the whole payload compared.
    assert api.post(f"/ops/jobs/{again}/retry").status_code == 409


def test_two_long_payloads_with_the_same_ids_are_not_taken_for_the_same_work(api: APIClient) -> None:
    alice = make_identity("Alice")
    make_credential(alice)
    for letter in "ab":
        insert_job(json.dumps({"path": letter * 3_000, "identity_id": alice.pk}))
    body = {"filter": {"status": "failed"}, "dry_run": True}
    answer = api.post("/ops/jobs/retry", body, format="json").json()
    assert (answer["matched"], answer["left_out"]) == (2, [])
    assert len(json.dumps(answer)) < 10_000


# --- pages


def pages(api: APIClient) -> dict[str, Callable[[], Any]]:
    return {
        "jobs": lambda: api.get("/ops/jobs", {"limit": "200"}),
        "failed jobs": lambda: api.get("/ops/jobs", {"limit": "200", "status": "failed"}),
        "stuck jobs": lambda: api.get("/ops/jobs", {"limit": "200", "stuck": "true"}),
    }


@pytest.mark.slow
@pytest.mark.parametrize("character", ["e", "\n", "ä", "😀", "\x01", '"'])
def test_a_page_that_would_be_too_large_has_its_errors_shortened_evenly(api: APIClient, character: str) -> None:
    for _ in range(199):
        make_job(last_error=character * 6_000, payload={"path": "p" * 2_000})
    short = make_job(last_error="short").pk
    for read in pages(api).values():
        response = read()
        assert len(response.content) <= MAX_PAGE_BYTES
    jobs = api.get("/ops/jobs", {"limit": "200"}).json()["jobs"]
    assert len(jobs) == 200
    lengths = {len(job["last_error"]) for job in jobs if job["id"] != short}
    assert len(lengths) == 1
    assert lengths.pop() > 400
    assert all(job.get("last_error_cut", False) is (job["id"] != short) for job in jobs)
    assert next(job for job in jobs if job["id"] == short)["last_error"] == "short"


def test_a_page_that_is_small_enough_is_as_it_was(api: APIClient) -> None:
    for _ in range(20):
        make_job(last_error="e" * 4_000)
    jobs = api.get("/ops/jobs", {"limit": "200"}).json()["jobs"]
    assert all("last_error_cut" not in job and len(job["last_error"]) == 4_000 for job in jobs)


@pytest.mark.parametrize(
    ("lengths", "limit", "expected"),
    [
        ([], 10, []),
        ([10], 1_000, [10]),
        ([100, 100], 150, None),
        ([1, 1_000], 200, None),
        ([5, 5, 5, 500], 300, None),
        ([300, 200, 100], 400, None),
        ([1_000] * 10, 900, None),
        ([0, 0, 1_000], 100, None),
        ([50] * 100, 100_000, [50] * 100),
        # If even the other values don't fit, no error text is left.
        ([500, 500], 10, [0, 0]),
    ],
)
def test_long_texts_leave_room_to_short_ones(lengths: list[int], limit: int, expected: list[int] | None) -> None:
    rows: list[dict[str, Any]] = [{"error": "e" * length} for length in lengths]
    shorten(rows, "error", limit=limit)
    left = [len(row["error"]) for row in rows]
    if expected is not None:
        assert left == expected
    else:
        assert len(json.dumps(rows, separators=(",", ":"))) <= limit
        whole = [length for length, before in zip(left, lengths, strict=True) if length == before]
        cut = {length for length, before in zip(left, lengths, strict=True) if length < before}
        assert len(cut) == 1
        assert all(length <= max(cut) for length in whole)


def test_the_members_of_a_run_return_no_more_than_a_page_together(api: APIClient) -> None:
    jobs = [make_job(status="done", payload={"path": "x" * 5_000, "n": n}).pk for n in range(40)]
    result = {"status": "success", "messages_synced": 3, "errors": ["e" * 50_000] * 3, "ids": list(range(10_000))}
    for pk in jobs:
        make_attempt(pk, ended_at=NOW, outcome="partial", result=result)
    run = make_run(*jobs)
    response = api.get(f"/ops/runs/{run.pk}")
    assert len(response.content) < MAX_PAGE_BYTES
    answer = response.json()
    assert answer["result"]["messages_synced"] == 120
    assert len(answer["result"]["errors"]) == 50
    assert all(job["result_cut"] and job["result"]["messages_synced"] == 3 for job in answer["jobs"])
    assert api.get(f"/ops/backfill/{run.pk}").json()["result"]["messages_synced"] == 120


def test_the_only_job_of_a_run_returns_all_that_was_kept(api: APIClient) -> None:
    pk = make_job(status="done").pk
    make_attempt(pk, ended_at=NOW, outcome="done", result={"ids": list(range(5_000))})
    (job,) = api.get(f"/ops/runs/{make_run(pk).pk}").json()["jobs"]
    assert "result_cut" not in job
    assert len(job["result"]["ids"]) == 5_000


def test_an_entry_of_the_audit_log_is_cut_to_who_why_and_through_what(api: APIClient) -> None:
    request = {"by": "olivia", "via": "api", "reason": "a reason", "path": LONG}
    values = {"ts": NOW, "actor": "user", "action_type": "job.retry", "provider_id": None, "identity_id": None}
    values |= {"entity_type": "job", "entity_id": 1, "result": "ok", "error_detail": "e" * 20_000}
    insert("audit_log", **values, request_json=json.dumps(request), response_json=json.dumps([LONG * 1_000]))
    (entry,) = api.get("/ops/audit").json()["entries"]
    assert (entry["by"], entry["via"], entry["reason"]) == ("olivia", "api", "a reason")
    assert "path" not in entry["request"]
    assert (entry["request_cut"], entry["response_cut"]) == (True, True)
    assert entry["request_size"] > 3_000
    assert entry["response_size"] > 3_000_000
    assert len(entry["error"]) == 5_000


def test_what_is_not_cut_is_read_as_it_is() -> None:
    assert cut_json.parse(None) == cut_json.Document(value=None)
    assert cut_json.parse('"cut 5 {}"') == cut_json.Document(value="cut 5 {}")
    assert cut_json.parse('cut 5000 {"a":1}') == cut_json.Document(value={"a": 1}, size=5_000)


def test_a_job_with_many_long_tracebacks_is_no_larger_than_a_page(api: APIClient) -> None:
    pk = make_job().pk
    for _ in range(80):
        make_attempt(pk, ended_at=NOW, outcome="failed", traceback="t" * 20_000, error="e" * 5_000)
    response = api.get(f"/ops/jobs/{pk}")
    assert len(response.content) < MAX_PAGE_BYTES + 100_000
    history = response.json()["attempts_history"]
    assert len(history) == 80
    assert {len(attempt["error"]) for attempt in history} == {5_000}
    assert all(attempt["traceback_cut"] for attempt in history)
