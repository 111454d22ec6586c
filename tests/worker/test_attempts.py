"""An own attempt's hold on its job, in one process: claimed, renewed, ended."""

from contextlib import suppress

import pytest
from django.db import connection

from jobs import attempts, losses
from jobs.attempts import Claim, Hold
from jobs.ledger_task import Attempt, AttemptStopped
from jobs.models import Dispatch
from tests.worker.conftest import Submit
from tests.worker.faults import claim, let_run_out

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
