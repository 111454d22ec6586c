"""Whole numbers of any size are exact: in answers, in dedupe keys, and wherever two are compared."""

import hashlib
import json
from typing import Any, Final

import pytest
from django.db import connection
from rest_framework.test import APIClient

from jobs.models import Job
from tests.api.cast import insert_job, make_attempt, refusal
from tests.matching.doing import carry_out

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

LARGE: Final = 12345678901234567890123
# Payloads, most of which JSON parsers and writers treat differently.
PAYLOADS: Final = (
    '{"id": 12345678901234567890123}',
    '{"id": -12345678901234567890123}',
    '{"id": 9007199254740993}',
    '{"id": 18446744073709551615}',
    '{"id": 18446744073709551616}',
    '{"id": ' + "7" * 4_000 + "}",
    '{"n": 1e400}',
    '{"n": -1e400, "m": [0.1, 1.10, 1E-7, 1e22, -0.0]}',
    '{"n": 123456789012345678901234567890.5}',
    '{"b": 1, "a": {"d": null, "c": [true, "x", {}]}}',
    '{"s": "é\u2028 \U0001f600 / \\" \\\\ \\n \\u001f"}',
    '{"s": "\\u00e9\\ud83d\\ude00"}',
    '{"a": 1, "a": 2}',
    '{"a": ' * 400 + "1" + "}" * 400,
    "{}",
)
# Payloads that only a `json` column accepts.
UNSTORABLE: Final = ('{"s": "\\ud800"}', '{"\\udfff": "a\\u0000b"}', '{"n": 1e400000}')


