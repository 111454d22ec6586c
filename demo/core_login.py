"""A stand-in for the login of the core, the application whose operations the console shows: its routes under /auth.

`POST /auth/login` takes `{"username", "password"}`, `POST /auth/logout` ends the session, `GET /auth/me` says whose it
is. As in the core, passwords are kept as Argon2id, a session is a row of `sessions`, its id is the value of the cookie
`session`, and an error is `{"detail": "a sentence"}`.
"""

import json
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

import psycopg
from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from demo.core_rows import connect

COOKIE: Final = "session"
LASTS: Final = timedelta(days=7)
MAX_BODY: Final = 16 * 1024
WRONG: Final = "The username or the password is wrong."
_ATTRIBUTES: Final = "HttpOnly; SameSite=Lax; Path=/"
_NOBODY: Final = "You are not logged in."

Environ = dict[str, Any]
Headers = list[tuple[str, str]]
StartResponse = Callable[[str, Headers], Any]


class Refusal(Exception):
    """An error that the caller is told.

    Args:
        status: the answer's status line.
        detail: what was wrong, in a sentence.
    """

    def __init__(self, status: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


class CoreLogin:
    """The routes, as a WSGI application."""

    def __init__(self, database_url: str, hasher: PasswordHasher | None = None) -> None:
        """Answer from a database.

        Args:
            database_url: that of the core's tables.
            hasher: hashes passwords; default as the library recommends.
        """
        self._database_url = database_url
        self._hasher = hasher or PasswordHasher()
        # What a password is held against where there is no such user: as long as for one that there is.
        self._nobodys_hash = self._hasher.hash(uuid4().hex)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        routes = {
            ("POST", "/auth/login"): self._log_in,
            ("POST", "/auth/logout"): self._log_out,
            ("GET", "/auth/me"): self._me,
        }
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"].rstrip("/")
        try:
            if not any(path == known for _, known in routes):
                raise Refusal("404 Not Found", "There is nothing at this address.")
            if (method, path) not in routes:
                raise Refusal("405 Method Not Allowed", f"{method} is not allowed here.")
            body, headers = routes[method, path](environ)
            return answer(start_response, "200 OK", body, headers)
        except Refusal as refusal:
            return answer(start_response, refusal.status, {"detail": refusal.detail})
        except psycopg.OperationalError:
            return answer(start_response, "503 Service Unavailable", {"detail": "The database does not answer."})

    def _log_in(self, environ: Environ) -> tuple[dict[str, Any], Headers]:
        username, password = _credentials(environ)
        with connect(self._database_url) as connection:
            query = "SELECT id, password_hash FROM local_users WHERE username = %s"
            found = connection.execute(query, (username,)).fetchone() if _is_text(username) else None
            user_id, stored = found or (None, self._nobodys_hash)
            if not self._is_right(stored, password if _is_text(password) else "") or user_id is None:
                raise Refusal("401 Unauthorized", WRONG)
            session_id, now = str(uuid4()), datetime.now(UTC)
            with connection.transaction():
                connection.execute(
                    "INSERT INTO sessions (id, user_id, created_at, expires_at) VALUES (%s, %s, %s, %s)",
                    (session_id, user_id, now, now + LASTS),
                )
                connection.execute("UPDATE local_users SET last_login_at = %s WHERE id = %s", (now, user_id))
        return {"id": user_id, "username": username}, [("Set-Cookie", f"{COOKIE}={session_id}; {_ATTRIBUTES}")]

    def _log_out(self, environ: Environ) -> tuple[dict[str, Any], Headers]:
        session_id = session_of(environ.get("HTTP_COOKIE", ""))
        if session_id is not None:
            with connect(self._database_url) as connection:
                connection.execute("DELETE FROM sessions WHERE id = %s", (session_id,))
        # Whatever the browser holds is of no more use.
        return {"detail": "You are logged out."}, [("Set-Cookie", f"{COOKIE}=; Max-Age=0; {_ATTRIBUTES}")]

    def _me(self, environ: Environ) -> tuple[dict[str, Any], Headers]:
        session_id = session_of(environ.get("HTTP_COOKIE", ""))
        if session_id is None:
            raise Refusal("401 Unauthorized", _NOBODY)
        with connect(self._database_url) as connection:
            found = connection.execute(
                "SELECT u.id, u.username FROM sessions s JOIN local_users u ON u.id = s.user_id"
                " WHERE s.id = %s AND s.expires_at > %s",
                (session_id, datetime.now(UTC)),
            ).fetchone()
        if found is None:
            raise Refusal("401 Unauthorized", _NOBODY)
        return {"id": found[0], "username": found[1]}, []

    def _is_right(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except InvalidHashError:
            # It takes as long as for any other.
            self._is_right(self._nobodys_hash, password)
            return False
        except Argon2Error:
            return False


def session_of(cookies: str) -> str | None:
    """Return the session that a Cookie header names, or None: read as the console and the core's framework read it.

    What stands around a value is left out, also quotes; of several cookies of one name the last one counts.
    """
    found = ""
    for pair in cookies.split(";"):
        name, _, value = pair.partition("=")
        if name.strip() == COOKIE:
            found = value.strip()
    if len(found) >= 2 and found[0] == found[-1] == '"':
        found = found[1:-1]
    try:
        # Another spelling of the same number is none of our cookies.
        return found if str(UUID(found)) == found else None
    except ValueError:
        return None


def answer(
    start_response: StartResponse, status: str, body: dict[str, Any], headers: Iterable[tuple[str, str]] = ()
) -> list[bytes]:
    """Answer with JSON that nobody keeps."""
    content = json.dumps(body).encode()
    given = [("Content-Type", "application/json"), ("Content-Length", str(len(content))), ("Cache-Control", "no-store")]
    start_response(status, [*given, *headers])
    return [content]


def _credentials(environ: Environ) -> tuple[str, str]:
    """Return the name and the password of a body.

    Raises:
        Refusal: it isn't a JSON object with both.
    """
    # A form of another site can't send this type.
    if environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower() != "application/json":
        raise Refusal("415 Unsupported Media Type", "The body must be JSON.")
    length = environ.get("CONTENT_LENGTH") or "0"
    if int(length) > MAX_BODY:
        raise Refusal("413 Content Too Large", f"The body is larger than {MAX_BODY:,} bytes.")
    try:
        given = json.loads(environ["wsgi.input"].read(int(length)))
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise Refusal("422 Unprocessable Content", "The body must be an object with username and password.")
    username, password = given.get("username"), given.get("password")
    if not (isinstance(username, str) and isinstance(password, str)):
        raise Refusal("422 Unprocessable Content", "Both username and password must be given, as texts.")
    return username, password


def _is_text(given: str) -> bool:
    """Say whether a text of a body is one that a database takes: JSON has NUL and lone surrogates too."""
    return re.search("[\0\ud800-\udfff]", given) is None
