"""Rows that no list of ours knows are shown as they are, and nothing breaks."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from jobs import counts
from jobs.models import Job
from opsconsole import redaction
from tests.api.cast import insert_job, ledger_state, make_attempt, make_run, refusal
from tests.cast import make_identity, make_job
from tests.privacy.hard_texts import UNITS

pytestmark = pytest.mark.slow


def retry_does_no_harm(api: APIClient, pk: int) -> None:
    """It is taken, or refused with a reason."""
    response = api.post(f"/ops/jobs/{pk}/retry")
    if response.status_code != 200:
        assert (response.status_code, response.json()["code"]) in {
            (400, "invalid_payload"),
            (409, "identity_unavailable"),
        }


def shown(api: APIClient, pk: int) -> dict[str, Any]:
    """Return a job as its own page shows it, after a look at every list that it stands in."""
    run = make_run(pk)
    for url in ("/ops/jobs", "/ops/jobs?stuck=true", "/ops/jobs/counts", "/ops/runs", f"/ops/runs/{run.pk}"):
        response = api.get(url)
        assert response.status_code == 200, (url, response.content)
    assert api.get(f"/ops/backfill/{run.pk}").status_code == 200
    response = api.get(f"/ops/jobs/{pk}")
    assert response.status_code == 200, response.content
    body: dict[str, Any] = response.json()
    return body


# --- an unknown status --------------------------------------------------------------------------------------------


@pytest.fixture
def paused(db: None, variant: str) -> int:
    """A job with a status that the core learned later."""
    with connection.cursor() as cursor:
        if variant == "plain":
            cursor.execute("ALTER TABLE jobs DROP CONSTRAINT ck_jobs_status")
        else:
            # A new value of an existing type could be used only after a commit, and never be taken back.
            cursor.execute(
                "CREATE TYPE later_status AS ENUM"
                " ('queued', 'running', 'retrying', 'failed', 'done', 'cancelled', 'paused')"
            )
            cursor.execute("ALTER TABLE jobs ALTER COLUMN status TYPE later_status USING status::text::later_status")
    return insert_job(status="paused")


def test_an_unknown_status_is_shown(api: APIClient, paused: int) -> None:
    job = shown(api, paused)
    assert job["status"] == "paused"
    assert job["can"] == {"retry": False, "cancel": False, "terminate": False, "fail": False}


def test_an_unknown_status_is_counted_as_other(api: APIClient, paused: int) -> None:
    make_job()
    counts = api.get("/ops/jobs/counts").json()
    assert (counts["other"], counts["failed"], counts["total"]) == (1, 1, 2)
    counts = api.get("/ops/jobs/counts?job_type=ingest.sync_delta").json()
    assert (counts["other"], counts["failed"], counts["total"]) == (1, 1, 2)


def test_an_unknown_status_is_listed_under_other(api: APIClient, paused: int) -> None:
    failed = make_job().pk
    assert [job["id"] for job in api.get("/ops/jobs?status=other").json()["jobs"]] == [paused]
    assert [job["id"] for job in api.get("/ops/jobs?status=other,failed").json()["jobs"]] == [failed, paused]
    assert [job["id"] for job in api.get("/ops/jobs?status=other&q=sync").json()["jobs"]] == [paused]
    assert [job["id"] for job in api.get("/ops/jobs?status=failed").json()["jobs"]] == [failed]


def test_an_unknown_status_cannot_be_asked_for_by_name(api: APIClient, paused: int) -> None:
    refusal(api.get("/ops/jobs?status=paused"), 400, "invalid")


def test_a_job_of_an_unknown_status_is_not_retried(api: APIClient, paused: int) -> None:
    before = ledger_state()
    assert "paused" in refusal(api.post(f"/ops/jobs/{paused}/retry"), 409, "unknown_status")
    assert ledger_state() == before


def test_a_run_with_a_job_of_an_unknown_status_has_not_ended(api: APIClient, paused: int) -> None:
    assert api.get(f"/ops/backfill/{make_run(paused).pk}").json()["status"] == "pending"


# --- payloads -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ("[1, 2]", {"value": [1, 2]}),
        ('"text"', {"value": "text"}),
        ("null", {"value": None}),
        ("7", {"value": 7}),
        ("{}", {}),
        ('{"identity_id": 999999}', {"identity_id": 999999}),
        ('{"identity_id": null, "conversation_id": []}', {"identity_id": None, "conversation_id": []}),
        ('{"identity_id": {"a": 1}}', {"identity_id": {"a": 1}}),
        ('{"conversation_id": -1, "message_id": "x"}', {"conversation_id": -1, "message_id": "x"}),
        ('{"n": 18446744073709551615}', {"n": 2**64 - 1}),
        ('{"n": 1180591620717411303424}', {"n": 2**70}),
        ('{"<b>": "<script>alert(1)</script>"}', {"<b>": "<script>alert(1)</script>"}),
    ],
)
def test_a_payload_of_any_shape_is_shown(api: APIClient, payload: str, expected: Any) -> None:
    pk = insert_job(payload)
    assert shown(api, pk)["payload"] == expected
    assert shown(api, pk)["identity"] is None
    retry_does_no_harm(api, pk)


@pytest.mark.parametrize(
    "payload",
    [
        '{"n": 1e400}',
        '{"n": -1e5000, "m": [1e400]}',
        '{"n": ' + "9" * 5_000 + "}",
        '{"identity_id": ' + "9" * 5_000 + "}",
        '{"identity_id": "' + "9" * 5_000 + '"}',
        "[" * 300 + "]" * 300,
        "[" * 3_000 + "]" * 3_000,
        '{"a":' * 1_500 + "1" + "}" * 1_500,
    ],
    ids=["1e400", "1e5000", "digits", "identity-digits", "identity-text", "300-levels", "3000-levels", "1500-objects"],
)
def test_numbers_and_depths_beyond_reason_do_no_harm(api: APIClient, payload: str) -> None:
    pk = insert_job(payload)
    assert shown(api, pk)["id"] == pk
    retry_does_no_harm(api, pk)


@pytest.mark.parametrize(
    "payload",
    [
        r'{"note": "a\u0000b"}',
        r'{"note": "a\ud800b", "\udfff": 1}',
        r'{"identity_id": "\ud800"}',
        r'{"identity_id": "\u0000"}',
        r'{"provider_id": "\ud800", "n": 1}',
        r'{"message_id": "\u0000", "conversation_id": "\ud800"}',
        '{"a": 1, "a": 2}',
        r'{"n": 1180591620717411303424, "note": "\ud800"}',
    ],
)
@pytest.mark.parametrize("job_type", ["ingest.sync_delta", "message.send_manual"])
def test_escapes_that_only_json_columns_hold_do_no_harm(
    api: APIClient, variant: str, payload: str, job_type: str
) -> None:
    if variant == "plain":
        payload = payload.replace(r"\u0000", r"\\u0000").replace(r"\ud800", r"\\ud800").replace(r"\udfff", r"\\udfff")
    pk = insert_job(payload, job_type=job_type)
    assert shown(api, pk)["id"] == pk
    assert [job["id"] for job in api.get("/ops/jobs?identity_id=7").json()["jobs"]] == []
    assert api.post(f"/ops/jobs/{pk}/retry").status_code in {200, 409}
    assert api.get("/ops/audit").status_code == 200


# --- errors and times ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [
        "<script>alert(1)</script><b>bold</b>",
        r"NUL-like: \u0000 \x00 \0 %00 &#0;",
        "\x01\x02\x1b[31m\x7f\u2028\ufeff\U0001f600",
        "",
        " \n \t",
        "%s %(x)s {0} {{x}}",
    ],
)
def test_an_error_is_shown_as_it_is(api: APIClient, error: str) -> None:
    assert shown(api, insert_job(last_error=error))["last_error"] == error


@pytest.fixture
def longest_read(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Return the length in characters of the longest text that was redacted since the last call."""
    lengths = [0]
    redact_text = redaction.redact_text

    def noted(text: str, **given: Any) -> str:
        lengths.append(len(text))
        return redact_text(text, **given)

    def longest() -> int:
        found = max(lengths)
        lengths[:] = [0]
        return found

    monkeypatch.setattr(redaction, "redact_text", noted)
    return longest


