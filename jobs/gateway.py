"""The only module that talks to the broker and to the core's result back end.

Messages are published through an application without a result back end (with one, a send against a dead Redis was
seen to block for 19 s) and with socket time-outs of a second. Results are read by a separate application.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, partial
from typing import TYPE_CHECKING, Any, cast

import structlog
from celery import Celery
from django.conf import settings
from django_celery_results.models import TaskResult
from kombu.exceptions import ChannelError, EncodeError, LimitExceeded, OperationalError
from redis.exceptions import RedisError, ResponseError

from opsconsole.errors import OpsError, Refused, Unavailable
from opsconsole.fields import parse_json, parse_outer_levels
from opsconsole.log_context import message_headers
from opsconsole.redaction import redact

if TYPE_CHECKING:
    from kombu.connection import ConnectionPool

logger = structlog.get_logger(__name__)

SOCKET_TIMEOUT_SECONDS = 1.0
# How long to wait for the workers' answers; each broadcast takes this long.
INSPECT_TIMEOUT_SECONDS = 1.0
MAX_KWARGSREPR_LENGTH = 1_000
# The errors that the libraries document. They raise others too; all are handled alike, but the others are also logged.
_EXPECTED = (OperationalError, ChannelError, LimitExceeded, RedisError, OSError)

_TRANSPORT_OPTIONS = {
    "socket_timeout": SOCKET_TIMEOUT_SECONDS,
    "socket_connect_timeout": SOCKET_TIMEOUT_SECONDS,
    "retry_on_timeout": False,
    "max_retries": 0,
}


class BrokerUnreachable(Unavailable):
    """Nothing was sent: the broker could not be reached."""

    default_code = "broker_unreachable"


class PublicationInDoubt(Unavailable):
    """Sending failed midway: the broker may or may not have the message."""

    default_code = "publication_in_doubt"


class RevocationInDoubt(Unavailable):
    """Telling the workers failed midway: all, some or none of them may know."""

    default_code = "revocation_in_doubt"


class Unpublishable(Refused):
    """The arguments can't be written as a message, now or later."""

    default_code = "unpublishable"


@dataclass(frozen=True, kw_only=True)
class TaskMessage:
    """What is sent to Celery for one attempt."""

    task_id: str
    task: str
    queue: str
    kwargs: dict[str, Any]
    job_id: int
    dispatch_id: int


@dataclass(frozen=True, kw_only=True)
class TaskState:
    """What a result back end knows about a task; times in UTC."""

    state: str
    result: Any = None
    traceback: str | None = None
    ended_at: datetime | None = None

    @property
    def is_ended(self) -> bool:
        """Whether the task has returned, raised or been revoked."""
        return self.state in {"SUCCESS", "FAILURE", "REVOKED", "REJECTED", "IGNORED"}

    @property
    def is_retry(self) -> bool:
        """Whether a try of the task has failed and its worker will retry it, or is retrying it already."""
        return self.state == "RETRY"


@dataclass(frozen=True, kw_only=True)
class ActiveTask:
    """A task that a worker says it is running."""

    task_id: str
    worker: str
    started_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Workers:
    """What the live workers answered."""

    active: dict[str, ActiveTask] = field(default_factory=dict)
    # `answered` has the names whose workers all answered every question. `namesakes` has how many workers share each
    # name: Celery can start several under one name.
    answered: frozenset[str] = frozenset()
    namesakes: dict[str, int] = field(default_factory=dict)
    # Tasks that a worker was given and has not begun, and queues that were empty before: where that was asked.
    reserved: frozenset[str] = frozenset()
    # The reserved tasks that a worker keeps until a given time; None if it didn't say which.
    scheduled: dict[str, datetime | None] = field(default_factory=dict)
    empty_queues: frozenset[str] = frozenset()
    queues: dict[str, list[str]] = field(default_factory=dict)
    tasks: dict[str, list[str]] = field(default_factory=dict)


@cache
def _publisher() -> Celery:
    return _client("opsconsole.publisher")


@cache
def _controller() -> Celery:
    # Its connections only ask: a read of workers' answers may still be pending on one when the question has ended.
    return _client("opsconsole.controller")


@cache
def _revoker() -> Celery:
    # A revocation on the controller's connections would read an answer to an earlier question as its own, and be lost.
    return _client("opsconsole.revoker")


