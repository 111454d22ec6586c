"""Middleware of the console."""

import time
from collections.abc import Callable

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from opsconsole.errors import database_trouble
from opsconsole.log_context import REQUEST_ID_HEADER, answering, sane_request_id
from opsconsole.views import bad_request, unavailable

logger = structlog.get_logger(__name__)

# Asked every few seconds by machines, or by every page.
_UNLOGGED_PATHS = ("/healthz", "/readyz", "/metrics", "/favicon.ico")


class RequestLogMiddleware:
    """Gives every request an id, which its answer and all lines logged meanwhile bear, and logs one line of its own."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on, and log how it was answered."""
        started = time.perf_counter()
        request_id = sane_request_id(request.headers.get(REQUEST_ID_HEADER))
        with answering(request, request_id):
            response = self.get_response(request)
            response[REQUEST_ID_HEADER] = request_id
            if not self._is_unlogged(request.path):
                logger.info(
                    "request.answered",
                    method=request.method,
                    path=request.path,
                    status=response.status_code,
                    duration_ms=round((time.perf_counter() - started) * 1_000, 1),
                )
        return response

    @staticmethod
    def _is_unlogged(path: str) -> bool:
        return path.rstrip("/") in _UNLOGGED_PATHS or path.startswith(settings.STATIC_URL)


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
        if trouble := database_trouble(exception):
            logger.error("database.unavailable", error=str(exception))
            return unavailable(request, trouble)
        return None
