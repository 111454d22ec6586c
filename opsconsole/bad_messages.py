"""Keeps malformed messages in the console's queues from killing its workers: each is logged and discarded.

Celery and kombu check little of a message. What they stumble over ends the worker, and mostly again after a restart.
Nothing of such a message is logged: nobody knows what is in it.
"""

from collections.abc import Callable
from functools import cache
from queue import Empty
from typing import Any, Final

import structlog
from celery.app.amqp import AMQP
from celery.worker.consumer import Consumer
from kombu import Connection
from kombu.exceptions import ContentDisallowed, DecodeError
from kombu.transport import redis as transport

logger = structlog.get_logger(__name__)

# How Python complains about a value of another kind than was expected.
_UNEXPECTED: Final = (TypeError, ValueError, LookupError, AttributeError, RecursionError)


class CheckedConsumer(Consumer):
    """Hands on to Celery only messages that it can take."""

    def create_task_handler(self, *args: Any, **kwargs: Any) -> Callable[[Any], Any]:
        """Return Celery's handler of a message behind a check."""
        handle = super().create_task_handler(*args, **kwargs)

        def on_task_received(message: Any) -> Any:
            trouble = None
            try:
                reason = _fault(message)
                if reason is None:
                    return handle(message)
            except _UNEXPECTED as error:
                reason, trouble = f"Celery can't read it: {type(error).__name__}.", error
            logger.error("message.discarded", queue=_queue(message), reason=reason, exc_info=trouble)
            message.reject_log_error(logger, self.connection_errors)  # type: ignore[attr-defined]
            return None

        return on_task_received


def _fault(message: Any) -> str | None:
    """Say what is wrong with a message, of protocol 2 (its task in the headers) or 1 (all of it in the body)."""
    headers = message.headers
    if not isinstance(headers, dict):
        return "The headers must be an object."
    try:
        body = message.payload
    except (DecodeError, ContentDisallowed, *_UNEXPECTED):
        return "The body can't be decoded."
    if "task" not in headers:
        if not isinstance(body, dict):
            return "The message names no task."
        return _fault_in(body, body.get("args", ()), body.get("kwargs", {}))
    if isinstance(body, dict):
        return _fault_in(headers, body.get("args"), body.get("kwargs"))
    if not isinstance(body, list) or len(body) != 3:
        return "The body must be a list of arguments, keyword arguments and options."
    args, kwargs, options = body
    if options is not None and not isinstance(options, dict):
        return "The options in the body must be an object."
    return _fault_in(headers, args, kwargs)


def _fault_in(fields: dict[str, Any], args: Any, kwargs: Any) -> str | None:
    """Say what is wrong with the values that a worker uses before the task runs; an error there ends the worker."""
    for name in ("task", "id"):
        if not isinstance(fields.get(name), str):
            return f"`{name}` must be a text."
    if not isinstance(args, list | tuple):
        return "The arguments must be a list."
    if not isinstance(kwargs, dict):
        return "The keyword arguments must be an object."
    limits = fields.get("timelimit") or (None, None)
    if not isinstance(limits, list | tuple) or len(limits) != 2 or not all(map(_is_limit, limits)):
        return "`timelimit` must be two numbers or nulls."
    return None


def _is_limit(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _queue(message: Any) -> Any:
    info = message.delivery_info
    return info.get("routing_key") if isinstance(info, dict) else None


class CheckedConnection(Connection):
    """A connection whose channels discard what can't be read."""

    def get_transport_cls(self) -> Any:
        """Return kombu's transport with such channels."""
        base: Any = super().get_transport_cls()
        return _checked(base)


class CheckedAMQP(AMQP):
    """Celery's, with connections that outlive what isn't a message at all."""

    Connection = CheckedConnection


@cache
def _checked(base: Any) -> Any:
    """Return the transport with channels that discard what can't be read."""
    if not issubclass(base, transport.Transport):
        return base

    class Channel(base.Channel):  # type: ignore[misc]
        def _brpop_read(self, **options: Any) -> Any:
            try:
                return super()._brpop_read(**options)
            except _UNEXPECTED as error:
                # Redis has given it away: it is in no queue any more.
                logger.exception("message.discarded", reason=f"This is no message: {type(error).__name__}.")
                raise Empty from error

    return type(base.__name__, (base,), {"Channel": Channel})
