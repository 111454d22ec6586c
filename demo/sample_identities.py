"""Sample providers, identities, credentials in every condition, and the core's one user with old sessions."""

import random
import uuid
from base64 import b64encode
from typing import Any

import psycopg

from demo.cast import MASTODON, MEMBERS, PROVIDERS, REDDIT, Member
from demo.rows import DAY, HOUR, copy_rows, encode, stamp

_CREDENTIAL_COLUMNS = (
    "id", "provider_id", "identity_id", "credential_type", "secret_encrypted", "created_at", "rotated_at",
)  # fmt: skip


def load_identities(cursor: psycopg.Cursor[Any], rng: random.Random, now: int) -> None:
    """Load providers, identities and provider_credentials.

    Args:
        cursor: Where.
        rng: Where all choices come from.
        now: Seconds since 1970.

    Raises:
        psycopg.Error: A row isn't taken.
    """
    begun = now - 370 * DAY
    providers = [(key, name, True, stamp(begun)) for key, name in PROVIDERS.items()]
    copy_rows(cursor, "providers", ("provider_id", "display_name", "enabled", "created_at"), providers)
    columns = (
        "id", "provider_id", "external_username", "external_user_id", "display_name", "voice_config_json",
        "is_default", "is_active", "created_at", "updated_at",
    )  # fmt: skip
    copy_rows(cursor, "identities", columns, [_identity(rng, now, begun, member) for member in MEMBERS])
    credentials = [_credential(rng, REDDIT, None, "app_client_secret", created=begun, rotated=now - 100 * DAY)]
    credentials.append(_credential(rng, MASTODON, None, "app_client_secret", created=begun, rotated=None))
    for member in MEMBERS:
        rotated = None if member.rotated_days is None else now - member.rotated_days * DAY - 3 * HOUR
        credentials += [
            _credential(
                rng,
                member.provider_id,
                member.id,
                credential_type,
                created=_joined(begun, member),
                rotated=rotated,
            )
            for credential_type in member.credential_types
        ]
    rows = [(number, *credential) for number, credential in enumerate(credentials, start=1)]
    copy_rows(cursor, "provider_credentials", _CREDENTIAL_COLUMNS, rows)


def _identity(rng: random.Random, now: int, begun: int, member: Member) -> tuple[object, ...]:
    joined = _joined(begun, member)
    voice = {"tone": rng.choice(("warm", "brief", "formal")), "sign_off": None} if member.id % 3 else None
    return (
        member.id,
        member.provider_id,
        member.external_username,
        # The provider never told the id of the one that it didn't let log in.
        str(40_000_000 + member.id * 991) if member.credential_types else None,
        member.display_name,
        None if voice is None else encode(voice),
        member.is_default,
        member.is_active,
        stamp(joined),
        stamp(joined if member.is_active else now - member.silent_days * DAY),
    )


def _joined(begun: int, member: Member) -> int:
    return begun + member.id * 7 * HOUR


def _credential(
    rng: random.Random,
    provider_id: str,
    identity_id: int | None,
    credential_type: str,
    *,
    created: int,
    rotated: int | None,
) -> tuple[object, ...]:
    return (
        provider_id,
        identity_id,
        credential_type,
        f"sample-ciphertext-{rng.getrandbits(96):024x}",
        stamp(created),
        None if rotated is None else stamp(rotated),
    )


def load_users(cursor: psycopg.Cursor[Any], rng: random.Random, now: int) -> None:
    """Load the core's user and a few sessions. All sessions have ended: a demo must not hold a way in.

    Args:
        cursor: Where.
        rng: Where all choices come from.
        now: Seconds since 1970.

    Raises:
        psycopg.Error: A row isn't taken.
    """
    # It has the form of an Argon2id hash and is the hash of nothing.
    salt, digest = (b64encode(rng.randbytes(size)).decode().rstrip("=") for size in (16, 32))
    columns = ("id", "username", "password_hash", "created_at", "last_login_at")
    password = f"$argon2id$v=19$m=65536,t=3,p=4${salt}${digest}"
    user = (1, "owner", password, stamp(now - 371 * DAY), stamp(now - 8 * DAY))
    copy_rows(cursor, "local_users", columns, [user])
    sessions = []
    for days, data in ((190, None), (46, {}), (8, {"theme": "dark", "identity_id": 1})):
        created = now - days * DAY
        session_id = str(uuid.UUID(int=rng.getrandbits(128), version=4))
        text = None if data is None else encode(data)
        sessions.append((session_id, 1, stamp(created), stamp(created + 7 * DAY), text))
    copy_rows(cursor, "sessions", ("id", "user_id", "created_at", "expires_at", "data_json"), sessions)
