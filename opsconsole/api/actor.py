"""Who calls the API, as operations want to know it."""

from rest_framework.request import Request

from opsconsole.audit import Actor


def actor_of(request: Request) -> Actor:
    """Return the caller as an actor that came through the API."""
    return Actor(name=request.user.get_username(), via="api")
