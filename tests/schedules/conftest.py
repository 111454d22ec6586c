"""People in front of schedules, at their pages and at the API."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from rest_framework.test import APIClient

from opsconsole.permissions import OPERATORS, VIEWERS
from tests.admin.conftest import browser_of
from tests.api.cast import make_staff, with_token


@pytest.fixture(autouse=True)
def _uncollected(settings: Any) -> None:
    """Static files under their own names: nothing was collected."""
    storage = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": storage}


@pytest.fixture
def operator(db: None) -> User:
    """Somebody who may do everything that an operator does."""
    return make_staff("olivia", OPERATORS)


@pytest.fixture
def viewer(db: None) -> User:
    """Somebody who may look at everything."""
    return make_staff("victor", VIEWERS)


@pytest.fixture
def page(operator: User) -> Client:
    """The operator's browser."""
    return browser_of(operator)


@pytest.fixture
def viewing(viewer: User) -> Client:
    """The viewer's browser."""
    return browser_of(viewer)


@pytest.fixture
def root(db: None) -> Client:
    """The administrator's browser."""
    return browser_of(make_staff("root", is_superuser=True))


@pytest.fixture
def api(operator: User) -> APIClient:
    """The operator, by token."""
    return with_token(operator)


@pytest.fixture
def viewing_api(viewer: User) -> APIClient:
    """The viewer, by token."""
    return with_token(viewer)
