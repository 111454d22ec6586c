"""An own task's hold on its job, without a worker: what is claimed, by whom, and what becomes of it."""

import threading
from typing import Any

import pytest
from django.db import IntegrityError, connection
from django.db.models.functions import Now

from devserver.loopback import free_port
from jobs import attempts, handover, operations, sweeper
from jobs.attempts import Claim, Hold
from jobs.gateway import ActiveTask, Workers
from jobs.models import CANCELLED, DONE, QUEUED, RUNNING, Dispatch, Job, Outcome
from tests.cast import OPERATOR
from tests.worker import own_tasks
from tests.worker.conftest import Submit

pytestmark = pytest.mark.django_db(transaction=True)


def claim(dispatch: Dispatch, **values: Any) -> Claim | None:
    """Claim an attempt as the worker does that got its message."""
    message: dict[str, Any] = {
        "job_id": dispatch.job_id,
        "dispatch_id": dispatch.pk,
        "task_id": str(dispatch.task_id),
        "task": dispatch.task,
        "worker": "own@host",
    }
    return attempts.claim(**{**message, **values})


def claimed(dispatch: Dispatch) -> Claim:
    held = claim(dispatch)
    assert held is not None
    return held


def delete_job(job_id: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM jobs WHERE id = %s", [job_id])


@pytest.fixture
def dispatch(submit: Submit) -> Dispatch:
    """The published attempt of an own task."""
    submit("tests.count", name="a")
    return Dispatch.objects.get()


def test_a_worker_that_tells_of_an_own_task_before_it_has_claimed_it_does_not_claim_it_for_it(
    dispatch: Dispatch,
) -> None:
    active = ActiveTask(task_id=str(dispatch.task_id), worker="own@host", started_at=None)
    sweeper.note_workers(Workers(active={active.task_id: active}))

    assert Job.objects.get().status == QUEUED
    claimed(dispatch)
    assert (Job.objects.get().status, Job.objects.get().attempts) == (RUNNING, 1)


def test_a_task_whose_message_comes_while_the_database_is_away_claims_its_attempt_when_it_is_back(
    dispatch: Dispatch,
) -> None:
    message = {
        "id": str(dispatch.task_id),
        "job_id": dispatch.job_id,
        "dispatch_id": dispatch.pk,
        "hostname": "own@host",
    }
    settings, port = connection.settings_dict, connection.settings_dict["PORT"]
    connection.close()
    settings["PORT"] = str(free_port())
    back = threading.Timer(0.5, settings.__setitem__, ("PORT", port))
    back.start()
    own_tasks.count.push_request(**message)
    try:
        own_tasks.count(name="a")
    finally:
        own_tasks.count.pop_request()
        back.join()

    assert Job.objects.get().status == DONE
    assert own_tasks.effects("a") == [str(dispatch.job_id)]


def test_the_attempt_of_a_job_whose_row_was_deleted_ends_with_what_its_task_returned(dispatch: Dispatch) -> None:
    held = claimed(dispatch)
    delete_job(dispatch.job_id)

    assert attempts.renew(held) is Hold.LOST
    assert not attempts.complete(held, {"counted": 1})
    dispatch.refresh_from_db()
    assert (dispatch.outcome, dispatch.result) == ("superseded", {"counted": 1})


@pytest.mark.parametrize(
    "forged",
    [
        {"job_id": None},
        {"dispatch_id": None},
        {"job_id": "5; DROP TABLE jobs"},
        {"job_id": 1.0},
        {"dispatch_id": 10**400},
        {"job_id": True},
        {"job_id": ["1"]},
        {"task_id": "no uuid at all"},
        {"task_id": "6f9f0b3c-0000-4000-8000-000000000000"},
        {"task_id": ""},
        {"task": "tests.wait"},
    ],
    ids=str,
)
def test_a_message_that_does_not_belong_to_an_attempt_claims_nothing(
    dispatch: Dispatch, forged: dict[str, Any]
) -> None:
    assert claim(dispatch, **forged) is None
    assert Job.objects.get().status == QUEUED
    assert claim(dispatch) is not None


def test_a_job_id_may_come_as_digits(dispatch: Dispatch) -> None:
    assert claim(dispatch, job_id=str(dispatch.job_id), dispatch_id=str(dispatch.pk)) is not None


def test_an_attempt_is_claimed_once(dispatch: Dispatch) -> None:
    held = claimed(dispatch)
    assert claim(dispatch) is None
    assert attempts.complete(held, None)
    assert claim(dispatch) is None
    assert Job.objects.get().status == DONE


def test_a_message_that_names_another_job_than_its_attempts_claims_nothing(dispatch: Dispatch, submit: Submit) -> None:
    other = submit("tests.count", name="b")
    assert claim(dispatch, job_id=other) is None
    assert set(Job.objects.values_list("status", flat=True)) == {QUEUED}


def test_the_late_message_of_an_earlier_attempt_claims_nothing(dispatch: Dispatch) -> None:
    handover.fail(dispatch.pk, dispatch.job_id, "Its message was lost.", Outcome.FAILED)
    operations.retry_job(dispatch.job_id, actor=OPERATOR)

    assert claim(dispatch) is None
    assert (Job.objects.get().status, Job.objects.get().attempts) == (QUEUED, 0)
    assert claim(Dispatch.objects.latest("pk")) is not None


def test_an_attempt_that_runs_is_not_claimed_again_though_somebody_has_set_its_job_back(dispatch: Dispatch) -> None:
    claimed(dispatch)
    Job.objects.update(status=QUEUED)
    assert claim(dispatch) is None


def test_a_job_that_somebody_has_ended_by_hand_is_not_claimed(dispatch: Dispatch) -> None:
    Job.objects.update(status=CANCELLED, dedupe_key=None)
    assert claim(dispatch) is None
    assert Job.objects.get().status == CANCELLED


def test_a_job_has_one_open_attempt_at_the_most(dispatch: Dispatch) -> None:
    second = Dispatch(job_id=dispatch.job_id, task=dispatch.task, queue=dispatch.queue, in_core=False)
    second.requested_at = second.publication_lease_until = Now()
    with pytest.raises(IntegrityError, match="dispatch_one_open_per_job"):
        second.save(force_insert=True)
