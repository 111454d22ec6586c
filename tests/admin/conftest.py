"""People in front of the pages."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from opsconsole.permissions import OPERATORS, VIEWERS
from tests.api.cast import log_in, make_staff
from tests.backups.conftest import attachments, folder

__all__ = ["attachments", "folder"]


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
def page(operator: User) -> Client:
    """The operator's browser."""
    return browser_of(operator)


@pytest.fixture
def viewing(db: None) -> Client:
    """The browser of somebody who may only look."""
    return browser_of(make_staff("victor", VIEWERS))


@pytest.fixture
def root(db: None) -> Client:
    """The administrator's browser."""
    return browser_of(make_staff("root", is_superuser=True))


def browser_of(user: User, **options: Any) -> Client:
    """Return a browser in which a user has logged in."""
    client = Client(**options)
    log_in(client, user)
    return client
