"""Impossible values in filters, bodies and cursors: a 400 that says what is allowed, never a 500 or an empty list."""

from typing import Any, Final
from urllib.parse import quote

import pytest
from django.test import Client
from rest_framework.test import APIClient

from opsconsole.row_ids import MAX_ID
from tests.admin.conftest import browser_of
from tests.admin.reading import text
from tests.api.cast import insert_audit, ledger_state, make_staff, refusal
from tests.cast import make_conversation, make_identity, make_job

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

MOMENTS: Final = (
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59",
    "10000-01-01T00:00:00Z",
    "0000-01-01T00:00:00Z",
    "-0044-03-15T12:00:00Z",
    "2026-02-30T00:00:00Z",
    "2026-01-31T24:00:01Z",
    "2026-01-31T03:00:00+25:00",
    "2026-01-31T03:00:60Z",
    "infinity",
    "-infinity",
    "now",
    "2026-W05-6T\x00",
    "\x00",
    "x" * 500,
    "\ud800",
)
IDS: Final = (
    "0",
    "-1",
    str(MAX_ID + 1),
    "9" * 30,
    "9" * 5_000,
    "1.5",
    "1e3",
    "1_000",
    "0x1f",
    "alice",
    "true",
    "NaN",
    "infinity",
    "7\x00",
    "\ud800",
    "7;DROP TABLE jobs",
)
CURSORS: Final = ("x", "\x00", "a:b:c", "W10:x", "é", "\ud800", "x" * 301, "eyJ9:1:2", ":", "..", "1", "null")
# Look-ups that Django's own lists would pass to the database.
LOOKUPS: Final = (
    "username__regex=(",
    "username__iregex=[",
    "username__regex=\x00",
    "username=root",
    "password__startswith=pbkdf2",
    "last_login__year=99999",
    "date_joined__gte=0001-01-01T00:00:00%2B23:59",
    "date_joined__lt=infinity",
    "id__in=99999999999999999999",
    "pk=abc",
    "is_staff__exact=perhaps",
    "groups__id__exact=abc",
    "nobody__knows=1",
    "q=\x00",
)


def asked(url: str, **values: str) -> str:
    """Return an address with these parameters. Characters that can't be encoded stay as a sender would write them."""
    return url + "?" + "&".join(f"{name}={quote(value, errors='surrogatepass')}" for name, value in values.items())


@pytest.fixture
def root(settings: Any) -> Client:
    """The administrator's browser."""
    storage = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": storage}
    return browser_of(make_staff("root", is_superuser=True))


@pytest.mark.parametrize("value", MOMENTS, ids=ascii)
def test_a_moment_that_cannot_be_is_refused_by_every_list_of_the_api(api: APIClient, value: str) -> None:
    make_job()
    for url, names in (
        ("/ops/jobs", ("created_after", "created_before")),
        ("/ops/jobs/counts", ("created_after", "created_before")),
        ("/ops/runs", ("created_after", "created_before")),
        ("/ops/audit", ("after", "before")),
    ):
        for name in names:
            detail = refusal(api.get(asked(url, **{name: value})), 400, "invalid")
            assert detail.startswith(f"{name}: This m")
            assert "such as 2026-01-31" in detail or "its year must be" in detail


@pytest.mark.parametrize("value", MOMENTS, ids=ascii)
def test_a_moment_that_cannot_be_is_refused_by_every_list_of_the_admin(root: Client, value: str) -> None:
    make_job()
    insert_audit()
    for url, names in (
        ("/admin/jobs/job/", ("created_after", "created_before")),
        ("/admin/opsconsole/auditlog/", ("after", "before")),
    ):
        for name in names:
            response = root.get(asked(url, **{name: value}))
            assert response.status_code == 400
            assert "such as 2026-01-31" in text(response) or "The year must be 1970–2200" in text(response)


@pytest.mark.parametrize("value", IDS, ids=lambda value: ascii(value)[:30])
def test_an_id_that_no_row_can_have_is_refused_by_every_filter_of_the_api(api: APIClient, value: str) -> None:
    make_conversation(make_identity())
    for url in ("/ops/jobs", "/ops/jobs/counts", "/ops/conversations", "/ops/audit"):
        detail = refusal(api.get(asked(url, identity_id=value)), 400, "invalid")
        assert detail.startswith("identity_id: This must be a whole number")


