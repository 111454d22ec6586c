"""The base class of the console's own tasks, those that run as jobs of the ledger.

    @shared_task(base=LedgerTask, name="opsconsole.housekeeping")
    def housekeeping(attempt: Attempt, **payload: object) -> dict[str, int]: ...

The body gets the attempt and the payload's arguments, and returns what is kept as the job's result. Everything else is
done here: the claim, a heartbeat from a thread of its own, the end, and what becomes of errors. A body that runs for
longer says how far it is with `attempt.progress(…)` or calls `attempt.check()` now and then: that is where it learns
that it was cancelled. Such a task is sent by the ledger only; if it comes from elsewhere (a beat entry, a call by
hand), it submits a job of its kind and ends.
"""

import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import structlog
from celery import Task
from django.db import DatabaseError, InterfaceError, OperationalError, connection

from jobs import attempts, catalog, operations
from jobs.attempts import Claim, Hold
from jobs.provider_errors import rejects_credential
from opsconsole import failpoints
from opsconsole.audit import Actor, Entity, record_refusal
from opsconsole.errors import Busy, OpsError, Unavailable
from opsconsole.redaction import redact_text

logger = structlog.get_logger(__name__)

HEARTBEAT_SECONDS: Final = 10.0
# After one that could not be written: leases may be about to run out.
HEARTBEAT_RETRY_SECONDS: Final = 2.0
# Progress is written at most so often.
PROGRESS_SECONDS: Final = 0.5
# How long the beginning and the end of an attempt are tried to be written while the database does not answer.
PATIENCE_SECONDS: Final = 600.0

T = TypeVar("T")


class AttemptStopped(BaseException):
    """Raised in a task's body: the attempt shall end now, because it was cancelled or has lost its job.

    No `Exception`, as with `asyncio.CancelledError`: a body that outlives whatever goes wrong with one of many things
    must not outlive this.
    """


class AttemptFailed(Exception):
    """What Celery is told of an attempt that failed: its error, redacted, without anything of the original."""


