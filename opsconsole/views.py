"""Answers that belong to no application: health of the process, and errors outside of any view."""

import math
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any, Final

import structlog
from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.db import DatabaseError, InterfaceError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from redis.exceptions import RedisError

from opsconsole.client_address import login_address
from opsconsole.errors import BadAddress, Unavailable, database_trouble

logger = structlog.get_logger(__name__)

API_ROOTS = ("ops", "conversations")
_READING: Final = ("GET", "HEAD")


def is_api(request: HttpRequest) -> bool:
    """Say whether the answer must be JSON, whatever happens."""
    return request.path.lstrip("/").partition("/")[0] in API_ROOTS


@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return JsonResponse({"status": "ok"})


@never_cache
def readyz(request: HttpRequest) -> HttpResponse:
    """Report whether the process can serve requests: the database answers, and its search path is the console's."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_schema()")
            (schema,) = cursor.fetchone()
    except (DatabaseError, InterfaceError):
        return JsonResponse({"status": "unavailable", "database": "does not answer"}, status=503)
    if schema != settings.DATABASE_SCHEMA:
        return JsonResponse({"status": "unavailable", "database": "has another search path"}, status=503)
    return JsonResponse({"status": "ok"})


def api_login(request: HttpRequest) -> HttpResponse:
    """Send somebody who browses the API to the one login page, and back."""
    return redirect_to_login("/ops/", login_url=str(settings.LOGIN_URL))


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a malformed request."""
    sentence = str(exception) if isinstance(exception, BadAddress) else "The request was malformed."
    return _answer(request, 400, "bad_request", sentence)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer somebody who may not do this."""
    return _answer(request, 403, "permission_denied", "You are not allowed to do this.")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer for an address that leads nowhere."""
    return _answer(request, 404, "not_found", "There is nothing at this address.")


def read_only(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Have a view answer GET and HEAD only; any other method is refused, with or without a CSRF token."""

    @csrf_exempt
    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method in _READING:
            return view(request, *args, **kwargs)
        response = _answer(request, 405, "method_not_allowed", f'Method "{request.method}" not allowed.')
        response["Allow"] = ", ".join(_READING)
        return response

    return answer


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer when the console itself is at fault, or when the database or the cache failed outside of any view."""
    error = sys.exc_info()[1]
    if error and (trouble := database_trouble(error)):
        return unavailable(request, trouble)
    if isinstance(error, RedisError):
        # Logging out needs the cache: a session that was ended must not come back with it.
        return _answer(request, 503, "cache_unavailable", "The cache does not answer at the moment; try again soon.")
    return _answer(request, 500, "internal_error", "The console made a mistake; it has been logged.")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form without its CSRF token."""
    return _answer(request, 403, "csrf_failed", "The form's CSRF token is missing or has expired; reload the page.")


def login_locked(request: HttpRequest, *args: Any) -> HttpResponse:
    """Answer somebody who has failed to log in too often; axes calls this."""
    minutes = math.ceil(settings.AXES_COOLOFF_TIME.total_seconds() / 60)
    logger.warning("login.locked", address=login_address(request))
    answer = _answer(request, 429, "too_many_logins", f"Too many failed logins; try again in {minutes} minutes.")
    answer["Retry-After"] = str(minutes * 60)
    return answer


def unavailable(request: HttpRequest, trouble: Unavailable) -> HttpResponse:
    """Answer while something that the console needs does not.

    Args:
        request: the request.
        trouble: what its sender is told.
    """
    answer = _answer(request, trouble.status, trouble.code, trouble.message)
    answer["Retry-After"] = str(trouble.retry_after)
    return answer


def _answer(request: HttpRequest, status: int, code: str, sentence: str) -> HttpResponse:
    if is_api(request):
        headers = {"Cache-Control": "no-store", "Vary": "Cookie, Authorization"}
        return JsonResponse({"detail": sentence, "code": code}, status=status, headers=headers)
    context: dict[str, Any] = {"status": status, "sentence": sentence}
    # Without the request: its context processors would ask the database for the user and the messages.
    return HttpResponse(render_to_string("error.html", context), status=status)
