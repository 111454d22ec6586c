"""Messages that somebody has forged, cut or sent again, and a real worker that gets them."""

import base64
import json
from collections.abc import Callable
from contextlib import closing
from typing import Any, cast

import pytest
import redis
from django.conf import settings

from jobs import attempts, operations
from jobs.models import DONE, QUEUED, RETRYING, Dispatch, Job
from tests.cast import OPERATOR
from tests.worker import own_tasks
from tests.worker.conftest import Submit
from tests.worker.faults import claim, let_run_out, messages

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]

MISSING = object()


def taken(job_id: int) -> dict[str, Any]:
    """Take a job's message out of its queue."""
    with closing(redis.Redis.from_url(settings.CELERY_BROKER_URL)) as client:
        for raw in client.lrange(own_tasks.QUEUE, 0, -1):
            if json.loads(raw)["headers"]["job_id"] == job_id:
                client.lrem(own_tasks.QUEUE, 0, cast("str", raw))
                found: dict[str, Any] = json.loads(raw)
                return found
    raise AssertionError


def put(message: dict[str, Any], *, body: Any = MISSING, **headers: Any) -> None:
    """Put a message into the queue, with other headers, or without those that are MISSING."""
    changed = {**message["headers"], **headers}
    forged = {**message, "headers": {name: value for name, value in changed.items() if value is not MISSING}}
    if body is not MISSING:
        forged["body"] = base64.b64encode(json.dumps(body).encode()).decode()
    with closing(redis.Redis.from_url(settings.CELERY_BROKER_URL)) as client:
        client.lpush(own_tasks.QUEUE, json.dumps(forged))


def test_a_message_that_does_not_belong_to_its_job_is_ignored_and_the_worker_goes_on(
    submit: Submit, own_worker: Callable[..., Any], wait_until: Callable[..., Any]
) -> None:
    job_id, other = submit("tests.count", name="a"), submit("tests.wait", name="b")
    real, foreign = taken(job_id), taken(other)
    dispatch_id = real["headers"]["dispatch_id"]
    forged: list[dict[str, Any]] = [
        {"job_id": MISSING},
        {"dispatch_id": MISSING},
        {"job_id": None},
        {"job_id": other},
        {"dispatch_id": foreign["headers"]["dispatch_id"]},
        {"job_id": other, "dispatch_id": foreign["headers"]["dispatch_id"]},
        {"task": "tests.wait"},
        {"id": foreign["headers"]["id"]},
        {"job_id": "no number"},
        {"job_id": float(job_id)},
        {"dispatch_id": 10**40},
        {"dispatch_id": -dispatch_id},
        {"job_id": 0},
        {"job_id": True},
        {"job_id": [job_id]},
        {"job_id": {"a": own_tasks.SECRET}},
        {"dispatch_id": "x" * 1_000_000},
        {"job_id": "\x00\ud800"},
    ]
    for headers in forged:
        put(real, **headers)
    worker = own_worker()
    wait_until(lambda: worker.output.count("attempt.ignored") == len(forged))
    assert set(Job.objects.values_list("status", flat=True)) == {QUEUED}
    assert own_tasks.effects("a") == []
    assert own_tasks.SECRET not in worker.output
    assert len(worker.output) < 1_000_000

    # What has no header at all is somebody's call: the same work is active already, so its job is joined.
    put(real, job_id=MISSING, dispatch_id=MISSING)
    put(real)
    wait_until(lambda: Job.objects.get(pk=job_id).status == DONE)
    assert Job.objects.count() == 2
    assert own_tasks.effects("a") == [str(job_id)]

    # Sent again an hour later: after its end …
    put(real)
    wait_until(lambda: worker.output.count("attempt.ignored") == len(forged) + 1)
    assert own_tasks.effects("a") == [str(job_id)]


