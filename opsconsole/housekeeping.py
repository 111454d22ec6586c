"""Keeping the console's own tables small."""

from importlib import import_module

from django.conf import settings
from django.contrib.sessions.models import Session
from django.utils import timezone

from opsconsole import idempotency


def clear_expired() -> dict[str, int]:
    """Delete login sessions and idempotency keys whose time is over; returns how many, by kind."""
    sessions = Session.objects.filter(expire_date__lt=timezone.now()).count()
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()
    return {"sessions_deleted": sessions, "idempotency_keys_deleted": idempotency.clear_expired()}
