"""Fetching an identity's messages as the core's ingest does it: page by page, with the core's results."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zlib import crc32

from demo.archive import Archive
from demo.archive_pages import Page
from demo.cast import REPORTS_PROGRESS, Behaviour
from demo.core_provider import FetchFailedError, ProviderError, Reading
from demo.core_rows import Connection, Identity, Stored, find_identity, store_page

Result = dict[str, Any]
Report = Callable[[int, int], None]
"""Is told how many messages have been read, and how many there are."""

_DELTA_PAGES = 3


@dataclass(frozen=True, slots=True)
class Ingest:
    """What all of the ingest tasks work with."""

    connection: Connection
    archive: Archive
    pages_per_second: float


def backfill(ingest: Ingest, identity_id: int, task: str, report: Report) -> Result:
    """Fetch all that the provider holds of an identity.

    Args:
        ingest: Database and provider.
        identity_id: Whose.
        task: The task's name.
        report: Is told after each page, if the core reports the progress of this provider.

    Returns:
        What the core's tasks return.

    Raises:
        ReadTimeoutError: As a provider may do to the core.
        KeyError: Likewise.
    """
    identity = find_identity(ingest.connection, identity_id)
    if identity is None:
        return {"status": "error", "error": f"Identity {identity_id} not found"}
    if (refusal := _refusal(identity)) is not None:
        return refusal
    reading = _begin(ingest, identity, task)
    stored, errors = Stored(), []
    try:
        for page in reading.pages():
            store_page(ingest.connection, identity, page, stored)
            if reading.profile.behaviour is Behaviour.BROKEN_IMAGES:
                errors += _broken_images(page)
            if identity.provider_id in REPORTS_PROGRESS:
                report(stored.messages, reading.profile.messages)
    except FetchFailedError as error:
        errors.append(str(error))
    except ProviderError as error:
        return {"status": "error", "error": str(error)}
    return _result(stored, messages_synced=stored.messages, errors=errors)


def sync(ingest: Ingest, identity: Identity | None, task: str) -> Result:
    """Fetch what is new, going back until a page has nothing new.

    Args:
        ingest: Database and provider.
        identity: Whose; None when there is no such identity.
        task: The task's name.

    Returns:
        What the core's tasks return; it has synced 0 messages when all was up to date.

    Raises:
        ReadTimeoutError: As a provider may do to the core.
        KeyError: Likewise.
    """
    if identity is None:
        return {"status": "error", "error": "Identity not found"}
    if (refusal := _refusal(identity)) is not None:
        return refusal
    reading = _begin(ingest, identity, task)
    stored, errors = Stored(), []
    try:
        for page in reading.pages(at_most=_DELTA_PAGES):
            if not store_page(ingest.connection, identity, page, stored):
                break
        recent = ingest.archive.recent(identity.provider_id, identity.username, now=datetime.now(UTC))
        store_page(ingest.connection, identity, recent, stored)
    except FetchFailedError as error:
        errors.append(str(error))
    except ProviderError as error:
        return {"status": "error", "error": str(error)}
    return _result(stored, messages_synced=stored.new_messages, errors=errors)


def redownload_attachments(ingest: Ingest, conversation_id: int | None, limit: int) -> Result:
    """Look for attachments that aren't there yet. Every sixth message has one, every seventh of them is gone.

    Args:
        ingest: Database and provider.
        conversation_id: Which conversation; None for the newest messages of all.
        limit: How many messages to look at.

    Returns:
        What the core's task returns.
    """
    rows = ingest.connection.execute(
        "SELECT id FROM messages WHERE %(conversation)s::bigint IS NULL OR conversation_id = %(conversation)s"
        " ORDER BY id DESC LIMIT %(limit)s",
        {"conversation": conversation_id, "limit": limit},
    ).fetchall()
    wanted = [message_id for (message_id,) in rows if message_id % 6 == 0]
    created, errors = 0, []
    for message_id in wanted:
        if message_id % 42 == 0:
            errors.append(f"Image of message {message_id} could not be downloaded: 404 Not Found")
        elif ingest.archive.keep_attachment(message_id):
            created += 1
    return {
        "attachments_created": created,
        "already_exists": len(wanted) - created - len(errors),
        "download_failed": len(errors),
        "messages_scanned": len(rows),
        "urls_found": len(wanted),
        "errors": errors,
    }


def _begin(ingest: Ingest, identity: Identity, task: str) -> Reading:
    return Reading.begin(
        ingest.archive,
        identity.provider_id,
        identity.username,
        task,
        pages_per_second=ingest.pages_per_second,
    )


def _refusal(identity: Identity) -> Result | None:
    """Say why nothing is fetched at all, or None."""
    if not identity.is_active:
        return {"status": "skipped", "reason": f"Identity {identity.id} is not active"}
    if not identity.has_credentials:
        errors = [f"No credentials for identity {identity.id} ({identity.provider_id})"]
        return _result(Stored(), messages_synced=0, errors=errors)
    return None


def _result(stored: Stored, *, messages_synced: int, errors: list[str]) -> Result:
    return {
        "status": "success",
        "conversations_synced": len(stored.conversation_ids) if messages_synced else 0,
        "messages_synced": messages_synced,
        "new_conversations": stored.new_conversations,
        "new_messages": stored.new_messages,
        "errors": errors,
    }


def _broken_images(page: Page) -> list[str]:
    return [
        f"Image {message['image']} could not be downloaded: 404 Not Found"
        for message in page["messages"]
        if "image" in message and crc32(message["id"].encode()) % 4 == 0
    ]
