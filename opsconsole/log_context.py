"""What every line of one request, one task or one operation says besides its event: who, and in the course of what.

It is bound with structlog's context variables, so that no function has to hand it on.
"""

import re
import uuid
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Any, Final

from structlog.contextvars import bind_contextvars, bound_contextvars, clear_contextvars, get_contextvars

from opsconsole.redaction import redact_text

REQUEST_ID_HEADER: Final = "X-Request-ID"
# Of the headers of a Celery message, those that its task's lines show.
MESSAGE_HEADERS: Final = ("job_id", "dispatch_id")
_SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

# The request that is being answered: whose it is turns out only while it is answered.
_request: ContextVar[Any] = ContextVar("opsconsole_request", default=None)


def sane_request_id(given: Any) -> str:
    """Return the request id that somebody sent, or a new one when it is none.

    One that looks like a credential counts as none, since it would be shown as `[redacted]`.
    """
    if isinstance(given, str) and _SANE_ID.fullmatch(given) and redact_text(given) == given:
        return given
    return uuid.uuid4().hex


@contextmanager
def answering(request: Any, request_id: str) -> Iterator[None]:
    """Bind a request's id, and its user as soon as one is known, to the lines of the enclosed; nothing else stays."""
    clear_contextvars()
    token = _request.set(request)
    bind_contextvars(request_id=request_id)
    try:
        yield
    finally:
        _request.reset(token)
        clear_contextvars()


def acting(*, name: str, via: str) -> AbstractContextManager[None]:
    """Return a context (or a decorator) that binds who acts, and through which door, to the lines of the enclosed."""
    return bound_contextvars(actor=name, via=via)


def message_headers() -> dict[str, str]:
    """Return the headers that a message to Celery takes with it: the request in the course of which it is sent."""
    request_id = get_contextvars().get("request_id")
    return {"request_id": request_id} if request_id else {}


def begin_task(task: Any, task_id: str) -> None:
    """Bind what is known about a task that a worker is about to run; nothing of the one before it stays.

    A task that no request led to, such as one that beat sent, begins a chain of its own under its task id.
    """
    message = task.request
    # One that runs inside of something else, without a worker, gives its place back.
    message.log_context = get_contextvars() if message.is_eager else {}
    clear_contextvars()
    request_id = message.get("request_id")
    headers = {name: message.get(name) for name in MESSAGE_HEADERS}
    bind_contextvars(
        request_id=sane_request_id(request_id) if request_id else task_id,
        task=task.name,
        task_id=task_id,
        **{name: value for name, value in headers.items() if value is not None},
    )


def end_task(task: Any) -> None:
    """Unbind what `begin_task` and the task itself have bound."""
    clear_contextvars()
    bind_contextvars(**(task.request.get("log_context") or {}))


def add_user(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Add the user of the request to a line, if it is known by now; never asks the database for it."""
    known: Mapping[str, Any] = vars(_request.get()) if _request.get() is not None else {}
    # Django's middleware leaves a promise as `user` and keeps the promise in `_cached_user`; DRF sets `user` itself.
    user = known.get("_cached_user") or known.get("user")
    name = vars(user).get("username") if hasattr(user, "__dict__") else None
    if name:
        event.setdefault("user", name)
    return event
