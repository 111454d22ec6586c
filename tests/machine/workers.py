"""The workers, simulated: the console's own keep to the ledger's protocol, the core's know nothing of it."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from django.db import connection

from identities.models import Message as CoreMessage
from jobs import attempts, catalog, ledger
from jobs.attempts import Claim, Hold
from jobs.gateway import ActiveTask, Workers
from jobs.models import QUEUED, RETRYING, Dispatch, Job
from tests.machine import clock
from tests.machine.broker import CORE_QUEUES, OWN_QUEUE, Broker, Message

HARD_TIME_LIMIT = 600
OWN, CORE = "own@host", "core@host"
ERROR = {"status": "error", "error": "the provider is down"}
_GOOD: dict[str, Any] = {"status": "success", "messages_synced": 3, "new_messages": 3, "errors": []}
# What a core task that isn't a send leaves behind: the Celery state and the result.
CORE_ENDS: dict[str, tuple[str, Any]] = {
    "success": ("SUCCESS", _GOOD),
    "partial": ("SUCCESS", {**_GOOD, "errors": ["image 5 could not be had"]}),
    "error": ("SUCCESS", ERROR),
    "permanent error": ("SUCCESS", {**_GOOD, "messages_synced": 0, "errors": ["401 Unauthorized"]}),
    "exception": ("FAILURE", {"exc_type": "KeyError", "exc_message": ["author"], "exc_module": "builtins"}),
    "revoked": ("REVOKED", {"exc_type": "TaskRevokedError", "exc_message": ["revoked"]}),
    "killed": ("FAILURE", {"exc_type": "WorkerLostError", "exc_message": ["Worker exited prematurely: signal 9"]}),
}
TIME_LIMIT_EXCEEDED = {"exc_type": "TimeLimitExceeded", "exc_message": [HARD_TIME_LIMIT]}
SENDS = frozenset({catalog.SEND_MESSAGE})


@dataclass
class OwnRun:
    """A task that runs in the console's worker."""

    message: Message
    claim: Claim
    hold: Hold = Hold.HELD


@dataclass
class CoreRun:
    """A task that runs in the core's worker."""

    message: Message
    seconds: float = 0
    sends_job: int | None = None


