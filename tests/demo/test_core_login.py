"""The stand-in for the core's login: who gets in, what a session is, and that the console knows it."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from argon2 import PasswordHasher
from django.contrib.auth.models import Group, User
from django.db import connection

from demo.core_login import LASTS, MAX_BODY, CoreLogin, session_of
from demo.core_rows import connect
from demo.core_users import ensure_user
from devserver.demo_users import ensure_role
from devserver.web_choices import DEMO_USERS
from opsconsole.core_sessions import CoreSession, CoreUserLink
from opsconsole.permissions import OPERATORS, VIEWERS
from tests.api.test_core_session import with_session

pytestmark = pytest.mark.django_db(transaction=True)

# As in the core, only quicker.
HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
PASSWORD = "correct horse battery"
WRONG = {"detail": "The username or the password is wrong."}


class Answer:
    """What a WSGI application answers."""

    def __init__(self, application: Any, method: str, path: str, body: bytes, headers: dict[str, str]) -> None:
        """Ask it."""
        environ = {
            "REQUEST_METHOD": method,
            "PATH_INFO": path,
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": BytesIO(body),
            **headers,
        }
        self.headers: list[tuple[str, str]] = []

        def start_response(status: str, headers: list[tuple[str, str]]) -> None:
            self.status, self.headers = int(status.split(maxsplit=1)[0]), headers

        self.status = 0
        self.body = json.loads(b"".join(application(environ, start_response)))

    def header(self, name: str) -> str:
        """Return a header that it has once."""
        (value,) = [value for known, value in self.headers if known == name]
        return value

    @property
    def cookie(self) -> str:
        """The value of the cookie that it sets."""
        return self.header("Set-Cookie").split(";")[0].removeprefix("session=")


Ask = Callable[..., Answer]


@pytest.fixture
def database_url() -> str:
    given = connection.get_connection_params()
    return psycopg.conninfo.make_conninfo(
        **{name: given[name] for name in ("host", "port", "dbname", "user", "password") if given.get(name)}
    )


@pytest.fixture
def ask(database_url: str) -> Ask:
    """Ask the stand-in, where alice is a user: `ask("POST", "/auth/login", {…}, HTTP_COOKIE=…)`."""
    with connect(database_url) as core:
        ensure_user(core, "alice", PASSWORD, HASHER)
    login = CoreLogin(database_url, HASHER)

    def asked(method: str, path: str, body: Any = None, **headers: str) -> Answer:
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        return Answer(login, method, path, content, headers)

    return asked


def log_in(ask: Ask, username: Any = "alice", password: Any = PASSWORD) -> Answer:
    return ask("POST", "/auth/login", {"username": username, "password": password})


def sessions(query: str = "SELECT count(*) FROM sessions", *values: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return cursor.fetchone()[0]


def test_who_logs_in_gets_a_session_that_the_console_knows(ask: Ask) -> None:
    before = datetime.now(UTC)
    answer = log_in(ask)
    assert (answer.status, answer.body["username"]) == (200, "alice")
    assert str(UUID(answer.cookie)) == answer.cookie
    attributes = answer.header("Set-Cookie").split("; ")[1:]
    assert attributes == ["HttpOnly", "SameSite=Lax", "Path=/"]
    assert answer.header("Cache-Control") == "no-store"
    asked = with_session(answer.cookie).get("/ops/meta").json()
    assert asked["user"]["username"] == "alice@core"
    # In UTC, whatever kind of timestamp the variant has.
    expires_at = CoreSession.objects.get().expires_at
    assert expires_at is not None
    assert before + LASTS <= expires_at <= datetime.now(UTC) + LASTS
    assert sessions("SELECT last_login_at = (SELECT created_at FROM sessions) FROM local_users")


def test_me_says_whose_session_it_is(ask: Ask) -> None:
    answer = log_in(ask)
    me = ask("GET", "/auth/me", HTTP_COOKIE=f"session={answer.cookie}")
    assert (me.status, me.body) == (200, answer.body)
    assert ask("GET", "/auth/me/", HTTP_COOKIE=f"session={answer.cookie}").status == 200


def test_who_logs_out_has_no_session_any_more(ask: Ask) -> None:
    cookie = log_in(ask).cookie
    other = log_in(ask).cookie
    answer = ask("POST", "/auth/logout", HTTP_COOKIE=f"session={cookie}")
    assert answer.status == 200
    assert answer.cookie == ""
    assert "Max-Age=0" in answer.header("Set-Cookie")
    assert ask("GET", "/auth/me", HTTP_COOKIE=f"session={cookie}").status == 401
    assert with_session(cookie).get("/ops/meta").status_code == 401
    assert ask("GET", "/auth/me", HTTP_COOKIE=f"session={other}").status == 200
    assert ask("POST", "/auth/logout", HTTP_COOKIE="session=nonsense").status == 200
    assert ask("POST", "/auth/logout").status == 200


def test_a_session_that_is_over_is_none(ask: Ask) -> None:
    cookie = log_in(ask).cookie
    with connection.cursor() as cursor:
        cursor.execute("UPDATE sessions SET expires_at = %s", [datetime.now(UTC) - timedelta(seconds=1)])
    assert ask("GET", "/auth/me", HTTP_COOKIE=f"session={cookie}").status == 401


@pytest.mark.parametrize(
    ("username", "password"),
    [
        ("alice", "wrong"),
        ("alice", ""),
        ("alice", PASSWORD + " "),
        ("Alice", PASSWORD),
        ("nobody", PASSWORD),
        ("", ""),
        ("alice\0", PASSWORD),
        ("\ud800", PASSWORD),
        ("alice", "\udfff\0"),
        ("x" * 5_000, "y" * 5_000),
    ],
    ids=repr,
)
def test_who_is_wrong_is_not_told_in_what(ask: Ask, username: str, password: str) -> None:
    answer = log_in(ask, username, password)
    assert (answer.status, answer.body) == (401, WRONG)
    assert not [name for name, _ in answer.headers if name == "Set-Cookie"]
    assert sessions() == 0


def test_a_name_that_nobody_has_costs_as_much_as_a_wrong_password(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    costs: list[str] = []
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO local_users (username, password_hash, created_at) VALUES ('odd', 'no hash', %s)",
            [datetime.now(UTC)],
        )
    monkeypatch.setattr(PasswordHasher, "verify", noted(costs, PasswordHasher.verify))
    for username in ("alice", "nobody", "odd", "\0"):
        costs.clear()
        assert log_in(ask, username, "wrong").status == 401
        assert costs == ["$argon2id$v=19$m=8,t=1,p=1"], username


def noted(costs: list[str], verify: Any) -> Any:
    """Return `verify` that notes what each password was held against, and so how long that took."""

    def noting(self: PasswordHasher, stored: str, password: str) -> bool:
        if stored.startswith("$argon2id$"):
            costs.append(stored.rsplit("$", 2)[0])
        return bool(verify(self, stored, password))

    return noting


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"", {}, 422),
        (b"no json", {}, 422),
        (b"[]", {}, 422),
        (b"\xff", {}, 422),
        ({"username": "alice"}, {}, 422),
        ({"username": "alice", "password": None}, {}, 422),
        ({"username": ["alice"], "password": PASSWORD}, {}, 422),
        ({"username": "alice", "password": PASSWORD}, {"CONTENT_TYPE": "text/plain"}, 415),
        ({"username": "alice", "password": PASSWORD}, {"CONTENT_TYPE": "application/x-www-form-urlencoded"}, 415),
        ({"username": "alice", "password": "x" * MAX_BODY}, {}, 413),
    ],
)
def test_what_is_no_login_is_refused_with_a_sentence(ask: Ask, body: Any, headers: dict[str, str], status: int) -> None:
    answer = ask("POST", "/auth/login", body, **headers)
    assert answer.status == status
    assert answer.body["detail"].endswith(".")
    assert sessions() == 0


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/auth/login", 405), ("POST", "/auth/me", 405), ("GET", "/inbox", 404), ("GET", "/auth", 404)],
)
def test_there_is_nothing_else(ask: Ask, method: str, path: str, status: int) -> None:
    answer = ask(method, path)
    assert (answer.status, set(answer.body)) == (status, {"detail"})


def test_without_a_database_that_is_what_it_says() -> None:
    login = CoreLogin("postgresql://nobody@127.0.0.1:1/none", HASHER)
    answer = Answer(login, "GET", "/auth/me", b"", {"HTTP_COOKIE": f"session={uuid4()}"})
    assert (answer.status, answer.body) == (503, {"detail": "The database does not answer."})


ID = "11111111-2222-4333-8444-555555555555"
OTHER = "66666666-7777-4888-8999-000000000000"


@pytest.mark.parametrize(
    "cookies",
    [
        f"session={ID}",
        f"  session  =  {ID}  ",
        f'session="{ID}"',
        f"theme=dark; session={ID}; x=y",
        f"theme=dark;session={ID}",
        f"session=; session={ID}",
        f"session={OTHER}; session={ID}",
        f"mysession={OTHER}; session={ID}; sessions=1",
    ],
)
def test_a_cookie_is_read_as_the_console_reads_it(cookies: str) -> None:
    assert session_of(cookies) == ID
    assert _djangos(cookies) == ID


@pytest.mark.parametrize(
    "cookies",
    [
        "",
        "session",
        "session=",
        "session=;",
        f"Session={ID}",
        f"session={ID.upper()}".replace("1", "A"),
        f"session={{{ID}}}",
        f"session={ID.replace('-', '')}",
        f"session={ID}x",
        f"session={ID}; session=",
        f"session={ID}, other",
        f"session='{ID}'",
        f"session=urn:uuid:{ID}",
    ],
)
def test_what_is_no_cookie_of_the_cores_is_none_to_either(cookies: str) -> None:
    assert session_of(cookies) is None
    assert _djangos(cookies) is None


def _djangos(cookies: str) -> str | None:
    """Return the session that the console finds in a Cookie header."""
    from django.http import parse_cookie

    from opsconsole.core_sessions import _session_id

    found = parse_cookie(cookies).get("session")
    return _session_id(found) if found else None


# --- the users of the demonstration -------------------------------------------------------------------------------


def test_each_user_of_the_demonstration_has_the_role_of_its_name(ask: Ask, database_url: str) -> None:
    assert {"operator": OPERATORS, "viewer": VIEWERS} == DEMO_USERS
    for username, group in DEMO_USERS.items():
        with connect(database_url) as core:
            ensure_user(core, username, f"{username} password", HASHER)
        ensure_role(username, group)
        cookie = log_in(ask, username, f"{username} password").cookie
        meta = with_session(cookie).get("/ops/meta").json()
        assert meta["user"] == {"username": f"{username}@core", "groups": [group], "is_superuser": False}
        assert meta["may"]["view_jobs"]
        assert meta["may"]["retry"] is (username == "operator")


def test_a_role_that_somebody_has_changed_stays(ask: Ask) -> None:
    ensure_role("alice", VIEWERS)
    alice = CoreUserLink.objects.get().user
    assert list(alice.groups.values_list("name", flat=True)) == [VIEWERS]
    alice.groups.set([Group.objects.get(name=OPERATORS)])
    ensure_role("alice", VIEWERS)
    assert list(User.objects.get().groups.values_list("name", flat=True)) == [OPERATORS]


def test_a_user_keeps_the_password_and_is_given_another_where_it_is_not_the_right_one(
    ask: Ask, database_url: str
) -> None:
    kept = sessions("SELECT password_hash FROM local_users")
    assert kept.startswith("$argon2id$v=19$")
    with connect(database_url) as core:
        ensure_user(core, "alice", PASSWORD, HASHER)
        assert sessions("SELECT password_hash FROM local_users") == kept
        ensure_user(core, "alice", "another one", HASHER)
    assert log_in(ask).status == 401
    assert log_in(ask, password="another one").status == 200
    assert sessions("SELECT count(*) FROM local_users") == 1
