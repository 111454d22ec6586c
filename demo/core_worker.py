"""A stand-in for the worker of the core, the application whose operations the console shows.

    python -m celery -A demo.core_worker worker -Q ingest,messages,maintenance,celery -n core@%h -c 2

The stand-in has these tasks:

- ingest: backfill of conversations, backfill of messages, sync, and redownload of attachments
- sending a message
- cleaning up the scout's watch history, which the worker retries by itself, like the core's

Names, queues, arguments and results are the core's. The Celery application is configured like the core's: JSON only, no
track_started, no result_extended, and results in their own Redis database. The tasks read an archive of files instead
of a provider, at a human pace, and fail as the provider would. They really write to the core's tables.

The stand-in has no API, beat, backups, drafts or other tasks. Like the core, it discards unknown tasks. Neither
Django nor the console is imported.

Environment: CELERY_BROKER_URL, CORE_RESULT_BACKEND, DATABASE_URL (libpq), DEMO_ARCHIVE_DIR,
DEMO_PAGES_PER_SECOND (how many pages a provider gives in a second, default 3), and DEMO_RETRY_SECONDS (how long
the cleanup waits before it tries again, default 60).
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from celery import Celery, Task
from kombu import Exchange, Queue

from demo.archive import Archive
from demo.core_ingest import Ingest, Result, backfill, redownload_attachments, sync
from demo.core_maintenance import TASK as CLEANUP_HISTORY
from demo.core_maintenance import HistoryLockedError, cleanup_history
from demo.core_rows import connect, find_default_identity, find_identity
from demo.core_sending import QUEUE as MESSAGES
from demo.core_sending import TASK as SEND_MANUAL
from demo.core_sending import send_message

INGEST = "ingest"
QUEUES = (INGEST, MESSAGES, "maintenance", "celery")

_HOUR = 60 * 60


def _required(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise RuntimeError(f"Set the environment variable {name}; the core's worker can't start without it.")
    return value


app = Celery(
    "core",
    broker=_required("CELERY_BROKER_URL"),
    backend=_required("CORE_RESULT_BACKEND"),
    # A process that also has the console's application must not take this one for it.
    set_as_current=False,
    # Celery would load Django where DJANGO_SETTINGS_MODULE is set, as it is beside the console.
    fixups=[],
)
app.conf.update(
    accept_content=["json"],
    task_serializer="json",
    result_serializer="json",
    task_track_started=False,
    result_extended=False,
    result_expires=24 * _HOUR,
    task_soft_time_limit=300,
    task_time_limit=600,
    task_acks_late=True,
    worker_prefetch_multiplier=1,
    task_default_queue="celery",
    # Each bound by its own name alone: otherwise what is sent to one would arrive in all of them.
    task_queues=[Queue(name, Exchange(name), routing_key=name) for name in QUEUES],
    timezone="UTC",
    broker_connection_retry_on_startup=True,
    # The broker may be away for a while; the worker waits for it.
    broker_connection_max_retries=None,
    # Longer than the hard time limit, or Redis would hand a running task to another worker.
    broker_transport_options={
        "visibility_timeout": _HOUR,
        "socket_connect_timeout": 5,
        "health_check_interval": 25,
    },
    # Nor is a task's result lost, or its progress the end of it, when Redis is away for a minute.
    result_backend_always_retry=True,
    result_backend_max_sleep_between_retries_ms=2000,
)


@app.task(name="ingest.backfill_conversations", bind=True)
def backfill_conversations(
    self: Task[..., Result],
    provider_id: str,
    identity_id: int,
) -> Result:
    """Fetch all conversations of an identity, and their messages."""
    return _backfill(self, identity_id)


@app.task(name="ingest.backfill_messages", bind=True)
def backfill_messages(
    self: Task[..., Result],
    provider_id: str,
    conversation_id: int,
    identity_id: int,
) -> Result:
    """Fetch the messages of a conversation: in truth, of the whole identity."""
    with _ingest() as ingest:
        found = ingest.connection.execute("SELECT FROM conversations WHERE id = %s", (conversation_id,)).fetchone()
    if found is None:
        return {"status": "error", "error": f"Conversation {conversation_id} not found"}
    return _backfill(self, identity_id)


@app.task(name="ingest.sync_delta", bind=True)
def sync_delta(self: Task[..., Result], provider_id: str | None = None, identity_id: int | None = None) -> Result:
    """Fetch what is new for an identity, the default one when none is named."""
    with _ingest() as ingest:
        if identity_id is None:
            identity = find_default_identity(ingest.connection, provider_id)
        else:
            identity = find_identity(ingest.connection, identity_id)
        return sync(ingest, identity, str(self.name))


@app.task(name="ingest.sync_inbox_fast", bind=True)
def sync_inbox_fast(self: Task[..., Result], provider_id: str | None = None) -> Result:
    """Fetch what is new for the default identity."""
    with _ingest() as ingest:
        return sync(ingest, find_default_identity(ingest.connection, provider_id), str(self.name))


@app.task(name="ingest.redownload_attachments")
def redownload(conversation_id: int | None = None, limit: int = 100) -> Result:
    """Look for attachments that aren't there yet."""
    with _ingest() as ingest:
        return redownload_attachments(ingest, conversation_id, limit)


@app.task(name=SEND_MANUAL)
def send_manual(payload: dict[str, Any]) -> Result:
    """Send a message that was written by hand."""
    with _ingest() as ingest:
        return send_message(ingest.connection, ingest.archive, payload, pages_per_second=ingest.pages_per_second)


@app.task(name=CLEANUP_HISTORY, bind=True, max_retries=3)
def cleanup_scout_watch_history(self: Task[..., Result], retention_days: int = 3) -> Result:
    """Delete the scout's watch history that is older than some days."""
    archive = Path(_required("DEMO_ARCHIVE_DIR"))
    try:
        return cleanup_history(archive, retention_days, today=datetime.now(UTC).date())
    except HistoryLockedError as error:
        raise self.retry(exc=error, countdown=float(os.environ.get("DEMO_RETRY_SECONDS") or 60)) from error


def _backfill(task: Task[..., Result], identity_id: int) -> Result:
    def report(current: int, total: int) -> None:
        task.update_state(state="PROGRESS", meta={"current": current, "total": total, "unit": "messages"})

    with _ingest() as ingest:
        return backfill(ingest, identity_id, str(task.name), report)


@contextmanager
def _ingest() -> Iterator[Ingest]:
    """What a task works with; the connection is its own, so nothing is shared between forked workers."""
    archive = Archive(Path(_required("DEMO_ARCHIVE_DIR")))
    pages_per_second = float(os.environ.get("DEMO_PAGES_PER_SECOND") or 3)
    with connect(_required("DATABASE_URL")) as connection:
        yield Ingest(connection, archive, pages_per_second)