@pytest.mark.parametrize("value", IDS, ids=lambda value: ascii(value)[:30])
def test_an_id_that_no_row_can_have_is_refused_by_every_filter_of_the_admin(root: Client, value: str) -> None:
    make_conversation(make_identity())
    for url in ("/admin/jobs/job/", "/admin/identities/conversation/", "/admin/opsconsole/auditlog/"):
        response = root.get(asked(url, identity_id=value))
        assert response.status_code == 400
        assert f"This must be a whole number from 1 to {MAX_ID}." in text(response)


@pytest.mark.parametrize("value", CURSORS, ids=lambda value: ascii(value)[:30])
def test_a_cursor_that_was_not_made_here_is_refused_by_every_list(api: APIClient, root: Client, value: str) -> None:
    for url in ("/ops/jobs", "/ops/runs", "/ops/errors", "/ops/conversations", "/ops/audit"):
        assert api.get(asked(url, cursor=value)).json()["code"] in {"bad_cursor", "invalid"}
    for url in ("/admin/jobs/job/", "/admin/jobs/run/", "/admin/opsconsole/auditlog/"):
        assert root.get(asked(url, cursor=value)).status_code == 400


@pytest.mark.parametrize(
    "value",
    [*MOMENTS[:-1], None, True, 0, -1, 1.5, 10**30, [], ["2026-01-31"], {}, {"a": 1}],
    ids=lambda value: ascii(value)[:30],
)
@pytest.mark.parametrize("verb", ["retry", "cancel"])
def test_a_moment_that_cannot_be_is_refused_in_a_body(api: APIClient, verb: str, value: Any) -> None:
    make_job()
    before = ledger_state()
    for name in ("created_after", "created_before"):
        response = api.post(f"/ops/jobs/{verb}", {"filter": {name: value}, "dry_run": True})
        assert response.status_code == 400, response.content
        assert response.json()["code"] in {"invalid", "nul_character", "parse_error"}
    assert ledger_state() == before


@pytest.mark.parametrize(
    "value",
    [*IDS[:-2], None, True, 0, -1, 1.5, MAX_ID + 1, 10**30, 10**999, [], [7], {}],
    ids=lambda value: ascii(value)[:30],
)
def test_an_id_that_no_row_can_have_is_refused_in_a_body(api: APIClient, value: Any) -> None:
    make_job()
    response = api.post("/ops/jobs/retry", {"filter": {"identity_id": value}, "dry_run": True})
    assert response.status_code == 400, response.content
    assert response.json()["code"] in {"invalid", "nul_character", "parse_error"}


@pytest.mark.parametrize("query", LOOKUPS, ids=ascii)
def test_djangos_own_lists_take_their_filters_and_no_look_up_that_somebody_types(root: Client, query: str) -> None:
    name, _, value = query.partition("=")
    response = root.get(f"/admin/auth/user/?{name}={quote(value, safe='%')}")
    assert response.status_code == 400
    assert "Allowed filters: is_staff, is_superuser, is_active, groups." in text(response) or "NUL" in text(response)


@pytest.mark.parametrize(
    "model",
    [
        "auth/group",
        "authtoken/tokenproxy",
        "django_celery_beat/periodictask",
        "django_celery_beat/intervalschedule",
        "django_celery_beat/crontabschedule",
        "django_celery_beat/solarschedule",
        "django_celery_beat/clockedschedule",
    ],
)
@pytest.mark.parametrize("query", ["pk__regex=(", "id__gt=x", "nobody=1", "name__regex=(", "every__in=a", "q=%00"])
def test_djangos_other_lists_take_no_such_look_up_either(root: Client, model: str, query: str) -> None:
    assert root.get(f"/admin/{model}/").status_code == 200
    assert root.get(f"/admin/{model}/?{query}").status_code == 400


def test_the_filters_that_djangos_lists_offer_are_taken(root: Client) -> None:
    for query in ("is_staff__exact=1", "is_active__exact=0", "groups__id__exact=1", "q=root", "o=1", "p=1", "all="):
        assert root.get(f"/admin/auth/user/?{query}").status_code == 200, query
    assert root.get("/admin/django_celery_beat/periodictask/?enabled__exact=1").status_code == 200


@pytest.mark.parametrize("chosen", ["x", "0", "-1", "9" * 30, "1.5", "\x00", "1 OR 1=1", "None", "1,2", "٣ x"])
def test_an_action_takes_no_choice_that_cannot_be_a_row(root: Client, chosen: str) -> None:
    given = {"action": "delete_selected", "_selected_action": [chosen]}
    assert root.post("/admin/auth/user/", given).status_code == 400
