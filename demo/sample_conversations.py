"""Sample conversations and their messages: a year of them, some identities busy and most not."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import psycopg

from demo.cast import MASTODON, MEMBERS, Member
from demo.rhythm import second_of_day
from demo.rows import DAY, HOUR, MINUTE, copy_lines, copy_rows, stamp
from demo.sentences import BODIES, invent_username

MESSAGES = 250_000

_DAYS = 365

_ACCOUNT_COLUMNS = (
    "id", "provider_id", "external_user_id", "external_username", "remote_status", "created_at", "updated_at",
)  # fmt: skip
_CONVERSATION_COLUMNS = (
    "id", "provider_id", "external_conversation_id", "counterpart_account_id", "identity_id",
    "created_at", "updated_at", "last_activity_at", "archived_at", "deleted_at",
)  # fmt: skip
_MESSAGE_COLUMNS = (
    "id", "provider_id", "external_message_id", "conversation_id", "identity_id", "direction", "sent_at",
    "body_text", "remote_visibility", "remote_deleted_at", "deleted_at", "created_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SentMessage:
    """A message that the owner sent: what the jobs of sending refer to. `moment` is in seconds since 1970."""

    id: int
    conversation_id: int
    identity_id: int
    moment: int
    visibility: str
    deleted: bool


@dataclass(slots=True)
class _Conversation:
    member: Member
    start: int
    end: int
    weight: float
    moments: list[int] = field(default_factory=list)


def load_conversations(
    cursor: psycopg.Cursor[Any], rng: random.Random, now: int, *, sent_since: int
) -> list[SentMessage]:
    """Load external accounts, conversations and messages.

    Args:
        cursor: Where.
        rng: Where all choices come from.
        now: Seconds since 1970; nothing is newer.
        sent_since: Seconds since 1970, for what is returned.

    Returns:
        The messages that the owner sent since then, oldest first.

    Raises:
        psycopg.Error: A row isn't taken, for example because there are such rows already.
    """
    conversations = _plan_conversations(rng, now)
    _plan_messages(rng, conversations)
    _load_accounts(cursor, rng, conversations)
    copy_rows(cursor, "conversations", _CONVERSATION_COLUMNS, _conversation_rows(rng, conversations, now))
    sent: list[SentMessage] = []
    lines = _message_lines(rng, conversations, now, sent, sent_since=sent_since)
    copy_lines(cursor, "messages", _MESSAGE_COLUMNS, lines)
    return sent


def _plan_conversations(rng: random.Random, now: int) -> list[_Conversation]:
    planned = []
    for member in MEMBERS:
        end = now - member.silent_days * DAY - 20 * MINUTE
        for number in range(member.conversations):
            # More and more as the year goes by; the first few make sure that none falls silent too early.
            start = end - int((end - now + _DAYS * DAY) * rng.random() ** 1.3)
            length = int(rng.expovariate(1 / (20 * DAY)))
            last = end if number < 5 else min(end, start + length + HOUR)
            planned.append(_Conversation(member, start, last, rng.paretovariate(1.1)))
    # Ids are given in this order, as if they had come one after the other.
    planned.sort(key=lambda each: each.start)
    return planned


def _plan_messages(rng: random.Random, conversations: list[_Conversation]) -> None:
    """Share the messages out, a few conversations getting most, and choose when each was sent."""
    seconds_of_day = [second_of_day(rng) for _ in range(4096)]
    for member in MEMBERS:
        mine = [each for each in conversations if each.member is member]
        share = MESSAGES * member.messages // 1000
        total = sum(min(each.weight, 60) for each in mine)
        for each in mine:
            start, end = each.start, each.end
            count = round(share * min(each.weight, 60) / total)
            moments = each.moments
            for _ in range(count):
                chance = rng.random()
                day = int(start + (end - start) * chance) // DAY * DAY
                # The digits of `chance` that the day doesn't use choose the time of the day.
                moment = day + seconds_of_day[int(chance * 1e9) & 4095]
                moments.append(moment if start <= moment <= end else int(start + (end - start) * chance))


def _load_accounts(cursor: psycopg.Cursor[Any], rng: random.Random, conversations: list[_Conversation]) -> None:
    """Load one counterpart per conversation; its id is the conversation's."""
    taken: set[tuple[str, str]] = set()
    rows = []
    for number, each in enumerate(conversations, start=1):
        provider_id = each.member.provider_id
        name = invent_username(rng, federated=provider_id == MASTODON)
        while (provider_id, name) in taken:
            name = f"{rng.randrange(100)}{name}"
        taken.add((provider_id, name))
        # Suspended and deleted ones are often those of whom the provider no longer tells an id.
        status = rng.choices(("active", "deleted", "suspended", "unknown"), (82, 6, 4, 8))[0]
        user_id = None if status == "unknown" else str(700_000_000 + number * 37)
        seen = stamp(each.start)
        changed = seen if status == "active" else stamp(rng.randint(each.start, each.end))
        rows.append((number, provider_id, user_id, name, status, seen, changed))
    copy_rows(cursor, "external_accounts", _ACCOUNT_COLUMNS, rows)


