"""Each request has an id and a line, and says who asked; nothing of it stays for the next."""

import json
import logging
import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
import redis
import structlog
from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client, RequestFactory
from rest_framework.test import APIClient

from opsconsole.log_context import message_headers
from opsconsole.middleware import RequestLogMiddleware
from opsconsole.permissions import OPERATORS
from tests.admin.conftest import browser_of
from tests.api.cast import make_staff, with_token
from tests.cast import make_identity, make_job
from tests.logs.lines import found, logged, parsed
from tests.waiting import PATIENCE

SANE = "Ab.9_-" + "x" * 58
GENERATED = r"[0-9a-f]{32}"
ours = structlog.get_logger("tests.ours")


@pytest.fixture
def operator(db: None) -> User:
    """Somebody who may do everything that an operator does."""
    return make_staff("olivia", OPERATORS)


@pytest.fixture
def api(operator: User) -> APIClient:
    """The operator, by token."""
    return with_token(operator)


@pytest.fixture(autouse=True)
def _uncollected(settings: Any) -> None:
    """Static files under their own names: nothing was collected."""
    storage = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": storage}


@pytest.fixture(autouse=True)
def _nothing_stays() -> Iterator[None]:
    """Whatever a test does, no request's context outlives it."""
    yield
    assert structlog.contextvars.get_contextvars() == {}


def test_a_request_is_one_line_with_who_what_and_how_long(api: APIClient) -> None:
    with logged() as log:
        answer = api.get("/ops/jobs?q=needle&job_type=hay")
    (line,) = found(log.getvalue(), event="request.answered")
    assert line["duration_ms"] > 0
    assert {name: line[name] for name in ("method", "path", "status", "user", "level", "request_id")} == {
        "method": "GET",
        "path": "/ops/jobs",
        "status": 200,
        "user": "olivia",
        "level": "info",
        "request_id": answer["X-Request-ID"],
    }
    assert "needle" not in log.getvalue()


def test_a_page_is_one_line_too(operator: User) -> None:
    browser = browser_of(operator)
    with logged() as log:
        browser.get("/admin/jobs/job/?status=failed")
        browser.post("/admin/jobs/job/1/retry/")
    lines = found(log.getvalue(), event="request.answered")
    assert [(line["method"], line["path"], line["user"]) for line in lines] == [
        ("GET", "/admin/jobs/job/", "olivia"),
        ("POST", "/admin/jobs/job/1/retry/", "olivia"),
    ]


@pytest.mark.parametrize("path", ["/healthz", "/readyz/", "/static/opsconsole/console.css", "/favicon.ico"])
def test_what_machines_ask_every_few_seconds_is_not_logged_but_has_an_id(db: None, path: str) -> None:
    with logged() as log:
        answer = Client().get(path)
    assert found(log.getvalue(), event="request.answered") == []
    assert answer["X-Request-ID"]


@pytest.mark.parametrize("given", [SANE, "a", "0b5d6c1e-7c53-4c89-8d1f-2f6f3b8c9d10", "1.2"])
def test_a_sane_id_is_taken_over(api: APIClient, given: str) -> None:
    with logged() as log:
        assert api.get("/ops/jobs", headers={"x-request-id": given})["X-Request-ID"] == given
    assert found(log.getvalue(), request_id=given)


@pytest.mark.parametrize(
    "given",
    [
        "",
        "x" * 65,
        "a b",
        "a\tb",
        "é",
        "a\x00",
        "id=1",
        "ghp_0123456789abcdef",
        "Zq7Kp2Vx9Lm4Nt8Rw3Yb6Hd1Gf5Jc0Sa",
    ],
)
def test_a_bad_id_is_replaced(api: APIClient, given: str) -> None:
    with logged() as log:
        request_id = api.get("/ops/jobs", headers={"x-request-id": given})["X-Request-ID"]
    assert len(request_id) == 32
    assert {line.get("request_id") for line in parsed(log.getvalue())} == {request_id}
    assert not given or given not in log.getvalue()


def test_requests_without_an_id_get_different_ones(api: APIClient) -> None:
    assert len({api.get("/ops/jobs")["X-Request-ID"] for _ in range(5)}) == 5


