"""Sending a notice: a POST, signed as Standard Webhooks has it, so that the receiver knows who sends it.

https://www.standardwebhooks.com: the headers `webhook-id`, `webhook-timestamp` and `webhook-signature`, the last one
`v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`. A notice can arrive twice; its id says so.
"""

import base64
import hashlib
import hmac
import json
import time
from typing import Final
from uuid import UUID

import httpx
from django.conf import settings
from django.db.models.functions import Now

from notices.models import Notice
from opsconsole.errors import NotFound, OpsError
from opsconsole.version import VERSION

TIMEOUT_SECONDS: Final = 10.0
_PREFIX: Final = "whsec_"


class NoticeNotTaken(OpsError):
    """The receiver could not be reached, or did not take the notice."""

    default_code = "notice_not_taken"


def send(notice_id: UUID) -> int:
    """Send a notice, unless it was sent; returns the HTTP status of the answer, 0 where there was nothing to send.

    Raises:
        NotFound: there is no such notice any more.
        NoticeNotTaken: it did not arrive. Neither the address nor the answer is in the sentence: both may hold what is
            private.
    """
    notice = Notice.objects.filter(pk=notice_id).first()
    if notice is None:
        raise NotFound("There is no such notice any more.")
    if notice.sent_at is not None or not settings.WEBHOOK_URL:
        return 0
    body = json.dumps(notice.body, separators=(",", ":"), ensure_ascii=False).encode()
    try:
        # Redirects are not followed: the notice is for whoever is named, and nobody else.
        answer = httpx.post(
            settings.WEBHOOK_URL, content=body, headers=headers(notice_id, body), timeout=TIMEOUT_SECONDS
        )
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise NoticeNotTaken(f"The webhook's receiver can't be reached: {type(error).__name__}.") from None
    if not answer.is_success:
        raise NoticeNotTaken(f"The webhook's receiver answered with {answer.status_code}.")
    Notice.objects.filter(pk=notice_id).update(sent_at=Now())
    return int(answer.status_code)


def headers(notice_id: UUID, body: bytes, *, now: float | None = None) -> dict[str, str]:
    """Return the headers of a notice.

    Args:
        notice_id: the same for each attempt at it.
        body: what is sent.
        now: seconds since 1970; default now.
    """
    moment = str(int(time.time() if now is None else now))
    signed = b".".join([str(notice_id).encode(), moment.encode(), body])
    signature = base64.b64encode(hmac.new(_key(), signed, hashlib.sha256).digest()).decode()
    return {
        "content-type": "application/json",
        "user-agent": f"opsconsole/{VERSION}",
        "webhook-id": str(notice_id),
        "webhook-timestamp": moment,
        "webhook-signature": f"v1,{signature}",
    }


def _key() -> bytes:
    secret: str = settings.WEBHOOK_SECRET
    return (
        base64.b64decode(secret.removeprefix(_PREFIX), validate=True) if secret.startswith(_PREFIX) else secret.encode()
    )