def core_key(pk: int) -> str:
    """Return the dedupe key that the core computes for a row."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT queue_name, job_type, payload_json::text FROM jobs WHERE id = %s", [pk])
        queue, job_type, payload = cursor.fetchone()
    work = {"queue": queue, "type": job_type, "payload": json.loads(payload)}
    return hashlib.sha256(json.dumps(work, sort_keys=True, separators=(",", ":")).encode()).hexdigest()[:64]


def retry_all(api: APIClient) -> dict[str, Any]:
    """Retry all failed jobs, and return what the dry run said."""
    shown: dict[str, Any] = api.post("/ops/jobs/retry", {"filter": {}, "dry_run": True}).json()
    asked = {"filter": {}, "up_to_id": shown["up_to_id"], "expected": shown["matched"], "reason": "it works again"}
    (job_id,) = api.post("/ops/jobs/retry", asked).json()["jobs"]
    carry_out(job_id)
    return shown


@pytest.mark.parametrize("together", [False, True], ids=["alone", "together"])
@pytest.mark.parametrize("payload", PAYLOADS, ids=range(len(PAYLOADS)))
def test_a_retried_job_has_the_key_that_the_core_computes(api: APIClient, payload: str, together: bool) -> None:
    pk = insert_job(payload)
    if together:
        assert retry_all(api)["will_retry"] == 1
    else:
        assert api.post(f"/ops/jobs/{pk}/retry").status_code == 200
    job = Job.objects.get(pk=pk)
    assert (job.status, job.dedupe_key) == ("queued", core_key(pk))


@pytest.mark.parametrize("together", [False, True], ids=["alone", "together"])
@pytest.mark.parametrize("payload", UNSTORABLE, ids=range(len(UNSTORABLE)))
def test_a_payload_that_only_a_json_column_takes_has_the_cores_key_too(
    api: APIClient, variant: str, payload: str, together: bool
) -> None:
    if variant == "plain":
        payload = payload.replace("\\u", "\\\\u").replace("1e400000", "1e4000")
    pk = insert_job(payload)
    if together:
        assert retry_all(api)["will_retry"] == 1
    else:
        assert api.post(f"/ops/jobs/{pk}/retry").status_code == 200
    assert Job.objects.get(pk=pk).dedupe_key == core_key(pk)


def test_jobs_whose_numbers_differ_in_the_last_digit_are_different_work(api: APIClient) -> None:
    pks = [insert_job(f'{{"id": {LARGE + n}}}') for n in range(3)]
    shown = retry_all(api)
    assert (shown["will_retry"], shown["left_out"]) == (3, [])
    assert {job.status for job in Job.objects.filter(pk__in=pks)} == {"queued"}
    assert len({job.dedupe_key for job in Job.objects.filter(pk__in=pks)}) == 3


@pytest.mark.parametrize(
    "number",
    [
        LARGE,
        -LARGE,
        2**53 + 1,
        2**63 - 1,
        2**63,
        2**64 - 1,
        2**64,
        2**64 + 1,
        2**70,
        10**22,
        10**23 + 1,
        int("7" * 600),
    ],
    ids=lambda number: str(number)[:30],
)
def test_only_the_same_number_is_the_same_work(api: APIClient, number: int) -> None:
    failed = [insert_job(f'{{"id": {value}}}') for value in (number - 1, number, number + 1)]
    active = insert_job(f'{{"id": {number}}}', status="queued")
    make_attempt(active)
    Job.objects.filter(pk=active).update(dedupe_key=core_key(active))
    assert [api.get(f"/ops/jobs/{pk}").json()["can"]["retry"] for pk in failed] == [True, False, True]
    assert str(active) in refusal(api.post(f"/ops/jobs/{failed[1]}/retry"), 409, "identical_job_active")
    shown = retry_all(api)
    assert (shown["will_retry"], shown["by_type"]) == (2, {"ingest.sync_delta": 2})
    assert Job.objects.get(pk=failed[1]).status == "failed"


@pytest.mark.parametrize("number", [LARGE, -LARGE, 2**53 + 1, 2**64, 2**70, 10**30, 10**100, 10**300])
def test_a_number_that_javascript_cannot_hold_stays_a_number_in_an_answer(api: APIClient, number: int) -> None:
    pk = insert_job(
        f'{{"id": {number}, "in": [{{"{number}": {number}}}]}}', last_error=f'{{"id": {number}, "token": 1}}'
    )
    for url in ("/ops/jobs", f"/ops/jobs/{pk}"):
        response = api.get(url)
        assert str(number).encode() in response.content
        found = json.loads(response.content)
        (job,) = found.get("jobs", [found])
        assert job["payload"] == {"id": number, "in": [{str(number): number}]}
    # In an error that is JSON, from which something private was taken out.
    assert json.loads(job["last_error"]) == {"id": number, "token": "[redacted]"}


@pytest.mark.parametrize("depth", [100, 499, 500, 501, 900, 940, 970, 985, 1_000, 1_100, 5_000])
def test_a_payload_of_any_depth_is_read_the_same_everywhere(api: APIClient, depth: int) -> None:
    pk = insert_job('{"a":' * depth + "1" + "}" * depth)
    assert api.get("/ops/jobs").status_code == api.get(f"/ops/jobs/{pk}").status_code == 200
    response = api.post(f"/ops/jobs/{pk}/retry")
    assert (response.status_code, depth > 500) in {(200, False), (400, True)}, response.content


# --- bodies -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [2**63, 2**64, 2**64 + 1, LARGE, 10**22, 10**30, 10**100, 10**300])
def test_a_number_in_a_body_names_what_it_says(api: APIClient, number: int) -> None:
    refusal(api.post("/ops/backfill/conversations", {"identity_id": number}), 404, "identity_not_found")


@pytest.mark.parametrize(("first", "second"), [(LARGE, LARGE + 1), (2**64, 2**64 + 1), (10**22, 10**22 + 1)])
def test_a_key_with_another_number_is_another_request(api: APIClient, first: int, second: int) -> None:
    def ask(number: int) -> Any:
        body = {"identity_id": number}
        return api.post("/ops/backfill/conversations", body, headers={"Idempotency-Key": "once"})

    assert (ask(first).status_code, ask(first).status_code) == (404, 404)
    assert ask(second).status_code == 422


def test_a_number_with_more_digits_than_anybody_means_is_refused(api: APIClient) -> None:
    body = '{"identity_id": ' + "9" * 5_000 + "}"
    response = api.post("/ops/backfill/conversations", body, content_type="application/json")
    refusal(response, 400, "parse_error")
