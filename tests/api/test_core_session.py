"""Calls with the core's own session, as the front end's server forwards it: who that is, and from where it may come."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.db.models import ProtectedError
from django.test.utils import CaptureQueriesContext
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from jobs import counts
from jobs.models import Job
from opsconsole.audit import AuditLog
from opsconsole.core_sessions import CoreUserLink
from opsconsole.permissions import OPERATORS, VIEWERS
from tests.api.cast import log_in, make_staff, refusal
from tests.cast import make_job
from tests.worker.at_once import at_once

pytestmark = pytest.mark.django_db

ELSEWHERE = "https://elsewhere.example"


def make_core_user(name: str = "alice") -> int:
    """Insert a user of the core's, and return its id."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO local_users (username, password_hash, created_at) VALUES (%s, 'x', %s) RETURNING id",
            [name, datetime(2026, 1, 1, tzinfo=UTC)],
        )
        (pk,) = cursor.fetchone()
    return int(pk)


def make_core_session(core_user: int, *, expires_in: timedelta = timedelta(hours=1)) -> str:
    """Insert a session of the core's, and return the value of its cookie."""
    now, session_id = datetime.now(UTC), str(uuid4())
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO sessions (id, user_id, created_at, expires_at) VALUES (%s, %s, %s, %s)",
            [session_id, core_user, now, now + expires_in],
        )
    return session_id


def with_session(cookie: str, **headers: str) -> APIClient:
    """Return the front end's server: it forwards the cookie, and has neither a token nor an Origin."""
    client = APIClient(enforce_csrf_checks=True, headers=headers)
    client.cookies["session"] = cookie
    return client


@pytest.fixture
def alice(db: None) -> str:
    """The cookie of a core user who has just logged in."""
    return make_core_session(make_core_user())


def test_a_core_user_is_known_by_its_session(alice: str) -> None:
    answer = with_session(alice).get("/ops/meta").json()
    assert answer["user"] == {"username": "alice@core", "groups": [OPERATORS], "is_superuser": False}
    assert answer["may"]["retry"]
    assert not answer["may"]["terminate"]


def test_it_may_do_what_its_group_may_without_a_csrf_token(alice: str) -> None:
    job = make_job()
    assert with_session(alice).post(f"/ops/jobs/{job.pk}/retry").status_code == 200
    assert Job.objects.get(pk=job.pk).status == "queued"
    (entry,) = AuditLog.objects.filter(action_type="job.retry")
    assert (entry.request_json or {})["by"] == "alice@core"


def test_the_user_that_stands_for_it_is_made_once_and_can_do_nothing_else(alice: str) -> None:
    for _ in range(2):
        assert with_session(alice).get("/ops/jobs").status_code == 200
    user = CoreUserLink.objects.get().user
    assert (user.is_staff, user.is_superuser, user.has_usable_password()) == (False, False, False)
    assert User.objects.filter(core_link__isnull=False).count() == 1


def test_a_user_who_happens_to_bear_the_same_name_is_somebody_else(alice: str) -> None:
    others = [make_staff("alice", is_superuser=True), make_staff("alice@core", is_superuser=True)]
    answer = with_session(alice).get("/ops/meta").json()
    assert not answer["user"]["is_superuser"]
    assert answer["user"]["username"] not in {other.username for other in others}


def test_the_setting_says_in_which_group_it_is(alice: str, settings: Any) -> None:
    settings.CORE_USERS_GROUP = VIEWERS
    job = make_job()
    client = with_session(alice)
    assert client.get("/ops/jobs").status_code == 200
    refusal(client.post(f"/ops/jobs/{job.pk}/retry"), 403, "permission_denied")


def test_without_that_group_it_may_do_nothing(alice: str, settings: Any) -> None:
    settings.CORE_USERS_GROUP = "Nobody has made it"
    refusal(with_session(alice).get("/ops/jobs"), 403, "permission_denied")


def test_what_an_administrator_takes_away_stays_away(alice: str) -> None:
    client = with_session(alice)
    client.get("/ops/meta")
    CoreUserLink.objects.get().user.groups.clear()
    refusal(client.get("/ops/jobs"), 403, "permission_denied")


def test_whoever_was_shut_out_stays_out(alice: str) -> None:
    client = with_session(alice)
    client.get("/ops/meta")
    User.objects.filter(core_link__isnull=False).update(is_active=False)
    # Somebody who is known: logging in again would not help.
    refusal(client.get("/ops/jobs"), 403, "shut_out")
    refusal(client.post("/ops/backfill/conversations"), 403, "shut_out")


def test_a_user_that_stands_for_one_of_the_cores_is_not_deleted_but_deactivated(alice: str) -> None:
    with_session(alice).get("/ops/meta")
    with pytest.raises(ProtectedError):
        User.objects.get(core_link__isnull=False).delete()


def test_a_name_that_the_admins_forms_would_not_take_is_made_one_that_they_do() -> None:
    answer = with_session(make_core_session(make_core_user("jane doe/é"))).get("/ops/meta").json()
    assert answer["user"]["username"] == "jane_doe_é@core"
    User.objects.get(username="jane_doe_é@core").full_clean(exclude=["password"])


