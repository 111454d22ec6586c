"""A task's lines say what led to it, and nothing private; neither does what is kept and published of it."""

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
import redis
from django.conf import settings
from django.db import connection
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from django_celery_results.models import TaskResult

from jobs import gateway
from jobs.gateway import TaskMessage
from jobs.models import Dispatch
from opsconsole.audit import AuditLog
from opsconsole.log_context import answering
from opsconsole.permissions import OPERATORS
from tests.api.cast import make_staff, with_token
from tests.cast import make_job
from tests.logs.lines import found, logged, parsed
from tests.logs.tasks import SECRET, TEXT

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]

TALK = "0b5d6c1e-7c53-4c89-8d1f-2f6f3b8c9d10"
BREAK = "0b5d6c1e-7c53-4c89-8d1f-2f6f3b8c9d11"
TALK_AGAIN = "0b5d6c1e-7c53-4c89-8d1f-2f6f3b8c9d12"
Start = Callable[..., Any]


@pytest.fixture
def worker(console_worker: Start) -> Start:
    """Start a worker that knows the talking tasks and logs JSON."""
    return lambda **more: console_worker(
        OPS_LOG_FORMAT="json", OPS_TASK_MODULES="tests.logs.tasks", OPS_LOG_LEVEL="INFO", **more
    )


def publish(task_id: str, task: str, *, request_id: str = "", **kwargs: Any) -> None:
    message = TaskMessage(task_id=task_id, task=task, queue="opsconsole", kwargs=kwargs, job_id=7, dispatch_id=8)
    if request_id:
        with answering(None, request_id):
            gateway.publish(message)
    else:
        gateway.publish(message)


def waiting() -> list[dict[str, Any]]:
    """Return the headers of the messages that wait for the console's worker."""
    with closing(redis.Redis.from_url(settings.CELERY_BROKER_URL)) as broker:
        return [json.loads(message)["headers"] for message in broker.lrange("opsconsole", 0, -1)]


@contextmanager
def watching(broker: Any) -> Iterator[Any]:
    """Listen to the events of workers, as a monitor does."""
    with broker.pubsub() as watched:
        watched.psubscribe("*celeryev*")
        yield watched


def ended(task_id: str) -> bool:
    return TaskResult.objects.filter(task_id=task_id, status__in=("SUCCESS", "FAILURE")).exists()


def test_one_click_has_one_id_in_the_webs_line_in_the_message_and_in_the_workers_lines(
    settings: Any, worker: Start, wait_until: Start
) -> None:
    settings.JOB_TYPES = {"tests.talk": {"task": "tests.talk", "queue": "opsconsole", "arguments": ["word"]}}
    job = make_job("tests.talk", queue_name="opsconsole", payload={"word": "hello"})
    with logged() as log:
        answer = with_token(make_staff("olivia", OPERATORS)).post(f"/ops/jobs/{job.pk}/retry")
    assert answer.status_code == 200, answer.content
    request_id = answer["X-Request-ID"]
    assert found(log.getvalue(), event="request.answered", request_id=request_id, user="olivia")
    (headers,) = waiting()
    assert (headers["request_id"], headers["job_id"]) == (request_id, job.pk)

    child = worker()
    dispatch = Dispatch.objects.get()
    wait_until(lambda: ended(str(dispatch.task_id)))
    (line,) = found(child.output, event="talked")
    assert {name: line[name] for name in ("request_id", "task", "task_id", "job_id", "dispatch_id", "word")} == {
        "request_id": request_id,
        "task": "tests.talk",
        "task_id": str(dispatch.task_id),
        "job_id": job.pk,
        "dispatch_id": dispatch.pk,
        "word": "hello",
    }