def _conversation_rows(rng: random.Random, conversations: list[_Conversation], now: int) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for number, each in enumerate(conversations, start=1):
        provider_id = each.member.provider_id
        last = max(each.moments, default=None)
        quiet = now - (last or each.start) > 30 * DAY
        archived = stamp(min(now, (last or each.start) + 10 * DAY)) if quiet and rng.random() < 0.2 else None
        deleted = stamp(min(now, (last or each.start) + 20 * DAY)) if quiet and rng.random() < 0.02 else None
        rows.append(
            (
                number,
                provider_id,
                f"11{number * 7919:016}" if provider_id == MASTODON else f"t4_c{number * 7919:08x}",
                number,
                each.member.id,
                stamp(each.start),
                stamp(last or each.start),
                stamp(last) if last else None,
                archived,
                deleted,
            )
        )
    return rows


def _message_lines(
    rng: random.Random,
    conversations: list[_Conversation],
    now: int,
    sent: list[SentMessage],
    *,
    sent_since: int,
) -> Iterator[str]:
    """Write the rows as they came, so that ids follow the time, and note in `sent` what the owner sent."""
    order = sorted((moment, number) for number, each in enumerate(conversations, start=1) for moment in each.moments)
    for message_id, (moment, number) in enumerate(order, start=1):
        chance = rng.getrandbits(40)
        member = conversations[number - 1].member
        direction = "in" if chance % 100 < 56 else "out" if chance % 100 < 98 else "system"
        visibility = _visibility(direction, chance // 100 % 1000)
        deleted = chance // 100_000 % 50 == 0
        if deleted and direction == "out" and visibility == "visible" and chance // 5_000_000 % 10 == 0:
            # Deleted before it was sent, so it never went out.
            visibility = "unknown"
        sent_at = stamp(moment)
        # What is sent is written first; what comes in is found by the next sync.
        created_at = sent_at if direction == "out" else stamp(min(now, moment + chance % 600))
        remote_deleted = r"\N"
        if visibility in {"deleted_by_author", "removed"}:
            remote_deleted = stamp(min(now, moment + chance % (9 * DAY)))
        deleted_at = stamp(min(now, moment + chance % (5 * DAY))) if deleted else r"\N"
        identity_id = r"\N" if direction == "system" or chance // 5_000_000 % 100 == 0 else str(member.id)
        external_id = rf"{'11' if member.provider_id == MASTODON else 't4_1'}{message_id * 97:016}"
        if visibility == "send_failed" or (visibility == "unknown" and direction == "out"):
            external_id = r"\N"
        body = BODIES[chance // 700 % len(BODIES)]
        yield (
            f"{message_id}\t{member.provider_id}\t{external_id}\t{number}\t{identity_id}\t{direction}\t{sent_at}"
            f"\t{body}\t{visibility}\t{remote_deleted}\t{deleted_at}\t{created_at}\n"
        )
        if direction == "out" and moment >= sent_since:
            sent.append(SentMessage(message_id, number, member.id, moment, visibility, deleted))


def _visibility(direction: str, chance: int) -> str:
    """Choose what became of a message; `chance` is 0 to 999."""
    if direction == "out":
        if chance < 5:
            return "send_failed"
        return "unknown" if chance < 8 else "removed" if chance < 14 else "visible"
    if chance < 30:
        return "deleted_by_author"
    return "removed" if chance < 42 else "unknown" if chance < 60 else "visible"