def test_a_name_that_others_have_is_told_from_theirs() -> None:
    first, second = make_core_user("jane doe"), make_core_user("jane/doe")
    make_staff(f"jane_doe@core-{second}")
    names = [with_session(make_core_session(pk)).get("/ops/meta").json()["user"]["username"] for pk in (first, second)]
    assert names[0] == "jane_doe@core"
    assert names[1].startswith("jane_doe@core-")
    assert names[1] != f"jane_doe@core-{second}"


def test_beside_the_admins_session_a_front_ends_call_is_the_core_users(alice: str) -> None:
    client = with_session(alice)
    log_in(client, make_staff("olivia", VIEWERS))
    job = make_job()
    assert client.get("/ops/meta").json()["user"]["username"] == "alice@core"
    assert client.post(f"/ops/jobs/{job.pk}/retry", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 200


def test_beside_the_cores_session_a_call_with_the_admins_csrf_token_is_the_admins(alice: str) -> None:
    client = with_session(alice)
    log_in(client, make_staff("olivia", VIEWERS))
    assert client.get("/ops/meta", headers={"X-CSRFToken": "x"}).json()["user"]["username"] == "olivia"
    job = make_job()
    refusal(client.post(f"/ops/jobs/{job.pk}/retry", headers={"X-CSRFToken": "x"}), 403, "permission_denied")


def test_the_root_is_open_to_those_who_are_to_log_in_again() -> None:
    assert with_session("00000000-0000-0000-0000-000000000000").get("/ops/").status_code == 200


@pytest.mark.parametrize(
    "cookie",
    ["banana", "0", "{}", "x" * 10_000, "' OR 1=1 --", "00000000-0000-0000-0000-000000000000", "é", "..%2f", "null"],
)
def test_a_session_that_is_none_lets_nobody_in(cookie: str) -> None:
    refusal(with_session(cookie).get("/ops/jobs"), 401, "session_ended")


def test_the_same_number_in_another_spelling_is_no_session(alice: str) -> None:
    for other in (alice.upper(), alice.replace("-", ""), f"{{{alice}}}", f" {alice}"):
        if other != alice:
            assert with_session(other).get("/ops/jobs").status_code == 401, other


def test_a_session_that_is_over_lets_nobody_in() -> None:
    cookie = make_core_session(make_core_user(), expires_in=timedelta(seconds=-1))
    refusal(with_session(cookie).get("/ops/jobs"), 401, "session_ended")
    assert not CoreUserLink.objects.exists()


def test_a_user_who_was_deleted_in_between_is_let_in_no_more(alice: str) -> None:
    client = with_session(alice)
    assert client.get("/ops/jobs").status_code == 200
    with connection.cursor() as cursor:
        # As a core without the foreign key would leave it.
        cursor.execute("SET session_replication_role = replica; DELETE FROM local_users")
        cursor.execute("SET session_replication_role = origin")
    refusal(client.get("/ops/jobs"), 401, "session_ended")


def test_without_any_session_it_says_who_may_call() -> None:
    answer = APIClient().get("/ops/jobs")
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Token")


def test_a_token_goes_before_the_session(alice: str) -> None:
    client = with_session(alice)
    token = Token.objects.create(user=make_staff("robot", VIEWERS))
    client.credentials(HTTP_AUTHORIZATION=f"Token {token.key}")
    assert client.get("/ops/meta").json()["user"]["username"] == "robot"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": ELSEWHERE},
        {"Origin": "null"},
        {"Origin": "http://["},
        {"Origin": ""},
        {"Origin": "http://testserver.elsewhere.example"},
        {"Origin": "http://testserver/path"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": ELSEWHERE},
        {"Sec-Fetch-Site": "banana"},
    ],
)
def test_what_changes_something_is_refused_from_another_site(alice: str, headers: dict[str, str]) -> None:
    job = make_job()
    refusal(with_session(alice, **headers).post(f"/ops/jobs/{job.pk}/retry"), 403, "cross_site")
    assert Job.objects.get(pk=job.pk).status == "failed"
    assert with_session(alice, **headers).get(f"/ops/jobs/{job.pk}").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://testserver"},
        {"Origin": "https://testserver"},
        {"Origin": "https://front.example.org"},
        {"Origin": "https://any.trusted.example"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "same-site", "Origin": "https://front.example.org"},
    ],
)
def test_a_server_its_own_pages_and_trusted_ones_may(alice: str, headers: dict[str, str], settings: Any) -> None:
    settings.CSRF_TRUSTED_ORIGINS = ["https://front.example.org", "https://*.trusted.example"]
    job = make_job()
    assert with_session(alice, **headers).post(f"/ops/jobs/{job.pk}/retry").status_code == 200


def test_knowing_a_session_takes_one_query(alice: str) -> None:
    counts.refresh(max_age_seconds=0)
    client = with_session(alice)
    client.get("/ops/meta")
    with CaptureQueriesContext(connection) as queries:
        client.get("/ops/jobs/counts")
    # Who that is, what they may, and the counts themselves.
    assert len(queries) == 3, [query["sql"] for query in queries]


@pytest.mark.django_db(transaction=True)
def test_many_first_requests_at_once_make_one_user() -> None:
    cookie = make_core_session(make_core_user())
    answers = at_once([lambda: with_session(cookie).get("/ops/meta").status_code for _ in range(8)])
    assert set(answers) == {200}
    assert CoreUserLink.objects.count() == 1
    assert Group.objects.get(name=OPERATORS).user_set.count() == 1
