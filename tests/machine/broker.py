"""What lies in the real Redis: messages that the gateway published, and results that the core's worker leaves."""

import base64
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import redis
from django.conf import settings

OWN_QUEUE = "opsconsole"
CORE_QUEUES = ("ingest", "messages", "core")
QUEUES = (OWN_QUEUE, *CORE_QUEUES)


@dataclass(frozen=True)
class Message:
    """A Celery message, as a worker gets it."""

    queue: str
    task: str
    task_id: str
    job_id: int
    dispatch_id: int
    kwargs: dict[str, Any]


class Broker:
    """The queues and the core's results, seen as a worker sees them."""

    def __init__(self) -> None:
        self._queues = redis.Redis.from_url(settings.CELERY_BROKER_URL)
        self._results = redis.Redis.from_url(settings.CORE_RESULT_BACKEND)

    def close(self) -> None:
        for client in (self._queues, self._results):
            if keys := [key for key in client.scan_iter(count=1000) if not key.startswith(b"_kombu.binding.")]:
                client.delete(*keys)
            client.close()

    def lengths(self) -> dict[str, int]:
        pipeline = self._queues.pipeline(transaction=False)
        for queue in QUEUES:
            pipeline.llen(queue)
        return dict(zip(QUEUES, pipeline.execute(), strict=True))

    def waiting(self) -> list[Message]:
        pipeline = self._queues.pipeline(transaction=False)
        for queue in QUEUES:
            pipeline.lrange(queue, 0, -1)
        held = zip(QUEUES, pipeline.execute(), strict=True)
        return [_message(queue, raw) for queue, messages in held for raw in messages]

    def take(self, queue: str) -> Message | None:
        """Take the oldest message of a queue, as a worker does."""
        raw = self._queues.rpop(queue)
        return _message(queue, raw) if raw else None

    def duplicate(self, queue: str) -> None:
        """Put the oldest message of a queue into it once more, as Redis does when its visibility time-out is over."""
        if raw := self._queues.lindex(queue, -1):
            self._queues.lpush(queue, raw)

    def leave_result(self, task_id: str, state: str, result: Any, *, traceback: str | None = None) -> None:
        meta = {
            "status": state,
            "result": result,
            "traceback": traceback,
            "children": [],
            "date_done": datetime.now(UTC).isoformat(),
            "task_id": task_id,
        }
        self._results.set(f"celery-task-meta-{task_id}", json.dumps(meta))


def _message(queue: str, raw: Any) -> Message:
    envelope = json.loads(raw)
    headers = envelope["headers"]
    assert envelope["properties"]["body_encoding"] == "base64"
    _, kwargs, _ = json.loads(base64.b64decode(envelope["body"]))
    return Message(
        queue=queue,
        task=headers["task"],
        task_id=headers["id"],
        job_id=headers["job_id"],
        dispatch_id=headers["dispatch_id"],
        kwargs=kwargs,
    )
