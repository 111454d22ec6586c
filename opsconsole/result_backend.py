"""Where the console's own workers leave their results: the database, by django-celery-results, redacted."""

from typing import Any

import structlog
from django.db import InterfaceError, OperationalError, connection
from django_celery_results.backends import DatabaseBackend

from opsconsole.redaction import redact, redact_text

logger = structlog.get_logger(__name__)


class RedactedDatabaseBackend(DatabaseBackend):  # type: ignore[misc]
    """Keeps what tasks return, raise and were called with, but nothing private of it.

    That is a note for people; what counts stands in the ledger. So while the database is away a result is left out:
    Celery writes some of them from the process that all of a worker's tasks hang on, which would end with the error.
    """

    def encode_content(self, data: Any) -> Any:
        """Encode a result, an error, arguments or what else is kept of a task."""
        return super().encode_content(redact(data))

    def _store_result(
        self, task_id: str, result: Any, status: str, traceback: str | None = None, *args: Any, **kwargs: Any
    ) -> Any:
        traceback = redact_text(traceback) if traceback else traceback
        for attempt in range(2):
            try:
                return super()._store_result(task_id, result, status, traceback, *args, **kwargs)
            except (OperationalError, InterfaceError) as error:
                # It may only be the connection, which can be hours old, and not the database.
                connection.close()
                if attempt:
                    logger.warning("result.left_out", task_id=task_id, state=status, error=str(error))
        return result