def test_of_an_error_of_10_mb_only_what_is_shown_is_read(api: APIClient, longest_read: Callable[[], int]) -> None:
    for _ in range(3):
        pk = insert_job()
        with connection.cursor() as cursor:
            cursor.execute("UPDATE jobs SET last_error = repeat('a-b ', 2621440) WHERE id = %s", [pk])
    response = api.get("/ops/jobs")
    assert len(response.content) < 20_000
    assert {len(job["last_error"]) for job in response.json()["jobs"]} == {5_000}
    assert 5_000 <= longest_read() <= 5_000 + redaction.CUT_MARGIN
    job = shown(api, pk)
    assert (len(job["last_error"]), job["error_is_cut"]) == (200_000, True)
    assert 200_000 <= longest_read() <= 200_000 + redaction.CUT_MARGIN


@pytest.mark.parametrize("text", ["a-", "+", "secret", 'token="', "token=\\", "://", "Bearer ", "a.b@", "'", "eyJ"])
def test_an_error_made_to_keep_us_busy_does_not(api: APIClient, longest_read: Callable[[], int], text: str) -> None:
    # tests/privacy checks that redacting each of these takes time in proportion to its length.
    assert text in UNITS
    pk = insert_job(last_error=(text * 300_000)[:300_000])
    assert api.get("/ops/jobs").status_code == api.get(f"/ops/jobs/{pk}").status_code == 200
    assert 200_000 <= longest_read() <= 200_000 + redaction.CUT_MARGIN


