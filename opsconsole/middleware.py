"""Middleware of the console."""

import logging
from collections.abc import Callable

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse

from opsconsole.views import bad_request, database_unavailable

logger = logging.getLogger(__name__)


class MalformedCookieMiddleware:
    """Refuses a cookie that holds a NUL: no cookie of ours does, and the session's look-up could not take it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on, unless a cookie is malformed."""
        if any("\x00" in value for value in request.COOKIES.values()):
            return bad_request(request, ValueError("a cookie holds a NUL character"))
        return self.get_response(request)


class DatabaseUnavailableMiddleware:
    """Turns a database that does not answer into a 503 that says so, for pages and for what runs before views."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on."""
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer for a view that the database let down."""
        if isinstance(exception, OperationalError | InterfaceError):
            logger.error("database: %s", exception)
            return database_unavailable(request)
        return None