def _client(name: str) -> Celery:
    # Kombu keeps one pool of connections for all that look alike, whoever asks for it: the name makes them differ.
    options = {**_TRANSPORT_OPTIONS, "used_by": name}
    app = Celery(name, broker=settings.CELERY_BROKER_URL, set_as_current=False)
    app.conf.update(
        task_serializer="json",
        accept_content=["json"],
        result_backend=None,
        task_ignore_result=True,
        broker_transport_options=options,
        broker_connection_timeout=SOCKET_TIMEOUT_SECONDS,
        broker_connection_retry=False,
        broker_pool_limit=10,
        task_publish_retry=False,
        task_create_missing_queues=True,
    )
    return app


@cache
def _reader() -> Celery:
    app = Celery("opsconsole.reader", backend=settings.CORE_RESULT_BACKEND, set_as_current=False)
    app.conf.update(
        accept_content=["json"],
        result_accept_content=["json"],
        result_serializer="json",
        redis_socket_timeout=SOCKET_TIMEOUT_SECONDS,
        redis_socket_connect_timeout=SOCKET_TIMEOUT_SECONDS,
        redis_retry_on_timeout=False,
        result_backend_always_retry=False,
        result_backend_transport_options={"retry_policy": {"max_retries": 0, "timeout": SOCKET_TIMEOUT_SECONDS}},
    )
    return app


def publish(message: TaskMessage) -> None:
    """Send one task to its queue, within about two seconds.

    Raises:
        BrokerUnreachable: nothing was sent.
        PublicationInDoubt: sending failed midway.
        Unpublishable: the arguments can't be written as JSON.
    """
    app = _publisher()
    in_doubt = PublicationInDoubt("The connection to the broker broke while the task was sent.")
    with _lent(app, in_doubt) as connection:
        try:
            app.send_task(
                message.task,
                kwargs=message.kwargs,
                task_id=message.task_id,
                queue=message.queue,
                headers={"job_id": message.job_id, "dispatch_id": message.dispatch_id} | message_headers(),
                kwargsrepr=_kwargsrepr(message.kwargs),
                argsrepr="()",
                connection=connection,
                retry=False,
            )
        except EncodeError as error:
            raise Unpublishable("The job's payload can't be written as a Celery message.") from error


@contextmanager
def _lent(app: Celery, in_doubt: OpsError | None = None) -> Iterator[Any]:
    """Lend a connection on which the broker has just answered.

    Every error of a library becomes one of two errors, even an error of giving the connection back.

    Args:
        app: the Celery app whose connections to use.
        in_doubt: the error to raise for a failure after the broker has answered; None if nothing is sent.

    Yields:
        The connection.

    Raises:
        BrokerUnreachable: no connection could be made, or the broker refused what was sent.
        OpsError: `in_doubt`.
    """
    pool = cast("ConnectionPool", app.pool)  # the stubs call it a pool of producers
    answered = False
    try:
        # An error that leaves this block makes the pool drop the connection.
        with pool.acquire(block=True, timeout=SOCKET_TIMEOUT_SECONDS) as connection:
            _check_alive(connection)
            answered = True
            yield connection
    except OpsError:
        raise
    except Exception as error:
        if in_doubt is not None and answered and not _is_refusal(error):
            _log_unexpected(error)
            raise in_doubt from error
        raise _unreachable(error) from error


def _check_alive(connection: Any) -> None:
    """Raise unless the broker answers on this connection, which is opened again if necessary."""
    connection.ensure_connection(max_retries=1, interval_start=0, timeout=SOCKET_TIMEOUT_SECONDS)
    if connection.default_channel.client.ping() is not True:
        raise RedisError("The broker answered something else.")


def _unreachable(error: Exception) -> BrokerUnreachable:
    _log_unexpected(error)
    if isinstance(error, LimitExceeded):
        return BrokerUnreachable("All connections to the broker are in use.")
    if _is_refusal(error):
        return BrokerUnreachable("The broker refuses messages at the moment.")
    return BrokerUnreachable("The broker can't be reached.")


def _is_refusal(error: Exception) -> bool:
    """Return whether the broker itself refused the message, so that it certainly doesn't have it."""
    # Kombu wraps the client's error in its own.
    return isinstance(error, ResponseError) or isinstance(error.__cause__, ResponseError)


def _log_unexpected(error: Exception) -> None:
    if not isinstance(error, _EXPECTED):
        logger.error("broker.unexpected_error", exc_info=error)


