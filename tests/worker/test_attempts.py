"""An own attempt's hold on its job, in one process: claimed, renewed, ended."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction

from jobs import attempts, ledger_task, losses, operations, sweeper
from jobs.attempts import Claim, Hold
from jobs.ledger_task import Attempt, AttemptFailed, AttemptStopped, LedgerTask
from jobs.models import CANCELLED, FAILED, RETRYING, RUNNING, Dispatch, Job
from jobs.sweeper import Sweeper
from tests.cast import OPERATOR
from tests.worker.at_once import at_once
from tests.worker.conftest import Submit
from tests.worker.faults import claim, let_run_out
from tests.worker.own_tasks import SECRET

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_running_attempt_of_a_job_whose_row_was_deleted_ends_with_its_lease(submit: Submit) -> None:
    held = claim(submit("tests.count", name="a"))
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM jobs")
    assert attempts.renew(held) is Hold.LOST
    let_run_out("lease_until")
    attempts.expire(limit=10)
    losses.let_go_of_ended()

    assert Dispatch.objects.get().outcome == "superseded"


def test_what_shall_be_stopped_is_stopped_at_once_when_the_attempt_shall_end_already() -> None:
    attempt = Attempt(Claim(job_id=1, dispatch_id=1))
    stopped: list[str] = []
    attempt.on_stop(lambda: stopped.append("before"))
    attempt._learn(Hold.CANCEL_REQUESTED)
    attempt.on_stop(lambda: stopped.append("after"))

    assert stopped == ["before", "after"]


def test_nothing_is_stopped_once_the_body_has_ended() -> None:
    attempt = Attempt(Claim(job_id=1, dispatch_id=1))
    stopped: list[str] = []
    attempt.on_stop(lambda: stopped.append("too late"))
    with attempt.heartbeat():
        pass
    attempt._learn(Hold.LOST)

    assert stopped == []


def test_one_thing_that_cannot_be_stopped_does_not_keep_the_others_from_being_stopped() -> None:
    def refuse() -> None:
        raise RuntimeError

    attempt = Attempt(Claim(job_id=1, dispatch_id=1))
    stopped: list[str] = []
    attempt.on_stop(refuse)
    attempt.on_stop(lambda: stopped.append("the other"))
    attempt._learn(Hold.CANCEL_REQUESTED)

    assert stopped == ["the other"]


def test_a_body_that_carries_on_after_every_error_is_stopped_all_the_same() -> None:
    attempt = Attempt(Claim(job_id=1, dispatch_id=1))
    attempt._learn(Hold.CANCEL_REQUESTED)
    with pytest.raises(AttemptStopped):  # noqa: SIM117 -- what the body does is the inner one
        with suppress(Exception):
            attempt.check()


def test_what_a_body_reports_within_a_transaction_is_written_and_stands_in_nobodys_way(
    submit: Submit, wait_until: Callable[..., Any]
) -> None:
    job_id = submit("tests.count", name="a")
    attempt = Attempt(claim(job_id))

    def cancel() -> str:
        attempts.expire(limit=10)
        return operations.cancel_job(job_id, actor=OPERATOR).status

    with attempt.heartbeat(), transaction.atomic():
        attempt.progress(3, 10)
        wait_until(lambda: Dispatch.objects.get().progress_current == 3)
        assert at_once([cancel]) == [RUNNING]
        with pytest.raises(AttemptStopped):
            wait_until(lambda: attempt.progress(4, 10))


def test_the_heart_beats_on_after_the_database_has_ended_its_connection(
    submit: Submit, wait_until: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_task, "HEARTBEAT_RETRY_SECONDS", 0.1)
    attempt = Attempt(claim(submit("tests.count", name="a")))
    with attempt.heartbeat():
        attempt.progress(1)
        wait_until(lambda: Dispatch.objects.get().progress_current == 1)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND datname = current_database()"
            )
        attempt.progress(2)
        attempt._wake.set()
        wait_until(lambda: Dispatch.objects.get().progress_current == 2)
        let_run_out("lease_until")
        attempt._wake.set()
        wait_until(lambda: Dispatch.objects.filter(lease_until__gt=datetime.now(UTC)).exists())


def test_the_heart_beats_on_after_a_report_that_makes_no_sense(submit: Submit, wait_until: Callable[..., Any]) -> None:
    attempt = Attempt(claim(submit("tests.count", name="a")))
    nonsense: Any = object()
    with attempt.heartbeat():
        attempt.progress(1, unit=nonsense)
        wait_until(lambda: attempt._report is None)
        let_run_out("lease_until")
        attempt._wake.set()
        wait_until(lambda: Dispatch.objects.filter(lease_until__gt=datetime.now(UTC)).exists())


def test_what_was_reported_last_is_kept(submit: Submit) -> None:
    attempt = Attempt(claim(submit("tests.count", name="a")))
    with attempt.heartbeat():
        for number in range(1_000):
            attempt.progress(number)

    assert Dispatch.objects.get().progress_current == 999


def test_what_is_reported_while_a_report_is_written_is_written_next(
    submit: Submit, wait_until: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = Attempt(claim(submit("tests.count", name="a")))
    write = attempts.report

    def write_meanwhile(held: Claim, *, current: int, **values: Any) -> Hold:
        if current == 1:
            attempt.progress(2)
            attempt._wake.set()
        return write(held, current=current, **values)

    monkeypatch.setattr(attempts, "report", write_meanwhile)
    with attempt.heartbeat():
        attempt.progress(1)
        wait_until(lambda: Dispatch.objects.get().progress_current == 2)


class Unspeakable(Exception):
    """What can't be written as a text."""

    def __str__(self) -> str:
        raise RuntimeError


