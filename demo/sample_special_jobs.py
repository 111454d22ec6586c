"""Sample jobs that are there for a reason: those still active, and those that try a reader's patience."""

import random
from collections.abc import Iterator
from typing import Any

from demo import job_errors as errors
from demo.cast import REDDIT
from demo.ledger import INGEST_ATTEMPTS, SampleJob
from demo.rows import DAY, HOUR, MINUTE

_GONE_IDENTITY = 9907
_RETIRED_IDENTITY = 5


def active_jobs(rng: random.Random, now: int) -> Iterator[SampleJob]:
    """Make up what is queued, running and waiting for another attempt.

    None concerns an active identity: these rows belong to writers that don't exist here, nobody ever ends
    them, and a backfill that joined one or waited for one would wait for ever.

    Args:
        rng: Where all choices come from.
        now: Seconds since 1970.

    Yields:
        Active jobs, in no order.
    """
    for number, age in enumerate((20, 45, 70, 160, 41 * MINUTE)):
        yield _active("search", "search.reindex_conversation", {"conversation_id": 4001 + number}, now - age)
    for number, age in enumerate((15, 130, 400)):
        video = {"attachment_id": 70_000 + number, "profile": "h264-720p"}
        yield _active("media", "media.transcode", video, now - age)
    yield _active("mail", "digest.weekly_email", {"user_id": 1, "week": "next"}, now - HOUR, next_run=now + 2 * DAY)

    yield _active(
        "media",
        "media.transcode",
        {"attachment_id": 70_010, "profile": "h264-1080p"},
        now - 6 * MINUTE,
        status="running",
        attempts=1,
        updated=now - 4 * MINUTE,
    )
    # Its worker died: it has been running for hours.
    stuck = {"provider_id": REDDIT, "identity_id": _RETIRED_IDENTITY}
    yield _active(
        "ingest",
        "ingest.sync_delta",
        stuck,
        now - 5 * HOUR,
        status="running",
        attempts=1,
        max_attempts=INGEST_ATTEMPTS,
        updated=now - 5 * HOUR + 3,
    )

    yield _active(
        "ingest",
        "ingest.sync_delta",
        {"provider_id": REDDIT, "identity_id": _GONE_IDENTITY},
        now - 9 * MINUTE,
        status="retrying",
        attempts=2,
        max_attempts=INGEST_ATTEMPTS,
        updated=now - 5 * MINUTE,
        next_run=now + 25 * MINUTE,
        error=f"Identity {_GONE_IDENTITY} not found",
    )
    payload: dict[str, Any]
    for number in range(38):
        attempts = rng.randint(1, 8)
        tried = now - rng.randint(5, 50)
        if number % 3 == 0:
            payload = {"attachment_id": 71_000 + number, "profile": "opus-96k"}
            queue, job_type, error = "media", "media.transcode", errors.transcoding(rng)
        elif number % 3 == 1:
            payload = {"conversation_id": 4100 + number}
            queue, job_type, error = "search", "search.reindex_conversation", errors.indexing(rng)
        else:
            payload = {"event": "conversation.archived", "endpoint_id": 2, "conversation_id": 300 + number}
            queue, job_type, error = "celery", "webhook.deliver", errors.webhook(rng)
        yield _active(
            queue,
            job_type,
            payload,
            tried - attempts * 10 * MINUTE,
            status="retrying",
            attempts=attempts,
            updated=tried,
            next_run=now + 10 * MINUTE + min(60 * 2 ** (attempts - 1), 3600),
            error=error,
        )


def odd_jobs(rng: random.Random, now: int) -> Iterator[SampleJob]:
    """Make up payloads and errors that nobody expects, and rows that have ended and keep their dedupe_key.

    Args:
        rng: Where all choices come from.
        now: Seconds since 1970.

    Yields:
        Jobs that have ended, in no order.
    """
    payloads: tuple[Any, ...] = (
        [17, 18, 19],
        "reindex everything",
        None,
        42,
        {},
        {"identity_id": _GONE_IDENTITY, "provider_id": "myspace"},
        {"identity_id": "seven", "conversation_id": None, "message_id": -1},
        {"identity_id": 2**70},
        {"filter": {"any": [{"not": {"all": [{"tag": "archived"}, {"older_than": "P30D"}]}}]}},
        {"note": "<b>bold</b> & <img src=x onerror=alert(1)>", "emoji": "🪴", "rtl": "\u202eabc"},
        {"endpoint_id": 2, "api_key": "sample-key-not-in-use", "headers": {"authorization": "Bearer sample"}},
        {"to": "amber_anchor17", "body": "See you at the ferry at six.", "subject": "Tomorrow"},
    )
    for number, payload in enumerate(payloads):
        created = now - (number + 1) * 31 * HOUR - rng.randrange(HOUR)
        failed = number % 3 != 2
        yield _ended(
            "celery",
            "legacy.cleanup",
            payload,
            created,
            error="ValueError: cannot use this payload" if failed else None,
        )
    texts = (
        errors.html_page(rng, REDDIT, lines=900),
        errors.rejected_webhook(),
        errors.rejected_webhook(),
        "<script>alert('from a provider')</script>\n<h1>503</h1>",
        r"invalid byte sequence: \u0000 and \x00 in 'caf\xc3\xa9'; ANSI \x1b[31mred\x1b[0m",
        "",
        "\n\n   \n",
        "x" * 4_990 + " [cut]",
    )
    for number, text in enumerate(texts):
        created = now - number * 26 * HOUR - 3 * HOUR - rng.randrange(HOUR)
        payload = {"event": "message.created", "endpoint_id": 4, "message_id": 1000 + number}
        yield _ended("celery", "webhook.deliver", payload, created, error=text)
    for number, status in enumerate(("done", "failed", "cancelled"), start=1):
        payload = {"provider_id": REDDIT, "identity_id": number}
        error = errors.too_many_requests(rng, REDDIT) if status == "failed" else None
        yield _ended(
            "ingest",
            "ingest.backfill_conversations",
            payload,
            now - (30 + number) * DAY,
            error=error,
            status=status,
            keeps_key=True,
        )


def _active(
    queue_name: str, job_type: str, payload: Any, created: int, *, status: str = "queued", **rest: Any
) -> SampleJob:
    values = {"attempts": 0, "updated": created} | rest
    return SampleJob(
        queue_name=queue_name, job_type=job_type, payload=payload, created=created, status=status, **values
    )


def _ended(
    queue_name: str,
    job_type: str,
    payload: Any,
    created: int,
    *,
    error: str | None,
    status: str | None = None,
    keeps_key: bool = False,
) -> SampleJob:
    return SampleJob(
        queue_name=queue_name,
        job_type=job_type,
        payload=payload,
        created=created,
        updated=created + 7,
        status=status or ("done" if error is None else "failed"),
        attempts=1,
        max_attempts=1 if queue_name == "celery" else INGEST_ATTEMPTS,
        error=error,
        keeps_key=keeps_key,
    )
