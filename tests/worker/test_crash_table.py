"""Every row of the table of what happens when a process dies, or Redis or PostgreSQL does: really killed, at any place.

Leases and checks that take longer than a test are put into the past; all else is as in an installation.
"""

import http.client
import json
import os
import signal
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

import pytest
import redis
from django.conf import settings
from django.db import connection
from django.db.models import F
from rest_framework.authtoken.models import Token

from demo.archive import Archive
from devserver.postgres import Postgres
from devserver.redis import Redis
from identities.models import Identity, Message
from identities.operations import backfill_conversations
from jobs import attempts, counts, gateway, losses, operations, stuck, sweeper
from jobs.models import (
    CANCELLED,
    DONE,
    FAILED,
    QUEUED,
    RETRYING,
    RUNNING,
    Dispatch,
    Job,
    Run,
    StatusCount,
    WorkerReport,
)
from jobs.retry_rules import AMBIGUOUS
from opsconsole.audit import AuditLog
from opsconsole.errors import Conflict
from opsconsole.permissions import OPERATORS
from tests.api.cast import make_staff
from tests.cast import OPERATOR, make_conversation, make_credential, make_identity, make_job, make_message
from tests.processes import Child
from tests.tries import tries_at_redis
from tests.waiting import PATIENCE
from tests.worker.conftest import Leave, Order
from tests.worker.faults import copy_message, core_held_up, let_run_out, lose_message, messages, put_off, redeliver
from tests.worker.file_tasks import QUEUE, Traces
from tests.worker.world import World, died_at_its_failpoint, kill_server

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]

WaitUntil = Callable[..., Any]
BACKFILL = "ingest.backfill_conversations"
# Seconds. Asking the workers takes seconds each time, even if they answer at once.
ASKING = 3 * PATIENCE


def sweep() -> None:
    """Do what a sweeper does in a tick, but for asking the workers, once all that it waits for is due.

    Leases of running attempts are left alone: only a test knows which worker is dead.
    """
    let_run_out("publication_lease_until", "check_at", "next_attempt_at", "late_check_at")
    for step in (
        sweeper.expire_leases,
        sweeper.redispatch_due,
        sweeper.publish_due,
        losses.republish_unclaimed,
        sweeper.settle_ended,
        sweeper.publish_due,
        sweeper.keep_late_results,
    ):
        step()


def ask_workers() -> None:
    """Do what a sweeper does with the workers' answers, as if nobody had been seen working for long."""
    let_run_out("check_at", ended_at=None)
    let_run_out("unknown_since", seconds=61)
    # After the broker's return a connection may still be the old one; a sweeper asks again as well.
    with suppress(gateway.BrokerUnreachable):
        sweeper.note_workers(gateway.ask_workers(registered=True, missing_from=losses.suspicious_queues()))


@pytest.fixture
def alice() -> Identity:
    """An identity whose messages the core can fetch."""
    alice = make_identity("Alice")
    make_credential(alice)
    return alice


@pytest.fixture
def send() -> Job:
    """A message that failed to be sent: its job may be retried, and takes effect at most once."""
    message = make_message(make_conversation(make_identity()), remote_visibility="send_failed")
    return make_job("message.send_manual", queue_name="messages", payload={"message_id": message.pk})


