"""Sample jobs of everything but fetching: sending, the core's own maintenance, and what others put there."""

import random
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from demo import job_errors as errors
from demo.cast import MEMBERS
from demo.ledger import SampleJob
from demo.rhythm import waking_moments
from demo.rows import DAY, HOUR, MINUTE
from demo.sample_conversations import SentMessage

_PROVIDER_OF = {member.id: member.provider_id for member in MEMBERS}

# The core renamed the type in the second week of this ledger.
_OLD_NAME_DAYS = 9


def sending_jobs(rng: random.Random, sent: Sequence[SentMessage], *, start: int) -> Iterator[SampleJob]:
    """Make up the jobs that sent the owner's messages: all that went wrong, and one in 13 of the others.

    Args:
        rng: Where all choices come from.
        sent: The messages.
        start: Seconds since 1970; the oldest job.

    Yields:
        Jobs that have ended, each agreeing with its message's condition.
    """
    told_otherwise = 0
    for message in sent:
        went_wrong = message.visibility in {"send_failed", "unknown"}
        if not went_wrong and rng.randrange(13):
            continue
        error = None
        if message.visibility == "unknown":
            error = "The message was deleted before it was sent" if message.deleted else errors.unsure_send(rng)
        elif went_wrong:
            error = errors.refused_send(rng, _PROVIDER_OF[message.identity_id])
        elif message.visibility == "visible" and told_otherwise < 9 and rng.random() < 0.02:
            # A later sync found it on the provider's side after all.
            error = errors.unsure_send(rng)
            told_otherwise += 1
        old = message.moment < start + _OLD_NAME_DAYS * DAY
        yield SampleJob(
            queue_name="messages",
            job_type="send_manual" if old else "message.send_manual",
            payload={
                "message_id": message.id,
                "conversation_id": message.conversation_id,
                "identity_id": message.identity_id,
            },
            created=message.moment,
            updated=message.moment + rng.randint(1, 40),
            status="done" if error is None else "failed",
            max_attempts=1,
            error=error,
        )


def maintenance_jobs(rng: random.Random, now: int, *, start: int) -> Iterator[SampleJob]:
    """Make up the core's own backups: daily at 03:00 and 04:00 UTC, a restore test on Sundays at 05:00.

    Args:
        rng: Where all choices come from.
        now: Seconds since 1970.
        start: Seconds since 1970; none is older.

    Yields:
        Jobs that have ended, oldest first.
    """
    first_day = start // DAY + 1
    for day in range(first_day, now // DAY + 1):
        plan = [("maintenance.mysql_dump_local", 3, 240), ("maintenance.attachments_snapshot_local", 4, 900)]
        if datetime.fromtimestamp(day * DAY, UTC).isoweekday() == 7:
            plan.append(("maintenance.restore_test_local", 5, 1200))
        for job_type, hour, longest in plan:
            created = day * DAY + hour * HOUR
            updated = created + rng.randint(longest // 3, longest)
            if updated >= now:
                continue
            failed = day - first_day in {11, 29} and job_type != "maintenance.restore_test_local"
            yield SampleJob(
                queue_name="maintenance",
                job_type=job_type,
                payload={},
                created=created,
                updated=updated,
                status="failed" if failed else "done",
                max_attempts=1,
                error=errors.backup(rng) if failed else None,
            )


def foreign_jobs(rng: random.Random, now: int, *, start: int) -> Iterator[SampleJob]:
    """Make up jobs of types that the console has never heard of.

    Args:
        rng: Where all choices come from.
        now: Seconds since 1970.
        start: Seconds since 1970; none is older.

    Yields:
        Jobs that have ended, in no order.
    """
    end = now - 2 * HOUR
    for moment in waking_moments(rng, start, end, per_day=42):
        payload = {
            "attachment_id": rng.randint(1, 60_000),
            "profile": rng.choice(("h264-720p", "h264-1080p", "opus-96k")),
        }
        error = errors.transcoding(rng) if rng.random() < 0.03 else None
        yield _ended(rng, "media", "media.transcode", payload, moment, error=error, longest=600)
    for moment in waking_moments(rng, start, end, per_day=34):
        payload = {
            "event": "message.created",
            "endpoint_id": rng.randint(1, 4),
            "message_id": rng.randint(1, 250_000),
        }
        error = errors.webhook(rng) if rng.random() < 0.04 else None
        yield _ended(rng, "celery", "webhook.deliver", payload, moment, error=error, longest=5)
    for moment in waking_moments(rng, start, end, per_day=18):
        payload = {"conversation_id": rng.randint(1, 4000)}
        error = errors.indexing(rng) if rng.random() < 0.02 else None
        yield _ended(rng, "search", "search.reindex_conversation", payload, moment, error=error, longest=20)
    for day in range(start // DAY + 1, end // DAY):
        today = datetime.fromtimestamp(day * DAY, UTC)
        if today.isoweekday() != 1:
            continue
        for user_id in (1, 2, 3):
            payload = {"user_id": user_id, "week": today.strftime("%G-W%V")}
            error = "smtplib.SMTPServerDisconnected: Connection unexpectedly closed" if user_id == 3 else None
            moment = day * DAY + 7 * HOUR + user_id
            yield _ended(rng, "mail", "digest.weekly_email", payload, moment, error=error, longest=4)


def _ended(
    rng: random.Random,
    queue_name: str,
    job_type: str,
    payload: Mapping[str, object],
    moment: int,
    *,
    error: str | None,
    longest: int,
) -> SampleJob:
    status = "done" if error is None else "failed"
    attempts = rng.choices((1, 2, 3, 5), (93, 4, 2, 1))[0] if error is None else 10
    if error is None and rng.random() < 0.02:
        status, attempts = "cancelled", 0
    return SampleJob(
        queue_name=queue_name,
        job_type=job_type,
        payload=payload,
        created=moment,
        updated=moment + rng.randint(1, longest) + (MINUTE if attempts > 1 else 0),
        status=status,
        attempts=attempts,
        error=error,
    )
