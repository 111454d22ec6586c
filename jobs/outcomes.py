"""What a core task's result means for its job. Pure rules, by the core's own conventions.

The core returns `{"status": "success", …, "errors": […]}` also when it could fetch nothing at all, and
`{"status": "error"}` as a successful Celery result; so the state of the Celery task alone says little.
"""

import re
from dataclasses import dataclass
from typing import Any

from jobs import catalog
from jobs.gateway import TaskState
from jobs.models import Outcome

# Errors of fetching or of credentials: nothing came, whatever the status says.
_FETCH_ERROR = re.compile(r"failed to fetch|no credentials|\b(?:401|403|429)\b", re.IGNORECASE)
REVOKED = "The task was revoked: somebody told the workers not to run it."
MAX_ERRORS_SHOWN = 20
MAX_ERROR_LENGTH = 5_000


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """How an attempt ended.

    Attributes:
        outcome: done, partial, skipped or failed.
        error: what went wrong, in the task's own words.
        permanent: no retry can mend it.
    """

    outcome: Outcome
    error: str | None = None
    permanent: bool = False

    @property
    def is_failure(self) -> bool:
        """Whether the job has to be tried again or has failed."""
        return self.outcome == Outcome.FAILED


def judge(state: TaskState) -> Verdict:
    """Return how a task that has ended ended, from its Celery state and from what it returned."""
    if state.state == "REVOKED":
        # Somebody has taken it back on purpose: not by itself again.
        return Verdict(
            outcome=Outcome.FAILED,
            error="The task was revoked: somebody told the workers not to run it.",
            permanent=True,
        )
    if state.state != "SUCCESS":
        return _failed(_exception_text(state))
    result = state.result
    if not isinstance(result, dict):
        return Verdict(outcome=Outcome.DONE)
    status = str(result.get("status", "success")).lower()
    errors = error_list(result)
    if status in {"error", "failed", "failure"}:
        return _failed(str(result.get("error") or "; ".join(errors) or f"The task returned the status {status!r}."))
    if status == "skipped":
        return Verdict(outcome=Outcome.SKIPPED, error=str(result.get("reason") or "") or None)
    if not errors:
        return Verdict(outcome=Outcome.DONE)
    text = "\n".join(errors)
    nothing_came = "messages_synced" in result and not result.get("messages_synced")
    if nothing_came or any(_FETCH_ERROR.search(error) for error in errors):
        return _failed(text)
    return Verdict(outcome=Outcome.PARTIAL, error=text)


def error_list(result: Any) -> list[str]:
    """Return the errors that a task's result lists, as strings, bounded in number and length."""
    errors = result.get("errors") if isinstance(result, dict) else None
    if isinstance(errors, int | float) or not errors:
        return []
    items = errors if isinstance(errors, list) else [errors]
    texts = [str(item)[:MAX_ERROR_LENGTH] for item in items[:MAX_ERRORS_SHOWN]]
    if len(items) > MAX_ERRORS_SHOWN:
        texts.append(f"… and {len(items) - MAX_ERRORS_SHOWN} more")
    return texts


def _failed(error: str) -> Verdict:
    return Verdict(
        outcome=Outcome.FAILED,
        error=error[:MAX_ERROR_LENGTH],
        permanent=catalog.PERMANENT_ERROR.search(error) is not None,
    )


def _exception_text(state: TaskState) -> str:
    result = state.result
    if isinstance(result, dict) and "exc_type" in result:
        message = result.get("exc_message")
        parts = message if isinstance(message, list | tuple) else [message]
        return f"{result['exc_type']}: {', '.join(str(part) for part in parts if part is not None)}".rstrip(": ")
    if result:
        return str(result)
    return f"The task ended as {state.state} without a reason."
