"""What tests of settling need: to say what the core's worker has left in its result back end."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest
import redis
from django.conf import settings

from jobs.models import Dispatch

Leave = Callable[..., None]


@pytest.fixture
def leave_result(transactional_db: None) -> Iterator[Leave]:
    """Leave what a task has returned, as Celery's Redis back end does: `leave_result(dispatch, result, state=…)`."""
    with closing(redis.Redis.from_url(settings.CORE_RESULT_BACKEND)) as client:

        def leave(dispatch: Dispatch, result: Any, *, state: str = "SUCCESS", traceback: str | None = None) -> None:
            meta = {
                "status": state,
                "result": result,
                "traceback": traceback,
                "children": [],
                "date_done": datetime.now(UTC).isoformat(),
                "task_id": str(dispatch.task_id),
            }
            client.set(f"celery-task-meta-{dispatch.task_id}", json.dumps(meta), ex=60)

        yield leave
