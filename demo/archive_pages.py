"""Compose the pages of a provider's archive: who wrote what to whom, newest first."""

import random
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import NotRequired, TypedDict

from demo.cast import MASTODON
from demo.sentences import BODIES, invent_username

MESSAGES_PER_PAGE = 25

_REACHES_BACK = timedelta(days=420)
_RECENT = timedelta(hours=2)
_SLOT_SECONDS = 600


class ArchivedAccount(TypedDict):
    """Somebody whom the identity writes to."""

    username: str
    user_id: str
    remote_status: str


class ArchivedConversation(TypedDict):
    """A conversation, with the user name of the counterpart."""

    id: str
    counterpart: str


class ArchivedMessage(TypedDict):
    """A message; `sent_at` is ISO 8601 in UTC. `image` is the address of an attached image."""

    id: str
    conversation: str
    direction: str
    sent_at: str
    body: str
    image: NotRequired[str]


class Page(TypedDict):
    """One page: its messages, newest first, and whatever accounts and conversations they mention."""

    accounts: list[ArchivedAccount]
    conversations: list[ArchivedConversation]
    messages: list[ArchivedMessage]


def compose_pages(provider_id: str, username: str, count: int, *, newest: datetime) -> list[Page]:
    """Compose an identity's whole archive.

    Args:
        provider_id: The provider.
        username: The identity's name there.
        count: The number of pages; all are full.
        newest: No message is newer.

    Returns:
        The pages, newest first; the same ones for the same arguments.
    """
    rng = random.Random(f"{provider_id}/{username}")
    wanted = count * MESSAGES_PER_PAGE
    accounts: dict[str, ArchivedAccount] = {}
    conversations: dict[str, ArchivedConversation] = {}
    messages: list[ArchivedMessage] = []
    while len(messages) < wanted:
        key = f"{username}/{len(conversations)}"
        name = invent_username(rng, federated=provider_id == MASTODON)
        accounts[name] = {
            "username": name,
            "user_id": _external_id(provider_id, f"account/{name}"),
            "remote_status": rng.choices(("active", "deleted", "suspended"), (94, 4, 2))[0],
        }
        conversation_id = _external_id(provider_id, f"conversation/{key}")
        conversations[conversation_id] = {"id": conversation_id, "counterpart": name}
        sent_at = newest - _REACHES_BACK * rng.random() ** 1.5
        for number in range(min(int(rng.paretovariate(0.9)) + 1, 60, wanted - len(messages))):
            message: ArchivedMessage = {
                "id": _external_id(provider_id, f"message/{key}/{number}"),
                "conversation": conversation_id,
                "direction": rng.choices(("in", "out", "system"), (56, 42, 2))[0],
                "sent_at": sent_at.isoformat(timespec="seconds"),
                "body": rng.choice(BODIES),
            }
            if rng.random() < 0.04:
                # Letters only: a number in it could be taken for the status of an answer.
                name = "".join(rng.choices("abcdefghkmnp", k=12))
                message["image"] = f"https://images.{provider_id}.example/{name}.jpg"
            messages.append(message)
            sent_at -= timedelta(minutes=rng.expovariate(1 / 240))
    messages.sort(key=lambda message: (message["sent_at"], message["id"]), reverse=True)
    return [
        _page(messages[start : start + MESSAGES_PER_PAGE], conversations, accounts)
        for start in range(0, wanted, MESSAGES_PER_PAGE)
    ]


def compose_recent(provider_id: str, username: str, newest_page: Page, *, now: datetime) -> Page:
    """Compose what has come in lately; a moment that was in two answers is the same message in both.

    Args:
        provider_id: The provider.
        username: The identity's name there.
        newest_page: Where its conversations come from.
        now: The end of the two hours.

    Returns:
        A page, often empty.
    """
    conversations = {each["id"]: each for each in newest_page["conversations"]}
    accounts = {each["username"]: each for each in newest_page["accounts"]}
    chosen = sorted(conversations)
    last = int(now.timestamp()) // _SLOT_SECONDS
    messages: list[ArchivedMessage] = []
    for slot in range(last, last - int(_RECENT.total_seconds()) // _SLOT_SECONDS, -1):
        chance = _number(f"{provider_id}/{username}/recent/{slot}")
        if chance % 4:
            continue
        messages.append(
            {
                "id": _external_id(provider_id, f"message/{username}/recent/{slot}"),
                "conversation": chosen[chance // 4 % len(chosen)],
                "direction": "in",
                "sent_at": datetime.fromtimestamp(slot * _SLOT_SECONDS, now.tzinfo).isoformat(),
                "body": BODIES[chance // 64 % len(BODIES)],
            }
        )
    return _page(messages, conversations, accounts)


def _page(
    messages: list[ArchivedMessage],
    conversations: dict[str, ArchivedConversation],
    accounts: dict[str, ArchivedAccount],
) -> Page:
    mentioned = [conversations[each] for each in dict.fromkeys(message["conversation"] for message in messages)]
    people = [accounts[each] for each in dict.fromkeys(each["counterpart"] for each in mentioned)]
    return {"accounts": people, "conversations": mentioned, "messages": messages}


def _external_id(provider_id: str, key: str) -> str:
    """Make up an id in the provider's style that no other key has, nor any row of the sample data."""
    if provider_id == MASTODON:
        return f"10{_number(key) % 10**17:017}"
    return f"t4_a{_number(f'{provider_id}/{key}'):016x}"


def _number(key: str) -> int:
    return int.from_bytes(blake2b(key.encode(), digest_size=8).digest())
