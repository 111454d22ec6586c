"""Housekeeping that the console's own worker does."""

from celery import shared_task
from django.core.management import call_command


@shared_task(name="opsconsole.clear_expired_sessions", ignore_result=True)
def clear_expired_sessions() -> None:
    """Delete the sessions whose time is over; Django leaves them in its table."""
    call_command("clearsessions")
