"""Callers of the API."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from rest_framework.test import APIClient

from devserver.redis import Redis
from opsconsole.cache import OptionalRedisCache
from opsconsole.permissions import OPERATORS, VIEWERS
from tests.api import contract
from tests.api.cast import log_in, make_staff, with_token
from tests.backups.conftest import attachments, folder

__all__ = ["attachments", "folder"]

CSRF_TOKEN = "c" * 32


@pytest.fixture
def operator(db: None) -> User:
    """Somebody who may do everything that an operator does."""
    return make_staff("olivia", OPERATORS)


@pytest.fixture
def viewer(db: None) -> User:
    """Somebody who may look at everything."""
    return make_staff("victor", VIEWERS)


@pytest.fixture
def api(operator: User) -> APIClient:
    """The operator, by token."""
    return with_token(operator)


@pytest.fixture
def viewing_api(viewer: User) -> APIClient:
    """The viewer, by token."""
    return with_token(viewer)


@pytest.fixture
def session_api(operator: User) -> APIClient:
    """The operator, by session, with the CSRF token that a page would send along."""
    client = APIClient(enforce_csrf_checks=True)
    log_in(client, operator)
    client.cookies[settings.CSRF_COOKIE_NAME] = CSRF_TOKEN
    client.credentials(HTTP_X_CSRFTOKEN=CSRF_TOKEN)
    return client


@pytest.fixture
def uncollected(settings: Any) -> None:
    """Static files under their own names: nothing was collected."""
    storage = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": storage}


@pytest.fixture
def browser(operator: User, uncollected: None) -> Client:
    """The operator's browser."""
    client = Client(headers={"accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    log_in(client, operator)
    return client


@pytest.fixture
def broker_down(redis_server: Redis) -> Iterator[None]:
    """No Redis during the test: no broker, no results, no cache."""
    redis_server.stop()
    yield
    redis_server.start()
    # The cache asks again at once.
    OptionalRedisCache._asked_again_at = 0.0


@pytest.fixture(autouse=True)
def _described(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hold every answer that any test gets against the API's description."""
    send = APIClient.request

    def request(self: APIClient, **given: Any) -> Any:
        response: Any = send(self, **given)
        asked = response.wsgi_request
        # The root lists the others.
        is_described = re.match(r"/(ops|conversations)/.", asked.path) and asked.method not in {"HEAD", "OPTIONS"}
        is_json = response.headers.get("Content-Type") == "application/json"
        if is_described and (is_json or response.status_code == 304):
            contract.check(asked.method, asked.path, response.status_code, response.content, response.headers)
        return response

    monkeypatch.setattr(APIClient, "request", request)
