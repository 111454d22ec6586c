"""What is said when the console, its broker or its database is at fault."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client
from rest_framework.test import APIClient

from devserver.redis import Redis
from jobs import handover, queries
from jobs.models import Dispatch, Job
from opsconsole.audit import AuditLog
from opsconsole.cache import OptionalRedisCache
from tests.api.cast import accepted, refusal
from tests.api.conftest import CSRF_TOKEN
from tests.cast import make_conversation, make_identity, make_job
from tests.tries import tries_at_redis

# Another server could take a port that is merely free.
NOBODYS_PORT = "1"

# --- the console --------------------------------------------------------------------------------------------------


def raise_bug(*args: Any, **kwargs: Any) -> None:
    raise RuntimeError("A bug, with a secret in it.")


@pytest.mark.parametrize("accept", ["application/json", "*/*"])
def test_a_bug_is_a_500_in_json_that_tells_nothing(
    api: APIClient, monkeypatch: pytest.MonkeyPatch, accept: str
) -> None:
    monkeypatch.setattr(queries, "page", raise_bug)
    api.raise_request_exception = False
    assert "secret" not in refusal(api.get("/ops/jobs", headers={"accept": accept}), 500, "internal_error")


def test_a_bug_while_something_is_started_leaves_nothing_behind(
    api: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_identity()
    monkeypatch.setattr("jobs.operations.record", raise_bug)
    api.raise_request_exception = False
    refusal(api.post("/ops/backfill/conversations"), 500, "internal_error")
    assert Job.objects.count() == Dispatch.objects.count() == 0


# --- the broker ---------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_without_a_broker_everything_is_accepted_within_2_s_and_says_so(
    api: APIClient, session_api: APIClient, redis_server: Redis
) -> None:
    identity = make_identity()
    conversation = make_conversation(identity)
    job = make_job()
    redis_server.stop()
    try:
        for client, url, body in (
            (api, "/ops/backfill/conversations", {}),
            (api, "/ops/redownload/attachments", {}),
            (session_api, "/ops/backfill/messages", {"conversation_id": conversation.pk}),
        ):
            with tries_at_redis() as tries:
                answer = accepted(client.post(url, body))
            assert tries.longest <= 2
            # Messages of an identity that is being backfilled wait for that, broker or not.
            waits = url.endswith("messages")
            assert answer["handed_over"] is False
            assert ("broker can't be reached" in answer["message"]) is not waits

        with tries_at_redis() as tries:
            response = api.post(f"/ops/jobs/{job.pk}/retry")
        assert 0 < tries.longest <= 2
        assert response.status_code == 200
        assert "broker can't be reached" in response.json()["message"]
        assert response.json()["job"]["handed_over"] == "not_yet"
        assert api.get("/ops/jobs").status_code == session_api.get("/ops/jobs").status_code == 200
    finally:
        redis_server.start()
        OptionalRedisCache._asked_again_at = 0.0
    assert set(Job.objects.values_list("status", flat=True)) == {"queued"}
    assert set(Dispatch.objects.values_list("published_at", flat=True)) == {None}

    # The sweeper's turn, once the broker is back.
    Dispatch.objects.update(publication_lease_until="2026-01-01T00:00:00Z")
    assert handover.hand_over(handover.lease_due()).published == 3


@pytest.mark.django_db(transaction=True)
def test_with_a_broker_what_is_started_is_handed_over(api: APIClient) -> None:
    make_identity()
    answer = accepted(api.post("/ops/backfill/conversations"))
    assert (answer["handed_over"], answer["message"]) == (True, "1 job queued.")
    (job,) = api.get("/ops/jobs").json()["jobs"]
    assert job["handed_over"] == "handed_over"


@pytest.mark.django_db(transaction=True)
def test_a_type_that_only_a_worker_can_know_can_not_be_retried_without_a_broker(
    api: APIClient, broker_down: None
) -> None:
    job = make_job("custom.thing", payload={"a": 1})
    response = api.post(f"/ops/jobs/{job.pk}/retry", {"confirm": True})
    refusal(response, 503, "broker_unreachable")
    assert response["Retry-After"]
    assert Job.objects.get().status == "failed"


def test_a_session_that_was_ended_without_a_cache_is_ended(
    session_api: APIClient, redis_server: Redis, uncollected: None
) -> None:
    assert session_api.get("/ops/jobs").status_code == 200
    redis_server.stop()
    try:
        assert session_api.get("/ops/jobs").status_code == 200
        session_api.raise_request_exception = False
        # Not forgiven: the session would be back together with the cache.
        page = session_api.post("/admin/logout/", {"csrfmiddlewaretoken": CSRF_TOKEN}, format="multipart")
        assert page.status_code == 503
        assert "The cache does not answer" in page.content.decode()
    finally:
        redis_server.start()
        OptionalRedisCache._asked_again_at = 0.0


# --- the database -------------------------------------------------------------------------------------------------


@pytest.fixture
def database_down(transactional_db: None) -> Iterator[None]:
    """No PostgreSQL where the settings say that it is."""
    port = connection.settings_dict["PORT"]
    connection.close()
    connection.settings_dict["PORT"] = NOBODYS_PORT
    yield
    connection.close()
    connection.settings_dict["PORT"] = port


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("accept", ["application/json", "text/html"])
def test_without_a_database_the_api_is_a_503_in_json(
    api: APIClient, session_api: APIClient, database_down: None, accept: str
) -> None:
    for client in (api, session_api):
        for url in ("/ops/jobs", "/ops/jobs/1", "/ops/runs", "/ops/identities", "/ops/audit"):
            response = client.get(url, headers={"accept": accept})
            assert "database does not answer" in refusal(response, 503, "database_unavailable")
            assert response["Retry-After"] == "5"
        response = client.post("/ops/backfill/conversations", headers={"accept": accept})
        refusal(response, 503, "database_unavailable")


@pytest.mark.django_db(transaction=True)
def test_where_the_database_takes_no_changes_an_action_says_so_and_so_does_the_health(
    api: APIClient, browser: Client
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only TO on")
    try:
        response = api.post("/ops/backfill/conversations")
        health = api.get("/ops/health").json()
        listed = api.get("/ops/jobs")
    finally:
        connection.close()
    assert "read-only" in refusal(response, 503, "database_read_only")
    assert "database_read_only" in [reason["code"] for reason in health["reasons"]]
    assert listed.status_code == 200


@pytest.mark.django_db(transaction=True)
def test_without_a_database_addresses_and_methods_are_told_apart_all_the_same(database_down: None) -> None:
    client = APIClient()
    refusal(client.get("/ops/nowhere"), 404, "not_found")
    refusal(client.get("/ops/jobs"), 401, "not_authenticated")


@pytest.mark.django_db(transaction=True)
def test_without_a_database_everything_else_is_a_page_that_says_so(browser: Client, database_down: None) -> None:
    response = browser.get("/admin/")
    assert response.status_code == 503
    assert response["Content-Type"].startswith("text/html")
    assert response["Retry-After"] == "5"
    assert b"database does not answer" in response.content


@pytest.mark.django_db(transaction=True)
def test_without_a_database_the_process_lives_but_is_not_ready(database_down: None) -> None:
    assert APIClient().get("/healthz").status_code == 200
    response = APIClient().get("/readyz")
    assert (response.status_code, response.json()["status"]) == (503, "unavailable")


@pytest.mark.django_db(transaction=True)
def test_the_database_is_used_again_once_it_answers(api: APIClient) -> None:
    port = connection.settings_dict["PORT"]
    connection.close()
    connection.settings_dict["PORT"] = NOBODYS_PORT
    try:
        assert api.get("/ops/jobs").status_code == 503
    finally:
        connection.settings_dict["PORT"] = port
    assert api.get("/ops/jobs").status_code == 200


def test_a_database_that_fails_outside_of_views_is_a_503_too(
    uncollected: None, browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any) -> None:
        raise OperationalError("the connection is lost")

    monkeypatch.setattr("django.contrib.sessions.middleware.SessionMiddleware.process_response", fail)
    browser.raise_request_exception = False
    refusal(browser.get("/ops/jobs"), 503, "database_unavailable")
    response = browser.get("/nowhere")
    assert (response.status_code, response["Retry-After"]) == (503, "5")


@pytest.mark.django_db(transaction=True)
def test_a_database_that_fails_in_the_middle_leaves_nothing_behind(
    api: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**kwargs: Any) -> None:
        raise OperationalError("the connection is lost")

    make_identity()
    monkeypatch.setattr("jobs.operations.record", fail)
    refusal(api.post("/ops/backfill/conversations"), 503, "database_unavailable")
    assert Job.objects.count() == Dispatch.objects.count() == AuditLog.objects.count() == 0
