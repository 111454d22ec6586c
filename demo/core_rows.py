"""What the core's worker reads from and writes to the core's tables.

The same statements serve both variants: every column is written, none is left to a default; text stands for
enums; and the session's time zone is UTC, which makes an aware datetime right for both kinds of timestamp.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import psycopg

from demo.archive_pages import ArchivedAccount, Page

Connection = psycopg.Connection[tuple[Any, ...]]

_IDENTITY = (
    "SELECT i.id, i.provider_id, i.external_username, i.is_active,"
    " EXISTS (SELECT FROM provider_credentials c WHERE c.identity_id = i.id) FROM identities i"
)


@dataclass(frozen=True, slots=True)
class Identity:
    """What the worker needs to know of one."""

    id: int
    provider_id: str
    username: str
    is_active: bool
    has_credentials: bool


@dataclass(slots=True)
class Stored:
    """What an attempt has written so far."""

    new_conversations: int = 0
    new_messages: int = 0
    messages: int = 0
    conversation_ids: dict[str, int] = field(default_factory=dict)
    """Primary keys by the provider's ids, of all conversations that were seen."""


def connect(database_url: str) -> Connection:
    """Connect to the core's database.

    Args:
        database_url: A libpq URL.

    Returns:
        A connection under autocommit; whatever belongs together needs a transaction.

    Raises:
        psycopg.OperationalError: It can't be reached.
    """
    connection: Connection = psycopg.connect(database_url, autocommit=True, application_name="core worker")
    connection.execute("SET TIME ZONE 'UTC'")
    return connection


def find_identity(connection: Connection, identity_id: int) -> Identity | None:
    """Look an identity up by its primary key; None when there is none."""
    return _identity(connection.execute(_IDENTITY + " WHERE i.id = %s", (identity_id,)).fetchone())


def find_default_identity(connection: Connection, provider_id: str | None = None) -> Identity | None:
    """Look up the active default identity of a provider, or the first of all; None when there is none."""
    condition = " WHERE i.is_default AND i.is_active AND i.provider_id = coalesce(%s, i.provider_id)"
    query = _IDENTITY + condition + " ORDER BY i.id LIMIT 1"
    return _identity(connection.execute(query, (provider_id,)).fetchone())


def find_identity_of_conversation(connection: Connection, conversation_id: int) -> Identity | None:
    """Look up whose conversation it is; None when there is no such conversation."""
    query = _IDENTITY + " JOIN conversations v ON v.identity_id = i.id WHERE v.id = %s"
    return _identity(connection.execute(query, (conversation_id,)).fetchone())


def _identity(row: tuple[Any, ...] | None) -> Identity | None:
    return None if row is None else Identity(*row)


def store_page(connection: Connection, identity: Identity, page: Page, stored: Stored) -> int:
    """Insert or update what one page holds, in one transaction.

    Args:
        connection: Where.
        identity: Whose page it is.
        page: The page.
        stored: Is brought up to date.

    Returns:
        How many of its messages were new.
    """
    now = datetime.now(UTC)
    latest: dict[str, str] = {}
    for message in page["messages"]:
        known = latest.get(message["conversation"], "")
        latest[message["conversation"]] = max(known, message["sent_at"])
    with connection.transaction():
        accounts = {
            account["username"]: _store_account(connection, identity, account, now=now)
            # In one order everywhere, so that two workers on the same accounts can't deadlock.
            for account in sorted(page["accounts"], key=lambda each: each["username"])
        }
        for conversation in sorted(page["conversations"], key=lambda each: each["id"]):
            external_id = conversation["id"]
            conversation_id, is_new = _store_conversation(
                connection,
                identity,
                external_id,
                account_id=accounts[conversation["counterpart"]],
                latest=datetime.fromisoformat(latest[external_id]),
                now=now,
            )
            stored.conversation_ids[external_id] = conversation_id
            stored.new_conversations += is_new
        new = _store_messages(connection, identity, page, stored.conversation_ids, now=now)
    stored.messages += len(page["messages"])
    stored.new_messages += new
    return new


def _store_account(connection: Connection, identity: Identity, account: ArchivedAccount, *, now: datetime) -> int:
    row = connection.execute(
        "INSERT INTO external_accounts"
        " (provider_id, external_user_id, external_username, remote_status, created_at, updated_at)"
        " VALUES (%s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (provider_id, external_username) DO UPDATE"
        " SET remote_status = EXCLUDED.remote_status, updated_at = EXCLUDED.updated_at"
        " RETURNING id",
        (identity.provider_id, account["user_id"], account["username"], account["remote_status"], now, now),
    ).fetchone()
    return int(_returned(row)[0])


def _store_conversation(
    connection: Connection,
    identity: Identity,
    external_id: str,
    *,
    account_id: int,
    latest: datetime,
    now: datetime,
) -> tuple[int, bool]:
    row = connection.execute(
        "INSERT INTO conversations"
        " (provider_id, external_conversation_id, counterpart_account_id, identity_id,"
        " created_at, updated_at, last_activity_at, archived_at, deleted_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, NULL, NULL)"
        " ON CONFLICT (provider_id, external_conversation_id) DO UPDATE SET updated_at = EXCLUDED.updated_at,"
        " last_activity_at = GREATEST(conversations.last_activity_at, EXCLUDED.last_activity_at)"
        # A row that this statement has inserted was never updated.
        " RETURNING id, xmax = 0",
        (identity.provider_id, external_id, account_id, identity.id, now, now, latest),
    ).fetchone()
    number, is_new = _returned(row)
    return number, is_new


def _store_messages(
    connection: Connection,
    identity: Identity,
    page: Page,
    conversation_ids: dict[str, int],
    *,
    now: datetime,
) -> int:
    """Insert the messages that aren't there yet; the unique key decides."""
    rows = [
        (
            identity.provider_id,
            message["id"],
            conversation_ids[message["conversation"]],
            None if message["direction"] == "system" else identity.id,
            message["direction"],
            datetime.fromisoformat(message["sent_at"]),
            message["body"],
            now,
        )
        for message in page["messages"]
    ]
    if not rows:
        return 0
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO messages (provider_id, external_message_id, conversation_id, identity_id, direction,"
            " sent_at, body_text, remote_visibility, remote_deleted_at, deleted_at, created_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, 'visible', NULL, NULL, %s)"
            " ON CONFLICT (provider_id, external_message_id) DO NOTHING",
            rows,
        )
        return cursor.rowcount


def _returned(row: tuple[Any, ...] | None) -> tuple[Any, ...]:
    if row is None:  # pragma: no cover - these statements always return a row
        raise RuntimeError("PostgreSQL returned no row.")
    return row
