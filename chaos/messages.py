"""Sending an own task's message, as anybody may who knows its name."""

import os
from typing import Any, Final

from celery import Celery
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from chaos.own_types import QUEUE

_SECONDS: Final = 2


class Messages:
    """The broker that the environment names."""

    def __init__(self) -> None:
        """Describe it; nothing is sent yet."""
        self._app = Celery("chaos", broker=os.environ["CELERY_BROKER_URL"], set_as_current=False, fixups=[])
        self._app.conf.broker_transport_options = {
            "socket_timeout": _SECONDS,
            "socket_connect_timeout": _SECONDS,
            "retry_on_timeout": False,
            "max_retries": 0,
        }

    def send(self, task: str, kwargs: dict[str, Any]) -> str:
        """Send a task without a job; return why that failed, or nothing."""
        try:
            # A connection of its own: one that is kept would not notice that the broker was emptied.
            with self._app.connection_for_write() as connection:
                connection.ensure_connection(max_retries=1, interval_start=0, timeout=_SECONDS)
                self._app.send_task(task, kwargs=kwargs, queue=QUEUE, connection=connection, retry=False)
        except (OperationalError, RedisError, OSError) as error:
            return f"{type(error).__name__}: {error}"
        return ""
