"""The `Idempotency-Key` header of every POST that starts something."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models.functions import Now
from django.test import Client
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from jobs.models import Job, Run
from opsconsole.audit import AuditLog
from opsconsole.idempotency import LIFETIME, IdempotencyKey, clear_expired
from opsconsole.permissions import OPERATORS
from tests.api.cast import accepted, insert_job, make_attempt, make_staff, refusal, with_token
from tests.api.keyed import BACKFILL, KEY, repeated, send, started
from tests.cast import make_conversation, make_identity, make_job

pytestmark = pytest.mark.django_db(transaction=True)


# --- the same again -----------------------------------------------------------------------------------------------

Starts = Callable[[], tuple[str, dict[str, Any]]]


def _retry() -> tuple[str, dict[str, Any]]:
    return f"/ops/jobs/{make_job().pk}/retry", {"reason": "The provider is back."}


def _backfill() -> tuple[str, dict[str, Any]]:
    return BACKFILL, {"identity_id": make_identity().pk}


def _backfill_of_all() -> tuple[str, dict[str, Any]]:
    make_identity()
    return BACKFILL, {}


def _backfill_by_its_button() -> tuple[str, dict[str, Any]]:
    return f"/ops/identities/{make_identity().pk}/backfill", {}


def _messages() -> tuple[str, dict[str, Any]]:
    return "/ops/backfill/messages", {"conversation_id": make_conversation(make_identity()).pk}


def _attachments() -> tuple[str, dict[str, Any]]:
    return "/ops/redownload/attachments", {"limit": 5}


@pytest.mark.parametrize(
    "start", [_retry, _backfill, _backfill_of_all, _backfill_by_its_button, _messages, _attachments]
)
def test_the_same_request_again_gets_the_same_answer_and_starts_nothing(api: APIClient, start: Starts) -> None:
    url, body = start()
    first = send(api, url, body)
    assert first.status_code in (200, 202)
    assert started() == (Run.objects.count(), 1, 1, 1)
    jobs = list(Job.objects.order_by("pk").values())
    for _ in range(2):
        repeated(first, send(api, url, body))
    assert started() == (Run.objects.count(), 1, 1, 1)
    assert Run.objects.count() == (0 if start is _retry else 1)
    assert list(Job.objects.order_by("pk").values()) == jobs


def test_the_answer_to_a_key_is_what_it_would_be_without_one(api: APIClient) -> None:
    make_identity()
    body = accepted(send(api, BACKFILL))
    assert (body["message"], body["already_active"], body["handed_over"]) == ("1 job queued.", [], True)


def test_without_a_key_the_same_request_again_is_another(api: APIClient) -> None:
    make_identity()
    first, second = api.post(BACKFILL), api.post(BACKFILL)
    assert accepted(second)["job_id"] != accepted(first)["job_id"]
    assert "Idempotency-Replayed" not in second
    assert not IdempotencyKey.objects.exists()


def test_no_body_and_an_empty_object_are_the_same(api: APIClient) -> None:
    make_identity()
    repeated(send(api, BACKFILL), send(api, BACKFILL, {}))


def test_the_order_of_a_bodys_keys_does_not_matter(api: APIClient) -> None:
    pk = make_identity().pk
    first = send(api, BACKFILL, {"identity_id": pk, "reason": "Why not."})
    repeated(first, send(api, BACKFILL, {"reason": "Why not.", "identity_id": pk}))


def test_both_spellings_of_a_path_are_the_same(api: APIClient) -> None:
    make_identity()
    repeated(send(api, BACKFILL), send(api, BACKFILL + "/"))


def test_token_and_session_of_a_user_are_the_same(api: APIClient, session_api: APIClient) -> None:
    make_identity()
    repeated(send(api, BACKFILL), send(session_api, BACKFILL))


def test_a_browser_gets_the_answer_again_as_a_page(browser: Client) -> None:
    make_identity()
    headers = {"idempotency-key": KEY}
    first, second = (browser.post(BACKFILL, content_type="application/json", headers=headers) for _ in range(2))
    run = str(Run.objects.get().pk)
    for page in (first, second):
        assert (page.status_code, page["Content-Type"]) == (202, "text/html; charset=utf-8")
        assert run in page.content.decode()
    assert second["Idempotency-Replayed"] == "true"


def test_values_that_json_can_hold_and_few_can_read_are_answered_alike(api: APIClient) -> None:
    job = insert_job(
        '{"n": 1234567890123456789012345678901234567890, "f": 0.1e-300, "s": "\\u00fc\\u2028\\ud83d\\ude00"}'
    )
    first = send(api, f"/ops/jobs/{job}/retry")
    assert '"ü\u2028😀"' in first.content.decode()
    repeated(first, send(api, f"/ops/jobs/{job}/retry"))


# --- something else -----------------------------------------------------------------------------------------------


def test_another_body_is_a_422_that_names_what_the_key_was_sent_with(api: APIClient) -> None:
    alice, bob = make_identity(), make_identity()
    send(api, BACKFILL, {"identity_id": alice.pk})
    before = started()
    for body in ({"identity_id": bob.pk}, {}, {"identity_id": alice.pk, "reason": "Once more."}):
        sentence = refusal(send(api, BACKFILL, body), 422, "idempotency_key_reused")
        assert f"POST {BACKFILL}" in sentence
    assert started() == before


@pytest.mark.parametrize("change", ["path", "id", "query"])
def test_another_address_is_a_422(api: APIClient, change: str) -> None:
    alice, bob = make_identity(), make_identity()
    send(api, f"/ops/identities/{alice.pk}/backfill")
    before = started()
    other = {
        "path": BACKFILL,
        "id": f"/ops/identities/{bob.pk}/backfill",
        "query": f"/ops/identities/{alice.pk}/backfill?identity_id={bob.pk}",
    }
    refusal(send(api, other[change]), 422, "idempotency_key_reused")
    assert started() == before


def test_a_422_does_not_use_up_the_key(api: APIClient) -> None:
    make_identity()
    first = send(api, BACKFILL)
    refusal(send(api, BACKFILL, {"reason": "Once more."}), 422, "idempotency_key_reused")
    repeated(first, send(api, BACKFILL))


def test_another_user_may_use_the_same_key_for_the_same_or_for_something_else(api: APIClient) -> None:
    alice = make_identity()
    first = accepted(send(api, BACKFILL, {"identity_id": alice.pk}))
    same, other = with_token(make_staff("oscar", OPERATORS)), with_token(make_staff("otto", OPERATORS))
    second = send(same, BACKFILL, {"identity_id": alice.pk})
    assert accepted(second)["job_id"] != first["job_id"]
    assert "Idempotency-Replayed" not in second
    accepted(send(other, "/ops/redownload/attachments"))


def test_another_key_is_another_request(api: APIClient) -> None:
    make_identity()
    first = accepted(send(api, BACKFILL))
    assert accepted(send(api, BACKFILL, key=KEY + "x"))["job_id"] != first["job_id"]


def test_a_key_that_was_sent_a_day_ago_counts_as_unused(api: APIClient) -> None:
    make_identity()
    first = send(api, BACKFILL)
    IdempotencyKey.objects.update(created_at=Now() - LIFETIME)
    second = send(api, BACKFILL, {"reason": "Every day."})
    assert accepted(second)["job_id"] != accepted(first)["job_id"]
    assert Run.objects.count() == 2
    repeated(second, send(api, BACKFILL, {"reason": "Every day."}))


def test_a_key_that_is_not_a_day_old_is_in_use(api: APIClient) -> None:
    make_identity()
    first = send(api, BACKFILL)
    IdempotencyKey.objects.update(created_at=Now() - LIFETIME * 0.999)
    repeated(first, send(api, BACKFILL))


def test_expired_keys_can_be_cleared_and_the_others_stay(api: APIClient) -> None:
    make_identity()
    for key in ("a", "b", "c"):
        send(api, BACKFILL, key=key)
    IdempotencyKey.objects.exclude(key="b").update(created_at=Now() - LIFETIME)
    assert clear_expired() == 2
    assert [row.key for row in IdempotencyKey.objects.all()] == ["b"]
    assert clear_expired() == 0


# --- what is refused ----------------------------------------------------------------------------------------------


def test_a_refusal_is_repeated_though_the_reason_is_gone_and_written_down_once(api: APIClient) -> None:
    identity = make_identity(is_active=False)
    url = f"/ops/identities/{identity.pk}/backfill"
    first = send(api, url)
    sentence = refusal(first, 404, "identity_inactive")
    identity.is_active = True
    identity.save()
    repeated(first, send(api, url))
    assert [row.error_detail for row in AuditLog.objects.all()] == [sentence]
    assert started() == (0, 0, 1, 0)
    accepted(send(api, url, key="another"))


def test_a_refused_retry_is_repeated_with_all_that_it_says(api: APIClient) -> None:
    payload = {"n": 1}
    active, failed = make_job(status="running", payload=payload), make_job(payload=payload)
    make_attempt(active.pk)
    first = send(api, f"/ops/jobs/{failed.pk}/retry")
    assert str(active.pk) in refusal(first, 409, "identical_job_active")
    assert first.json()["job_id"] == active.pk
    repeated(first, send(api, f"/ops/jobs/{failed.pk}/retry"))
    assert AuditLog.objects.count() == 1


@pytest.mark.parametrize("pk", ["alice", "999999", "%00", "%E2%82%AC" * 100, "x" * 500])
def test_an_address_of_nothing_is_answered_alike(api: APIClient, pk: str) -> None:
    first = send(api, f"/ops/jobs/{pk}/retry")
    refusal(first, 404, "job_not_found")
    repeated(first, send(api, f"/ops/jobs/{pk}/retry"))


def test_a_body_that_is_wrong_does_not_use_up_the_key(api: APIClient) -> None:
    make_identity()
    for wrong in ({"identity_id": "alice"}, {"identity": 1}):
        refusal(send(api, BACKFILL, wrong), 400, "invalid")
    accepted(send(api, BACKFILL))


def test_who_may_not_does_not_use_up_the_key(api: APIClient, operator: User) -> None:
    make_identity()
    refusal(send(APIClient(), BACKFILL), 401, "not_authenticated")
    groups = list(operator.groups.all())
    operator.groups.clear()
    refusal(send(api, BACKFILL), 403, "permission_denied")
    operator.groups.set(groups)
    first = send(api, BACKFILL)
    accepted(first)

    operator.groups.clear()
    refusal(send(api, BACKFILL), 403, "permission_denied")


def test_the_address_of_a_list_takes_no_post_with_a_key_either(api: APIClient) -> None:
    refusal(send(api, "/ops/jobs"), 405, "method_not_allowed")
    assert api.get("/ops/jobs", headers={"idempotency-key": "no key"}).status_code == 200
    assert not IdempotencyKey.objects.exists()


@pytest.mark.parametrize("key", ["", " ", "two words", "tab\t", "k" * 201, "schlüssel", "\x7f", "a\nb", "€"])
def test_what_can_be_no_key_is_a_400(api: APIClient, key: str) -> None:
    make_identity()
    sentence = refusal(send(api, BACKFILL, key=key), 400, "invalid_idempotency_key")
    assert "1 to 200 visible ASCII characters" in sentence
    assert started() == (0, 0, 0, 0)


@pytest.mark.parametrize("key", ["k", "!~\"'%s\\;--", "k" * 200])
def test_every_visible_ascii_character_is_good_for_a_key(api: APIClient, key: str) -> None:
    make_identity()
    repeated(send(api, BACKFILL, key=key), send(api, BACKFILL, key=key))


# --- queries ------------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=False)
@pytest.mark.parametrize("start", [_backfill, _retry])
def test_a_request_without_a_key_asks_nothing_about_keys(api: APIClient, start: Starts) -> None:
    url, body = start()
    with CaptureQueriesContext(connection) as without:
        assert api.post(url, body).status_code in (200, 202)
    assert not [query["sql"] for query in without.captured_queries if "idempotency" in query["sql"].lower()]

    url, body = start()
    with CaptureQueriesContext(connection) as keyed:
        first = send(api, url, body)
    presented = 1 if start is _retry else 0
    # The transaction (a savepoint, in this test), the time-out, the row, the answer twice.
    assert len(keyed) == len(without) + 2 + 2 + 1 + 2 + presented
    with CaptureQueriesContext(connection) as again:
        repeated(first, send(api, url, body))
    # The caller, the transaction, the time-out, the row and what it says.
    assert len(again) == 2 + 2 + 2 + 2
