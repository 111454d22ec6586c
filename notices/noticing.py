"""Noticing that the verdict has changed, and seeing to it that others are told.

Of all sweepers that run, one looks at a time. A change counts when two looks in a row see it, so that what flickers is
not told. Whoever notices it tries to tell at once, past Celery, which may be what is wrong; if that fails, or the
process dies over it, a job of the ledger goes on trying.
"""

import threading
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from jobs import catalog
from jobs.operations import JobRequest, submit_run
from notices import sending
from notices.models import Notice, Seen
from opsconsole.audit import Actor, Entity
from opsconsole.errors import OpsError
from opsconsole.verdict import Verdict, assess
from opsconsole.verdict.reading import facts
from opsconsole.verdict.representation import verdict_as_json

logger = structlog.get_logger(__name__)

LOOK_EVERY_SECONDS: Final = 15.0
PRUNE_EVERY_SECONDS: Final = 3_600.0
# The first attempt takes no longer than that; one that was not sent by then has lost its process.
FIRST_ATTEMPT_SECONDS: Final = 60.0
KEPT_DAYS: Final = 30
OPERATION: Final = "notice.send"
CHANGED: Final = "verdict.changed"


def look() -> None:
    """See whether the verdict has changed, tell so, and see to what was not told; nothing where no webhook is set."""
    if not settings.WEBHOOK_URL:
        return
    if _may_look():
        notice_id = note(assess(facts()))
        if notice_id is not None:
            # In a thread of its own: the receiver may take its time, and jobs wait to be handed over.
            threading.Thread(target=_send, args=[notice_id], daemon=True).start()
    for notice in _left():
        try:
            try_later(notice)
        except OpsError as refusal:
            # A job outside this console does the same work. The other notices must not wait for it.
            logger.warning("notice.not_queued", notice=str(notice), error=refusal.message)


def note(verdict: Verdict) -> UUID | None:
    """Write down what a look has seen; returns the notice of a change that is to be told.

    Args:
        verdict: what was seen.
    """
    seen = _known_by(verdict)
    with transaction.atomic():
        row, _ = Seen.objects.select_for_update().get_or_create(pk=1)
        is_settled, is_news = row.seen == seen, row.told != seen
        told = row.told
        row.seen = seen
        notice_id = None
        if is_settled and is_news:
            row.told = seen
            # The first verdict of all is no change, but where it is red.
            if told is not None or verdict.status == "critical":
                notice_id = _add(verdict, told)
        row.save()
    return notice_id


def try_later(notice_id: UUID) -> None:
    """Have a job send a notice; nothing if it was sent, or a job does it already."""
    with transaction.atomic():
        notice = Notice.objects.select_for_update().filter(pk=notice_id, sent_at=None, job_id=None).first()
        if notice is None:
            return
        submitted = submit_run(
            operation=OPERATION,
            title="Tell of the verdict",
            requests=[JobRequest(job_type=catalog.TELL_VERDICT, payload={"notice_id": str(notice_id)})],
            actor=Actor.system("sweeper"),
            entity=Entity(type="notice"),
        )
        notice.job_id = submitted.job_ids[0]
        notice.save(update_fields=["job_id"])


def prune() -> int:
    """Delete what was told long ago; returns how many."""
    deleted, _ = Notice.objects.filter(created_at__lt=Now() - timedelta(days=KEPT_DAYS)).delete()
    return deleted


def _may_look() -> bool:
    """Say whether it is this process's turn, and take it."""
    Seen.objects.get_or_create(pk=1)
    due = Q(looked_at=None) | Q(looked_at__lt=Now() - timedelta(seconds=LOOK_EVERY_SECONDS * 0.8))
    return bool(Seen.objects.filter(due, pk=1).update(looked_at=Now()))


def _known_by(verdict: Verdict) -> dict[str, Any]:
    return {
        "status": verdict.status,
        "critical": sorted({reason.code for reason in verdict.reasons if reason.severity == "critical"}),
    }


def _add(verdict: Verdict, told: dict[str, Any] | None) -> UUID:
    shown = verdict_as_json(verdict)
    body = {
        "type": CHANGED,
        "timestamp": shown["as_of"].isoformat().replace("+00:00", "Z"),
        "data": {
            "status": shown["status"],
            "previous_status": (told or {}).get("status"),
            "reasons": [
                {name: reason[name] for name in ("code", "part", "severity", "message", "link")}
                for reason in shown["reasons"]
            ],
        },
    }
    notice = Notice(body=body)
    notice.created_at = Now()
    notice.save(force_insert=True)
    logger.info("verdict.changed", notice=str(notice.pk), status=verdict.status)
    return notice.pk


def _left() -> list[UUID]:
    old = Now() - timedelta(seconds=FIRST_ATTEMPT_SECONDS)
    left = Notice.objects.filter(sent_at=None, job_id=None, created_at__lt=old).order_by(F("created_at"))
    return list(left.values_list("pk", flat=True)[:10])


def _send(notice_id: UUID) -> None:
    try:
        sending.send(notice_id)
    except OpsError as error:
        logger.warning("notice.not_sent", notice=str(notice_id), error=error.message)
        try_later(notice_id)
    except Exception:
        # Whatever it is, the next look sees that it was not sent.
        logger.exception("notice.not_sent", notice=str(notice_id))
    finally:
        connection.close()