def _nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "result",
    [Unspeakable(), _nested(900), _nested(50_000), {"a": float("nan")}, {"a\0": "\0\ud800"}, {(1, 2): 3}, 10**5_000],
    ids=["unspeakable", "deep", "too deep", "nan", "unprintable", "tuple as key", "long number"],
)
def test_a_job_is_done_whatever_its_task_returns(submit: Submit, result: Any) -> None:
    held = claim(submit("tests.count", name="a"))

    assert attempts.complete(held, result)
    assert Dispatch.objects.get().outcome == "done"


def test_an_error_that_cannot_be_written_is_an_error(submit: Submit) -> None:
    held = claim(submit("tests.count", name="a"))

    class Body(LedgerTask):
        name = "tests.count"

        def run(self, *args: Any, **kwargs: Any) -> None:
            raise Unspeakable

    with pytest.raises(AttemptFailed):
        Body()._attempt(Attempt(held), held, {})
    assert Job.objects.get().status == RETRYING
    assert (Job.objects.get().last_error or "").startswith("Unspeakable")


def test_no_lease_ends_right_after_the_database_was_away(submit: Submit, monkeypatch: pytest.MonkeyPatch) -> None:
    # Longer than usual: a slow machine must not be through with it in between.
    monkeypatch.setattr(sweeper, "LEASES_HELD_FOR_SECONDS", 3_600.0)
    claim(submit("tests.count", name="a"))
    swept = Sweeper()
    with connection.cursor() as cursor, suppress(OperationalError):
        # As the server does when it is stopped.
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    swept.tick()
    let_run_out("lease_until")
    swept.tick()
    assert Job.objects.get().status == RUNNING, "its worker has not had the time to say that it is there"
    monkeypatch.setattr(sweeper, "LEASES_HELD_FOR_SECONDS", 0.0)
    swept.tick()
    assert Job.objects.get().status == RETRYING


def lost_to_the_next_attempt(submit: Submit) -> Claim:
    """Have a worker lose its lease, and another one run the next attempt; returns what the first one holds."""
    job_id = submit("tests.count", name="a")
    held = claim(job_id)
    let_run_out("lease_until")
    assert attempts.expire(limit=10) == 1
    let_run_out("next_attempt_at")
    assert sweeper.redispatch_due() == 1
    claim(job_id)
    return held