class Attempt:
    """What a task's body knows of itself.

    Args:
        held: the claim.
        number: which attempt of its job it is, from 1.
    """

    def __init__(self, held: Claim) -> None:
        self._held = held
        self._hold = Hold.HELD
        self._reported_at = 0.0
        # The newest one, until it is written.
        self._report: tuple[int, int | None, str] | None = None
        self._on_stop: list[Callable[[], object]] = []
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._ended = threading.Event()

    @property
    def job_id(self) -> int:
        """The job in the ledger."""
        return self._held.job_id

    def check(self) -> None:
        """Go on, or raise if the attempt shall end; costs nothing: the heartbeat has asked.

        Raises:
            AttemptStopped: it was cancelled or has lost its job. Clean up and let it pass.
        """
        if self._hold is not Hold.HELD:
            raise AttemptStopped(self._hold.value)

    def progress(self, current: int, total: int | None = None, unit: str = "items") -> None:
        """Say how far the task is, and learn whether it shall go on; costs nothing: the heartbeat's thread writes it.

        Args:
            current: how much is done.
            total: how much there is, where that is known.
            unit: of what.

        Raises:
            AttemptStopped: it was cancelled or has lost its job.
        """
        # Not written by this thread: it may be in a transaction, whose lock on the attempt would hold up the heartbeat,
        # the sweeper and whoever cancels it, or have lost its connection.
        with self._lock:
            self._report = (current, total, unit)
        now = time.monotonic()
        if now - self._reported_at >= PROGRESS_SECONDS or current == total:
            self._reported_at = now
            self._wake.set()
        self.check()

    def on_stop(self, stop: Callable[[], object]) -> None:
        """Have a function called, from the heartbeat's thread, when the attempt shall end: to end a child process.

        If it shall end already, the function is called now; once the body has ended, it isn't called any more.
        """
        with self._lock:
            if self._hold is Hold.HELD:
                self._on_stop.append(stop)
                return
        _call(stop)

    @contextmanager
    def heartbeat(self) -> Iterator[None]:
        """Keep the lease while the body runs, by a thread with a database connection of its own."""
        thread = threading.Thread(target=self._beat, name=f"heartbeat of job {self.job_id}", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            self._wake.set()
            thread.join(timeout=5)

    def _beat(self) -> None:
        try:
            while self._hold is not Hold.LOST:
                self._wake.wait(HEARTBEAT_SECONDS)
                self._wake.clear()
                # Asked first: what was reported before the end is to be written.
                ended = self._ended.is_set()
                if ended and self._report is None:
                    return
                if not self._say_so():
                    # What is reported meanwhile must not make it try more often.
                    self._ended.wait(HEARTBEAT_RETRY_SECONDS)
                    self._wake.set()
                if ended:
                    return
        finally:
            connection.close()

    def _say_so(self) -> bool:
        """Say that the worker is alive, and how far it has come if that is new; False when that can't be written."""
        with self._lock:
            report = self._report
        try:
            if report is None:
                self._learn(attempts.renew(self._held))
            else:
                current, total, unit = report
                self._learn(attempts.report(self._held, current=current, total=total, unit=unit))
        except (DatabaseError, InterfaceError) as error:
            self._warn(error)
            connection.close()
            return False
        except Exception as error:  # noqa: BLE001 -- whatever is wrong with a report, the next heartbeat must come
            self._warn(error)
        with self._lock:
            if self._report is report:
                self._report = None
        return True

    def _warn(self, error: Exception) -> None:
        logger.warning(
            "attempt.heartbeat_failed",
            job=self.job_id,
            dispatch=self._held.dispatch_id,
            error=redact_text((str(error).splitlines() or [repr(error)])[0]),
        )

    def _learn(self, hold: Hold) -> None:
        with self._lock:
            if hold is Hold.HELD or self._hold is Hold.LOST:
                return
            self._hold = hold
            stops, self._on_stop = self._on_stop, []
        for stop in stops if not self._ended.is_set() else ():
            _call(stop)


class LedgerTask(Task[..., Any]):
    """A task that runs as a job of the ledger."""

    abstract = True
    # The body's first argument isn't in the message.
    typing = False
    # Delivery is the ledger's business: it sends again what was lost, and retries what failed.
    acks_late = False
    max_retries = 0
    # The ledger says so; written to Celery's results as well, it would only keep the task waiting.
    track_started = False
    # One line in Celery's log, without a traceback: it stands in the attempt.
    throws = (AttemptFailed,)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the body as an attempt at the job that the message names, or submit a job when it names none."""
        headers = vars(self.request)
        job_id, dispatch_id = headers.get("job_id"), headers.get("dispatch_id")
        if job_id is None and dispatch_id is None:
            return self._submit(args, kwargs)
        message = {"task_id": str(self.request.id), "task": str(self.name), "worker": str(self.request.hostname or "")}
        # The message is gone with this call. Without patience, a database that is away for a minute would have the
        # worker take and drop all that waits in its queue.
        held = _written(lambda: attempts.claim(job_id=job_id, dispatch_id=dispatch_id, **message))
        if held is None:
            logger.warning("attempt.ignored", job=job_id, dispatch=dispatch_id, task=self.name)
            return None
        return self._attempt(Attempt(held), held, kwargs)

    def _attempt(self, attempt: Attempt, held: Claim, kwargs: dict[str, Any]) -> dict[str, Any]:
        try:
            with attempt.heartbeat():
                result = self.run(attempt, **kwargs)
        except AttemptStopped:
            cancelled = _written(lambda: attempts.cancel(held))
            return {"job_id": held.job_id, "outcome": "cancelled" if cancelled else "lost"}
        except Exception as error:  # noqa: BLE001 -- whatever it is, it is how the attempt ended
            # As much of it as may be kept and shown; nothing of it goes to Celery's log or result.
            text = _text_of(error)
            trace = "".join(traceback.format_exception(error))
            # Busy or unavailable now may be neither at the next attempt.
            refused = isinstance(error, OpsError) and not isinstance(error, Busy | Unavailable)
            permanent = refused or rejects_credential(text)
            _written(lambda: attempts.fail(held, error=text, traceback=trace, permanent=permanent))
            failure = AttemptFailed(redact_text(text))
        else:
            failpoints.reach("work.done")
            kept = _written(lambda: attempts.complete(held, result))
            return {"job_id": held.job_id, "outcome": "done" if kept else "lost"}
        raise failure

    def _submit(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        job_type = catalog.own_type_of(str(self.name))
        if job_type is None or args:
            raise AttemptFailed(
                "Arguments must be given by name."
                if args
                else f"The catalog has no job type whose task is {self.name}; map one with the setting OPS_JOB_TYPES."
            )
        scheduled = "periodic_task_name" in vars(self.request)
        operation = f"{job_type.name.rpartition('.')[2]}.trigger"
        about: dict[str, Any] = {
            "actor": Actor.system("beat" if scheduled else "task"),
            "entity": Entity(type="job"),
        }
        try:
            # Safe to repeat while the database is away: work that was submitted already is joined, not duplicated.
            submitted = _written(
                lambda: operations.submit_run(
                    operation=operation,
                    title=job_type.title,
                    requests=[operations.JobRequest(job_type=job_type.name, payload=kwargs)],
                    **about,
                )
            )
        except OpsError as refusal:
            record_refusal(refusal, action=operation, request=kwargs, **about)
            raise AttemptFailed(refusal.message) from None
        return {"run_id": str(submitted.run_id), "jobs": list(submitted.job_ids)}


def _text_of(error: Exception) -> str:
    if isinstance(error, OpsError):
        return error.message
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # noqa: BLE001 -- an error's own `__str__` may raise anything
        return f"{type(error).__name__}, which can't be written as a text."


def _call(stop: Callable[[], object]) -> None:
    try:
        stop()
    except Exception:
        # The lease and the other functions must not suffer from it.
        logger.exception("attempt.not_stopped")


def _written(write: Callable[[], T]) -> T:
    """Write that an attempt begins, or how it ended, also when the database is away for a while."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return write()
        except (OperationalError, InterfaceError):
            if time.monotonic() > deadline:
                raise
            connection.close()
            time.sleep(1)
