"""Requests with an `Idempotency-Key`, and what they start."""

from contextlib import closing
from typing import Any

import redis
from django.conf import settings
from rest_framework.test import APIClient

from jobs.models import Dispatch, Run
from opsconsole.audit import AuditLog

BACKFILL = "/ops/backfill/conversations"
KEY = "9b2c1f6e-5a0d-4c53-8b8e-0a8f0c3f8d11"


def send(client: APIClient, url: str, body: Any = None, *, key: str = KEY) -> Any:
    return client.post(url, body, headers={"idempotency-key": key})


def repeated(first: Any, second: Any) -> None:
    """Check that the second answer is the first one again, byte for byte, and says so."""
    assert (second.status_code, second.content) == (first.status_code, first.content)
    assert second["Content-Type"] == first["Content-Type"]
    assert "Idempotency-Replayed" not in first
    assert second["Idempotency-Replayed"] == "true"


def started() -> tuple[int, int, int, int]:
    """Return how much was started: runs, dispatches, audit rows, messages in the broker."""
    with closing(redis.Redis.from_url(settings.CELERY_BROKER_URL)) as client:
        messages = sum(int(client.llen(queue)) for queue in ("ingest", "messages", "maintenance"))
    return Run.objects.count(), Dispatch.objects.count(), AuditLog.objects.count(), messages
