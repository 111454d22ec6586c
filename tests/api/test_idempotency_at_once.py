"""Several requests with one idempotency key at once."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier, Event
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError, connection
from django.db.models.functions import Now
from rest_framework.test import APIClient

from jobs import handover
from jobs.handover import HandedOver
from jobs.models import Run
from jobs.operations import submit_run
from opsconsole import idempotency
from opsconsole.idempotency import LIFETIME, IdempotencyKey
from tests.api.cast import accepted, refusal, with_token
from tests.api.keyed import BACKFILL, repeated, send, started
from tests.cast import make_identity
from tests.waiting import PATIENCE, wait_until

pytestmark = pytest.mark.django_db(transaction=True)

SUBMIT_RUN = "identities.operations.submit_run"


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a slow machine too, a repetition gives up only where a test says so."""
    monkeypatch.setattr(idempotency, "TRANSACTION_SECONDS", PATIENCE)
    monkeypatch.setattr(idempotency, "FINAL_ANSWER_SECONDS", PATIENCE)


@pytest.fixture
def at_once(operator: User) -> Iterator[Callable[..., Future[Any]]]:
    """Send something as the operator, from a thread with a connection of its own."""

    def send_and_close(*args: Any) -> Any:
        try:
            return send(with_token(operator), *args)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        yield lambda *args: pool.submit(send_and_close, *args)


class Doorway:
    """Where the first to come waits to be let through."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._entered, self._open = Event(), Event()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not self._entered.is_set():
            self._entered.set()
            assert self._open.wait(PATIENCE)
        return self._function(*args, **kwargs)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Wait for the first to come, and open at the end."""
        try:
            assert self._entered.wait(PATIENCE)
            yield
        finally:
            self._open.set()


def someone_waits_for_the_key() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
            " AND query LIKE '%INSERT INTO opsconsole_idempotencykey%'"
        )
        return bool(cursor.fetchone()[0])


def test_of_many_that_send_a_key_at_once_one_starts_and_all_get_its_answer(operator: User) -> None:
    make_identity()
    clients = [with_token(operator) for _ in range(8)]
    barrier = Barrier(len(clients))

    def send_together(client: APIClient) -> Any:
        barrier.wait()
        try:
            return send(client, BACKFILL)
        finally:
            connection.close()

    with ThreadPoolExecutor(len(clients)) as pool:
        answers = list(pool.map(send_together, clients))
    assert {answer.content for answer in answers} == {answers[0].content}
    assert accepted(answers[0])["handed_over"] is True
    assert sum("Idempotency-Replayed" not in answer for answer in answers) == 1
    assert started() == (1, 1, 1, 1)


def test_a_second_request_waits_for_the_first_and_gets_its_answer(
    at_once: Callable[..., Future[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_identity()
    working = Doorway(submit_run)
    monkeypatch.setattr(SUBMIT_RUN, working)
    first = at_once(BACKFILL)
    with working.entered():
        second = at_once(BACKFILL)
        wait_until(someone_waits_for_the_key)
    repeated(first.result(), second.result())
    assert accepted(first.result())["handed_over"] is True
    assert started() == (1, 1, 1, 1)


def test_a_second_request_starts_it_when_the_first_one_fails(
    at_once: Callable[..., Future[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail_once(**kwargs: Any) -> Any:
        monkeypatch.setattr(SUBMIT_RUN, submit_run)
        raise OperationalError("the connection is lost")

    make_identity()
    working = Doorway(fail_once)
    monkeypatch.setattr(SUBMIT_RUN, working)
    first = at_once(BACKFILL)
    with working.entered():
        second = at_once(BACKFILL)
        wait_until(someone_waits_for_the_key)
    refusal(first.result(), 503, "database_unavailable")
    accepted(second.result())
    assert "Idempotency-Replayed" not in second.result()
    assert started() == (1, 1, 1, 1)


def test_of_two_that_send_an_expired_key_at_once_one_starts(
    at_once: Callable[..., Future[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_identity()
    at_once(BACKFILL).result()
    IdempotencyKey.objects.update(created_at=Now() - LIFETIME)
    working = Doorway(submit_run)
    monkeypatch.setattr(SUBMIT_RUN, working)
    first = at_once(BACKFILL)
    with working.entered():
        second = at_once(BACKFILL)
        wait_until(someone_waits_for_the_key)
    repeated(first.result(), second.result())
    assert Run.objects.count() == 2


def test_whoever_waits_too_long_for_the_first_is_told_that_the_key_is_in_use(
    api: APIClient, at_once: Callable[..., Future[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_identity()
    working = Doorway(submit_run)
    monkeypatch.setattr(SUBMIT_RUN, working)
    monkeypatch.setattr(idempotency, "TRANSACTION_SECONDS", 0.1)
    first = at_once(BACKFILL)
    with working.entered():
        busy = send(api, BACKFILL)
        refusal(busy, 409, "idempotency_key_in_use")
        assert busy["Retry-After"] == "5"
    repeated(first.result(), send(api, BACKFILL))
    assert started() == (1, 1, 1, 1)


def test_what_the_operation_waits_for_is_not_cut_short(api: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    timeouts = []

    def note_timeout(**kwargs: Any) -> Any:
        with connection.cursor() as cursor:
            cursor.execute("SHOW lock_timeout")
            timeouts.extend(cursor.fetchone())
        return submit_run(**kwargs)

    make_identity()
    monkeypatch.setattr(SUBMIT_RUN, note_timeout)
    accepted(send(api, BACKFILL))
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        assert [*cursor.fetchone(), *timeouts] == ["0", "0"]


@pytest.mark.parametrize("patience", [PATIENCE, 0.1], ids=["patient", "impatient"])
def test_both_get_the_same_answer_though_one_comes_before_it_is_known_what_the_broker_says(
    api: APIClient, at_once: Callable[..., Future[Any]], monkeypatch: pytest.MonkeyPatch, patience: float
) -> None:
    looked = Event()

    def replay(earlier: IdempotencyKey) -> Any:
        if not earlier.is_final:
            looked.set()
        return original(earlier)

    make_identity()
    original = idempotency._replay
    monkeypatch.setattr(idempotency, "_replay", replay)
    monkeypatch.setattr(idempotency, "FINAL_ANSWER_SECONDS", patience)
    publishing: Callable[..., HandedOver] = Doorway(handover.hand_over)
    monkeypatch.setattr(handover, "hand_over", publishing)
    first = at_once(BACKFILL)
    assert isinstance(publishing, Doorway)
    with publishing.entered():
        second = at_once(BACKFILL)
        assert looked.wait(PATIENCE)
        if patience < 1:
            second.result()
    repeated(first.result(), second.result())
    # Whoever would wait no longer was told what was known; then that is the answer.
    assert accepted(first.result())["handed_over"] is (patience > 1)
    assert started() == (1, 1, 1, 1)
    repeated(first.result(), send(api, BACKFILL))
