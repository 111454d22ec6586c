"""Where the console's own workers leave their results: the database, by django-celery-results, redacted."""

from typing import Any

from django_celery_results.backends import DatabaseBackend

from opsconsole.redaction import redact, redact_text


class RedactedDatabaseBackend(DatabaseBackend):  # type: ignore[misc]
    """Keeps what tasks return, raise and were called with, but nothing private of it."""

    def encode_content(self, data: Any) -> Any:
        """Encode a result, an error, arguments or what else is kept of a task."""
        return super().encode_content(redact(data))

    def _store_result(
        self, task_id: str, result: Any, status: str, traceback: str | None = None, *args: Any, **kwargs: Any
    ) -> Any:
        traceback = redact_text(traceback) if traceback else traceback
        return super()._store_result(task_id, result, status, traceback, *args, **kwargs)
