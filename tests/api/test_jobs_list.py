"""GET /ops/jobs: shape, filters, order."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from jobs.models import WorkerReport
from tests.api.cast import ANCIENT, ids, insert_job, is_utc, make_attempt, make_jobs, make_run, refusal
from tests.cast import NOW, make_conversation, make_credential, make_identity, make_job

JOB_KEYS = {
    # what the front end reads today
    *("id", "queue_name", "job_type", "status", "attempts", "max_attempts", "last_error", "next_run_at"),
    *("created_at", "updated_at", "payload"),
    # new
    *("identity", "task_id", "run_id", "duration_ms", "progress", "cancel_requested_at", "waits_for", "handed_over"),
    *("stuck", "stuck_reason", "requested_by", "can"),
}


def listed(api: APIClient, **query: Any) -> list[int]:
    response = api.get(f"/ops/jobs?{urlencode(query, doseq=True)}")
    assert response.status_code == 200, response.content
    return ids(response.json())


def test_an_empty_ledger_is_an_empty_list(api: APIClient) -> None:
    assert api.get("/ops/jobs").json() == {
        "jobs": [],
        "total": 0,
        "total_is": "exact",
        "as_of": None,
        "next": None,
        "previous": None,
    }


def test_a_job_has_all_its_keys(api: APIClient) -> None:
    identity = make_identity("Alice")
    make_credential(identity)
    WorkerReport.objects.create(hostname="core@host", queues=["ingest"], seen_at=timezone.now())
    payload = {"provider_id": "reddit", "identity_id": identity.pk}
    job = make_job(payload=payload, last_error="TimeoutError: no answer", next_run_at=NOW)
    run = make_run(job.pk)
    attempt = make_attempt(job.pk, started_at=NOW, ended_at=NOW + timedelta(seconds=2), outcome="failed")

    (shown,) = api.get("/ops/jobs").json()["jobs"]

    assert set(shown) == JOB_KEYS
    assert shown == {
        "id": job.pk,
        "queue_name": "ingest",
        "job_type": "ingest.sync_delta",
        "status": "failed",
        "attempts": 3,
        "max_attempts": 3,
        "last_error": "TimeoutError: no answer",
        "next_run_at": "2026-01-31T12:00:00Z",
        "created_at": "2026-01-31T12:00:00Z",
        "updated_at": "2026-01-31T12:00:00Z",
        "payload": payload,
        "identity": {"id": identity.pk, "display_name": "Alice"},
        "task_id": str(attempt.task_id),
        "run_id": str(run.pk),
        "duration_ms": 2000,
        "progress": None,
        "cancel_requested_at": None,
        "waits_for": None,
        "handed_over": None,
        "stuck": False,
        "stuck_reason": None,
        "requested_by": "olivia",
        "can": {"retry": True, "cancel": False, "terminate": False, "fail": False},
    }


def test_a_job_that_the_console_knows_nothing_about_has_the_same_keys(api: APIClient) -> None:
    make_job("something.else", payload={}, status="done")
    (shown,) = api.get("/ops/jobs").json()["jobs"]
    assert set(shown) == JOB_KEYS
    assert shown["identity"] is shown["task_id"] is shown["run_id"] is shown["duration_ms"] is None
    assert shown["can"] == {"retry": False, "cancel": False, "terminate": False, "fail": False}


def test_an_active_job_shows_its_progress(api: APIClient) -> None:
    job = make_job(status="running")
    make_attempt(
        job.pk,
        started_at=timezone.now(),
        progress_current=30,
        progress_total=120,
        progress_unit="messages",
        progress_source="reported",
        progress_at=NOW,
    )
    (shown,) = api.get("/ops/jobs").json()["jobs"]
    assert shown["progress"] == {
        "current": 30,
        "total": 120,
        "percent": 25,
        "unit": "messages",
        "source": "reported",
        "updated_at": "2026-01-31T12:00:00Z",
    }


def test_a_job_that_waits_for_another_names_it(api: APIClient) -> None:
    identity = make_identity()
    payload = {"provider_id": "reddit", "identity_id": identity.pk}
    first = make_job("ingest.backfill_conversations", status="queued", payload=payload)
    second = make_job("ingest.sync_delta", status="queued", payload=payload)
    make_attempt(first.pk, serial_key="ingest:1", holds_place=True)
    make_attempt(second.pk, serial_key="ingest:1", published_at=None)
    newest, oldest = api.get("/ops/jobs").json()["jobs"]
    assert (newest["waits_for"], newest["handed_over"]) == (first.pk, "waiting")
    assert (oldest["waits_for"], oldest["handed_over"]) == (None, "unknown")


def test_a_job_concerns_the_identity_of_its_conversation(api: APIClient) -> None:
    conversation = make_conversation(make_identity("Bob"))
    make_job("ingest.backfill_messages", payload={"conversation_id": conversation.pk})
    (shown,) = api.get("/ops/jobs").json()["jobs"]
    assert shown["identity"] == {"id": conversation.identity_id, "display_name": "Bob"}


def test_all_times_end_in_z(api: APIClient) -> None:
    job = make_job(next_run_at=NOW)
    make_attempt(job.pk, started_at=NOW, ended_at=NOW)
    (shown,) = api.get("/ops/jobs").json()["jobs"]
    assert all(is_utc(shown[name]) for name in ("created_at", "updated_at", "next_run_at"))
    (attempt,) = api.get(f"/ops/jobs/{job.pk}").json()["attempts_history"]
    assert all(is_utc(attempt[name]) for name in ("dispatched_at", "published_at", "started_at", "ended_at"))


def test_the_list_shows_the_first_5000_characters_of_an_error(api: APIClient) -> None:
    make_job(last_error="word " * 2_000)
    (shown,) = api.get("/ops/jobs").json()["jobs"]
    assert shown["last_error"] == ("word " * 1_000)


# --- filters ------------------------------------------------------------------------------------------------------


def test_status_is_one_or_several_repeated_or_with_commas(api: APIClient) -> None:
    failed, done, queued = (make_job(status=status).pk for status in ("failed", "done", "queued"))
    assert listed(api, status="failed") == [failed]
    assert listed(api, status="failed,done") == [done, failed]
    assert listed(api, status=["failed", "queued"]) == [queued, failed]
    assert listed(api, status=["failed, done", "queued"]) == [queued, done, failed]
    assert listed(api, status="cancelled") == []


def test_an_empty_filter_is_none(api: APIClient) -> None:
    pk = make_job().pk
    empty = ("status", "job_type", "queue_name", "identity_id", "q", "created_after", "created_before", "stuck")
    for name in (*empty, "limit", "offset", "ordering", "cursor"):
        assert listed(api, **{name: ""}) == [pk], name
    assert listed(api, status=["", ","]) == [pk]


def test_an_unknown_parameter_is_ignored(api: APIClient) -> None:
    pk = make_job().pk
    assert listed(api, page="7", format="csv", _="1") == [pk]


def test_status_other_is_what_nobody_knows_and_most_often_nothing(api: APIClient) -> None:
    pk = make_job().pk
    assert listed(api, status="other") == []
    assert listed(api, status="other,failed") == [pk]


def test_type_and_queue_filter_exactly(api: APIClient) -> None:
    sync = make_job("ingest.sync_delta").pk
    send = make_job("message.send_manual", queue_name="messages").pk
    assert listed(api, job_type="ingest.sync_delta") == [sync]
    assert listed(api, job_type="ingest.sync") == []
    assert listed(api, queue_name="messages") == [send]
    assert listed(api, queue_name="messages", job_type="ingest.sync_delta") == []


def test_identity_id_filters_by_the_payload(api: APIClient) -> None:
    one, as_text = insert_job('{"identity_id": 1}'), insert_job('{"identity_id":"1" , "n": 2}')
    insert_job('{"identity_id": 12}')
    insert_job('{"n": 1}')
    insert_job("[1]")
    assert listed(api, identity_id=1) == [as_text, one]
    assert listed(api, identity_id=2**63 - 1) == []


@pytest.mark.parametrize(
    ("payload", "matches"),
    [
        ('{"n": {"identity_id": 1}}', False),
        ('{"n": [{"identity_id": 1}], "identity_id": 2}', False),
        ('{"identity_id": {"identity_id": 1}}', False),
        ('{"n": "\\"identity_id\\": 1,"}', False),
        ('[{"identity_id": 1}]', False),
        ('"identity_id"', False),
        ("null", False),
        ('{"n": {"identity_id": 2}, "identity_id": 1}', True),
        ('{"identity_id": 2, "identity_id": 1}', True),
        ('{"identity_id": 1, "identity_id": 2}', False),
        ('{"identity_id": 1.0}', False),
        ('{"identity_id": "01"}', False),
        ('{"identity_id": true}', False),
        ('{"identity_id": [1]}', False),
        (f'{{"identity_id": 1{"0" * 400}}}', False),
        (' \n {\t"identity_id" \n : "1" }', True),
        ('{"n": "caf\\u00e9 \\ud83d\\ude00", "identity_id": 1}', True),
    ],
)
def test_identity_id_is_the_payloads_own_key(api: APIClient, payload: str, matches: bool) -> None:
    pk = insert_job(payload)
    assert listed(api, identity_id=1) == ([pk] if matches else [])


@pytest.mark.parametrize("note", [r"\u0000", r"\ud800", r"\\\u0000\"", r"\\u0000"])
def test_escapes_that_only_json_columns_hold_hide_no_identity(api: APIClient, variant: str, note: str) -> None:
    if variant == "plain":
        note = note.replace("\\", "/").replace('"', "/")
    pk = insert_job(f'{{"note": "{note}", "identity_id": 1}}')
    assert listed(api, identity_id=1) == [pk]


def test_identity_id_is_found_in_huge_payloads(api: APIClient, settings: Any) -> None:
    settings.SLOW_FILTER_TIMEOUT_SECONDS = 600
    huge = r"\u00e9" * 2_000_000
    jobs = [insert_job(f'{{"text": "{huge}", "identity_id": {number}}}') for number in (1, 2, 1)]
    insert_job(f'{{"text": "{huge}", "n": {{"identity_id": 1}}}}')

    assert listed(api, identity_id=1) == [jobs[2], jobs[0]]


def test_q_looks_in_type_and_error_in_any_case(api: APIClient) -> None:
    by_error = make_job(last_error="ConnectionError: RESET by peer").pk
    by_type = make_job("custom.reset", last_error=None).pk
    make_job(last_error="something else")
    assert listed(api, q="reset") == [by_type, by_error]


@pytest.mark.parametrize("q", ["50%", "a_b", "back\\slash", "quo'te"])
def test_q_takes_wildcards_and_quotes_as_themselves(api: APIClient, q: str) -> None:
    pk = make_job(last_error=f"before {q} after").pk
    make_job(last_error="before 50 a-b axb backslash quote after")
    assert listed(api, q=q) == [pk]


def test_created_after_is_inclusive_and_created_before_is_not(api: APIClient) -> None:
    early, middle, late = (make_job(created_at=NOW + timedelta(hours=hours)).pk for hours in (0, 1, 2))
    assert listed(api, created_after="2026-01-31T13:00:00Z") == [late, middle]
    assert listed(api, created_before="2026-01-31T13:00:00Z") == [early]
    assert listed(api, created_after="2026-01-31T12:30:00Z", created_before="2026-01-31T13:30:00Z") == [middle]


@pytest.mark.parametrize(
    "moment",
    [
        "2026-01-31T13:00:00Z",
        "2026-01-31T14:00:00+01:00",
        "2026-01-31T14:00:00 01:00",
        "2026-01-31 13:00",
        "2026-01-31T13",
    ],
)
def test_a_moment_may_be_written_in_any_way_of_iso_8601(api: APIClient, moment: str) -> None:
    late = make_job(created_at=NOW + timedelta(hours=1)).pk
    make_job(created_at=NOW)
    response = api.get("/ops/jobs?created_after=" + moment.replace(" ", "%20"))
    assert ids(response.json()) == [late]


def test_a_date_is_its_first_moment(api: APIClient) -> None:
    pk = make_job(created_at=NOW).pk
    assert listed(api, created_after="2026-01-31") == [pk]
    assert listed(api, created_after="2026-02-01") == []


def test_stuck_is_what_waits_or_runs_for_too_long(api: APIClient) -> None:
    now = timezone.now()
    waiting = make_job(status="queued", updated_at=now - timedelta(minutes=16)).pk
    running = make_job(status="running", updated_at=now - timedelta(hours=3)).pk
    due = make_job(status="retrying", updated_at=now, next_run_at=now - timedelta(minutes=16)).pk
    make_job(status="queued", updated_at=now - timedelta(minutes=14))
    make_job(status="running", updated_at=now - timedelta(minutes=9))
    make_job(status="retrying", updated_at=ANCIENT, next_run_at=now + timedelta(minutes=5))
    make_job(status="failed", updated_at=ANCIENT)
    assert listed(api, stuck="true") == [due, running, waiting]
    assert listed(api, stuck="true", status="running") == [running]
    assert len(listed(api, stuck="false")) == 7
    shown = {job["id"]: job["stuck"] for job in api.get("/ops/jobs").json()["jobs"]}
    assert {pk for pk, stuck in shown.items() if stuck} == {waiting, running, due}


def test_order_is_the_order_of_insertion_by_either_name(api: APIClient) -> None:
    first, second, third = make_jobs(3)
    assert listed(api) == listed(api, ordering="-created_at") == listed(api, ordering="-id") == [third, second, first]
    assert listed(api, ordering="created_at") == listed(api, ordering="id") == [first, second, third]


# --- what is refused ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "allowed", "values"),
    [
        ("status", "queued, running, retrying, failed, done, cancelled, other", ["broken", "failed,FAILED", "x" * 120]),
        ("ordering", "-created_at, created_at, -id, id", ["status", "-"]),
        ("limit", "1 to 200", ["0", "-1", "201", "1000000000", "ten", "1.5", "NaN", "9" * 2_000]),
        ("offset", "0 to 10000000", ["-1", "x", "10000001", "9" * 2_000]),
        ("identity_id", "whole number", ["0", "-1", "alice", "1_0", "1.5", "true", "%00"]),
        (
            "created_after",
            "ISO 8601",
            ["yesterday", "2026-13-45T00:00:00Z", "2026-01-31T25:00", "T", "2026-02-30", "%00"],
        ),
        ("created_before", "out of range", ["0001-01-01T00:00:00%2B23:00"]),
        ("stuck", "true or false", ["maybe"]),
        ("job_type", "64", ["x" * 65]),
        ("queue_name", "64", ["x" * 65]),
        ("q", "200", ["x" * 201]),
        *((field, "ull characters", ["%00"]) for field in ("status", "job_type", "queue_name", "q", "cursor")),
    ],
)
def test_a_value_outside_of_the_allowed_ones_is_a_400_that_names_them(
    api: APIClient, field: str, allowed: str, values: list[str]
) -> None:
    make_job()
    for value in values:
        response = api.get(f"/ops/jobs?{field}={value}")
        detail = refusal(response, 400, "invalid")
        assert detail.startswith(f"{field}: ")
        assert allowed in detail
        assert set(response.json()["errors"]) == {field}


def test_every_fault_is_named_by_its_field(api: APIClient) -> None:
    errors = api.get("/ops/jobs?limit=0&status=x&ordering=y").json()["errors"]
    assert set(errors) == {"limit", "status", "ordering"}


def test_text_that_is_no_utf8_is_a_filter_that_finds_nothing(api: APIClient) -> None:
    make_job()
    assert ids(api.get("/ops/jobs?q=%ff%fe%ed%a0%80").json()) == []
    assert ids(api.get("/ops/jobs?job_type=%ff").json()) == []


def test_a_filter_that_runs_out_of_its_time_is_refused_with_a_sentence(api: APIClient, settings: Any) -> None:
    settings.SLOW_FILTER_TIMEOUT_SECONDS = 0.001
    # A thousand long errors to look through take longer than a millisecond.
    for _ in range(40):
        make_job(last_error="x" * 200_000)
    detail = refusal(api.get("/ops/jobs?q=nowhere"), 400, "filter_too_slow")
    assert "No index carries this filter" in detail
    refusal(api.get("/ops/jobs/counts?q=nowhere"), 400, "filter_too_slow")
    assert api.get("/ops/jobs").status_code == 200
