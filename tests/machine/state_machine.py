"""Everything that can happen to jobs, in any order: a Hypothesis state machine over the real functions.

PostgreSQL and Redis are real, and so is every function of the console; simulated are the workers, what goes wrong, and
the time that passes. After each step the invariants are checked, and at the end that nothing was lost.
"""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from django.db import connection
from django.db.models import Q
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from identities.models import Identity
from jobs import (
    catalog,
    counts,
    foreign,
    gateway,
    handover,
    ledger,
    losses,
    open_attempts,
    operations,
    settling,
    sweeper,
)
from jobs.gateway import TaskMessage, Workers
from jobs.models import ACTIVE_STATUSES, FAILED, QUEUED, STATUSES, Dispatch, Job
from opsconsole.audit import AuditLog, Entity
from opsconsole.errors import Conflict, OpsError
from tests import database
from tests.cast import OPERATOR, make_conversation, make_identity, make_job, make_message
from tests.machine import invariants, recovery
from tests.machine.broker import CORE_QUEUES, QUEUES, Broker
from tests.machine.faults import Died, Fault, publishing
from tests.machine.invariants import Ledger, Memory
from tests.machine.stuck import is_stuck
from tests.machine.workers import CORE_ENDS, WorkersAtWork

OWN_TYPES: dict[str, dict[str, Any]] = {
    "machine.own": {"max_attempts": 2},
    "machine.own_once": {"max_attempts": 1, "at_most_once": True},
    "machine.own_serial": {"max_attempts": 2, "serial_group": "own"},
}
TYPES: dict[str, dict[str, Any]] = {
    **{name: {"task": name, "queue": "opsconsole", "in_core": False, **more} for name, more in OWN_TYPES.items()},
    "machine.core_once": {"task": "machine.core_once", "queue": "core", "max_attempts": 1, "at_most_once": True},
}
INGEST = (catalog.SYNC, catalog.BACKFILL_CONVERSATIONS)
SUBMITTED = (*TYPES, *INGEST)
REASON = "because"

picks = st.integers(0, 5)
faults = st.one_of(st.just(Fault.NONE), st.just(Fault.NONE), st.sampled_from(Fault))
now_and_then = st.sampled_from([False, False, False, True])
# More would only make the steps slower.
MOST_ACTIVE, MOST_FOREIGN, MOST_BY_HAND = 5, 3, 2


