"""Rows of the ledger that somebody changes by hand, in the middle of everything."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from django.db import connection

from devserver.postgres import Postgres
from identities.models import Identity
from identities.operations import backfill_conversations
from jobs import attempts, gateway, ledger, losses, operations, sweeper
from jobs.attempts import Hold
from jobs.gateway import ActiveTask, Workers
from jobs.models import (
    ACTIVE_STATUSES,
    CANCELLED,
    DONE,
    ENDED_STATUSES,
    FAILED,
    QUEUED,
    RETRYING,
    RUNNING,
    STATUSES,
    Dispatch,
    Job,
)
from jobs.stuck import stuck_condition
from jobs.sweeper import Sweeper
from tests.cast import OPERATOR, make_identity, make_job
from tests.worker.conftest import Leave, Submit
from tests.worker.faults import claim, let_run_out

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

PAUSED = "paused"
LONG_AGO = timedelta(hours=3)


@pytest.fixture
def any_status(transactional_db: None, variant: str) -> Iterator[None]:
    """Have the ledger take a status that the console doesn't know."""
    with connection.cursor() as cursor:
        if variant == "plain":
            cursor.execute("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'ck_jobs_status'")
            (check,) = cursor.fetchone()
            cursor.execute("ALTER TABLE jobs DROP CONSTRAINT ck_jobs_status")
        else:
            cursor.execute("ALTER TYPE job_status_enum RENAME TO kept_status")
            cursor.execute(f"CREATE TYPE job_status_enum AS ENUM ({', '.join(repr(s) for s in (*STATUSES, PAUSED))})")
            cursor.execute(
                "ALTER TABLE jobs ALTER COLUMN status TYPE job_status_enum USING status::text::job_status_enum"
            )
    yield
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM jobs")
        if variant == "plain":
            cursor.execute(f"ALTER TABLE jobs ADD CONSTRAINT ck_jobs_status {check}")
        else:
            cursor.execute("ALTER TABLE jobs ALTER COLUMN status TYPE kept_status USING status::text::kept_status")
            cursor.execute("DROP TYPE job_status_enum")
            cursor.execute("ALTER TYPE kept_status RENAME TO job_status_enum")


@pytest.fixture
def alice() -> Identity:
    return make_identity("Alice")


def change(**values: Any) -> None:
    """Change all jobs as somebody with a database shell does."""
    if values.get("status") == "deleted":
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM jobs")
        return
    Job.objects.update(**values)


def status_of(job_id: int) -> str | None:
    return Job.objects.filter(pk=job_id).values_list("status", flat=True).first()


def hours_pass() -> None:
    """Have whatever waits for its time, or has one, be due long since."""
    let_run_out(
        *("lease_until", "next_attempt_at", "publication_lease_until", "check_at", "late_check_at"),
        *("unknown_since", "published_at", "ended_at", "started_at"),
        seconds=LONG_AGO.total_seconds(),
    )
    then = datetime.now(UTC) - LONG_AGO
    Job.objects.update(updated_at=then)
    Job.objects.exclude(next_run_at=None).update(next_run_at=then)


def sweep() -> None:
    """Do all that sweepers do within hours; nothing may raise."""
    nobody_knows = Workers(
        answered=frozenset({"w"}),
        queues={"w": ["ingest", "opsconsole"]},
        empty_queues=frozenset({"ingest", "opsconsole"}),
    )
    for _ in range(3):
        hours_pass()
        sweeper.expire_leases()
        sweeper.redispatch_due()
        sweeper.publish_due()
        losses.republish_unclaimed()
        losses.note_unknown(nobody_knows)
        hours_pass()
        losses.note_unknown(nobody_knows)
        sweeper.settle_ended()
        sweeper.keep_late_results()
        losses.let_go_of_ended()
        losses.free_places()


def is_stuck(job_id: int) -> bool:
    """Whether an operator is told, and may set it failed."""
    condition, *params = stuck_condition()
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {condition} FROM jobs WHERE id = %s", [*params, job_id])
        return bool(cursor.fetchone()[0])


def backfill(alice: Identity) -> Dispatch:
    (job_id,) = backfill_conversations(identity_ids=[alice.pk], actor=OPERATOR).job_ids
    return Dispatch.objects.get(job_id=job_id)


