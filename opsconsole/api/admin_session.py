"""Calls with the admin's session: what its own pages, the browsable API and the docs send."""

from typing import Any

from django.conf import settings
from rest_framework.authentication import SessionAuthentication
from rest_framework.request import Request

from opsconsole.api.core_session import COOKIE


class AdminSessionAuthentication(SessionAuthentication):
    """Knows a caller by the admin's session, and asks for its CSRF token.

    Where a browser has the core's session too, a front end's call is the core user's: it is no page, and bears no CSRF
    token of the console's.
    """

    def authenticate(self, request: Request) -> tuple[Any, None] | None:
        """Return the user of the session; None where there is none, or the core's session counts."""
        if _is_a_front_ends(request):
            return None
        found: tuple[Any, None] | None = super().authenticate(request)
        return found


def _is_a_front_ends(request: Request) -> bool:
    has_token = settings.CSRF_HEADER_NAME in request.META
    is_page = "text/html" in request.headers.get("Accept", "")
    return COOKIE in request.COOKIES and not has_token and not is_page