def test_a_worker_that_lost_its_lease_does_not_complete_the_attempt_after_its_own(submit: Submit) -> None:
    held = lost_to_the_next_attempt(submit)

    assert not attempts.complete(held, {"counted": 1})
    assert Job.objects.get().status == RUNNING
    assert Dispatch.objects.filter(ended_at=None).count() == 1


def test_a_worker_that_lost_its_lease_does_not_fail_the_attempt_after_its_own(submit: Submit) -> None:
    held = lost_to_the_next_attempt(submit)

    assert attempts.fail(held, error="it broke") is None
    assert Job.objects.get().status == RUNNING
    assert Dispatch.objects.filter(ended_at=None).count() == 1


def test_an_attempt_whose_lease_holds_is_not_ended(submit: Submit) -> None:
    claim(submit("tests.count", name="a"))
    assert attempts.expire(limit=10) == 0
    assert Job.objects.get().status == RUNNING


def test_a_lease_that_is_renewed_after_it_was_found_to_have_run_out_holds(
    submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = claim(submit("tests.count", name="a"))
    let_run_out("lease_until")
    lock = attempts._lock

    def renew_meanwhile(found: Claim, *, skip_locked: bool) -> Job | None:
        assert attempts.renew(held) is Hold.HELD
        return lock(found, skip_locked=skip_locked)

    monkeypatch.setattr(attempts, "_lock", renew_meanwhile)

    assert attempts.expire(limit=10) == 0
    assert Job.objects.get().status == RUNNING


def test_a_worker_whose_job_was_ended_by_hand_learns_that_it_has_lost_it(submit: Submit) -> None:
    held = claim(submit("tests.count", name="a"))
    Job.objects.update(status=CANCELLED, dedupe_key=None)
    assert attempts.renew(held) is Hold.LOST


def test_what_was_asked_to_end_is_cancelled_also_when_its_worker_is_lost(submit: Submit) -> None:
    job_id = submit("tests.count", name="a")
    claim(job_id)
    operations.cancel_job(job_id, actor=OPERATOR)
    let_run_out("lease_until")
    attempts.expire(limit=10)

    assert Job.objects.get().status == CANCELLED
    assert Dispatch.objects.get().outcome == "cancelled"


def test_what_may_take_effect_only_once_has_failed_when_its_worker_is_lost(submit: Submit) -> None:
    claim(submit("tests.count_once", name="a"))
    # Though it has attempts left.
    Job.objects.update(max_attempts=10)
    let_run_out("lease_until")
    attempts.expire(limit=10)

    assert (Job.objects.get().status, Job.objects.get().last_error) == (FAILED, attempts.OUTCOME_UNKNOWN)
    assert Dispatch.objects.get().next_attempt_at is None


def test_what_no_retry_can_mend_has_failed_though_it_has_attempts_left(submit: Submit) -> None:
    held = claim(submit("tests.count", name="a"))
    assert attempts.fail(held, error="401 Unauthorized", permanent=True) == FAILED


def test_nothing_private_of_an_own_tasks_failure_is_kept(submit: Submit) -> None:
    held = claim(submit("tests.count", name="a"))
    attempts.fail(held, error=f"Bearer {SECRET}", traceback=f"Traceback …\n  token={SECRET}")

    kept = str([*Job.objects.values(), *Dispatch.objects.values()])
    assert "Traceback" in kept
    assert SECRET not in kept


def test_nothing_private_of_an_own_tasks_result_is_kept(submit: Submit) -> None:
    held = claim(submit("tests.count", name="a"))
    attempts.complete(held, {"note": f"Bearer {SECRET}", "counted": 1})

    assert (Dispatch.objects.get().result or {})["counted"] == 1
    assert SECRET not in str(Dispatch.objects.values())