@contextmanager
def paused(child: Child) -> Iterator[None]:
    """Have a process stand still."""
    os.kill(child.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(child.pid, signal.SIGCONT)


def after(step: Callable[[], object], condition: Callable[[], Any]) -> Callable[[], Any]:
    """Return a condition that does something each time before it is asked."""

    def ask() -> Any:
        step()
        return condition()

    return ask


def only_job() -> Job:
    return Job.objects.get()


def has_become(status: str, job_id: int | None = None) -> Callable[[], bool]:
    return lambda: (Job.objects.get(pk=job_id) if job_id else only_job()).status == status


# --- the process that submits dies --------------------------------------------------------------------------------


def test_own_work_whose_submitter_dies_before_the_commit_does_not_exist(world: World, traces: Traces) -> None:
    child = world.submit(
        "tests.mark", {"folder": str(traces.folder), "name": "a"}, OPS_FAILPOINT="submit.before_commit"
    )
    assert died_at_its_failpoint(child)
    sweep()

    assert not any(model.objects.exists() for model in (Job, Dispatch, Run, AuditLog))
    assert messages(QUEUE) == []


def test_core_work_whose_submitter_dies_before_the_commit_does_not_exist(world: World, alice: Identity) -> None:
    child = world.command("backfill_conversations", str(alice.pk), OPS_FAILPOINT="submit.before_commit")
    assert died_at_its_failpoint(child)
    sweep()

    assert not any(model.objects.exists() for model in (Job, Dispatch, Run, AuditLog))
    assert messages("ingest") == []


def test_own_work_whose_submitter_dies_before_publishing_is_published_when_its_lease_ends(
    world: World, traces: Traces, wait_until: WaitUntil
) -> None:
    world.kill()
    child = world.submit("tests.mark", {"folder": str(traces.folder), "name": "a"}, OPS_FAILPOINT="submit.committed")
    assert died_at_its_failpoint(child)
    put_off("publication_lease_until")
    assert sweeper.publish_due() == 0, "its lease is still held"
    world.own_worker()
    sweep()
    wait_until(has_become(DONE))

    assert traces.done("a") == 1
    assert Dispatch.objects.get().publications <= 1


def test_core_work_whose_submitter_dies_before_publishing_is_published_when_its_lease_ends(
    world: World, alice: Identity, wait_until: WaitUntil
) -> None:
    world.kill()
    child = world.command("backfill_conversations", str(alice.pk), OPS_FAILPOINT="submit.committed")
    assert died_at_its_failpoint(child)
    assert messages("ingest") == []
    world.core_worker()
    sweep()
    wait_until(sweeper.settle_ended)

    assert (only_job().status, only_job().attempts) == (DONE, 1)


def test_own_work_whose_submitter_dies_before_marking_is_published_again_and_done_once(
    world: World, traces: Traces, wait_until: WaitUntil
) -> None:
    world.kill()
    child = world.submit("tests.mark", {"folder": str(traces.folder), "name": "a"}, OPS_FAILPOINT="publish.sent")
    assert died_at_its_failpoint(child)
    assert Dispatch.objects.get().published_at is None
    sweep()
    first, second = messages(QUEUE)
    assert first["id"] == second["id"] == str(Dispatch.objects.get().task_id)

    worker = world.another_own_worker()
    wait_until(lambda: "attempt.ignored" in worker.output)
    wait_until(has_become(DONE))
    assert traces.began("a") == traces.done("a") == only_job().attempts == 1


def test_core_work_whose_submitter_dies_before_marking_may_run_twice_and_doubles_no_row(
    world: World, alice: Identity, wait_until: WaitUntil
) -> None:
    world.kill()
    child = world.command("backfill_conversations", str(alice.pk), OPS_FAILPOINT="publish.sent")
    assert died_at_its_failpoint(child)
    sweep()
    assert len({message["id"] for message in messages("ingest")}) == 1
    assert len(messages("ingest")) == 2
    world.core_worker()
    archive = Archive(world.archive)
    profile = archive.profile(alice.provider_id, alice.external_username)
    runs = world.archive / "attempts" / alice.provider_id
    wait_until(lambda: [path.stat().st_size for path in runs.glob(f"{alice.external_username}-*/{BACKFILL}")] == [2])
    wait_until(lambda: world.core_worker().output.count("succeeded in") >= 2)
    sweep()

    assert (only_job().status, only_job().attempts) == (DONE, 1)
    assert Message.objects.count() == profile.messages


# --- what may take effect only once -------------------------------------------------------------------------------


def test_what_may_run_only_once_fails_when_its_sender_dies_between_marking_and_sending_and_is_never_sent(
    world: World, traces: Traces, send: Job, wait_until: WaitUntil
) -> None:
    world.kill()
    own = world.submit("tests.mark_once", {"folder": str(traces.folder), "name": "a"}, OPS_FAILPOINT="publish.marked")
    core = world.command("retry_job", str(send.pk), OPS_FAILPOINT="publish.marked")
    assert died_at_its_failpoint(own)
    assert died_at_its_failpoint(core)
    own_job = Job.objects.get(job_type="tests.mark_once")
    world.own_worker()
    world.core_worker()
    sweep()
    assert set(Job.objects.values_list("status", flat=True)) == {QUEUED}
    wait_until(after(ask_workers, lambda: not Job.objects.exclude(status=FAILED).exists()), timeout=ASKING)

    own_job.refresh_from_db()
    send.refresh_from_db()
    # Certain: it can't be claimed any more.
    assert own_job.last_error == losses.NEVER_CLAIMED
    assert (send.last_error or "").startswith(AMBIGUOUS)
    sweep()
    assert (messages(QUEUE), messages("messages"), traces.began("a")) == ([], [], 0)
    for job in (own_job, send):
        with pytest.raises(Conflict, match="obody knows"):
            operations.retry_job(job.pk, actor=OPERATOR)


# --- the broker goes away, or loses messages ----------------------------------------------------------------------


def test_what_is_accepted_with_the_broker_down_is_handed_over_after_its_return(
    world: World, order: Order, traces: Traces, alice: Identity, redis_server: Redis, wait_until: WaitUntil
) -> None:
    world.own_worker()
    kill_server(redis_server)
    try:
        with tries_at_redis() as tries:
            submitted = backfill_conversations(identity_ids=[alice.pk], actor=OPERATOR)
        # At most 2 s in total, even if the broker never answers.
        assert 0 < tries.longest <= 2
        assert submitted.broker_down
        assert "can't be reached" in submitted.message
        own = order("tests.mark", "a")
        sweep()
        assert set(Job.objects.values_list("status", flat=True)) == {QUEUED}
    finally:
        redis_server.start()
    sweep()

    assert [message["job_id"] for message in messages("ingest")] == list(submitted.job_ids)
    wait_until(has_become(DONE, own))
    assert traces.done("a") == 1


def test_own_work_whose_message_is_lost_is_sent_again(
    world: World, order: Order, traces: Traces, wait_until: WaitUntil
) -> None:
    world.kill()
    job_id = order("tests.mark", "a")
    lose_message(QUEUE, job_id)
    put_off("check_at")
    assert losses.republish_unclaimed() == 0, "it may be on its way"
    sweep()
    world.own_worker()
    wait_until(has_become(DONE, job_id))

    assert traces.began("a") == traces.done("a") == 1
    assert Dispatch.objects.get().publications == 2


def test_own_work_that_a_killed_worker_had_reserved_is_sent_again(
    world: World, order: Order, traces: Traces, wait_until: WaitUntil
) -> None:
    worker = world.own_worker()
    held, reserved = order("tests.hold", "a"), order("tests.mark", "b")
    wait_until(lambda: traces.began("a") and not messages(QUEUE))
    worker.kill()
    traces.let_go("a")
    let_run_out("lease_until")
    sweep()
    world.own_worker()
    wait_until(has_become(DONE, reserved))
    wait_until(after(sweep, has_become(DONE, held)))

    assert traces.done("b") == 1


def test_a_core_message_that_is_lost_is_sent_again_once_neither_its_queue_nor_a_worker_knows_it(
    world: World, alice: Identity, send: Job, wait_until: WaitUntil
) -> None:
    world.kill()
    worker = world.another_core_worker("--prefetch-multiplier", "2")
    others = [make_identity("Bob"), make_identity("Carol")]
    for other in others:
        make_credential(other)
    with core_held_up():
        submitted = backfill_conversations(identity_ids=[alice.pk, *(other.pk for other in others)], actor=OPERATOR)
        operations.retry_job(send.pk, actor=OPERATOR)
        # It runs the first one and has reserved the second; the third waits.
        wait_until(lambda: len(messages("ingest")) == 1)
        running, reserved, lost = submitted.job_ids
        lose_message("ingest", lost)
        lose_message("messages", send.pk)
        wait_until(after(ask_workers, lambda: len(messages("ingest")) == 1), timeout=ASKING)
        wait_until(after(ask_workers, lambda: Job.objects.get(pk=send.pk).status == FAILED), timeout=ASKING)

        publications = dict(Dispatch.objects.values_list("job_id", "publications"))
        assert publications == {running: 1, reserved: 1, lost: 2, send.pk: 1}
        assert (Job.objects.get(pk=send.pk).last_error or "").startswith(AMBIGUOUS)
        assert Job.objects.get(pk=running).status == RUNNING
    wait_until(after(sweep, lambda: Job.objects.filter(status=DONE).count() == 3))
    assert worker.running


# --- workers are killed -------------------------------------------------------------------------------------------


def test_what_a_killed_worker_did_is_retried_or_cancelled_if_asked_or_failed_if_it_may_run_only_once(
    world: World, order: Order, traces: Traces, wait_until: WaitUntil
) -> None:
    world.kill()
    jobs = {
        "retried": order("tests.hold", "retried"),
        "cancelled": order("tests.hold", "cancelled"),
        "once": order("tests.hold_once", "once"),
    }
    worker = world.another_own_worker(concurrency=3)
    wait_until(lambda: all(traces.began(name) for name in jobs))
    worker.kill()
    put_off("lease_until")
    assert operations.cancel_job(jobs["cancelled"], actor=OPERATOR).status == RUNNING
    assert sweeper.expire_leases() == 0, "their leases are still held"
    let_run_out("lease_until")
    assert sweeper.expire_leases() == len(jobs)

    assert Job.objects.get(pk=jobs["cancelled"]).status == CANCELLED
    once = Job.objects.get(pk=jobs["once"])
    assert (once.status, once.last_error, once.dedupe_key) == (FAILED, attempts.OUTCOME_UNKNOWN, None)
    assert Job.objects.get(pk=jobs["retried"]).status == RETRYING

    traces.let_go("retried")
    sweep()
    world.own_worker()
    wait_until(has_become(DONE, jobs["retried"]))
    assert (traces.began("retried"), traces.done("retried")) == (2, 1)
    assert Job.objects.get(pk=jobs["retried"]).attempts == 2
    assert (traces.done("cancelled"), traces.done("once")) == (0, 0)


@pytest.mark.parametrize(
    ("failpoint", "effects"), [("claim.claimed", 1), ("work.done", 2), ("complete.before_commit", 2)]
)
def test_an_own_task_whose_process_dies_takes_effect_once_for_each_claim(
    world: World, order: Order, traces: Traces, wait_until: WaitUntil, failpoint: str, effects: int
) -> None:
    world.kill()
    worker = world.another_own_worker(OPS_FAILPOINT=failpoint)
    order("tests.mark", "a")
    wait_until(lambda: "WorkerLostError" in worker.output)
    worker.kill()
    assert (only_job().status, only_job().attempts) == (RUNNING, 1)
    let_run_out("lease_until")
    sweep()
    sweep()
    world.own_worker()
    wait_until(has_become(DONE))

    assert traces.done("a") == effects
    assert only_job().attempts == 2


def test_a_core_job_whose_worker_is_killed_is_stuck_until_it_is_set_failed_and_retried(
    world: World, alice: Identity, wait_until: WaitUntil
) -> None:
    with core_held_up():
        backfill_conversations(identity_ids=[alice.pk], actor=OPERATOR)
        worker = world.core_worker()
        wait_until(after(ask_workers, lambda: only_job().status == RUNNING), timeout=ASKING)
        with pytest.raises(Conflict, match="not stuck"):
            operations.fail_job(only_job().pk, actor=OPERATOR, reason="too early")
        worker.kill()
    world.core_worker()
    # The one that was killed has told of itself, and is waited for.
    WorkerReport.objects.update(seen_at=F("seen_at") - losses.WORKER_ALIVE)
    wait_until(after(ask_workers, lambda: Dispatch.objects.get().unknown_since), timeout=ASKING)
    let_run_out("unknown_since", seconds=stuck.UNKNOWN_SECONDS + 1)
    assert (only_job().status, only_job().attempts) == (RUNNING, 1)

    operations.fail_job(only_job().pk, actor=OPERATOR, reason="the machine is gone")
    assert (only_job().status, only_job().dedupe_key) == (FAILED, None)
    assert "the machine is gone" in (only_job().last_error or "")
    operations.retry_job(only_job().pk, actor=OPERATOR)
    wait_until(after(sweep, lambda: only_job().status == DONE))


def test_a_worker_that_is_told_to_stop_ends_its_task_first_and_gives_back_what_it_has_reserved(
    world: World, order: Order, traces: Traces, wait_until: WaitUntil
) -> None:
    world.kill()
    worker = world.own_worker()
    held, reserved = order("tests.hold", "a"), order("tests.mark", "b")
    wait_until(lambda: traces.began("a") and not messages(QUEUE))
    worker.ask_to_stop()
    wait_until(lambda: "Warm shutdown" in worker.output)
    assert Job.objects.get(pk=held).status == RUNNING
    traces.let_go("a")
    wait_until(lambda: not worker.running)

    assert (Job.objects.get(pk=held).status, traces.done("a")) == (DONE, 1)
    assert [message["job_id"] for message in messages(QUEUE)] == [reserved]


# --- messages come twice, or late ---------------------------------------------------------------------------------


def test_an_own_message_that_comes_twice_or_late_or_an_hour_later_changes_nothing(
    world: World, order: Order, traces: Traces, wait_until: WaitUntil
) -> None:
    world.kill()
    job_id = order("tests.mark", "a")
    message = copy_message(QUEUE, job_id)
    redeliver(QUEUE, message)
    worker = world.own_worker()
    wait_until(lambda: worker.output.count("attempt.ignored") == 1)
    assert Job.objects.get(pk=job_id).status == DONE
    redeliver(QUEUE, message)
    wait_until(lambda: worker.output.count("attempt.ignored") == 2)
    # An hour later, when the job has failed and waits for its next attempt.
    Job.objects.update(status=FAILED)
    before = list(Job.objects.values())
    operations.retry_job(job_id, actor=OPERATOR)
    wait_until(has_become(DONE, job_id))
    redeliver(QUEUE, message)
    wait_until(lambda: worker.output.count("attempt.ignored") == 3)

    assert (traces.began("a"), Dispatch.objects.count(), len(before)) == (2, 2, 1)


def test_a_core_message_that_comes_twice_doubles_no_row_and_settles_its_job_once(
    world: World, alice: Identity, wait_until: WaitUntil
) -> None:
    world.kill()
    backfill_conversations(identity_ids=[alice.pk], actor=OPERATOR)
    redeliver("ingest", copy_message("ingest", only_job().pk))
    worker = world.core_worker()
    wait_until(lambda: worker.output.count("succeeded in") == 2)
    sweep()

    profile = Archive(world.archive).profile(alice.provider_id, alice.external_username)
    assert (only_job().status, only_job().attempts) == (DONE, 1)
    assert Message.objects.count() == profile.messages


# --- sweepers are killed ------------------------------------------------------------------------------------------


def test_what_a_killed_sweeper_had_taken_another_one_publishes(
    world: World, order: Order, traces: Traces, wait_until: WaitUntil, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operations, "HAND_OVER_SECONDS", -1.0)
    world.own_worker()
    jobs = [order("tests.mark", name) for name in "abc"]
    assert Dispatch.objects.filter(published_at=None).count() == len(jobs)
    assert died_at_its_failpoint(world.sweeper(OPS_FAILPOINT="sweep.leased"))
    put_off("publication_lease_until")
    assert sweeper.publish_due() == 0, "its leases are still held"
    sweep()
    wait_until(lambda: Job.objects.filter(status=DONE).count() == len(jobs))

    assert [traces.began(name) for name in "abc"] == [1, 1, 1]


def test_what_a_killed_sweeper_was_settling_another_one_settles_and_it_counts_once(
    world: World, alice: Identity, leave_result: Leave
) -> None:
    counts.refresh(max_age_seconds=0)
    backfill_conversations(identity_ids=[alice.pk], actor=OPERATOR)
    leave_result(Dispatch.objects.get(), {"status": "success", "messages_synced": 3})
    assert died_at_its_failpoint(world.sweeper(OPS_FAILPOINT="settle.before_commit"))
    assert (only_job().status, only_job().attempts, Dispatch.objects.get().ended_at) == (QUEUED, 0, None)
    sweep()

    assert (only_job().status, only_job().attempts) == (DONE, 1)
    assert counts.current().by_status.get(DONE) == counts.current().total == 1


# --- PostgreSQL and Redis crash -----------------------------------------------------------------------------------


def test_a_task_goes_on_while_postgresql_crashes_and_its_end_is_written_when_it_is_back(
    world: World, order: Order, traces: Traces, postgres: Postgres, wait_until: WaitUntil
) -> None:
    world.own_worker()
    order("tests.hold_once", "a")
    wait_until(lambda: traces.began("a"))
    swept = world.sweeper()
    # Once it has ticked it has a connection, which breaks.
    wait_until(StatusCount.objects.exists)
    with paused(swept):
        # It runs out while the database is away.
        let_run_out("lease_until")
        with connection.cursor() as cursor:
            # As if it were durable, which the tests' server is not.
            cursor.execute("CHECKPOINT")
        connection.close()
        kill_server(postgres)
        try:
            traces.let_go("a")
            wait_until(lambda: traces.done("a"))
        finally:
            postgres.start()
    wait_until(lambda: only_job().status != RUNNING)

    assert (only_job().status, only_job().attempts, Dispatch.objects.get().outcome) == (DONE, 1, "done")
    assert swept.running


def test_with_redis_emptied_what_runs_goes_on_and_what_waited_is_handed_over_again(
    world: World, order: Order, traces: Traces, alice: Identity, wait_until: WaitUntil
) -> None:
    world.own_worker()
    running = order("tests.hold", "running")
    wait_until(lambda: traces.began("running"))
    waiting = [order("tests.mark", name) for name in "abc"]
    backfill_conversations(identity_ids=[alice.pk], actor=OPERATOR)
    with closing(redis.Redis.from_url(settings.CELERY_BROKER_URL)) as client:
        client.flushall()
    late = order("tests.mark", "late")
    traces.let_go("running")
    wait_until(after(sweep, lambda: Job.objects.filter(pk__in=[running, *waiting, late], status=DONE).count() == 5))
    world.core_worker()
    wait_until(after(ask_workers, after(sweep, lambda: not Job.objects.exclude(status=DONE).exists())), timeout=ASKING)

    assert [traces.began(name) for name in ("running", *"abc", "late")] == [1] * 5


# --- cancelling ---------------------------------------------------------------------------------------------------


def test_a_result_that_comes_after_a_cancel_is_kept_and_frees_the_place(
    world: World, alice: Identity, wait_until: WaitUntil
) -> None:
    world.core_worker()
    with core_held_up():
        (first,) = backfill_conversations(identity_ids=[alice.pk], actor=OPERATOR).job_ids
        wait_until(after(ask_workers, lambda: only_job().status == RUNNING), timeout=ASKING)
        assert operations.cancel_job(first, actor=OPERATOR).status == CANCELLED
        (second,) = backfill_conversations(identity_ids=[alice.pk], actor=OPERATOR).job_ids
        sweep()
        assert Dispatch.objects.get(job_id=second).published_at is None, "two of one identity"
    wait_until(after(sweep, lambda: Job.objects.get(pk=second).status == DONE))

    kept = Dispatch.objects.get(job_id=first)
    assert (Job.objects.get(pk=first).status, kept.outcome) == (CANCELLED, "cancelled")
    assert (kept.result or {})["status"] == "success"
    assert kept.returned_at is not None


# --- the web process ----------------------------------------------------------------------------------------------


def test_what_a_killed_web_process_has_committed_is_handed_over(world: World, alice: Identity) -> None:
    world.kill()
    token = Token.objects.create(user=make_staff("olivia", OPERATORS)).key
    web, address = world.web(OPS_FAILPOINT="submit.committed")
    question = urllib.request.Request(  # noqa: S310 -- our own address
        f"{address}/ops/backfill/conversations",
        data=json.dumps({"identity_id": alice.pk}).encode(),
        headers={"Authorization": f"Token {token}", "Content-Type": "application/json"},
    )
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        urllib.request.urlopen(question, timeout=PATIENCE)  # noqa: S310 -- as above
    assert web.running
    assert messages("ingest") == []
    sweep()

    assert [message["job_id"] for message in messages("ingest")] == [only_job().pk]
