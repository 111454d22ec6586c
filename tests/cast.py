"""A small cast of rows in the core's tables. Every column is set: the native variant has no defaults."""

from datetime import UTC, datetime
from itertools import count
from typing import Any

from django.contrib.auth.models import Permission, User
from django.db import connection

from identities.models import Conversation, ExternalAccount, Identity, Message, Provider
from jobs import ledger
from jobs.models import ENDED_STATUSES, FAILED, Job
from opsconsole.audit import Actor

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
OPERATOR = Actor(name="olivia", via="api")

_serial = count(1)


def make_provider(provider_id: str = "reddit") -> Provider:
    """Return the provider, created if missing, with a credential of its application: its identities can sync."""
    provider, is_new = Provider.objects.get_or_create(
        provider_id=provider_id, defaults={"display_name": provider_id.title(), "enabled": True, "created_at": NOW}
    )
    if is_new:
        _insert_credential(provider_id, None, "app_client_secret", "s3cr3t")
    return provider


def make_identity(name: str = "", *, provider_id: str = "reddit", **values: Any) -> Identity:
    """Insert an active identity."""
    name = name or f"Identity {next(_serial)}"
    defaults: dict[str, Any] = {
        "external_username": f"{name.lower().replace(' ', '_')}_{next(_serial)}",
        "external_user_id": None,
        "is_default": False,
        "is_active": True,
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Identity.objects.create(provider=make_provider(provider_id), display_name=name, **{**defaults, **values})


def make_credential(identity: Identity, credential_type: str = "oauth_tokens", *, secret: str = "s3cr3t") -> int:
    """Insert a credential, with the secret that no model maps; returns its id."""
    return _insert_credential(identity.provider_id, identity.pk, credential_type, secret)


def _insert_credential(provider_id: str, identity_id: int | None, credential_type: str, secret: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO provider_credentials (provider_id, identity_id, credential_type, secret_encrypted,"
            " created_at) VALUES (%s, %s, %s, %s, %s) RETURNING id",
            [provider_id, identity_id, credential_type, secret, NOW],
        )
        (pk,) = cursor.fetchone()
    return int(pk)


def make_conversation(identity: Identity, counterpart: str = "", **values: Any) -> Conversation:
    """Insert a conversation with a counterpart of its own."""
    account = ExternalAccount.objects.create(
        provider_id=identity.provider_id,
        external_user_id=None,
        external_username=counterpart or f"counterpart_{next(_serial)}",
        remote_status="active",
        created_at=NOW,
        updated_at=NOW,
    )
    defaults: dict[str, Any] = {
        "external_conversation_id": f"c{next(_serial)}",
        "created_at": NOW,
        "updated_at": NOW,
        "last_activity_at": NOW,
        "archived_at": None,
        "deleted_at": None,
    }
    return Conversation.objects.create(
        provider_id=identity.provider_id, counterpart_account=account, identity=identity, **{**defaults, **values}
    )


def make_message(conversation: Conversation, **values: Any) -> Message:
    """Insert a message without a text."""
    defaults: dict[str, Any] = {
        "external_message_id": f"m{next(_serial)}",
        "identity_id": conversation.identity_id,
        "direction": "out",
        "sent_at": NOW,
        "remote_visibility": "visible",
        "remote_deleted_at": None,
        "deleted_at": None,
        "created_at": NOW,
    }
    return Message.objects.create(
        provider_id=conversation.provider_id, conversation=conversation, **{**defaults, **values}
    )


def make_job(job_type: str = "ingest.sync_delta", *, status: str = FAILED, payload: Any = None, **values: Any) -> Job:
    """Insert a job as the core does: with its dedupe key while it is active, without one when it has ended."""
    queue = values.pop("queue_name", "ingest")
    payload = {"n": next(_serial)} if payload is None else payload
    defaults: dict[str, Any] = {
        "attempts": 3 if status == FAILED else 0,
        "max_attempts": 3,
        "next_run_at": None,
        "last_error": "TimeoutError: the provider did not answer" if status == FAILED else None,
        "dedupe_key": None if status in ENDED_STATUSES else ledger.dedupe_key(queue, job_type, payload),
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Job.objects.create(
        queue_name=queue, job_type=job_type, payload_json=payload, status=status, **{**defaults, **values}
    )


def make_user(name: str = "olivia", *permissions: str, **values: Any) -> User:
    """Make a staff user with these permissions (`app.codename`) and nothing else."""
    # No password: hashing one takes most of a test's time.
    user = User.objects.create_user(name, is_staff=values.pop("is_staff", True), **values)
    for label in permissions:
        app, codename = label.split(".")
        user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    return user