@pytest.mark.parametrize("moment", ["9999-12-31 23:59:59.999999", "2999-01-01 00:00:00", "0001-01-01 00:00:00"])
@pytest.mark.parametrize("status", ["queued", "running", "failed"])
def test_times_far_away_are_shown(api: APIClient, moment: str, status: str) -> None:
    pk = insert_job(status=status, created_at=moment, updated_at=moment, next_run_at=moment)
    make_attempt(pk, started_at=f"{moment}+00:00", published_at=f"{moment}+00:00", requested_at=f"{moment}+00:00")
    job = shown(api, pk)
    expected = moment.replace(" ", "T") + "Z"
    assert job["created_at"] == job["updated_at"] == job["next_run_at"] == expected
    assert job["duration_ms"] >= 0


@pytest.mark.parametrize("values", [{"attempts": 2**31 - 1}, {"attempts": -1, "max_attempts": -5}])
def test_numbers_of_attempts_that_make_no_sense_are_shown(api: APIClient, values: dict[str, int]) -> None:
    job = shown(api, insert_job(**values))
    assert {name: job[name] for name in values} == values


def test_names_that_are_empty_or_strange_are_shown(api: APIClient) -> None:
    pk = insert_job(job_type="", queue_name="<i>'\";--", status="done")
    job = shown(api, pk)
    assert (job["job_type"], job["queue_name"]) == ("", "<i>'\";--")
    assert Job.objects.get().status == "done"


def test_looking_at_odd_rows_changes_none_of_them(api: APIClient) -> None:
    pks = [insert_job(payload) for payload in ("[1]", '"x"', "null", '{"identity_id": 999999}')]
    before = list(Job.objects.order_by("pk").values())
    for pk in pks:
        shown(api, pk)
    assert list(Job.objects.order_by("pk").values()) == before


def test_an_id_with_leading_zeros_in_a_payload_is_that_id_or_none_and_never_another(api: APIClient) -> None:
    make_identity("Alice", id=1)
    pk = insert_job('{"identity_id": "0000000000000000000123"}')
    assert shown(api, pk)["identity"] is None


@pytest.mark.parametrize("status", ["", ":", "s" * 33, "é" * 600, "*", "'", "<b>", "é" * 63, "other", " queued"])
def test_a_status_of_any_kind_is_counted(api: APIClient, status: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE jobs DROP CONSTRAINT IF EXISTS ck_jobs_status")
        cursor.execute("ALTER TABLE jobs ALTER COLUMN status TYPE text USING status::text")
        make_job()
        odd = make_job()
        cursor.execute("UPDATE jobs SET status = %s WHERE id = %s", [status, odd.pk])
        cursor.execute("DELETE FROM jobs_statuscount")
    for _ in range(2):
        answer = api.get("/ops/jobs/counts").json()
        assert (answer["failed"], answer["other"], answer["total"]) == (1, 1, 2)
        counts.refresh(max_age_seconds=0)
    assert [job["id"] for job in api.get("/ops/jobs?status=other").json()["jobs"]] == [odd.pk]