CHANGES = [*STATUSES, PAUSED, "deleted"]


def assert_nothing_is_kept(job_id: int, changed: str) -> None:
    """After hours: the row is as the person left it, or moved on; nothing is held, and nothing is hidden."""
    status = status_of(job_id)
    if changed in (*ENDED_STATUSES, PAUSED):
        assert status == changed
    if status in ACTIVE_STATUSES:
        hours_pass()
        assert is_stuck(job_id), "nobody would ever learn that it hangs"
        operations.fail_job(job_id, actor=OPERATOR, reason="it hangs")
        sweep()
    assert not Dispatch.objects.filter(ended_at=None).exists()
    assert not Dispatch.objects.filter(holds_place=True).exists()
    assert not Dispatch.objects.exclude(next_attempt_at=None).exists()


# --- the status, and the row itself -------------------------------------------------------------------------------


@pytest.mark.usefixtures("any_status")
@pytest.mark.parametrize("changed", CHANGES)
def test_the_running_own_task_of_a_row_that_is_changed_lets_go_of_it(submit: Submit, changed: str) -> None:
    job_id = submit("tests.count", name="a")
    held = claim(job_id)
    change(status=changed)

    assert attempts.renew(held) is (Hold.HELD if changed == RUNNING else Hold.LOST)
    assert attempts.complete(held, {"counted": 1}) is (changed == RUNNING)
    assert Dispatch.objects.get().result == {"counted": 1}
    assert status_of(job_id) == {RUNNING: DONE, "deleted": None}.get(changed, changed)
    sweep()
    assert_nothing_is_kept(job_id, DONE if changed == RUNNING else changed)


@pytest.mark.usefixtures("any_status")
@pytest.mark.parametrize("changed", CHANGES)
def test_the_lost_own_task_of_a_row_that_is_changed_ends_with_its_lease(submit: Submit, changed: str) -> None:
    job_id = submit("tests.count", name="a")
    claim(job_id)
    change(status=changed)
    sweep()
    assert_nothing_is_kept(job_id, changed)


@pytest.mark.usefixtures("any_status")
@pytest.mark.parametrize("changed", CHANGES)
def test_a_row_that_is_changed_while_the_core_runs_it_keeps_no_place(
    alice: Identity, leave_result: Leave, changed: str
) -> None:
    dispatch = backfill(alice)
    active = ActiveTask(task_id=str(dispatch.task_id), worker="core@host", started_at=None)
    sweeper.note_workers(Workers(active={active.task_id: active}))
    change(status=changed)
    leave_result(dispatch, {"status": "error", "error": "down"})
    sweeper.settle_ended()

    assert status_of(dispatch.job_id) == {**dict.fromkeys(ACTIVE_STATUSES, RETRYING), "deleted": None}.get(
        changed, changed
    )
    assert not Dispatch.objects.filter(holds_place=True).exists()
    if changed in ACTIVE_STATUSES:
        operations.cancel_job(dispatch.job_id, actor=OPERATOR)
    sweep()
    assert_nothing_is_kept(dispatch.job_id, CANCELLED if changed in ACTIVE_STATUSES else changed)


@pytest.mark.usefixtures("any_status")
@pytest.mark.parametrize("changed", CHANGES)
def test_a_row_that_is_changed_while_its_core_task_is_lost_keeps_no_place(alice: Identity, changed: str) -> None:
    dispatch = backfill(alice)
    change(status=changed)
    sweep()
    assert_nothing_is_kept(dispatch.job_id, changed)


