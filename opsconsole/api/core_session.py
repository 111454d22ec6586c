"""Calls with the core's own session: what the front end's server forwards of its user's browser."""

from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.models import User
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.request import Request

from opsconsole.core_sessions import user_of

COOKIE: Final = "session"
SAFE_METHODS: Final = ("GET", "HEAD", "OPTIONS")
_OWN_SITE: Final = ("same-origin", "none")
ENDED: Final = "The session is unknown or has expired; log in again."
SHUT_OUT: Final = "You were shut out of the console; its administrators can let you in again."
OTHER_SITE: Final = (
    "A page of another site may not call this with your session; OPS_CSRF_TRUSTED_ORIGINS names those that may."
)


class CoreSessionUsed:
    """Says that a request came with the core's session: its user need not be staff."""


class CoreSessionAuthentication(BaseAuthentication):
    """Knows a caller by the core's cookie `session`.

    What changes something is refused when it comes from a page of another site: browsers send the cookie along from
    there too. A server sends neither Origin (RFC 6454, section 7) nor Sec-Fetch-Site (W3C Fetch Metadata, section 2.3).
    """

    def authenticate(self, request: Request) -> tuple[User, CoreSessionUsed] | None:
        """Return the user that the session stands for; None where no session was sent.

        Raises:
            AuthenticationFailed: the session is malformed, unknown or over, or its user is gone.
            PermissionDenied: its user was shut out of the console; or it would change something, and comes from another
                site.
        """
        cookie = request.COOKIES.get(COOKIE)
        if not cookie:
            return None
        user = user_of(cookie)
        if user is None:
            raise AuthenticationFailed(ENDED, code="session_ended")
        if not user.is_active:
            raise PermissionDenied(SHUT_OUT, code="shut_out")
        if request.method not in SAFE_METHODS and not comes_from_own_site(request):
            raise PermissionDenied(OTHER_SITE, code="cross_site")
        return user, CoreSessionUsed()


def comes_from_own_site(request: Any) -> bool:
    """Say whether a request comes from a server, from a page of this site, or from one that is trusted."""
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is None and origin is None:
        return True
    if site in _OWN_SITE:
        return True
    return origin is not None and _is_trusted(origin, request.get_host(), settings.CSRF_TRUSTED_ORIGINS)


def _is_trusted(origin: str, host: str, trusted: Iterable[str]) -> bool:
    """Say whether an origin is our own host, or one that is trusted; `*.` stands for any subdomain, as in Django."""
    try:
        given = urlsplit(origin)
    except ValueError:
        return False
    if not given.netloc or given.path:
        return False
    if given.netloc == host:
        return True
    for each in map(urlsplit, trusted):
        if given.scheme != each.scheme:
            continue
        if given.netloc == each.netloc:
            return True
        if each.netloc.startswith("*.") and given.netloc.endswith(each.netloc[1:]):
            return True
    return False
