"""The stand-in's ingest and sending, on real tables; its Celery application, in a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from demo.archive import Archive
from demo.core_ingest import Ingest, backfill, redownload_attachments, sync
from demo.core_provider import ReadTimeoutError
from demo.core_rows import Connection, connect, find_default_identity, find_identity
from demo.core_sending import send_message
from demo.ledger_key import dedupe_key
from opsconsole.schema.ddl import create_tables

TASK = "ingest.backfill_conversations"
NOW = datetime(2025, 3, 30, 9, 30, tzinfo=UTC)


@pytest.fixture
def connection(core_database: str, variant: str) -> Iterator[Connection]:
    with connect(core_database) as connection:
        create_tables(connection.cursor(), variant)
        for provider_id in ("reddit", "mastodon"):
            connection.execute("INSERT INTO providers VALUES (%s, %s, true, %s)", (provider_id, provider_id, NOW))
        yield connection


@pytest.fixture
def ingest(connection: Connection, tmp_path: Path) -> Ingest:
    return Ingest(connection, Archive(tmp_path), 10_000)


def make_identity(connection: Connection, username: str, **values: Any) -> int:
    provider_id = values.get("provider_id", "reddit")
    row = connection.execute(
        "INSERT INTO identities (provider_id, external_username, display_name, is_default, is_active,"
        " created_at, updated_at) VALUES (%s, %s, 'Name', %s, %s, %s, %s) RETURNING id",
        (provider_id, username, values.get("is_default", False), values.get("is_active", True), NOW, NOW),
    ).fetchone()
    assert row is not None
    if values.get("has_credentials", True):
        connection.execute(
            "INSERT INTO provider_credentials (provider_id, identity_id, credential_type, secret_encrypted,"
            " created_at) VALUES (%s, %s, 'oauth_tokens', 'x', %s)",
            (provider_id, row[0], NOW),
        )
    return int(row[0])


def count(connection: Connection, table: str) -> int:
    row = connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
    assert row is not None
    return int(row[0])


def test_a_backfill_brings_everything_once_and_says_how_far_it_is(ingest: Ingest) -> None:
    identity_id = make_identity(ingest.connection, "quietharbor_")
    reports: list[tuple[int, int]] = []
    result = backfill(ingest, identity_id, TASK, lambda current, total: reports.append((current, total)))
    conversations = count(ingest.connection, "conversations")
    assert result == {
        "status": "success",
        "conversations_synced": conversations,
        "messages_synced": 1600,
        "new_conversations": conversations,
        "new_messages": 1600,
        "errors": [],
    }
    assert count(ingest.connection, "messages") == 1600
    assert reports == [(number * 25, 1600) for number in range(1, 65)]

    again = backfill(ingest, identity_id, TASK, lambda *_: None)
    assert again == result | {"new_conversations": 0, "new_messages": 0}
    assert count(ingest.connection, "messages") == 1600


def test_another_provider_reports_nothing(ingest: Ingest) -> None:
    identity_id = make_identity(ingest.connection, "tidepool@coast.example", provider_id="mastodon")
    reports: list[tuple[int, int]] = []
    assert backfill(ingest, identity_id, TASK, lambda *at: reports.append(at))["new_messages"] == 600
    assert reports == []


def test_a_rate_limit_ends_an_attempt_in_the_middle_and_the_next_one_finishes_it(ingest: Ingest) -> None:
    identity_id = make_identity(ingest.connection, "nightbus_42")
    first = backfill(ingest, identity_id, TASK, lambda *_: None)
    assert (first["status"], first["new_messages"]) == ("success", 150)
    assert first["errors"] == ["Failed to fetch page 7: 429 Too Many Requests (retry-after: 54)"]
    second = backfill(ingest, identity_id, TASK, lambda *_: None)
    assert (second["new_messages"], second["errors"]) == (750, [])


def test_what_never_works_says_so_in_each_of_the_ways(ingest: Ingest) -> None:
    def attempt(username: str, **values: Any) -> dict[str, Any]:
        return backfill(ingest, make_identity(ingest.connection, username, **values), TASK, lambda *_: None)

    assert "401 Unauthorized (invalid_grant" in attempt("oldtownledger")["errors"][0]
    assert attempt("nobody", has_credentials=False)["errors"] == ["No credentials for identity 2 (reddit)"]
    assert attempt("retired", is_active=False) == {"status": "skipped", "reason": "Identity 3 is not active"}
    assert backfill(ingest, 99, TASK, lambda *_: None) == {"status": "error", "error": "Identity 99 not found"}
    broken = make_identity(ingest.connection, "thirdshelfbooks")
    assert backfill(ingest, broken, TASK, lambda *_: None)["status"] == "error"
    with pytest.raises(KeyError, match="author_fullname"):
        backfill(ingest, broken, TASK, lambda *_: None)
    late = make_identity(ingest.connection, "brassandoak@workshop.example", provider_id="mastodon")
    results = [backfill(ingest, late, TASK, lambda *_: None) for _ in range(2)]
    assert [bool(each["errors"]) for each in results] == [True, False]
    with pytest.raises(ReadTimeoutError):
        backfill(ingest, late, TASK, lambda *_: None)


def test_a_sync_finds_the_newest_messages_and_then_nothing(ingest: Ingest) -> None:
    identity_id = make_identity(ingest.connection, "quietharbor_", is_default=True)
    identity = find_identity(ingest.connection, identity_id)
    assert find_default_identity(ingest.connection) == identity
    assert find_default_identity(ingest.connection, "mastodon") is None
    first = sync(ingest, identity, "ingest.sync_delta")
    assert first["messages_synced"] == first["new_messages"] >= 75
    # Messages go on coming in, one every now and then.
    assert sync(ingest, identity, "ingest.sync_delta")["messages_synced"] <= 1
    assert sync(ingest, None, "ingest.sync_delta") == {"status": "error", "error": "Identity not found"}


def test_attachments_are_downloaded_once(ingest: Ingest) -> None:
    backfill(ingest, make_identity(ingest.connection, "quietharbor_"), TASK, lambda *_: None)
    first = redownload_attachments(ingest, None, 200)
    assert first["messages_scanned"] == 200
    assert first["urls_found"] == first["attachments_created"] + first["download_failed"]
    assert len(first["errors"]) == first["download_failed"] > 0
    second = redownload_attachments(ingest, None, 200)
    assert (second["attachments_created"], second["already_exists"]) == (0, first["attachments_created"])


def _message(ingest: Ingest, *, deleted: bool = False) -> dict[str, int]:
    connection = ingest.connection
    row = connection.execute("SELECT id, conversation_id, identity_id FROM messages WHERE direction = 'out'").fetchone()
    assert row is not None
    connection.execute(
        "UPDATE messages SET remote_visibility = 'unknown', deleted_at = %s WHERE id = %s",
        (NOW if deleted else None, row[0]),
    )
    payload = dict(zip(("message_id", "conversation_id", "identity_id"), row, strict=True))
    connection.execute(
        "INSERT INTO jobs (queue_name, job_type, payload_json, status, attempts, max_attempts, dedupe_key,"
        " created_at, updated_at) VALUES ('messages', 'send_manual', %s, 'queued', 0, 1, %s, %s, %s)",
        (json.dumps(payload), dedupe_key("messages", "send_manual", payload), NOW, NOW),
    )
    return payload


def _send(ingest: Ingest, payload: dict[str, Any]) -> tuple[str, tuple[Any, ...], str]:
    result = send_message(ingest.connection, ingest.archive, payload, pages_per_second=10_000)
    job = ingest.connection.execute(
        "SELECT status, attempts, last_error, dedupe_key FROM jobs ORDER BY id DESC LIMIT 1"
    ).fetchone()
    message = ingest.connection.execute(
        "SELECT remote_visibility FROM messages WHERE id = %s", (payload["message_id"],)
    ).fetchone()
    assert job is not None
    assert message is not None
    return result["status"], job, message[0]


def test_a_message_is_sent_and_its_job_done(ingest: Ingest) -> None:
    backfill(ingest, make_identity(ingest.connection, "quietharbor_"), TASK, lambda *_: None)
    assert _send(ingest, _message(ingest)) == ("success", ("done", 1, None, None), "visible")
    reason = "The message was deleted before it was sent"
    assert _send(ingest, _message(ingest, deleted=True)) == ("skipped", ("failed", 1, reason, None), "unknown")


def test_nobody_knows_what_became_of_a_message_whose_sending_timed_out(ingest: Ingest) -> None:
    late = make_identity(ingest.connection, "brassandoak@workshop.example", provider_id="mastodon")
    backfill(ingest, late, TASK, lambda *_: None)
    status, (job_status, _, error, key), visibility = _send(ingest, _message(ingest))
    assert (status, job_status, key, visibility) == ("failed", "failed", None, "unknown")
    assert error.startswith("AMBIGUOUS:")


@pytest.mark.processes
def test_the_celery_application_is_configured_like_the_cores_and_knows_no_console() -> None:
    code = (
        "import sys; from demo.core_worker import app; c = app.conf;"
        "print(c.accept_content, c.task_track_started, c.result_extended, c.task_soft_time_limit, c.task_time_limit,"
        " c.result_expires, c.worker_prefetch_multiplier, [q.routing_key for q in c.task_queues]);"
        # Kombu imports a little of Django where it is installed.
        "print(sorted({'django.conf', 'django.apps', 'opsconsole', 'jobs', 'identities'} & set(sys.modules)))"
    )
    environment = os.environ | {
        "CELERY_BROKER_URL": "redis://",
        "CORE_RESULT_BACKEND": "redis:///3",
        # As it may be set beside the console.
        "DJANGO_SETTINGS_MODULE": "opsconsole.settings",
    }
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert run.stdout.splitlines() == [
        "['json'] False False 300 600 86400 1 ['ingest', 'messages', 'maintenance', 'celery']",
        "[]",
    ]


@pytest.mark.processes
def test_without_its_environment_the_worker_says_what_is_missing() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "CORE_RESULT_BACKEND"}
    environment["CELERY_BROKER_URL"] = "redis://"
    run = subprocess.run(
        [sys.executable, "-c", "import demo.core_worker"], env=environment, capture_output=True, text=True, check=False
    )
    assert "Set the environment variable CORE_RESULT_BACKEND" in run.stderr
