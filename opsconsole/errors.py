"""The errors that operations and queries raise; each door (API, admin, command) maps this one family once."""

from typing import Any

from django.core.exceptions import BadRequest
from django.db import InterfaceError, OperationalError
from psycopg.errors import ReadOnlySqlTransaction


class OpsError(Exception):
    """Something that an operator can be told in a sentence.

    Args:
        message: a full sentence that says what was wrong and what is allowed.
        code: snake_case name that a program can tell it by; the class's own when left out.
        details: JSON values that go into the answer beside `detail` and `code`, such as a job's id.
    """

    status = 500
    default_code = "error"
    # Seconds after which the same request may well be granted.
    retry_after: int | None = None

    def __init__(self, message: str, *, code: str | None = None, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.details = details


class NotFound(OpsError):
    """What was named does not exist (HTTP 404)."""

    status = 404
    default_code = "not_found"


class Conflict(OpsError):
    """The state of things does not allow it, or somebody else was quicker (HTTP 409)."""

    status = 409
    default_code = "conflict"


class Busy(Conflict):
    """The same thing is under way just now; asking again soon may succeed (HTTP 409 with Retry-After)."""

    default_code = "busy"
    retry_after = 5


class Refused(OpsError):
    """The request itself can't be granted, whatever the state (HTTP 400)."""

    status = 400
    default_code = "refused"


class Contradicted(Refused):
    """The request is not the one that it claims to repeat (HTTP 422)."""

    status = 422
    default_code = "contradicted"


class TooLarge(Refused):
    """The request's body is larger than any honest one (HTTP 413)."""

    status = 413
    default_code = "too_large"


class Unavailable(OpsError):
    """Something that the console stands on does not answer at the moment (HTTP 503)."""

    status = 503
    default_code = "unavailable"
    retry_after = 5


class BadAddress(BadRequest):
    """The address of one of Django's own lists is invalid (HTTP 400). The error's text may be shown."""


def database_trouble(error: BaseException) -> Unavailable | None:
    """Return what a caller is told of a database that doesn't answer or takes no changes; None for any other error."""
    if isinstance(error, OperationalError | InterfaceError):
        return Unavailable(
            "The database does not answer at the moment; try again in a few seconds.", code="database_unavailable"
        )
    # A standby, or a server that an administrator has made read-only.
    if isinstance(error.__cause__, ReadOnlySqlTransaction):
        return Unavailable("The database is read-only. Nothing can be changed.", code="database_read_only")
    return None