@pytest.mark.parametrize("path", ["/ops/nowhere", "/admin/nowhere", "/ops/jobs/0/retry", "/"])
def test_refusals_and_redirects_have_an_id_and_a_line(db: None, path: str) -> None:
    with logged() as log:
        answer = Client().get(path)
    (line,) = found(log.getvalue(), event="request.answered")
    assert (line["status"], line["request_id"]) == (answer.status_code, answer["X-Request-ID"])
    assert "user" not in line


def test_the_lines_of_a_failure_belong_to_its_request(api: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: Any, **kwargs: Any) -> None:
        raise ValueError("Authorization: Bearer abcdefghijkl0123456789")

    monkeypatch.setattr("jobs.queries.page", broken)
    api.raise_request_exception = False
    with logged() as log:
        answer = api.get("/ops/jobs")
    assert answer.status_code == 500
    (failure,) = found(log.getvalue(), logger="django.request")
    assert (failure["level"], failure["request_id"], failure["user"]) == ("error", answer["X-Request-ID"], "olivia")
    assert "ValueError: Authorization: [redacted]" in failure["exception"]
    assert found(log.getvalue(), event="request.answered", status=500)


def test_a_line_without_a_known_user_asks_no_database_for_one(operator: User, django_assert_num_queries: Any) -> None:
    browser = browser_of(operator)
    with logged() as log, django_assert_num_queries(0):
        browser.get("/healthz")
        browser.get("/ops/login")
    (line,) = found(log.getvalue(), event="request.answered")
    assert "user" not in line


def test_nothing_of_a_request_stays_for_the_next_one_in_the_same_thread() -> None:
    seen: list[dict[str, Any]] = []

    def view(request: Any) -> HttpResponse:
        seen.append(dict(structlog.contextvars.get_contextvars()))
        structlog.contextvars.bind_contextvars(left_behind=request.path)
        if request.path == "/breaks":
            raise RuntimeError
        return HttpResponse()

    answer = RequestLogMiddleware(view)
    structlog.contextvars.bind_contextvars(stale=True)
    answer(RequestFactory().get("/first"))
    with pytest.raises(RuntimeError):
        answer(RequestFactory().get("/breaks"))
    answer(RequestFactory().get("/last"))
    assert [set(context) for context in seen] == [{"request_id"}] * 3
    assert len({context["request_id"] for context in seen}) == 3


def test_requests_in_several_threads_at_once_keep_their_own_ids() -> None:
    together = threading.Barrier(4)

    def view(request: Any) -> HttpResponse:
        together.wait(timeout=PATIENCE)
        ours.info("inside", path=request.path)
        return HttpResponse()

    answer = RequestLogMiddleware(view)
    with logged() as log:
        threads = [
            threading.Thread(target=answer, args=(RequestFactory().get("/", headers={"x-request-id": f"id-{n}"}),))
            for n in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    lines = parsed(log.getvalue())
    assert sorted(line["request_id"] for line in lines if line["event"] == "inside") == [f"id-{n}" for n in range(4)]
    assert sorted(line["request_id"] for line in lines if line["event"] == "request.answered") == [
        f"id-{n}" for n in range(4)
    ]


# --- on its way to the worker -------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_message_says_in_the_course_of_which_request_it_was_sent() -> None:
    client = with_token(make_staff("olivia", OPERATORS))
    job_id = make_job("ingest.sync_delta", payload={"identity_id": make_identity().pk}).pk
    answer = client.post(f"/ops/jobs/{job_id}/retry", headers={"x-request-id": "the-click"})
    assert answer.status_code == 200, answer.content
    with closing(redis.Redis.from_url(settings.CELERY_BROKER_URL)) as broker:
        message = json.loads(broker.lrange("ingest", 0, -1)[0])
    assert message["headers"]["request_id"] == "the-click"
    assert message["headers"]["job_id"] == job_id


def test_without_a_request_there_is_nothing_to_send_along() -> None:
    assert message_headers() == {}


def test_levels_below_the_chosen_one_are_not_made(db: None) -> None:
    with logged(level=logging.WARNING) as log:
        Client().get("/ops/jobs")
    assert log.getvalue() == ""
