"""The admin's own Content-Security-Policy; every other page has the stricter one of the settings."""

from collections.abc import Callable

from csp.constants import SELF, UNSAFE_EVAL, UNSAFE_INLINE
from django.http import HttpRequest, HttpResponse

# Unfold's Alpine evaluates its attributes and sets styles (its issue 2129). Nothing more is granted.
ADMIN_DIRECTIVES = {"script-src": [SELF, UNSAFE_EVAL], "style-src": [SELF, UNSAFE_INLINE]}


class AdminContentSecurityPolicyMiddleware:
    """Grants the admin's pages what Unfold needs. Stands right after django-csp's own middleware."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Mark the answers of the admin's views."""
        response = self.get_response(request)
        match = request.resolver_match
        # By the route as well: some pages among the admin's belong to no model.
        if match is not None and ("admin" in match.namespaces or str(match.route).startswith("admin/")):
            vars(response)["_csp_replace"] = ADMIN_DIRECTIVES
        return response