class WorkersAtWork:
    """What all workers hold: messages that they were given, and tasks that they run."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.own_given: list[Message] = []
        self.own_running: list[OwnRun] = []
        self.core_given: list[Message] = []
        self.core_running: list[CoreRun] = []
        # Task ids that a core worker has begun with, and that a worker has seen to their end.
        self.begun: set[str] = set()
        self.returned: set[str] = set()
        self.claims: Counter[int] = Counter()
        # Jobs whose message may have gone out without anybody knowing it.
        self.may_be_out: set[int] = set()

    # --- the console's worker

    def own_takes(self) -> Message | None:
        if message := self.broker.take(OWN_QUEUE):
            self.own_given.append(message)
        return message

    def own_claims(self, message: Message) -> OwnRun | None:
        """Have a worker begin with a message that it was given; None when there was nothing to claim."""
        self.own_given.remove(message)
        job = Job.objects.filter(pk=message.job_id).first()
        open_one = Dispatch.objects.filter(pk=message.dispatch_id, ended_at=None, started_at=None).exists()
        claim = attempts.claim(
            job_id=message.job_id,
            dispatch_id=message.dispatch_id,
            task_id=message.task_id,
            task=message.task,
            worker=OWN,
        )
        may = job is not None and job.status in {QUEUED, RETRYING} and open_one
        assert (claim is not None) == may, f"Claimed: {claim is not None}; there was something to claim: {may}."
        if claim is None:
            return None
        assert not [one for one in self.own_running if one.claim == claim], "An attempt was claimed twice."
        self.claims[message.job_id] += 1
        run = OwnRun(message, claim)
        self.own_running.append(run)
        return run

    def own_beats(self, run: OwnRun, *, with_progress: bool) -> None:
        if run.hold is Hold.LOST:
            return
        if with_progress:
            run.hold = attempts.report(run.claim, current=1, total=2, unit="items")
        else:
            run.hold = attempts.renew(run.claim)

    def own_ends(self, run: OwnRun, how: str) -> None:
        """End a task as its body does; one that was told to stop stops, whatever its body was about to do."""
        self.own_running.remove(run)
        if run.hold is not Hold.HELD:
            attempts.cancel(run.claim)
        elif how == "success":
            attempts.complete(run.claim, {"done": 1})
        else:
            permanent = how == "permanent error"
            attempts.fail(run.claim, error="it broke", traceback="Traceback: it broke", permanent=permanent)

    # --- the core's worker

    def core_takes(self, queue: str) -> Message | None:
        if message := self.broker.take(queue):
            self.core_given.append(message)
        return message

    def core_begins(self, message: Message) -> CoreRun:
        self.core_given.remove(message)
        self.begun.add(message.task_id)
        run = CoreRun(message)
        if message.task in SENDS:
            run.sends_job = _core_claims(message.kwargs["payload"])
            self.may_be_out.add(message.job_id)
        self.core_running.append(run)
        return run

    def core_tells(self, run: CoreRun) -> None:
        """Have a task report its progress."""
        self.broker.leave_result(run.message.task_id, "PROGRESS", {"current": 1, "total": 2, "unit": "messages"})

    def core_ends(self, run: CoreRun, how: str) -> None:
        self.core_running.remove(run)
        if run.message.task in SENDS and how not in {"revoked", "killed"}:
            state, result = "SUCCESS", self._send_ends(run, how)
        else:
            state, result = CORE_ENDS[how]
        self._returns(run, state, result)

    def core_dies(self, run: CoreRun) -> None:
        """The process is gone, with nothing written."""
        self.core_running.remove(run)

    def _returns(self, run: CoreRun, state: str, result: Any) -> None:
        self.returned.add(run.message.task_id)
        trace = "Traceback (most recent call last): …" if state == "FAILURE" else None
        self.broker.leave_result(run.message.task_id, state, result, traceback=trace)

    def _send_ends(self, run: CoreRun, how: str) -> dict[str, Any]:
        visibility, error = {
            "success": ("visible", None),
            "partial": ("visible", None),
            "error": ("send_failed", "429 Too Many Requests"),
            "permanent error": ("send_failed", "401 Unauthorized"),
            "exception": ("unknown", "AMBIGUOUS: read timed out after the request had been sent"),
        }[how]
        CoreMessage.objects.filter(pk=run.message.kwargs["payload"]["message_id"]).update(remote_visibility=visibility)
        if run.sends_job is not None:
            with connection.cursor() as cursor:
                cursor.execute(
                    "UPDATE jobs SET status = %s, last_error = %s, dedupe_key = NULL, updated_at = now()"
                    " WHERE id = %s AND status = 'running'",
                    ["failed" if error else "done", error, run.sends_job],
                )
        if visibility == "send_failed":
            self.may_be_out.discard(run.message.job_id)
        return {"status": "failed", "error": error} if error else {"status": "success"}

    # --- all of them

    def know(self, task_id: str) -> bool:
        """Whether a worker was given this task or runs it."""
        own, core = [run.message for run in self.own_running], [run.message for run in self.core_running]
        return any(message.task_id == task_id for message in [*self.own_given, *self.core_given, *own, *core])

    def answer(self) -> Workers:
        """What they say when the sweeper asks; the queues' lengths were looked at before."""
        running = {
            **{run.message.task_id: CORE for run in self.core_running},
            # A task is active for its worker before it has claimed anything.
            **{message.task_id: OWN for message in [*self.own_given, *(run.message for run in self.own_running)]},
        }
        return Workers(
            active={
                task_id: ActiveTask(task_id=task_id, worker=worker, started_at=None)
                for task_id, worker in running.items()
            },
            answered=frozenset({OWN, CORE}),
            reserved=frozenset(message.task_id for message in self.core_given),
            empty_queues=frozenset(queue for queue, length in self.broker.lengths().items() if not length),
            queues={OWN: [OWN_QUEUE], CORE: list(CORE_QUEUES)},
            tasks={OWN: ["machine.own"], CORE: ["ingest.sync_delta"]},
        )

    def time_passes(self, seconds: float) -> None:
        clock.advance(seconds)
        for run in list(self.core_running):
            run.seconds += seconds
            if run.seconds > HARD_TIME_LIMIT:
                self.core_running.remove(run)
                self._returns(run, "FAILURE", TIME_LIMIT_EXCEEDED)


def _core_claims(payload: Any) -> int | None:
    """Claim the row of a send as the core does: by its key."""
    key = ledger.dedupe_key("messages", catalog.SEND_MESSAGE, payload)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE jobs SET status = 'running', attempts = attempts + 1, updated_at = now()"
            " WHERE dedupe_key = %s AND status IN ('queued', 'retrying') RETURNING id",
            [key],
        )
        row = cursor.fetchone()
    return int(row[0]) if row else None