def read_states(task_ids: Iterable[str]) -> dict[str, TaskState]:
    """Return what the core's result back end knows about these tasks; those that it doesn't know are left out.

    Raises:
        Unavailable: the back end does not answer, or none is configured.
    """
    wanted = list(task_ids)
    if not wanted:
        return {}
    if not settings.CORE_RESULT_BACKEND:
        raise Unavailable(
            "CORE_RESULT_BACKEND is not set, so the console can't see how the core's tasks end.",
            code="no_result_backend",
        )
    with _results_read() as backend:
        raw = dict(zip(wanted, backend.mget([backend.get_key_for_task(task_id) for task_id in wanted]), strict=True))
    metas = {task_id: _decoded(value) for task_id, value in raw.items() if value is not None}
    return {task_id: _state(meta) for task_id, meta in metas.items() if meta.get("status") != "PENDING"}


def ping_results() -> None:
    """Check that the core's result back end answers within about a second. Without one, this does nothing.

    Raises:
        Unavailable: the result back end doesn't answer.
    """
    if settings.CORE_RESULT_BACKEND:
        with _results_read() as backend:
            backend.client.ping()


@contextmanager
def _results_read() -> Iterator[Any]:
    """Lend the core's result back end, which is in Redis. Every error of a library becomes Unavailable."""
    try:
        yield _reader().backend
    except Exception as error:
        _log_unexpected(error)
        raise Unavailable("The core's result back end does not answer.", code="results_unreachable") from error


def own_result(task_id: str) -> TaskState | None:
    """Return what the console's own result back end (django-celery-results) knows about a task; one query."""
    row = TaskResult.objects.filter(task_id=task_id).values("status", "result", "traceback", "date_done").first()
    if row is None or row["status"] == "PENDING":
        return None
    result = parse_json(row["result"] or "null")
    return TaskState(state=row["status"], result=result, traceback=row["traceback"], ended_at=row["date_done"])


def ask_workers(*, registered: bool = False, scheduled: bool = False, missing_from: Collection[str] = ()) -> Workers:
    """Ask all live workers what they run; takes about a second for each question.

    Args:
        registered: also ask which queues they listen on and which tasks they know.
        scheduled: also ask which tasks they keep until a given time.
        missing_from: queues whose tasks may be lost: also ask where their tasks are.

    Returns:
        The answers of the workers that answered.

    Raises:
        BrokerUnreachable: the broker does not answer.
    """
    commands = (
        # In the order in which a task moves: one that moves on between two questions is seen twice, not missed.
        *(("scheduled",) if scheduled or missing_from else ()),
        *(("reserved",) if missing_from else ()),
        "active",
        *(("active_queues",) if registered or missing_from else ()),
        *(("registered",) if registered else ()),
    )
    waiting = waiting_in(missing_from) if missing_from else {}
    answers = {command: _ask(command) for command in commands}
    # The largest number of answers to any question: a worker that missed one question exists all the same.
    namesakes = Counter[str]()
    for given in answers.values():
        namesakes |= Counter(name for name, _ in given)
    told = [Counter(name for name, answer in given if isinstance(answer, list)) for given in answers.values()]
    found = {command: _by_name(given) for command, given in answers.items()}
    return Workers(
        active={
            str(task["id"]): ActiveTask(
                task_id=str(task["id"]), worker=worker, started_at=_moment(task.get("time_start"))
            )
            for worker, running in found["active"].items()
            for task in running
            if isinstance(task, dict) and "id" in task
        },
        # Only names whose workers answered every question: a worker that missed one may have tasks that it didn't name.
        answered=frozenset(name for name, number in namesakes.items() if all(each[name] == number for each in told)),
        namesakes=dict(namesakes),
        reserved=frozenset(
            task_id for command in ("scheduled", "reserved") for task_id, _ in _each(found.get(command, {}))
        ),
        scheduled={task_id: _utc(task.get("eta")) for task_id, task in _each(found.get("scheduled", {}))},
        empty_queues=frozenset(name for name, length in waiting.items() if not length),
        queues={
            worker: sorted({str(queue["name"]) for queue in listed if isinstance(queue, dict) and "name" in queue})
            for worker, listed in found.get("active_queues", {}).items()
        },
        tasks={worker: sorted(_names(listed)) for worker, listed in found.get("registered", {}).items()},
    )


def waiting_in(queues: Iterable[str]) -> dict[str, int]:
    """Return how many messages wait in each queue, without those that a worker has been given.

    Raises:
        BrokerUnreachable: the broker does not answer.
    """
    with _lent(_publisher()) as connection:
        channel = connection.default_channel
        # Declare the queue, because asking for one that doesn't exist is an error.
        return {name: int(channel.queue_declare(queue=name, durable=True).message_count) for name in set(queues)}