class _Failures(logging.Handler):
    """Keeps what was logged as an error: something went wrong that nobody had thought of."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(f"{record.msg} {record.exc_info}")


class LifeOfJobs(RuleBasedStateMachine):
    """The rules; each is one thing that somebody or something does."""

    def __init__(self) -> None:
        super().__init__()
        self.failures = _Failures()
        logging.getLogger("jobs").addHandler(self.failures)
        self.identities: list[Identity] = [make_identity() for _ in range(2)]
        conversation = make_conversation(self.identities[0])
        self.texts = [make_message(conversation, remote_visibility=v).pk for v in ("send_failed", "unknown")]
        self.broker = Broker()
        self.workers = WorkersAtWork(self.broker)
        self.memory = Memory()
        self.slow_submitters: list[int] = []
        self.answer: Workers | None = None
        self.remembered: list[Dispatch] = []
        self.lengths: dict[str, int] = {}
        self.ledger = Ledger({}, {})
        counts.refresh(max_age_seconds=0)

    def teardown(self) -> None:
        try:
            if sys.exc_info()[0] is None:
                recovery.check(self)
        finally:
            logging.getLogger("jobs").removeHandler(self.failures)
            self.broker.close()
            database.restore()

    @invariant()
    def all_invariants_hold(self) -> None:
        self.ledger = invariants.check(self.memory, self.workers)
        # Looked at once for all preconditions.
        self.lengths = self.broker.lengths()
        self.memory.retried = self.memory.set_failed = self.memory.cancelled = None
        assert not self.failures.messages, self.failures.messages

    # --- submitting

    @precondition(lambda self: self.active() < MOST_ACTIVE)
    @rule(types=st.lists(st.sampled_from(SUBMITTED), min_size=1, max_size=3), identity=picks, fault=faults)
    def submit(self, types: list[str], identity: int, fault: Fault) -> None:
        requests = [operations.JobRequest(job_type=name, payload=self._payload(identity)) for name in types]
        works = {one.job_type: operations._work(one).dedupe_key for one in requests}
        held = Job.objects.filter(dedupe_key__in=works.values(), status__in=ACTIVE_STATUSES)
        active = dict(held.values_list("dedupe_key", "pk"))
        known = set(Job.objects.values_list("pk", flat=True))
        # Their rows were changed by hand, so the console doesn't run them any more, and perhaps no one does.
        run_here = Dispatch.objects.filter(Q(ended_at=None) | Q(next_attempt_at__isnull=False))
        left = set(active.values()) - set(run_here.values_list("job_id", flat=True))
        may_be_blocked = {active.get(key) for key in works.values()} <= left
        try:
            with (
                nullcontext() if may_be_blocked else self._audited("tests.trigger", "ok"),
                self._publishing(fault),
            ):
                operations.submit_run(
                    operation="tests.trigger",
                    title="A test",
                    requests=requests,
                    actor=OPERATOR,
                    entity=Entity(type="job"),
                    reason=REASON,
                )
        except Conflict as refusal:
            if refusal.code != foreign.BLOCKED or not may_be_blocked:
                raise
        new = set(Job.objects.values_list("pk", flat=True)) - known
        assert len(new) == len(set(works.values()) - set(active)), "The same work was active and is doubled, or lost."

    @precondition(lambda self: self.active() < MOST_ACTIVE)
    @rule(types=st.lists(st.sampled_from(SUBMITTED), min_size=1, max_size=3), identity=picks)
    def submit_slowly(self, types: list[str], identity: int) -> None:
        """Submit, and be held up between the commit and the publication."""
        before = set(Dispatch.objects.values_list("pk", flat=True))
        self.submit(types, identity, Fault.DIES_BEFORE)
        self.slow_submitters += sorted(set(Dispatch.objects.values_list("pk", flat=True)) - before)

    @precondition(lambda self: self.slow_submitters)
    @rule(fault=faults)
    def slow_submitter_goes_on(self, fault: Fault) -> None:
        held, self.slow_submitters = self.slow_submitters, []
        with self._publishing(fault):
            handover.hand_over(held)

    @precondition(lambda self: len(self.ledger.jobs.keys() - self.memory.accepted) < MOST_FOREIGN)
    @rule(
        kind=st.sampled_from(["send", "send", "ingest", "unheard of"]),
        text=picks,
        status=st.sampled_from([QUEUED, FAILED]),
    )
    def core_writes_a_job(self, kind: str, text: int, status: str) -> None:
        """Have the core write a row, or leave a failed one behind."""
        payload = {"message_id": self.texts[text % 2]} if kind == "send" else self._payload(text)
        job_type, queue = {
            "send": (catalog.SEND_MESSAGE, "messages"),
            "ingest": (catalog.SYNC, "ingest"),
            "unheard of": ("media.transcode", "core"),
        }[kind]
        work = Q(queue_name=queue, job_type=job_type, status__in=ACTIVE_STATUSES)
        key = ledger.dedupe_key(queue, job_type, payload)
        if Job.objects.filter(dedupe_key=key).exists() or [
            one for one in Job.objects.filter(work) if one.payload_json == payload
        ]:
            return
        make_job(job_type, queue_name=queue, status=status, payload=payload, max_attempts=3)
        counts.refresh(max_age_seconds=0)

    # --- messages

    @precondition(lambda self: any(self.lengths.values()))
    @rule(pick=picks)
    def a_message_is_lost(self, pick: int) -> None:
        self.broker.take(self._queue(pick))

    @precondition(lambda self: any(self.lengths.values()))
    @rule(pick=picks)
    def a_message_comes_twice(self, pick: int) -> None:
        self.broker.duplicate(self._queue(pick))

    # --- the console's worker

    @precondition(lambda self: self.lengths["opsconsole"])
    @rule(claims=st.booleans())
    def own_worker_takes_a_message(self, *, claims: bool) -> None:
        message = self.workers.own_takes()
        if claims and message:
            self.workers.own_claims(message)

    @precondition(lambda self: self.lengths["opsconsole"])
    @rule(how=st.sampled_from(["success", "error", "permanent error"]))
    def own_task_runs(self, how: str) -> None:
        message = self.workers.own_takes()
        if message and (run := self.workers.own_claims(message)):
            self.workers.own_ends(run, how)

    @precondition(lambda self: self.workers.own_given)
    @rule(pick=picks)
    def own_worker_begins(self, pick: int) -> None:
        self.workers.own_claims(_pick(self.workers.own_given, pick))

    @precondition(lambda self: self.workers.own_running)
    @rule(pick=picks, with_progress=st.booleans())
    def own_task_beats(self, pick: int, *, with_progress: bool) -> None:
        self.workers.own_beats(_pick(self.workers.own_running, pick), with_progress=with_progress)

    @precondition(lambda self: self.workers.own_running)
    @rule(pick=picks, how=st.sampled_from(["success", "error", "permanent error"]))
    def own_task_ends(self, pick: int, how: str) -> None:
        self.workers.own_ends(_pick(self.workers.own_running, pick), how)

    @precondition(lambda self: self.workers.own_running)
    @rule(pick=picks)
    def own_worker_is_killed(self, pick: int) -> None:
        self.workers.own_running.remove(_pick(self.workers.own_running, pick))

    # --- the core's worker

    @precondition(lambda self: any(self.lengths[queue] for queue in CORE_QUEUES))
    @rule(pick=picks, begins=st.booleans())
    def core_worker_takes_a_message(self, pick: int, *, begins: bool) -> None:
        queue = _pick([queue for queue in CORE_QUEUES if self.lengths[queue]], pick)
        message = self.workers.core_takes(queue)
        if begins and message:
            self._core_begins(message)

    @precondition(lambda self: any(self.lengths[queue] for queue in CORE_QUEUES))
    @rule(pick=picks, how=st.sampled_from(sorted(CORE_ENDS)), settled=st.booleans())
    def core_task_runs(self, pick: int, how: str, *, settled: bool) -> None:
        message = self.workers.core_takes(_pick([queue for queue in CORE_QUEUES if self.lengths[queue]], pick))
        assert message
        self.workers.core_ends(self.workers.core_begins(message), how)
        counts.refresh(max_age_seconds=0)
        if settled:
            self.the_sweeper_does("settle", Fault.NONE)

    @precondition(lambda self: self.workers.core_given)
    @rule(pick=picks)
    def core_worker_begins(self, pick: int) -> None:
        self._core_begins(_pick(self.workers.core_given, pick))

    @precondition(lambda self: self.workers.core_running)
    @rule(pick=picks)
    def core_task_tells_how_far_it_is(self, pick: int) -> None:
        self.workers.core_tells(_pick(self.workers.core_running, pick))

    @precondition(lambda self: self.workers.core_running)
    @rule(pick=picks, how=st.sampled_from(sorted(CORE_ENDS)))
    def core_task_ends(self, pick: int, how: str) -> None:
        self.workers.core_ends(_pick(self.workers.core_running, pick), how)
        counts.refresh(max_age_seconds=0)

    @precondition(lambda self: self.workers.core_running)
    @rule(pick=picks)
    def core_worker_dies(self, pick: int) -> None:
        self.workers.core_dies(_pick(self.workers.core_running, pick))

    # --- operators

    @precondition(lambda self: self.memory.statuses)
    @rule(pick=picks, any_status=now_and_then, confirm=st.booleans(), fault=faults)
    def an_operator_retries(self, pick: int, *, any_status: bool, confirm: bool, fault: Fault) -> None:
        job = self._job(pick, STATUSES if any_status else [FAILED])
        self.memory.retried = job.pk
        known = catalog.find(job.job_type)
        if known is None:
            return
        before = Dispatch.objects.filter(job_id=job.pk).count()
        self.memory.runs_allowed[job.pk] += 1
        self.memory.accepted.add(job.pk)
        # Of the attempt before; a worker may begin with this one at once.
        may_be_out = job.pk in self.workers.may_be_out
        self.workers.may_be_out.discard(job.pk)
        try:
            with self._audited("job.retry", job_id=job.pk), self._publishing(fault):
                operations.retry_job(job.pk, actor=OPERATOR, confirm=confirm, reason=REASON)
        except OpsError:
            self.memory.runs_allowed[job.pk] -= 1
            if not before:
                self.memory.accepted.discard(job.pk)
            if may_be_out:
                self.workers.may_be_out.add(job.pk)
            return
        assert job.status == FAILED, f"A job was retried that was {job.status}."
        if known.at_most_once and not confirm:
            assert known.core_writes_row, "It may take effect only once, and was retried without a confirmation."
            assert not may_be_out, "Its message may be out, and it was retried unconfirmed."

    @precondition(lambda self: self.memory.statuses)
    @rule(pick=picks, any_status=now_and_then, terminate=st.booleans())
    def an_operator_cancels(self, pick: int, *, any_status: bool, terminate: bool) -> None:
        job = self._job(pick, STATUSES if any_status else ACTIVE_STATUSES)
        self._cancel(job, terminate=terminate)

    @precondition(lambda self: self.memory.statuses)
    @rule(pick=picks, any_job=now_and_then)
    def an_operator_sets_a_job_failed(self, pick: int, *, any_job: bool) -> None:
        candidates = [] if any_job else [job for job in Job.objects.order_by("pk") if is_stuck(job)]
        job = _pick(candidates, pick) if candidates else self._job(pick, STATUSES)
        allowed = is_stuck(job)
        try:
            with self._audited("job.fail", job_id=job.pk):
                operations.fail_job(job.pk, actor=OPERATOR, reason=REASON)
        except Conflict:
            assert not allowed, f"Job {job.pk} is stuck and could not be set failed."
        else:
            assert allowed, f"Job {job.pk} was set failed and was not stuck."

    @precondition(lambda self: self.memory.statuses and len(self.memory.changed_by_hand) < MOST_BY_HAND)
    @rule(pick=picks, status=st.sampled_from([*STATUSES, "deleted"]))
    def somebody_changes_a_row_by_hand(self, pick: int, status: str) -> None:
        job = self._job(pick, STATUSES)
        self._change_by_hand(job.pk, status)

    # --- the sweeper

    @rule(fault=faults)
    def the_sweeper_ticks(self, fault: Fault) -> None:
        """All steps of a tick, the workers' answer being there at once."""
        with self._publishing(fault):
            recovery.tick(self.workers)

    @rule(seconds=st.sampled_from([4, 11, 16, 46, 70]), fault=faults)
    def time_passes_and_the_sweeper_ticks(self, seconds: int, fault: Fault) -> None:
        self.time_passes(seconds)
        self.the_sweeper_ticks(fault)

    @rule(step=st.sampled_from(["expire", "redispatch", "publish", "settle", "late", "tidy", "count"]), fault=faults)
    def the_sweeper_does(self, step: str, fault: Fault) -> None:
        with self._publishing(fault):
            {
                "expire": sweeper.expire_leases,
                "redispatch": sweeper.redispatch_due,
                "publish": sweeper.publish_due,
                "settle": sweeper.settle_ended,
                "late": sweeper.keep_late_results,
                "tidy": recovery.tidy,
                "count": counts.refresh,
            }[step]()

    @rule(fault=faults, begins_meanwhile=st.booleans())
    def the_sweeper_sends_unclaimed_tasks_again(self, fault: Fault, *, begins_meanwhile: bool) -> None:
        ask = gateway.waiting_in

        def waiting_in(queues: Any) -> dict[str, int]:
            lengths = ask(queues)
            if begins_meanwhile:
                self._own_worker_begins_with_something()
            return lengths

        with self._publishing(fault), recovery.patched(gateway, "waiting_in", waiting_in):
            losses.republish_unclaimed()

    @precondition(lambda self: self.answer is None)
    @rule()
    def the_sweeper_asks_the_workers(self) -> None:
        self.answer = self.workers.answer()

    @precondition(lambda self: self.answer is not None)
    @rule(fault=faults)
    def the_sweeper_hears_the_workers(self, fault: Fault) -> None:
        answer, self.answer = self.answer, None
        assert answer is not None
        with self._publishing(fault):
            sweeper.note_workers(answer)

    @precondition(lambda self: not self.remembered)
    @rule()
    def a_sweeper_reads_the_attempts(self) -> None:
        """And is then held up, so that it goes on with what is old by then."""
        self.remembered = list(Dispatch.objects.filter(ended_at=None, in_core=True).exclude(published_at=None))

    @precondition(lambda self: self.remembered)
    @rule(fault=faults)
    def that_sweeper_goes_on(self, fault: Fault) -> None:
        batch, self.remembered = self.remembered, []
        states = gateway.read_states(str(dispatch.task_id) for dispatch in batch)
        with self._publishing(fault):
            for dispatch in batch:
                state = states.get(str(dispatch.task_id))
                if state is not None and state.is_ended:
                    settling.settle(dispatch, state)
                elif state is not None:
                    open_attempts.note_started(dispatch)

    # --- time

    @rule(seconds=st.sampled_from([2, 4, 11, 16, 31, 46, 61, 70, 4_000, 16 * 60, 7_300]))
    def time_passes(self, seconds: int) -> None:
        self.workers.time_passes(seconds)
        if seconds > 2:
            # Neither an answer nor a sweeper is held up for so long.
            self.answer, self.remembered = None, []

    # --- what the rules have in common

    def active(self) -> int:
        return sum(job.status in ACTIVE_STATUSES for job in self.ledger.jobs.values())

    def _queue(self, pick: int) -> str:
        queue: str = _pick([name for name in QUEUES if self.lengths[name]], pick)
        return queue

    def _payload(self, identity: int) -> dict[str, Any]:
        return {"provider_id": "reddit", "identity_id": self.identities[identity % 2].pk}

    def _job(self, pick: int, statuses: Any) -> Job:
        found = list(Job.objects.filter(status__in=statuses).order_by("pk")) or list(Job.objects.order_by("pk"))
        job: Job = _pick(found, pick)
        return job

    def _core_begins(self, message: Any) -> None:
        self.workers.core_begins(message)
        counts.refresh(max_age_seconds=0)

    def _own_worker_begins_with_something(self) -> None:
        message = self.workers.own_given[0] if self.workers.own_given else self.workers.own_takes()
        if message:
            self.workers.own_claims(message)

    def _cancel(self, job: Job, *, terminate: bool = False) -> None:
        self.memory.cancelled = job.pk
        try:
            with self._audited("job.cancel", job_id=job.pk):
                operations.cancel_job(job.pk, actor=OPERATOR, terminate=terminate, reason=REASON)
        except OpsError:
            return
        assert job.status in ACTIVE_STATUSES
        known = catalog.find(job.job_type)
        assert not known or not known.not_cancellable

    def _change_by_hand(self, job_id: int, status: str) -> None:
        self.memory.changed_by_hand.add(job_id)
        with connection.cursor() as cursor:
            if status == "deleted":
                cursor.execute("DELETE FROM jobs WHERE id = %s", [job_id])
            else:
                cursor.execute("UPDATE jobs SET status = %s WHERE id = %s", [status, job_id])
        counts.refresh(max_age_seconds=0)

    def _meanwhile(self, fault: Fault, message: TaskMessage) -> None:
        job = Job.objects.filter(pk=message.job_id).first()
        if fault is Fault.TAKEN and message.queue == "opsconsole":
            self._own_worker_begins_with_something()
        elif fault is Fault.TAKEN:
            if taken := self.workers.core_takes(message.queue):
                self._core_begins(taken)
        elif fault is Fault.CANCELLED and job:
            self._cancel(job)
        elif fault is Fault.ENDED_BY_HAND:
            self._change_by_hand(message.job_id, "cancelled")

    @contextmanager
    def _publishing(self, fault: Fault) -> Iterator[None]:
        def sent(message: TaskMessage) -> None:
            self.memory.published[message.job_id] += 1

        known = set(Job.objects.values_list("pk", flat=True))
        try:
            with publishing(fault, sent=sent, meanwhile=self._meanwhile):
                yield
        except Died:
            # Whatever it had not committed is gone with it.
            connection.close()
        except (gateway.BrokerUnreachable, gateway.PublicationInDoubt):
            # A sweeper's step is put off.
            pass
        for pk in set(Job.objects.values_list("pk", flat=True)) - known:
            self.memory.accepted.add(pk)
            self.memory.runs_allowed[pk] += 1

    @contextmanager
    def _audited(self, action: str, result: str = "", *, job_id: int | None = None) -> Iterator[None]:
        """Check that whatever a person did, or was refused, is written down with who, through what, why and how."""
        last = AuditLog.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        refused = False
        try:
            yield
        except OpsError:
            refused = True
            raise
        finally:
            rows = list(AuditLog.objects.filter(pk__gt=last, action_type=action))
            assert len(rows) == 1, f"{action} left {len(rows)} rows in the audit log."
            request = rows[0].request_json or {}
            assert (request["by"], request["via"], request["reason"]) == (OPERATOR.name, OPERATOR.via, REASON)
            assert rows[0].result == ("error" if refused else "ok")
            assert bool(rows[0].error_detail) == refused
            assert job_id is None or rows[0].entity_id == job_id


def _pick(items: list[Any], pick: int) -> Any:
    return items[pick % len(items)]
