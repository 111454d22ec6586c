"""Judges from a core task's result how its job ended. Pure rules, by the core's own conventions.

The state of the Celery task alone says little. The core returns `{"status": "success", …, "errors": […]}` even if it
could fetch nothing at all, and `{"status": "error"}` as a successful Celery result. A redownload also returns `success`
if it could download nothing.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jobs.ended import EndedAttempt
from jobs.gateway import TaskState
from jobs.models import Outcome
from jobs.provider_errors import is_rate_limit, rejects_credential

_NOT_FETCHED = re.compile(r"failed to fetch|no credentials", re.IGNORECASE)
REVOKED = "The task was revoked: somebody told the workers not to run it."
_FAILURES = frozenset({"error", "failed", "failure", "could_not_verify"})
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
        return _failed(exception_text(state))
    result = state.result
    if not isinstance(result, dict):
        return Verdict(outcome=Outcome.DONE)
    status = str(result.get("status", "success")).strip().lower()
    errors = error_list(result)
    if problem := _problem(result, status, errors):
        return _failed(problem)
    if status == "skipped":
        return Verdict(outcome=Outcome.SKIPPED, error=str(result.get("reason") or "") or None)
    if not_downloaded := _whole(result.get("download_failed")):
        there = _whole(result.get("attachments_created")) + _whole(result.get("already_exists"))
        return _judge_downloads(not_downloaded, there, errors)
    return _judge_errors(result, errors) if errors else Verdict(outcome=Outcome.DONE)


def _judge_errors(result: dict[str, Any], errors: list[str]) -> Verdict:
    text = "\n".join(errors)
    nothing_came = "messages_synced" in result and not result.get("messages_synced")
    if nothing_came or any(_is_fetch_error(error) for error in errors):
        return _failed(text)
    return Verdict(outcome=Outcome.PARTIAL, error=text)


def _is_fetch_error(error: str) -> bool:
    """Return whether an error means that nothing was fetched, whatever the task's status says."""
    return _NOT_FETCHED.search(error) is not None or rejects_credential(error) or is_rate_limit(error)


def _judge_downloads(failed: int, there: int, errors: list[str]) -> Verdict:
    """Return the verdict on a redownload of attachments in which some or all downloads failed.

    Files come from other servers than the provider's, so none of the errors is permanent.

    Args:
        failed: how many attachments could not be downloaded.
        there: how many were downloaded, now or earlier.
        errors: the task's error texts.
    """
    counted = f"{failed:,} of {failed + there:,} attachments could not be downloaded."
    text = "\n".join([counted, *errors])[:MAX_ERROR_LENGTH]
    return Verdict(outcome=Outcome.PARTIAL if there else Outcome.FAILED, error=text)


def _whole(value: Any) -> int:
    """Return a count from a task's result, or 0 if the value isn't a positive whole number."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _problem(result: dict[str, Any], status: str, errors: list[str]) -> str:
    """Return why a task that has returned has failed all the same, or an empty text when it hasn't."""
    if status in _FAILURES:
        return str(result.get("error") or "; ".join(errors) or f"The task returned the status {status!r}.")
    if failed := failed_checks(result):
        # That a restore test ran to its end is not what it is for.
        return f"{len(failed)} of {len(result['integrity_checks'])} checks failed: {'; '.join(failed)}"
    return ""


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


def failed_checks(result: Any) -> list[str]:
    """Return the names of those of a restore test's checks that did not pass, and their errors, bounded."""
    checks = result.get("integrity_checks") if isinstance(result, dict) else None
    if not isinstance(checks, list):
        return []
    failed = [check for check in checks if not (isinstance(check, dict) and check.get("passed") is True)]
    named = [check if isinstance(check, dict) else {} for check in failed]
    return [
        f"{check.get('check_name') or 'unnamed'} ({check.get('error') or 'no reason given'})"[:500] for check in named
    ]


def how_it_ended(attempt: EndedAttempt) -> tuple[str, str | None, datetime]:
    """Return how an attempt truly ended, with what error and when: of one that had ended before its task, as that."""
    if attempt.returned_at is not None and isinstance(attempt.result, dict) and "status" in attempt.result:
        verdict = judge(TaskState(state="SUCCESS", result=attempt.result))
        return verdict.outcome, verdict.error, attempt.returned_at
    if attempt.returned_at is not None and attempt.outcome in {Outcome.CANCELLED, Outcome.SUPERSEDED} and attempt.error:
        # It ended without an error; its task has left one.
        return Outcome.FAILED, attempt.error, attempt.returned_at
    return attempt.outcome or Outcome.UNKNOWN, attempt.error, attempt.ended_at


def _failed(error: str) -> Verdict:
    return Verdict(
        outcome=Outcome.FAILED,
        error=error[:MAX_ERROR_LENGTH],
        permanent=rejects_credential(error),
    )


def exception_text(state: TaskState) -> str:
    """Return the exception of a task that failed or will be retried, as text."""
    result = state.result
    if isinstance(result, dict) and "exc_type" in result:
        message = result.get("exc_message")
        parts = message if isinstance(message, list | tuple) else [message]
        said = f"{result['exc_type'] or ''}: {', '.join(str(part) for part in parts if part is not None)}".strip(": ")
        if said:
            return said
    elif result:
        return str(result)
    return f"The task ended as {state.state} without a reason."
