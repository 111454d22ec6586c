"""What fails or dies while a request with an idempotency key is answered."""

import signal
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, OperationalError
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from devserver.redis import Redis
from jobs import gateway
from jobs.models import Dispatch, Job, Run
from opsconsole import idempotency
from opsconsole.audit import AuditLog
from opsconsole.cache import OptionalRedisCache
from opsconsole.idempotency import IdempotencyKey
from tests.api.cast import accepted, refusal
from tests.api.keyed import BACKFILL, KEY, repeated, send, started
from tests.cast import make_identity, make_job
from tests.processes import Child
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


# --- what fails ---------------------------------------------------------------------------------------------------


def test_a_database_that_fails_in_the_middle_leaves_the_key_unused(
    api: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**kwargs: Any) -> None:
        raise OperationalError("the connection is lost")

    make_identity()
    with monkeypatch.context() as patched:
        patched.setattr("jobs.operations.record", fail)
        refusal(send(api, BACKFILL), 503, "database_unavailable")
    assert started() == (0, 0, 0, 0)
    assert not Job.objects.exists()
    accepted(send(api, BACKFILL))


def test_a_bug_leaves_the_key_unused(api: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any) -> None:
        raise RuntimeError("a bug")

    make_identity()
    with monkeypatch.context() as patched:
        patched.setattr("identities.api.accepted", fail)
        with pytest.raises(RuntimeError, match="a bug"):
            send(api, BACKFILL)
    assert started() == (0, 0, 0, 0)
    assert not Job.objects.exists()
    accepted(send(api, BACKFILL))


def test_workers_that_cannot_be_asked_leave_the_key_unused_but_an_audit_row(
    api: APIClient, redis_server: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"/ops/jobs/{make_job('custom.thing').pk}/retry"
    redis_server.stop()
    try:
        response = send(api, url)
        assert response.status_code == 503
        assert response["Retry-After"] == "5"
    finally:
        redis_server.start()
        OptionalRedisCache._asked_again_at = 0.0
    assert [row.result for row in AuditLog.objects.all()] == ["error"]
    assert not IdempotencyKey.objects.exists()
    # The workers answer now, and none of them knows it.
    monkeypatch.setattr(gateway, "registered_tasks", set)
    refusal(send(api, url), 400, "unknown_job_type")


def test_with_the_broker_down_the_answer_says_so_and_so_does_its_repetition(api: APIClient, broker_down: None) -> None:
    make_identity()
    first = send(api, BACKFILL)
    body = accepted(first)
    assert body["handed_over"] is False
    assert "broker can't be reached" in body["message"]
    repeated(first, send(api, BACKFILL))
    assert Dispatch.objects.count() == 1


def test_a_retry_with_the_broker_down_says_so_in_its_repetition_too(api: APIClient, redis_server: Redis) -> None:
    url = f"/ops/jobs/{make_job().pk}/retry"
    redis_server.stop()
    try:
        first = send(api, url)
    finally:
        redis_server.start()
        OptionalRedisCache._asked_again_at = 0.0
    assert "broker can't be reached" in first.json()["message"]
    assert first.json()["job"]["handed_over"] == "not_yet"
    repeated(first, send(api, url))


def test_an_answer_that_fails_after_the_commit_is_the_one_from_before_it(
    api: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from jobs.api_changes import accepted as present

    answers = iter([present])

    def fail_the_second_time(*args: Any) -> Any:
        for answer in answers:
            return answer(*args)
        raise DatabaseError("the connection is lost")

    make_identity()
    monkeypatch.setattr(idempotency, "FINAL_ANSWER_SECONDS", 0.1)
    with monkeypatch.context() as patched:
        patched.setattr("identities.api.accepted", fail_the_second_time)
        first = send(api, BACKFILL)
    body = accepted(first)
    # It knew nothing of the broker yet.
    assert (body["message"], body["handed_over"]) == ("1 job queued.", False)
    repeated(first, send(api, BACKFILL))
    assert started() == (1, 1, 1, 1)


# --- what dies ----------------------------------------------------------------------------------------------------

DYING = """
import sys
import django
django.setup()
from rest_framework.test import APIClient

token, url, key = sys.argv[1:]
APIClient().post(url, headers={"authorization": f"Token {token}", "idempotency-key": key})
"""
Die = Callable[[str], None]


@pytest.fixture
def die(start_child: Callable[..., Child], operator: User) -> Die:
    """Send the operator's backfill from a process that is killed at a failpoint."""
    token = Token.objects.get_or_create(user=operator)[0].key

    def send_and_die(failpoint: str) -> None:
        child = start_child("dying", "-c", DYING, token, BACKFILL, KEY, OPS_FAILPOINT=failpoint)
        wait_until(lambda: not child.running)
        assert child.process.returncode == -signal.SIGKILL, child.output

    return send_and_die


@pytest.mark.processes
def test_a_process_that_dies_before_the_commit_leaves_nothing_and_the_key_starts(api: APIClient, die: Die) -> None:
    make_identity()
    die("idempotency.stored")
    assert started() == (0, 0, 0, 0)
    assert not Job.objects.exists()
    assert not IdempotencyKey.objects.exists()

    response = send(api, BACKFILL)
    assert accepted(response)["already_active"] == []
    assert "Idempotency-Replayed" not in response
    assert started() == (1, 1, 1, 1)


@pytest.mark.processes
@pytest.mark.parametrize(
    ("failpoint", "messages"),
    [("submit.committed", 0), ("idempotency.committed", 1)],
    ids=["before publishing", "before answering"],
)
def test_a_process_that_dies_after_the_commit_is_answered_for_and_nothing_is_started(
    api: APIClient, die: Die, monkeypatch: pytest.MonkeyPatch, failpoint: str, messages: int
) -> None:
    identity = make_identity()
    die(failpoint)
    assert started() == (1, 1, 1, messages)

    monkeypatch.setattr(idempotency, "FINAL_ANSWER_SECONDS", 0.1)
    first = send(api, BACKFILL)
    body = accepted(first)
    assert first["Idempotency-Replayed"] == "true"
    assert body["job_id"] == str(Run.objects.get().pk)
    assert Job.objects.get(pk=body["jobs"][0]).payload_json["identity_id"] == identity.pk
    assert (body["message"], body["handed_over"]) == ("1 job queued.", False)
    assert send(api, BACKFILL).content == first.content
    assert started() == (1, 1, 1, messages)
