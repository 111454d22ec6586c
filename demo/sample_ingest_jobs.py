"""Sample jobs of fetching messages: a sync of each identity every hour, backfills by hand, two bad nights."""

import random
from collections.abc import Iterator, Mapping, Sequence

from demo import job_errors as errors
from demo.cast import MASTODON, MEMBERS, REDDIT, Behaviour, Member
from demo.ledger import INGEST_ATTEMPTS, SampleJob
from demo.rhythm import incidents, waking_moments
from demo.rows import DAY, HOUR, MINUTE

QUEUE = "ingest"

_FIRST_OF = {REDDIT: 1, MASTODON: 8}


def ingest_jobs(
    rng: random.Random, now: int, *, start: int, conversations: Mapping[int, Sequence[int]]
) -> Iterator[SampleJob]:
    """Make them up.

    Args:
        rng: Where all choices come from.
        now: Seconds since 1970.
        start: Seconds since 1970; none is older.
        conversations: Ids of conversations of each identity's id, for the backfills.

    Yields:
        Jobs that have ended, in no order.
    """
    for member in MEMBERS:
        if not member.is_active:
            continue
        yield from _syncs(rng, now, member, start)
        for moment in waking_moments(rng, start, now - HOUR, per_day=0.35):
            payload = {"provider_id": member.provider_id, "identity_id": member.id}
            yield _job(rng, now, "ingest.backfill_conversations", payload, member=member, moment=moment, longest=280)
        for moment in waking_moments(rng, start, now - HOUR, per_day=len(conversations.get(member.id, ())) / 130):
            yield _backfill_of_messages(rng, now, member, moment, conversations)
    for moment in range(start, now - HOUR, 36 * MINUTE):
        yield _inbox(rng, now, moment + rng.randrange(MINUTE))
    for moment in waking_moments(rng, start, now - HOUR, per_day=5):
        yield _attachments(rng, now, moment, conversations)
    for incident in incidents(now):
        # Whoever was up that night tried again and again.
        for moment in range(incident.start, incident.end, 75):
            affected = [
                each for each in MEMBERS if each.provider_id == incident.provider_id and each.id in conversations
            ]
            yield _backfill_of_messages(rng, now, rng.choice(affected), moment, conversations)


def _syncs(rng: random.Random, now: int, member: Member, start: int) -> Iterator[SampleJob]:
    moment = start + member.id * 5 * MINUTE
    while moment < now - 12 * MINUTE:
        payload = {"provider_id": member.provider_id, "identity_id": member.id}
        yield _job(rng, now, "ingest.sync_delta", payload, member=member, moment=moment, longest=25)
        # What keeps failing is tried less often.
        moment += (6 * HOUR if _broken(member, now, moment) else HOUR) + rng.randrange(90)


def _backfill_of_messages(
    rng: random.Random, now: int, member: Member, moment: int, conversations: Mapping[int, Sequence[int]]
) -> SampleJob:
    payload = {
        "provider_id": member.provider_id,
        "conversation_id": rng.choice(conversations[member.id]),
        "identity_id": member.id,
    }
    return _job(rng, now, "ingest.backfill_messages", payload, member=member, moment=moment, longest=240)


def _inbox(rng: random.Random, now: int, moment: int) -> SampleJob:
    provider = rng.choice((REDDIT, REDDIT, MASTODON))
    member = MEMBERS[_FIRST_OF[provider] - 1]
    return _job(rng, now, "ingest.sync_inbox_fast", {"provider_id": provider}, member=member, moment=moment, longest=6)


def _attachments(rng: random.Random, now: int, moment: int, conversations: Mapping[int, Sequence[int]]) -> SampleJob:
    member = rng.choice([each for each in MEMBERS if each.id in conversations])
    payload = {"conversation_id": rng.choice(conversations[member.id]), "limit": 100}
    failed = rng.random() < 0.06
    return SampleJob(
        queue_name=QUEUE,
        job_type="ingest.redownload_attachments",
        payload=payload,
        created=moment,
        updated=min(now - MINUTE, moment + rng.randint(3, 150)),
        status="failed" if failed else "done",
        attempts=INGEST_ATTEMPTS if failed else 1,
        max_attempts=INGEST_ATTEMPTS,
        error="\n".join(errors.broken_image(rng, member.provider_id) for _ in range(rng.randint(3, 40)))
        if failed
        else None,
    )


def _job(
    rng: random.Random,
    now: int,
    job_type: str,
    payload: dict[str, object],
    *,
    member: Member,
    moment: int,
    longest: int,
) -> SampleJob:
    """Decide how one job of an identity ended; `longest` is how long a good one may take, in seconds."""
    error, attempts = _outcome(rng, now, member, moment)
    status = "done" if error is None else "failed"
    if error is None and rng.random() < 0.006:
        status, attempts = "cancelled", 0
    waited = sum(60 * 2**number for number in range(attempts - 1))
    took = 0 if status == "cancelled" else rng.randint(longest // 5, longest)
    return SampleJob(
        queue_name=QUEUE,
        job_type=job_type,
        payload=payload,
        created=moment,
        updated=min(now - MINUTE, moment + rng.randint(1, 20) + waited + took),
        status=status,
        attempts=attempts,
        max_attempts=INGEST_ATTEMPTS,
        error=error,
    )


def _broken(member: Member, now: int, moment: int) -> bool:
    return member.silent_days > 0 and moment > now - member.silent_days * DAY


def _outcome(rng: random.Random, now: int, member: Member, moment: int) -> tuple[str | None, int]:
    """Say which error an identity's job met at a moment, if any, and at which attempt it ended."""
    provider = member.provider_id
    if _broken(member, now, moment):
        if not member.credential_types:
            return errors.missing_credentials(provider, member.id), 1
        if member.behaviour is Behaviour.EXPIRED_TOKEN:
            return errors.expired_token(rng, provider, member.id), 1
        return errors.missing_key(rng, provider), INGEST_ATTEMPTS
    if any(each.covers(provider, moment) for each in incidents(now)) and rng.random() < 0.92:
        kind = rng.choices((errors.too_many_requests, errors.html_page, errors.read_timeout), (5, 3, 2))[0]
        return kind(rng, provider), INGEST_ATTEMPTS
    if rng.random() < _BAD_LUCK.get(member.behaviour, 0.004):
        return _ordinary_error(rng, member), INGEST_ATTEMPTS
    return None, rng.choices((1, 2, 3), (95, 4, 1))[0]


_BAD_LUCK = {Behaviour.RATE_LIMITED: 0.05, Behaviour.TIMES_OUT: 0.04, Behaviour.STALE_TOKEN: 0.02}


def _ordinary_error(rng: random.Random, member: Member) -> str:
    provider = member.provider_id
    if member.behaviour is Behaviour.STALE_TOKEN:
        return errors.stale_token(provider)
    typical = {Behaviour.RATE_LIMITED: errors.too_many_requests, Behaviour.TIMES_OUT: errors.read_timeout}
    if member.behaviour in typical and rng.random() < 0.8:
        return typical[member.behaviour](rng, provider)
    if rng.random() < 0.25:
        return errors.deadlock(rng)
    return rng.choice((errors.missing_key, errors.read_timeout, errors.html_page))(rng, provider)