def test_all_lines_of_a_task_belong_to_it_and_none_of_the_next_one_does(worker: Start, wait_until: Start) -> None:
    child = worker()
    publish(TALK, "tests.talk", request_id="first", word="one")
    publish(BREAK, "tests.break", request_id="second")
    publish(TALK_AGAIN, "tests.talk", word="three")
    wait_until(lambda: all(ended(task) for task in (TALK, BREAK, TALK_AGAIN)))

    (printed,) = [line for line in parsed(child.output) if "printed one" in line["event"]]
    (celerys_own,) = [line for line in parsed(child.output) if f"tests.talk[{TALK}] succeeded" in line["event"]]
    for line in (*found(child.output, event="Talked one"), printed, celerys_own):
        assert (line["request_id"], line["task_id"], line["job_id"]) == ("first", TALK, 7)
    (failure,) = [line for line in parsed(child.output) if "exception" in line]
    assert (failure["request_id"], failure["task"], failure["level"]) == ("second", "tests.break", "error")
    (line,) = found(child.output, event="talked", word="three")
    # Nobody's request led to it: it begins a chain of its own.
    assert line["request_id"] == line["task_id"] == TALK_AGAIN
    assert "left_behind" not in line
    between = [line for line in parsed(child.output) if "received" in line["event"] or "ready" in line["event"]]
    assert len(between) == 4
    assert not any("request_id" in line for line in between)


def test_nothing_private_of_a_task_is_logged_kept_or_published(worker: Start, wait_until: Start) -> None:
    publish(TALK, "tests.talk", word=f"Bearer {SECRET}", text=TEXT)
    publish(BREAK, "tests.break", password="correct horse")
    headers = json.dumps(waiting())
    child = worker()
    wait_until(lambda: ended(TALK) and ended(BREAK))

    with connection.cursor() as cursor:
        cursor.execute("SELECT (r.*)::text FROM django_celery_results_taskresult r")
        kept = "\n".join(row for (row,) in cursor.fetchall())
    assert "ValueError" in kept
    assert "Traceback" in kept
    for text in (headers, kept, child.output):
        for private in (SECRET, TEXT, "correct horse"):
            assert private not in text


def test_odd_arguments_of_a_periodic_task_are_as_private_as_any(beat: Start, worker: Start, wait_until: Start) -> None:
    once = IntervalSchedule.objects.create(every=1, period=IntervalSchedule.SECONDS)
    for name, task, kwargs in (
        ("Talk", "tests.talk", {"word": f"token={SECRET}", "unknown": {"access_token": "correct horse"}}),
        ("Backfill", "opsconsole.backfill_conversations", {"identity_id": f"Bearer {SECRET}"}),
        ("Unknown", "opsconsole.backfill_conversations", {"password": "correct horse"}),
    ):
        PeriodicTask.objects.create(
            name=name, task=task, interval=once, queue="opsconsole", one_off=True, kwargs=json.dumps(kwargs)
        )
    beating = beat(OPS_LOG_FORMAT="json")
    wait_until(lambda: len(waiting()) >= 3)
    headers = json.dumps(waiting())
    assert "[redacted]" in headers

    child = worker()
    wait_until(lambda: child.output.count("schedule.refused") >= 2)
    wait_until(lambda: TaskResult.objects.filter(task_name="tests.talk", status="SUCCESS").exists())
    kept = str(list(TaskResult.objects.values()))
    audited = str(list(AuditLog.objects.values()))
    for text in (headers, kept, audited, child.output, beating.output):
        assert text
        for private in (SECRET, "correct horse"):
            assert private not in text


def test_the_events_of_a_watched_worker_have_nothing_private(worker: Start, wait_until: Start) -> None:
    with closing(redis.Redis.from_url(settings.CELERY_BROKER_URL)) as broker, watching(broker) as watched:
        child = worker(CELERY_WORKER_SEND_TASK_EVENTS="1")
        gateway._publisher().control.enable_events()
        wait_until(lambda: "task-events" in child.output or "Events of group" in child.output)
        publish(TALK, "tests.talk", word=f"Bearer {SECRET}")
        publish(BREAK, "tests.break", password="correct horse")
        wait_until(lambda: ended(TALK) and ended(BREAK))
        events: list[str] = []

        def all_have_come() -> bool:
            message = watched.get_message(ignore_subscribe_messages=True, timeout=0.1)
            if message is not None:
                events.append(base64.b64decode(json.loads(message["data"])["body"]).decode())
            return all(f'"{kind}"' in "".join(events) for kind in ("task-succeeded", "task-failed"))

        # The second task's end is the last of what there is to tell.
        wait_until(all_have_come)
    for private in (SECRET, TEXT, "correct horse"):
        assert private not in "".join(events)