def test_a_message_of_an_earlier_attempt_is_ignored_while_a_later_one_waits_and_runs(
    submit: Submit, own_worker: Callable[..., Any], wait_until: Callable[..., Any]
) -> None:
    job_id = submit("tests.wait", name="a")
    old = taken(job_id)
    attempts.fail(claim(job_id), error="401", permanent=True)
    operations.retry_job(job_id, actor=OPERATOR)
    new = taken(job_id)
    put(old)
    worker = own_worker(concurrency=2)
    wait_until(lambda: "attempt.ignored" in worker.output)
    assert Job.objects.get().status == QUEUED
    put(new)
    wait_until(lambda: own_tasks.effects("a:began"))
    put(old)
    put(new)
    wait_until(lambda: worker.output.count("attempt.ignored") == 3)
    own_tasks.let_go("a")
    wait_until(lambda: Job.objects.get().status == DONE)
    assert own_tasks.effects("a:began") == [str(job_id)]
    assert Job.objects.get().attempts == 1


def test_arguments_that_do_not_fit_the_task_fail_the_attempt_and_the_next_one_gets_its_own(
    submit: Submit, own_worker: Callable[..., Any], wait_until: Callable[..., Any]
) -> None:
    job_id = submit("tests.count", name="a")
    put(taken(job_id), body=[["odd"], {"attempt": 5, "nam": own_tasks.SECRET}, {}])
    worker = own_worker()
    wait_until(lambda: Job.objects.get().status == RETRYING)
    assert "TypeError" in (Job.objects.get().last_error or "")
    assert own_tasks.SECRET not in worker.output
    let_run_out("next_attempt_at")

    from jobs import sweeper

    assert (sweeper.redispatch_due(), sweeper.publish_due()) == (1, 1)
    wait_until(lambda: Job.objects.get().status == DONE)
    assert not messages(own_tasks.QUEUE)
    assert Dispatch.objects.filter(outcome="done").count() == 1


def test_malformed_messages_are_discarded_and_the_worker_goes_on(
    submit: Submit, own_worker: Callable[..., Any], wait_until: Callable[..., Any]
) -> None:
    job_id = submit("tests.count", name="a")
    real = taken(job_id)
    bodies: list[Any] = [
        [],
        {},
        {"task": "x"},
        None,
        5,
        "text",
        "abc",
        own_tasks.SECRET,
        [1],
        [[], {}, {}, {}],
        [5, {}, {}],
        [[], [], {}],
        [[], {}, 5],
        {"a": 1, "b": 2, "c": 3},
        {"args": 5},
        {"args": [], "kwargs": 5},
    ]
    for body in bodies:
        put(real, body=body)
        # Of the first protocol: the body names the task.
        put({**real, "headers": {}}, body=body)
    headers: list[dict[str, Any]] = [
        {"task": None},
        {"task": ["tests.count"]},
        {"task": "unknown", "id": MISSING},
        {"id": MISSING},
        {"id": [1]},
        {"timelimit": 5},
        {"timelimit": ["a", "b"]},
        {"timelimit": [1]},
        {"eta": "soon"},
        {"eta": 5},
        {"expires": [1]},
    ]
    for changed in headers:
        put(real, **changed)
    tag = real["properties"]
    envelopes: list[Any] = [
        {**real, "body": "no base64"},
        {**real, "body": base64.b64encode(b"\xff").decode()},
        {**real, "body": 5},
        {**real, "body": None},
        {**real, "headers": None},
        {**real, "headers": []},
        {**real, "headers": "x"},
        {**real, "content-type": "application/x-python-serialize"},
        {**real, "content-type": 5},
        {**real, "properties": None},
        {**real, "properties": {}},
        {**real, "properties": {**tag, "delivery_info": None}},
        {**real, "properties": {**tag, "delivery_info": {}}},
        [],
        {},
        None,
        5,
        "text",
    ]
    raws = [b"", b"no json", b"{", b"\xff\xfe", b"[" * 100_000, *(json.dumps(each).encode() for each in envelopes)]
    with closing(redis.Redis.from_url(settings.CELERY_BROKER_URL)) as client:
        client.lpush(own_tasks.QUEUE, *raws)
        put(real)
        worker = own_worker()
        wait_until(lambda: Job.objects.get(pk=job_id).status == DONE)
        wait_until(lambda: not client.exists("unacked"))
    assert worker.process.poll() is None
    assert own_tasks.effects("a") == [str(job_id)]
    assert "Unrecoverable error" not in worker.output
    assert own_tasks.SECRET not in worker.output
    assert worker.output.count("message.discarded") > len(bodies)