@pytest.mark.usefixtures("any_status")
@pytest.mark.parametrize("changed", CHANGES)
def test_a_row_that_is_changed_before_it_was_published_is_run_only_where_it_still_waits(
    alice: Identity, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    def unreachable(_: gateway.TaskMessage) -> None:
        raise gateway.BrokerUnreachable("The broker can't be reached.")

    with monkeypatch.context() as patched:
        patched.setattr(gateway, "publish", unreachable)
        dispatch = backfill(alice)
    change(status=changed)
    let_run_out("publication_lease_until")

    assert sweeper.publish_due() == (changed in (QUEUED, RETRYING))
    sweep()
    assert_nothing_is_kept(dispatch.job_id, changed)


@pytest.mark.usefixtures("any_status")
@pytest.mark.parametrize("changed", CHANGES)
def test_a_row_that_is_changed_while_it_is_retrying_gets_its_next_attempt_only_where_it_still_is(
    submit: Submit, changed: str
) -> None:
    job_id = submit("tests.count", name="a")
    attempts.fail(claim(job_id), error="down")
    change(status=changed)
    let_run_out("next_attempt_at")

    assert sweeper.redispatch_due() == (changed == RETRYING)
    sweep()
    assert_nothing_is_kept(job_id, changed)


def test_what_somebody_ended_and_queued_again_is_theirs_to_run(submit: Submit) -> None:
    job_id = submit("tests.count", name="a")
    held = claim(job_id)
    change(status=FAILED, dedupe_key=None)
    operations.retry_job(job_id, actor=OPERATOR)

    assert attempts.renew(held) is Hold.LOST
    assert not attempts.complete(held, {"counted": 1})
    assert attempts.fail(held, error="it broke") is None
    assert status_of(job_id) == QUEUED
    again = claim(job_id)
    assert attempts.complete(again, {"counted": 2})


# --- the other columns --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("attempts_made", [-5, 2, 2**31 - 1])
@pytest.mark.parametrize("most", [-1, 3])
def test_whatever_the_attempts_are_set_to_an_own_task_runs_and_ends(
    submit: Submit, attempts_made: int, most: int
) -> None:
    job_id = submit("tests.count", name="a")
    change(attempts=attempts_made, max_attempts=most)
    status = attempts.fail(claim(job_id), error="it broke")
    assert status == (RETRYING if attempts_made + 1 < most else FAILED)


@pytest.mark.parametrize("attempts_made", [-5, 2**31 - 1])
def test_whatever_the_attempts_are_set_to_a_core_task_is_settled(
    alice: Identity, leave_result: Leave, attempts_made: int
) -> None:
    dispatch = backfill(alice)
    change(attempts=attempts_made)
    leave_result(dispatch, {"status": "error", "error": "down"})
    sweeper.settle_ended()
    assert status_of(dispatch.job_id) == (RETRYING if attempts_made < 0 else FAILED)


@pytest.mark.parametrize("payload", [[], "a text", 5, {"identity_id": 10**400}, {"a": [[[]]] * 100}], ids=str)
def test_a_payload_that_is_changed_while_its_own_task_runs_keeps_nothing_from_ending(
    submit: Submit, payload: Any
) -> None:
    job_id = submit("tests.count", name="a")
    held = claim(job_id)
    change(payload_json=payload)
    assert attempts.complete(held, {"counted": 1})
    assert status_of(job_id) == DONE


def test_the_next_attempt_of_a_payload_that_was_changed_is_about_the_new_one(alice: Identity) -> None:
    dispatch = backfill(alice)
    bob = make_identity("Bob")
    change(status=RETRYING, payload_json={"provider_id": "reddit", "identity_id": bob.pk})
    Dispatch.objects.update(ended_at=datetime.now(UTC), next_attempt_at=datetime.now(UTC), holds_place=False)
    assert sweeper.redispatch_due() == 1

    second = Dispatch.objects.latest("pk")
    assert second.pk != dispatch.pk
    assert second.serial_key == f"ingest:{bob.pk}"
    assert f'"identity_id": {bob.pk}' in second.kwargs_json


@pytest.mark.parametrize("payload", [[], "a text", 5], ids=str)
def test_a_retrying_job_whose_payload_is_no_object_any_more_fails_instead_of_running_without_arguments(
    alice: Identity, leave_result: Leave, payload: Any
) -> None:
    dispatch = backfill(alice)
    leave_result(dispatch, {"status": "error", "error": "down"})
    sweeper.settle_ended()
    change(payload_json=payload)
    let_run_out("next_attempt_at")

    assert sweeper.redispatch_due() == 0
    job = Job.objects.get()
    assert (job.status, job.dedupe_key) == (FAILED, None)
    assert "no JSON object" in (job.last_error or "")
    assert Dispatch.objects.count() == 1


def test_a_key_that_is_taken_away_while_its_job_runs_changes_nothing_for_it(submit: Submit) -> None:
    first = submit("tests.count", name="a")
    held = claim(first)
    change(dedupe_key=None)
    second = submit("tests.count", name="a")

    assert second != first, "without its key nobody knows that it is the same work"
    assert attempts.fail(held, error="down") == RETRYING
    let_run_out("next_attempt_at")
    assert sweeper.redispatch_due() == 1
    assert attempts.complete(claim(first), None)
    assert Job.objects.get(pk=second).dedupe_key


def test_a_key_that_is_given_to_another_row_while_its_job_runs_stays_there(submit: Submit) -> None:
    first, other = submit("tests.count", name="a"), submit("tests.count", name="b")
    key = Job.objects.get(pk=first).dedupe_key
    held = claim(first)
    Job.objects.filter(pk=first).update(dedupe_key=None)
    Job.objects.filter(pk=other).update(dedupe_key=key)

    assert attempts.complete(held, None)
    assert Job.objects.get(pk=other).dedupe_key == key
    assert attempts.complete(claim(other), None)
    assert not Job.objects.exclude(dedupe_key=None).exists()


@pytest.mark.parametrize("ended", ENDED_STATUSES)
def test_a_key_that_an_ended_row_holds_is_freed_for_who_submits_the_same_work(submit: Submit, ended: str) -> None:
    first = submit("tests.count", name="a")
    change(status=ended)
    second = submit("tests.count", name="a")

    assert second != first
    assert Job.objects.get(pk=first).dedupe_key is None
    assert attempts.complete(claim(second), None)


@pytest.mark.parametrize("ended", ENDED_STATUSES)
def test_a_key_that_an_ended_row_holds_is_freed_for_who_retries_the_same_work(ended: str) -> None:
    payload = {"provider_id": "reddit", "n": 1}
    holder = make_job(payload=payload, status=ended)
    failed = make_job(payload=payload, status=FAILED)
    key = ledger.dedupe_key(failed.queue_name, failed.job_type, payload)
    Job.objects.filter(pk=holder.pk).update(dedupe_key=key)
    operations.retry_job(failed.pk, actor=OPERATOR)

    assert Job.objects.get(pk=failed.pk).dedupe_key == key
    assert Job.objects.get(pk=holder.pk).dedupe_key is None


def test_a_failed_row_that_still_holds_its_own_key_can_be_retried() -> None:
    job = make_job(payload={"n": 1})
    key = ledger.dedupe_key(job.queue_name, job.job_type, job.payload_json)
    change(dedupe_key=key)
    operations.retry_job(job.pk, actor=OPERATOR)
    job.refresh_from_db()
    assert (job.status, job.dedupe_key) == (QUEUED, key)


# --- a change that is not committed yet ---------------------------------------------------------------------------


@pytest.fixture
def being_changed(postgres: Postgres) -> Callable[[int], Any]:
    """Have somebody begin to change a job and go to lunch: `with being_changed(job_id): …`."""

    @contextmanager
    def being_changed(job_id: int) -> Iterator[None]:
        with psycopg.connect(postgres.url(connection.settings_dict["NAME"])) as server:
            server.execute("UPDATE public.jobs SET updated_at = updated_at WHERE id = %s", [job_id])
            yield
            server.rollback()

    return being_changed


def test_a_row_that_somebody_holds_locked_keeps_the_sweeper_from_no_other(
    submit: Submit, leave_result: Leave, being_changed: Callable[[int], Any]
) -> None:
    core = [backfill(make_identity(name)) for name in ("Alice", "Bob")]
    own = [submit("tests.count", name=name) for name in "ab"]
    for job_id in own:
        claim(job_id)
    for dispatch in core:
        leave_result(dispatch, {"status": "success", "messages_synced": 1})
    let_run_out("lease_until")
    with being_changed(core[0].job_id), being_changed(own[0]):
        with connection.cursor() as cursor:
            # What would wait for ever fails.
            cursor.execute("SET statement_timeout = '20s'")
        Sweeper().tick()
        assert (status_of(core[0].job_id), status_of(core[1].job_id)) == (QUEUED, DONE)
        assert (status_of(own[0]), status_of(own[1])) == (RUNNING, RETRYING)
    Sweeper().tick()
    assert (status_of(core[0].job_id), status_of(own[0])) == (DONE, RETRYING)
