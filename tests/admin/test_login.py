"""Logging in: whoever fails too often has to wait, and what was typed is nowhere to be read."""

from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.models import User
from django.db.models import F
from django.test import Client
from django.utils import timezone

from tests.admin.reading import text
from tests.api.cast import make_staff

LOGIN = "/admin/login/"
PASSWORD = "a long one, for once"

pytestmark = pytest.mark.django_db


@pytest.fixture
def olivia(db: None, settings: Any) -> User:
    settings.AXES_FAILURE_LIMIT = 3
    # A cheap hash: a hundred logins with the real one would take minutes.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    user = make_staff("olivia")
    user.set_password(PASSWORD)
    user.save()
    return user


def attempt(client: Client, password: str, *, name: str = "olivia", **extra: Any) -> Any:
    return client.post(LOGIN, {"username": name, "password": password}, **extra)


def test_after_too_many_failures_even_the_right_password_has_to_wait(client: Client, olivia: User) -> None:
    for _ in range(3):
        response = attempt(client, "banana")
    assert response.status_code == 429
    assert response["Retry-After"] == "900"
    assert "Too many failed logins; try again in 15 minutes." in text(response)
    assert attempt(client, PASSWORD).status_code == 429
    assert "_auth_user_id" not in client.session


def test_others_and_other_addresses_are_not_locked_out_with_it(client: Client, olivia: User) -> None:
    for _ in range(4):
        attempt(client, "banana")
    assert attempt(client, PASSWORD, REMOTE_ADDR="10.0.0.9").status_code == 302
    assert attempt(Client(), "banana", name="somebody").status_code == 200


@pytest.mark.parametrize(
    ("proxies", "theirs", "mine"),
    [
        # One proxy: what a client wrote itself stands before what the proxy appended.
        (1, "203.0.113.7", "198.51.100.2"),
        (1, "198.51.100.2, 203.0.113.7", "203.0.113.7, 198.51.100.2"),
        (2, "203.0.113.7, 10.0.0.1", "198.51.100.2, 10.0.0.1"),
        (1, "2001:db8:0:1::7", "2001:db8:0:2::7"),
        (1, "203.0.113.7:4711", "198.51.100.2:4711"),
        (1, "[2001:db8:0:1::7]:4711", "[2001:db8:0:2::7]"),
    ],
)
def test_behind_proxies_it_is_the_address_before_them_that_waits(
    client: Client, olivia: User, settings: Any, proxies: int, theirs: str, mine: str
) -> None:
    settings.PROXIES = proxies
    for _ in range(4):
        response = attempt(client, "banana", headers={"X-Forwarded-For": theirs})
    assert response.status_code == 429
    assert attempt(client, PASSWORD, headers={"X-Forwarded-For": theirs}).status_code == 429
    assert attempt(client, PASSWORD, headers={"X-Forwarded-For": mine}).status_code == 302


@pytest.mark.parametrize(
    ("proxies", "written"),
    [(0, "198.51.100.{}"), (1, "198.51.100.{}, 203.0.113.7"), (1, "unknown-{}"), (1, ""), (2, "198.51.100.{}")],
)
def test_an_address_that_no_proxy_wrote_is_not_believed(
    client: Client, olivia: User, settings: Any, proxies: int, written: str
) -> None:
    settings.PROXIES = proxies
    for number in range(4):
        attempt(client, "banana", headers={"X-Forwarded-For": written.format(number)})
    assert attempt(client, PASSWORD, headers={"X-Forwarded-For": written.format(9)}).status_code == 429


@pytest.mark.parametrize(
    "written",
    ["2001:db8:0:1::{}", "[2001:db8:0:1::{}]:4711", "203.0.113.7:471{}", "::ffff:203.0.113.7", "fe80::1%eth{}"],
)
def test_one_caller_has_one_address_however_it_is_written(
    client: Client, olivia: User, settings: Any, written: str
) -> None:
    settings.PROXIES = 1
    for number in range(4):
        attempt(client, "banana", headers={"X-Forwarded-For": written.format(number)})
    assert attempt(client, PASSWORD, headers={"X-Forwarded-For": written.format(9)}).status_code == 429


def test_after_the_pause_it_may_be_tried_again(client: Client, olivia: User) -> None:
    for _ in range(4):
        attempt(client, "banana")
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=16))
    assert attempt(client, PASSWORD).status_code == 302


def test_whoever_goes_on_trying_does_not_make_the_pause_longer(client: Client, olivia: User) -> None:
    for _ in range(4):
        attempt(client, "banana")
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=10))
    assert attempt(client, "banana").status_code == 429
    AccessAttempt.objects.update(attempt_time=F("attempt_time") - timedelta(minutes=6))
    assert attempt(client, PASSWORD).status_code == 302


def test_who_gets_in_begins_anew(client: Client, olivia: User) -> None:
    for _ in range(2):
        for _ in range(2):
            assert attempt(client, "banana").status_code == 200
        assert attempt(client, PASSWORD).status_code == 302


def test_what_was_typed_is_neither_logged_nor_shown(
    client: Client, olivia: User, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(4):
        response = attempt(client, "banana-password", name="a-password-typed-as-a-name")
    said = caplog.text + capsys.readouterr().err + response.content.decode()
    assert "banana-password" not in said
    assert "a-password-typed-as-a-name" not in said
    assert "login.locked" in said
    assert "banana-password" not in str(list(AccessAttempt.objects.values()))


def test_tokens_and_sessions_are_not_held_up(client: Client, olivia: User) -> None:
    for _ in range(4):
        attempt(client, "banana")
    other = Client()
    other.force_login(olivia, backend="opsconsole.permissions.SingleQueryBackend")
    assert other.get("/admin/").status_code == 200
