"""Who calls the API, what it answers with, and rows that no well-behaved writer makes."""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.utils.crypto import get_random_string
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from jobs.models import Dispatch, Job, Run, RunJob
from tests.cast import NOW, make_job

ANCIENT = NOW - timedelta(days=365)


def make_staff(name: str, *groups: str, **values: Any) -> User:
    """Make a staff user of these groups, who can't log in by password: hashing one takes most of a test's time."""
    user = User(username=name, **{"is_staff": True, **values})
    user.set_unusable_password()
    user.save()
    user.groups.set(Group.objects.filter(name__in=groups))
    return user


def with_token(user: User, **options: Any) -> APIClient:
    """Return a client that sends the user's token."""
    client = APIClient(**options)
    client.credentials(HTTP_AUTHORIZATION=f"Token {Token.objects.get_or_create(user=user)[0].key}")
    return client


def log_in(client: Client, user: User) -> None:
    """Give a client the session of a user who has logged in.

    `force_login` runs the whole login, which costs as much as the request that a test is about.
    """
    session = import_module(settings.SESSION_ENGINE).SessionStore(get_random_string(32))
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[-1]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save(must_create=True)
    client.cookies[settings.SESSION_COOKIE_NAME] = session.session_key


def refusal(response: Any, status: int, code: str) -> str:
    """Check that an answer is a refusal in JSON, and return its sentence."""
    assert response.status_code == status, response.content[:500]
    assert response["Content-Type"] == "application/json"
    body = response.json()
    assert body["code"] == code, body
    assert isinstance(body["detail"], str)
    assert body["detail"].strip()
    return str(body["detail"])


def accepted(response: Any) -> dict[str, Any]:
    """Check that an answer is the 202 of what started a run, and return it."""
    assert response.status_code == 202, response.content[:500]
    body: dict[str, Any] = response.json()
    assert set(body) == {
        "job_id",
        "status",
        "message",
        "jobs",
        "already_active",
        "handed_over",
        "left_out",
        "conversations",
    }
    assert body["status"] == "queued"
    assert str(uuid.UUID(body["job_id"])) == body["job_id"]
    assert body["message"]
    return body


def insert(table: str, **values: Any) -> int:
    """Insert a row with exactly these columns, as another writer would, and return its id."""
    columns = ", ".join(values)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({columns}) VALUES ({', '.join(['%s'] * len(values))}) RETURNING id",
            list(values.values()),
        )
        (pk,) = cursor.fetchone()
    return int(pk)


def insert_job(payload: str = "{}", /, **values: Any) -> int:
    """Insert a job whose payload is this JSON text, and return its id."""
    defaults: dict[str, Any] = {
        "queue_name": "ingest",
        "job_type": "ingest.sync_delta",
        "status": "failed",
        "attempts": 3,
        "max_attempts": 3,
        "next_run_at": None,
        "last_error": None,
        "dedupe_key": None,
        "created_at": NOW,
        "updated_at": NOW,
    }
    return insert("jobs", payload_json=payload, **{**defaults, **values})


def insert_message(conversation_id: int, *, text: str, **values: Any) -> int:
    """Insert a message with its text, which no model maps, and return its id."""
    defaults: dict[str, Any] = {
        "provider_id": "reddit",
        "external_message_id": None,
        "identity_id": None,
        "direction": "out",
        "sent_at": NOW,
        "remote_visibility": "unknown",
        "remote_deleted_at": None,
        "deleted_at": None,
        "created_at": NOW,
    }
    return insert("messages", conversation_id=conversation_id, body_text=text, **{**defaults, **values})


def insert_audit(**values: Any) -> int:
    """Insert an audit row as the core writes them, and return its id."""
    defaults: dict[str, Any] = {
        "ts": NOW,
        "actor": "user",
        "action_type": "job.retry",
        "provider_id": None,
        "identity_id": None,
        "entity_type": "job",
        "entity_id": 1,
        "request_json": None,
        "response_json": None,
        "result": "ok",
        "error_detail": None,
    }
    return insert("audit_log", **{**defaults, **values})


def make_attempt(job_id: int, **values: Any) -> Dispatch:
    """Add an attempt at a job that the console made and handed over."""
    defaults: dict[str, Any] = {
        "task": "ingest.sync_delta",
        "queue": "ingest",
        "in_core": True,
        "requested_by": "olivia",
        "via": "api",
        "requested_at": NOW,
        "publication_lease_until": NOW,
        "published_at": NOW,
    }
    return Dispatch.objects.create(job_id=job_id, **{**defaults, **values})


def make_run(*job_ids: int, **values: Any) -> Run:
    """Add a run of these jobs."""
    defaults: dict[str, Any] = {
        "operation": "backfill.trigger",
        "title": "Backfill Alice",
        "requested_by": "olivia",
        "via": "api",
        "created_at": NOW,
    }
    run = Run.objects.create(**{**defaults, **values})
    RunJob.objects.bulk_create(RunJob(run=run, job_id=job_id) for job_id in job_ids)
    return run


def make_jobs(count: int, **values: Any) -> list[int]:
    """Insert several jobs and return their ids, oldest first."""
    return [make_job(**values).pk for _ in range(count)]


def ids(answer: Mapping[str, Any]) -> list[int]:
    """Return the ids of an answer's jobs."""
    return [job["id"] for job in answer["jobs"]]


def ledger_state() -> list[tuple[Any, ...]]:
    """Return what a refused request must not change."""
    rows = Job.objects.order_by("pk").values_list("pk", "status", "attempts", "last_error", "dedupe_key", "updated_at")
    return [*rows, ("runs", Run.objects.count()), ("dispatches", Dispatch.objects.count())]


def is_utc(text: str) -> bool:
    """Say whether a time is written as the API writes times: ISO 8601, UTC, ending in Z."""
    return text.endswith("Z") and datetime.fromisoformat(text).tzinfo == UTC
