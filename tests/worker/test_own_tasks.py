"""Own tasks in a real worker: claimed, run, ended."""

from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
import redis
from django.conf import settings
from django_celery_results.models import TaskResult

from jobs import operations
from jobs.models import CANCELLED, DONE, FAILED, RETRYING, RUNNING, Dispatch, Job
from opsconsole.audit import AuditLog
from tests.cast import OPERATOR
from tests.worker import own_tasks
from tests.worker.conftest import Submit

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]


def test_an_own_task_runs_once_and_its_job_is_done(
    submit: Submit, own_worker: Callable[..., Any], wait_until: Callable[..., Any]
) -> None:
    own_worker()
    job_id = submit("tests.count", name="a")

    wait_until(lambda: Job.objects.get(pk=job_id).status == DONE)
    job, dispatch = Job.objects.get(), Dispatch.objects.get()
    assert (job.attempts, job.dedupe_key, job.last_error) == (1, None, None)
    assert (dispatch.outcome, dispatch.result) == ("done", {"counted": 1})
    assert dispatch.worker
    assert dispatch.lease_until is None
    assert own_tasks.effects("a") == [str(job_id)]


def test_an_own_task_that_fails_is_retried_and_then_failed(
    submit: Submit, own_worker: Callable[..., Any], own_sweeper: Callable[..., Any], wait_until: Callable[..., Any]
) -> None:
    own_worker()
    job_id = submit("tests.fail", error=f"the token {own_tasks.SECRET} was refused")
    wait_until(lambda: Job.objects.get(pk=job_id).status == RETRYING)
    dispatch = Dispatch.objects.get()
    assert dispatch.next_attempt_at is not None
    Dispatch.objects.update(next_attempt_at=dispatch.ended_at)
    own_sweeper("--tick", "0.2")

    wait_until(lambda: Job.objects.get(pk=job_id).status == FAILED)
    job = Job.objects.get()
    assert job.attempts == 2
    assert job.last_error is not None
    assert "RuntimeError: the token [redacted] was refused" in job.last_error
    traces = Dispatch.objects.values_list("traceback", flat=True)
    assert all("in fail" in str(trace) and own_tasks.SECRET not in str(trace) for trace in traces)


def test_nothing_private_of_an_own_task_reaches_celerys_results_or_the_workers_log(
    submit: Submit, own_worker: Callable[..., Any], wait_until: Callable[..., Any]
) -> None:
    worker = own_worker()
    failing, returning = submit("tests.fail", error=own_tasks.SECRET), submit("tests.odd", kind="secret")
    wait_until(lambda: Job.objects.get(pk=failing).status == RETRYING)
    wait_until(lambda: Job.objects.get(pk=returning).status == DONE)
    wait_until(lambda: TaskResult.objects.exclude(status="STARTED").count() == 2)

    kept = [str(row) for row in [*TaskResult.objects.values(), *Dispatch.objects.values("result", "error")]]
    assert not [row for row in kept if own_tasks.SECRET in row]
    assert own_tasks.SECRET not in worker.output


@pytest.mark.parametrize("kind", ["no object", "huge", "not json"])
def test_whatever_an_own_task_returns_its_job_is_done(
    submit: Submit, own_worker: Callable[..., Any], wait_until: Callable[..., Any], kind: str
) -> None:
    own_worker()
    job_id = submit("tests.odd", kind=kind)
    wait_until(lambda: Job.objects.get(pk=job_id).status == DONE)


def test_a_running_own_task_is_cancelling_until_it_has_stopped(
    submit: Submit, own_worker: Callable[..., Any], wait_until: Callable[..., Any]
) -> None:
    own_worker()
    job_id = submit("tests.wait", name="a")
    wait_until(lambda: Dispatch.objects.get().progress_current)

    cancelled = operations.cancel_job(job_id, actor=OPERATOR)
    assert (cancelled.status, "Cancelling" in cancelled.message) == (RUNNING, True)

    wait_until(lambda: Job.objects.get(pk=job_id).status == CANCELLED)
    assert Dispatch.objects.get().outcome == "cancelled"
    assert own_tasks.effects("a") == []


def test_a_task_that_comes_without_a_job_submits_one_and_ends(
    own_types: dict[str, str], own_worker: Callable[..., Any], wait_until: Callable[..., Any]
) -> None:
    own_worker()
    from celery import current_app

    for _ in range(2):
        current_app.send_task("tests.wait", kwargs={"name": "a"}, queue=own_tasks.QUEUE)
    wait_until(lambda: AuditLog.objects.count() == 2)
    own_tasks.let_go("a")
    wait_until(lambda: Job.objects.get().status == DONE)

    assert len(own_tasks.effects("a")) == 1
    assert (AuditLog.objects.order_by("pk")[0].request_json or {})["via"] == "task"


def test_a_message_that_comes_twice_runs_once(
    submit: Submit, own_worker: Callable[..., Any], wait_until: Callable[..., Any]
) -> None:
    job_id = submit("tests.count", name="a")
    with closing(redis.Redis.from_url(settings.CELERY_BROKER_URL)) as client:
        (message,) = client.lrange(own_tasks.QUEUE, 0, -1)
        client.lpush(own_tasks.QUEUE, message, message)
        worker = own_worker()
        wait_until(lambda: Job.objects.get(pk=job_id).status == DONE)
        wait_until(lambda: worker.output.count("attempt.ignored") == 2)
    assert len(own_tasks.effects("a")) == 1