def ping() -> None:
    """Ask the broker whether it is there, within about two seconds.

    Raises:
        BrokerUnreachable: it does not answer.
    """
    with _lent(_publisher()):
        pass


def revoke(task_ids: Sequence[str], *, terminate: bool = False) -> None:
    """Tell all live workers not to begin these tasks; advisory, since a worker that is away doesn't hear it.

    Args:
        task_ids: the tasks.
        terminate: also have the process killed that runs one of them; it can meanwhile be running another task.

    Raises:
        BrokerUnreachable: no worker was told.
        RevocationInDoubt: telling them failed midway.
    """
    if not task_ids:
        return
    in_doubt = RevocationInDoubt("The connection to the broker broke while the workers were told.")
    # Kombu repeats a broadcast forever on a pooled connection that has broken, so lend one that was just checked.
    with _lent(_revoker(), in_doubt) as connection:
        _revoker().control.revoke(list(task_ids), terminate=terminate, signal="SIGTERM", connection=connection)


def registered_tasks() -> set[str]:
    """Return the names of all tasks that live workers have registered; takes about a second.

    Raises:
        BrokerUnreachable: the broker does not answer.
    """
    return {name for listed in _by_name(_ask("registered")).values() for name in _names(listed)}


def _ask(command: str) -> list[tuple[str, Any]]:
    """Ask all live workers one question; return the name and the answer of each that answered within a second.

    Celery's `inspect` would keep only one answer for several workers with the same name.

    Raises:
        BrokerUnreachable: the broker does not answer.
    """
    put = partial(_controller().control.broadcast, command, reply=True, timeout=INSPECT_TIMEOUT_SECONDS)
    try:
        try:
            replies = put()
        except Exception as error:  # noqa: BLE001 -- whatever a library raises
            _log_unexpected(error)
            # The pooled connection may have been broken. The pool has dropped it now, so try once more.
            replies = put()
    except Exception as error:
        raise _unreachable(error) from error
    return [pair for reply in replies or () if isinstance(reply, dict) for pair in reply.items()]


def _by_name(given: list[tuple[str, Any]]) -> dict[str, list[Any]]:
    """Return the lists that workers answered with, by name; the lists of workers that share a name are joined.

    A worker that can't answer returns an object with its error. Such answers are dropped.
    """
    found: dict[str, list[Any]] = {}
    for name, answer in given:
        if isinstance(answer, list):
            found.setdefault(name, []).extend(answer)
    return found


def _names(found: list[Any]) -> set[str]:
    # Followed by what else is known about the task.
    return {name.split(" ")[0] for name in found if isinstance(name, str)}


def _each(answers: dict[str, list[Any]]) -> list[tuple[str, dict[str, Any]]]:
    """Return each task that workers named, as its id and their description of it."""
    given = [task for tasks in answers.values() for task in tasks if isinstance(task, dict)]
    # A task that waits for its time has the id in a nested `request`.
    return [
        (str((request if isinstance(request := task.get("request"), dict) else task).get("id")), task) for task in given
    ]


def _kwargsrepr(kwargs: dict[str, Any]) -> str:
    return repr(redact(kwargs))[:MAX_KWARGSREPR_LENGTH]


def _decoded(value: bytes | str) -> dict[str, Any]:
    # By the standard library: the core writes with it, and so may leave NaN and lone surrogates.
    text = value if isinstance(value, str) else value.decode(errors="replace")
    meta = parse_json(text)
    if isinstance(meta, str):
        # A deep result still says in its outer levels how the task ended.
        meta = parse_outer_levels(text)
    if isinstance(meta, dict):
        return meta
    return {"status": "FAILURE", "result": "What the core's result back end holds for this task is no JSON object."}


def _state(meta: dict[str, Any]) -> TaskState:
    traceback = meta.get("traceback")
    return TaskState(
        state=str(meta.get("status")),
        result=meta.get("result"),
        traceback=str(traceback) if traceback else None,
        ended_at=_utc(meta.get("date_done")),
    )


def _utc(moment: Any) -> datetime | None:
    # A moment near the ends of what Python can tell has none in UTC.
    with suppress(TypeError, ValueError, OverflowError):
        moment = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
        if isinstance(moment, datetime):
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return None


def _moment(epoch_seconds: Any) -> datetime | None:
    with suppress(TypeError, ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(float(epoch_seconds), tz=UTC)
    return None
